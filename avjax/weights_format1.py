"""Read weights of FORMAT 1: a map from its names to those of FORMAT 2.

FORMAT 2 stores the same arrays under other names.  When `avjax.weights` reads a folder
whose config.json says `"format": 1`, it passes the description and the array names
through the tables below; nothing else of the library knows the old names.
`weights.migrate` rewrites a folder as FORMAT 2:

    python -c "from avjax import weights; weights.migrate('FOLDER')"

How to add a rule (once a name that is stored in weights has been changed):

    SYSTEMS  a system id:   old id -> new id
    PARTS    a part:        old name -> new name, for every system
    PATHS    a parameter:   new system id, or "*" for all systems -> pairs (pattern,
             replacement), applied in their order by `re.sub` to
             "part/module/.../parameter", where the part already has its new name.
             Rules of the system come first, then those of "*".
    FIELDS   a config field: new system id -> {old field: new field}.  Where the value
             changes too, a function old value -> {new field: new value}.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

FORMAT = 1

Field = str | Callable[[Any], Mapping[str, Any]]

SYSTEMS: dict[str, str] = {
    "critic": "discriminator",
    "landmarks": "lip_landmarks",
    "sync": "sync_expert",
}

PARTS: dict[str, str] = {
    "bridge": "reader",
    "critic": "discriminator",
    "expert": "sync_expert",
    "face": "generator",
    "landmarks": "lip_landmarks",
    "masker": "mask_net",
    "rates": "inner_lrs",
    "text_to_audio": "text_encoder",
}

_CALS_PATHS = (
    (r"^audio_to_lip/blank$", r"audio_to_lip/mask_token"),
    (r"^audio_to_lip/to_unit/", r"audio_to_lip/unit_proj/"),
)

PATHS: dict[str, tuple[tuple[str, str], ...]] = {
    "*": (
        (r"/look_(\d+)/ask/", r"/attn_\1/qkv/"),
        (r"/look_(\d+)/tell/", r"/attn_\1/out/"),
        (r"/look_(\d+)/places$", r"/attn_\1/rel_bias"),
        (r"/think_(\d+)/wide/", r"/mlp_\1/fc1/"),
        (r"/think_(\d+)/narrow/", r"/mlp_\1/fc2/"),
        (r"/settle_(\d+)/", r"/norm2_\1/"),
        (r"/rest_(\d+)/", r"/norm1_\1/"),
        (r"/rest/", r"/norm_out/"),
        (r"/grow_(\d+)/", r"/upsample_\1/"),
        (r"/decoder/pixels/", r"/decoder/to_rgb/"),
        (r"^discriminator/verdict/", r"discriminator/logits/"),
        (r"/fusion/mix/", r"/fusion/proj/"),
        (r"/bend(_\d+)?/slope$", r"/prelu\1/slope"),
        (r"/seen$", r"/count"),
    ),
    "aligner": (
        (r"^aligner/Conv_", r"aligner/conv_"),
        (r"^aligner/LayerNorm_", r"aligner/norm_"),
        (r"^aligner/NearEncoder_0/", r"aligner/transformer/"),
        (r"^aligner/sounds/", r"aligner/out/"),
    ),
    "bridging": (
        (r"^reader/audio/code/", r"reader/audio/out/"),
        (r"^reader/backend/forth_", r"reader/backend/forward_"),
        (r"^reader/backend/back_", r"reader/backend/backward_"),
        (r"^(reader/backend/.*)/given/", r"\1/input_proj/"),
        (r"^reader/answers/", r"reader/out/"),
        (r"^reader/columns/", r"reader/mel_head/"),
        (r"^reader/substitute/inner/", r"reader/baseline/fc1/"),
        (r"^reader/substitute/outer/", r"reader/baseline/fc2/"),
    ),
    "cals": _CALS_PATHS,
    "cals_units": _CALS_PATHS,
    "denoiser": (),
    "lip_landmarks": (
        (r"/near/", r"/fine/"),
        (r"/far/", r"/coarse/"),
        (r"/both/", r"/merge/"),
        (r"/maps/", r"/heatmaps/"),
    ),
    "sync_expert": ((r"^sync_expert/tower/", r"sync_expert/visual/"),),
    "syncnet_v2": (
        (r"/(audio|lip)_code/inner/", r"/\1_head/fc1/"),
        (r"/(audio|lip)_code/outer/", r"/\1_head/fc2/"),
        (r"/(audio|lip)_code/", r"/\1_head/"),
    ),
    "synctalkface": (),
    "taem": (
        (r"^text_encoder/predictor/hear_", r"text_encoder/predictor/conv_"),
        (r"^text_encoder/predictor/rest_", r"text_encoder/predictor/norm_"),
        (r"^text_encoder/predictor/last/", r"text_encoder/predictor/out/"),
        (r"^text_encoder/names/", r"text_encoder/phoneme_embed/"),
        (r"^text_encoder/place/", r"text_encoder/position_proj/"),
        (r"^text_encoder/pool/", r"text_encoder/downsample/"),
        (r"^text_encoder/head/", r"text_encoder/out/"),
        (r"^text_encoder/portrait/tower/", r"text_encoder/speaker_encoder/convs/"),
        (r"^text_encoder/portrait/who/", r"text_encoder/speaker_encoder/proj/"),
        (r"^text_encoder/who_", r"text_encoder/speaker_proj_"),
        (r"^text_encoder/scale/seen$", r"text_encoder/normalizer/count"),
        (r"^text_encoder/scale/", r"text_encoder/normalizer/"),
        *_CALS_PATHS,
    ),
}


def _pixel_range(signed: bool) -> dict[str, Any]:
    """Convert the field `signed`."""
    return {"pixel_range": "[-1,1]" if signed else "[0,1]"}


def _talker(config: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the talker inside a config of TAEM, and name its system."""
    system = "cals" if "units" in config else "synctalkface"
    return {"talker": {"system": system, **upgrade_fields(system, config)}}


def _auxiliary(task: str) -> dict[str, Any]:
    """Convert the auxiliary task of the denoiser."""
    names = {"rebuilt": "reconstruction", "renoised": "renoising"}
    return {"auxiliary": names.get(task, task)}


_CALS_FIELDS: dict[str, Field] = {
    "units": "unit_dim",
    "window": "context_frames",
    "signed": _pixel_range,
}

FIELDS: dict[str, dict[str, Field]] = {
    "aligner": {"sounds": "phonemes", "reach": "context_mels"},
    "bridging": {
        "slots": "num_slots",
        "sharpness": "inverse_temperature",
        "steps": "outputs_per_frame",
        "published": "reference_compat",
    },
    "cals": _CALS_FIELDS,
    "cals_units": _CALS_FIELDS,
    "denoiser": {
        "auxiliary": _auxiliary,
        "base": "base_channels",
        "more": "channel_step",
        "mask_base": "mask_channels",
    },
    "lip_landmarks": {},
    "sync_expert": {},
    "syncnet_v2": {},
    "synctalkface": {
        "slots": "num_slots",
        "sharpness": "inverse_temperature",
        "signed": _pixel_range,
        "published": "reference_compat",
    },
    "taem": {
        "talker": _talker,
        "sounds": "num_phonemes",
        "encoder": "encoder_layers",
        "refiner": "refiner_layers",
        "reach": "context_phonemes",
        "window": "context_frames",
        "rate": "steps_per_second",
        "speaker": "speaker_inputs",
    },
}


def upgrade_description(description: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the system id and the config fields of a FORMAT 1 description.

    Args:
        description: The content of config.json.

    Returns:
        A copy with FORMAT 2 names.  Its entry "format" is unchanged.
    """
    system = str(SYSTEMS.get(description["system"], description["system"]))
    config = upgrade_fields(system, description["config"])
    return {**description, "system": system, "config": config}


def upgrade_fields(system: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the fields of a model config.

    Args:
        system: The FORMAT 2 id of the system that the config is of.
        config: Fields by their FORMAT 1 names.

    Returns:
        Fields by their FORMAT 2 names, in the order in which they were stored.
    """
    rules = FIELDS.get(system, {})
    upgraded = {}
    for name, value in config.items():
        rule = rules.get(name, name)
        upgraded |= {rule: value} if isinstance(rule, str) else rule(value)
    return upgraded


def upgrade_names(system: str, names: Iterable[str]) -> dict[str, str]:
    """Map the array names of a FORMAT 1 file to those of FORMAT 2.

    Args:
        system: The FORMAT 2 id of the system.
        names: Names such as "params/part/module/kernel".

    Returns:
        {old name: new name}.
    """
    return {name: _upgrade_name(system, name) for name in names}


def _upgrade_name(system: str, name: str) -> str:
    """Rename one array."""
    collection, _, path = name.partition("/")
    part, slash, inner = path.partition("/")
    path = PARTS.get(part, part) + slash + inner
    for pattern, replacement in (*PATHS.get(system, ()), *PATHS["*"]):
        path = re.sub(pattern, replacement, path)
    return f"{collection}/{path}"
