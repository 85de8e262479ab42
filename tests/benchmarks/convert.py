"""Measure `avjax convert`, and compare the converted networks with the published ones.

    AVJAX_GOLDEN=/path/to/golden python tests/benchmarks/convert.py [--json PATH]

Every published network is filled with its reference numbers, written in the format of
PyTorch (before and since 1.6), .safetensors or .npz, converted by the command, loaded,
and run. The file of Wav2Lip is as large as the published one, 436 MB, because it holds
an optimizer state. A row has the size of the file in MB, seconds, peak memory in MiB,
and the largest error of an output relative to that output's scale.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from safetensors.numpy import save_file

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))
from reference import REFERENCE, load_reference, tensor_by_rule  # noqa: E402
from torch_files import write_legacy, write_zip  # noqa: E402

from avjax import weights  # noqa: E402
from avjax.compilation import cpu_options  # noqa: E402
from avjax.config import from_json  # noqa: E402
from avjax.losses.memory import address_kl, memory_reconstruction_loss  # noqa: E402
from avjax.models.bridging import Bridging, BridgingConfig, word_logits  # noqa: E402
from avjax.models.denoiser import DenoiserConfig, MaskNet, RestorationNet  # noqa: E402
from avjax.models.sync_expert import SyncExpert, SyncExpertConfig  # noqa: E402
from avjax.models.syncnet_v2 import SyncNet, SyncNetConfig  # noqa: E402
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig  # noqa: E402
from avjax.nn.wav2lip import Discriminator  # noqa: E402
from avjax.train.ablations.results import ResultTable, make_parser  # noqa: E402

MAX_ERROR = 1e-4  # relative to the scale of the output
COLUMNS = (
    *("file", "MB", "seconds", "peak memory, MiB"),
    *("largest error, relative to the output's scale", "output"),
)

Arrays = dict[str, np.ndarray]


def make_tensors(file: str) -> Arrays:
    """Make the tensors of a published file, {key: array}."""
    description = json.loads((REFERENCE / f"{file}.json").read_text())
    seed, gain = description["seed"], description["gain"]
    arrays = {}
    for index, (key, shape) in enumerate(description["tensors"]):
        if key.endswith("num_batches_tracked"):
            arrays[key] = np.zeros(shape, np.int64)
            continue
        tensor = tensor_by_rule(key, tuple(shape), seed, index, gain)
        arrays[key] = np.asarray(tensor, np.float32)
    return arrays


def with_optimizer(arrays: Arrays) -> dict:
    """Wrap tensors as Wav2Lip saves them: with the moments of Adam."""
    params = [a for key, a in arrays.items() if "running" not in key and a.ndim]
    moments = {
        number: {"step": 1, "exp_avg": np.zeros_like(a), "exp_avg_sq": np.zeros_like(a)}
        for number, a in enumerate(params)
    }
    groups = [{"lr": 1e-4, "betas": (0.9, 0.999), "params": list(moments)}]
    state = {f"module.{key}": array for key, array in arrays.items()}
    optimizer = {"state": moments, "param_groups": groups}
    return {"state_dict": state, "optimizer": optimizer, "global_step": 1}


def lip_reader_file(slots: int, backend: str) -> dict:
    return {
        "v_front_state_dict": make_tensors("bridging_visual_front"),
        "a_front_state_dict": make_tensors("bridging_audio_front"),
        "mem_state_dict": make_tensors(f"bridging_memory{slots}"),
        "back_state_dict": make_tensors(f"bridging_{backend}"),
    }


def synctalkface_file() -> dict:
    return {
        "model_state_dict": make_tensors("synctalkface_encoder"),
        "dec_state_dict": make_tensors("synctalkface_decoder"),
        "disc_state_dict": make_tensors("synctalkface_disc"),
    }


def denoiser_file() -> dict:
    return {
        "epoch": 150,
        "iteration": 19_500,
        "restoration_net_state_dict": make_tensors("denoiser_restoration"),
        "mask_net_state_dict": make_tensors("denoiser_mask"),
    }


def bgr_to_rgb(images: np.ndarray) -> np.ndarray:
    """Reverse the colours of images that are stacked along the last axis."""
    stacked = images.reshape(*images.shape[:-1], -1, 3)
    return stacked[..., ::-1].reshape(images.shape)


def run(function: Callable, *inputs) -> Any:
    compiled = jax.jit(function, compiler_options=cpu_options())
    return jax.tree.map(np.asarray, compiled(*jax.tree.map(jnp.asarray, inputs)))


def run_wav2lip(loaded: weights.Weights, variables: dict, reference: Arrays) -> Arrays:
    """Compute the outputs of Wav2Lip, by their names in the reference file."""
    module = SyncTalkFace(from_json(SyncTalkFaceConfig, loaded.config))
    mels = rearrange(reference["mel"], "b 1 k f -> b 1 f k")
    faces = bgr_to_rgb(rearrange(reference["face"], "b c h w -> b 1 h w c"))

    def forward(variables, mels, faces):
        latents = module.apply(variables, mels, method="encode_audio")
        outputs = module.apply(
            variables, latents, faces, method="generate_from_latents"
        )
        return latents, outputs.frames

    latents, frames = run(forward, variables, mels, faces)
    frames = rearrange(bgr_to_rgb(frames), "b 1 h w c -> b c h w")
    return {"audio_embedding": latents[:, 0], "out": frames}


def run_synctalkface(
    loaded: weights.Weights, variables: dict, reference: Arrays
) -> Arrays:
    """Compute the outputs of both paths of SyncTalkFace."""
    module = SyncTalkFace(from_json(SyncTalkFaceConfig, loaded.config))
    mels = rearrange(reference["mel"], "b t 1 k f -> b t f k")
    faces = bgr_to_rgb(rearrange(reference["face"], "b c t h w -> b t h w c"))
    lips = rearrange(reference["lip"], "b t c five h w -> (b t) five h w c")

    def forward(bound, mels, faces, lips):
        audio, lip_codes = bound.encode_audio(mels), bound.encode_lips(lips)
        lip_codes = rearrange(lip_codes, "(b t) 1 d -> b t d", t=5)
        maps = bound.encode_identity(faces)
        audio_address = bound.memory.address(audio)
        stored, lip_address, target = bound.memory.store(lip_codes)
        te = bound.fusion(audio, bound.memory.read(audio_address), False)
        tr = bound.fusion(audio, stored, False)
        store = memory_reconstruction_loss(stored, target)
        return {
            "te": te,
            "tr": tr,
            "key_address": audio_address,
            "value_address": lip_address,
            "store": jnp.mean(store, axis=-1),
            "align": jnp.mean(address_kl(audio_address, lip_address), axis=-1),
            "te_frames": bound.decode_frames(te, maps, False),
            "tr_frames": bound.decode_frames(tr, maps, False),
        }

    def call(variables, mels, faces, lips):
        return module.apply(variables, mels, faces, lips, method=forward)

    outputs = run(call, variables, mels, faces, bgr_to_rgb(lips))
    for name in ("te_frames", "tr_frames"):
        outputs[name] = rearrange(bgr_to_rgb(outputs[name]), "b t h w c -> b c t h w")
    return outputs


def run_discriminator(
    loaded: weights.Weights, variables: dict, reference: Arrays
) -> Arrays:
    """Compute the probability that frames are real."""
    faces = bgr_to_rgb(rearrange(reference["frames"], "b c t h w -> (t b) h w c"))
    logits = run(Discriminator(**loaded.config).apply, variables, faces)
    return {"out": np.asarray(jax.nn.sigmoid(logits))[:, None]}


def run_sync_expert(
    loaded: weights.Weights, variables: dict, reference: Arrays
) -> Arrays:
    """Compute the audio and the visual embedding of a synchronisation expert."""
    config = from_json(SyncExpertConfig, loaded.config)
    module = SyncExpert(**dataclasses.asdict(config))
    mel = rearrange(reference["mel"], "b 1 k f -> b f k")
    mouths = rearrange(reference["lips"], "b (t c) h w -> b t h w c", t=5)
    mouths = bgr_to_rgb(mouths)
    faces = np.concatenate([np.zeros_like(mouths), mouths], axis=2)
    audio, video = run(lambda *x: module.apply(*x, False), variables, mel, faces)
    return {"audio": audio, "video": video}


def run_syncnet(loaded: weights.Weights, variables: dict, reference: Arrays) -> Arrays:
    """Compute the audio and the visual embedding of SyncNet v2."""
    module = SyncNet(from_json(SyncNetConfig, loaded.config))
    mfcc = rearrange(reference["mfcc"], "b 1 k f -> b f k")
    faces = bgr_to_rgb(rearrange(reference["lips"], "b c t h w -> b t h w c"))
    audio, video = run(lambda *x: module.apply(*x, False), variables, mfcc, faces)
    return {"audio": audio, "video": video}


def run_lip_reader(
    loaded: weights.Weights, variables: dict, reference: Arrays
) -> Arrays:
    """Compute each part from its own inputs; the reference has no complete clip."""
    module = Bridging(from_json(BridgingConfig, loaded.config))

    def forward(bound, lips, mel, visual, audio, x):
        recalled, visual_address = bound.recall(visual)
        stored, audio_address, _ = bound.memory.store(audio)
        frame_mask = jnp.ones(x.shape[:2])
        logits = bound.out(bound.backend(x, frame_mask, False))
        save = memory_reconstruction_loss(stored, audio)
        bridge = address_kl(visual_address, audio_address)
        return {
            "visual_front/out": bound.encode_video(lips),
            "audio_front/out": bound.encode_audio(mel),
            "memory/recalled": bound.fusion(visual, recalled, False),
            "memory/real": bound.fusion(visual, audio, False),
            "memory/save": jnp.mean(save, axis=-1),
            "memory/bridge": jnp.mean(bridge, axis=-1),
            "backend/out": word_logits(logits, frame_mask),
        }

    def call(variables, *inputs):
        return module.apply(variables, *inputs, method=forward)

    return run(
        call,
        variables,
        rearrange(reference["visual_front/lips"], "b c t h w -> b t h w c"),
        rearrange(reference["audio_front/mel"], "b 1 k f -> b f k"),
        reference["memory/visual"],
        reference["memory/audio"],
        reference["backend/x"],
    )


def run_denoiser(loaded: weights.Weights, _: dict, reference: Arrays) -> Arrays:
    """Compute both networks of the denoiser, each from its own input."""
    config = from_json(DenoiserConfig, loaded.config)
    network, mask_net = RestorationNet(config), MaskNet(config)
    params = {part: {"params": tree} for part, tree in loaded.params.items()}

    def forward(params, noisy, mask_input):
        restored = network.apply(params["restorer"], noisy)
        again = network.apply(params["restorer"], restored, method="reconstruct")
        mask = mask_net.apply(params["mask_net"], mask_input)
        return {
            "restoration/clean": restored.clean,
            "restoration/noisy_rec": again,
            "mask/out": mask,
        }

    noisy, mask_input = (
        rearrange(reference[f"{part}/noisy"], "b c h w -> b h w c")
        for part in ("restoration", "mask")
    )
    outputs = run(forward, params, noisy, mask_input)
    return {key: rearrange(x, "b h w c -> b c h w") for key, x in outputs.items()}


def load_parts(files: dict[str, str]) -> Arrays:
    """Load reference numbers of {part: file} as {part/name: array}."""
    return {
        f"{part}/{name}": array
        for part, file in files.items()
        for name, array in load_reference((file,)).items()
    }


def load_lip_reader(slots: int, backend: str) -> Arrays:
    files = {
        "visual_front": "bridging_visual_front",
        "audio_front": "bridging_audio_front",
        "memory": f"bridging_memory{slots}",
        "backend": f"bridging_{backend}",
    }
    return load_parts(files)


def measure_command(source: pathlib.Path, folder: pathlib.Path) -> tuple[float, float]:
    """Run the command; return its seconds and its peak memory in MiB."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "avjax", "convert", str(source), str(folder)]
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, *command],
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - start, float(process.stdout.split()[-1])


class Case(NamedTuple):
    """A published file: its content, how it is written, and its reference numbers."""

    content: Callable[[], dict]
    write: Callable[[pathlib.Path, dict], None]
    run: Callable[[weights.Weights, dict, Arrays], Arrays]
    reference: Callable[[], Arrays]


def save_safetensors(path: pathlib.Path, arrays: Arrays) -> None:
    save_file(arrays, path)


def save_npz(path: pathlib.Path, arrays: Arrays) -> None:
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]  # keys are names


CASES = {
    "wav2lip_gan.pth": Case(
        lambda: with_optimizer(make_tensors("wav2lip")),
        write_legacy,
        run_wav2lip,
        lambda: load_reference(("wav2lip",)),
    ),
    "wav2lip_new.pth": Case(
        lambda: with_optimizer(make_tensors("wav2lip")),
        write_zip,
        run_wav2lip,
        lambda: load_reference(("wav2lip",)),
    ),
    "visual_quality_disc.pth": Case(
        lambda: make_tensors("wav2lip_disc"),
        write_zip,
        run_discriminator,
        lambda: load_reference(("wav2lip_disc",)),
    ),
    "lipsync_expert.pth": Case(
        lambda: {"state_dict": make_tensors("syncnet_color")},
        write_legacy,
        run_sync_expert,
        lambda: load_reference(("syncnet_color",)),
    ),
    "syncnet_v2.model": Case(
        lambda: make_tensors("syncnet_v2"),
        write_legacy,
        run_syncnet,
        lambda: load_reference(("syncnet_v2",)),
    ),
    "GRU_Back_Ckpt.ckpt": Case(
        lambda: lip_reader_file(88, "gru"),
        write_zip,
        run_lip_reader,
        lambda: load_lip_reader(88, "gru"),
    ),
    "MSTCN_Back_Ckpt.ckpt": Case(
        lambda: lip_reader_file(168, "mstcn"),
        write_legacy,
        run_lip_reader,
        lambda: load_lip_reader(168, "mstcn"),
    ),
    "synctalkface.pt": Case(
        synctalkface_file,
        write_zip,
        run_synctalkface,
        lambda: load_reference(("synctalkface_encoder", "synctalkface_decoder")),
    ),
    "disc.safetensors": Case(
        lambda: make_tensors("synctalkface_disc"),
        save_safetensors,
        run_discriminator,
        lambda: load_reference(("synctalkface_disc",)),
    ),
    "syncnet.npz": Case(
        lambda: make_tensors("synctalkface_syncnet"),
        save_npz,
        run_sync_expert,
        lambda: load_reference(("synctalkface_syncnet",)),
    ),
    "denoiser.pth": Case(
        denoiser_file,
        write_zip,
        run_denoiser,
        lambda: load_parts(
            {"restoration": "denoiser_restoration", "mask": "denoiser_mask"}
        ),
    ),
}


class ConversionRow(NamedTuple):
    """A row of the table, see `COLUMNS`."""

    file: str
    size_mb: float
    seconds: float
    memory_mib: float
    error: float
    output: str


def measure(name: str, case: Case, folder: pathlib.Path) -> ConversionRow:
    """Convert one file and compare its network; return the row of the table."""
    source, converted = folder / name, folder / "out"
    case.write(source, case.content())
    seconds, memory = measure_command(source, converted)
    size = source.stat().st_size / 1e6
    source.unlink()
    loaded, reference = weights.load(converted), case.reference()
    collections = {"params": loaded.params, "batch_stats": loaded.stats}
    variables = {
        collection: tree
        for collection, parts in collections.items()
        for tree in parts.values()
    }
    outputs = case.run(loaded, variables, reference)
    errors = {
        key: float(np.abs(output - reference[key]).max() / np.abs(reference[key]).max())
        for key, output in outputs.items()
    }
    worst = max(errors, key=lambda key: errors[key])
    return ConversionRow(name, size, seconds, memory, errors[worst], worst)


def main() -> None:
    """Convert every file, and print a row for each."""
    options = make_parser(__doc__).parse_args()
    table = ResultTable("Conversion of published weight files", *COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        for name, case in CASES.items():
            row = measure(name, case, pathlib.Path(folder))
            table.add(*row)
            assert row.error < MAX_ERROR
    data = "files of the published formats, filled with numbers by a fixed rule"
    table.write(options.json, data=data)


if __name__ == "__main__":
    main()
