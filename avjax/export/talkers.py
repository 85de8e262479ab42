"""The functions of talking-face systems, for any batch size and length."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from avjax.constants import FPS, MEL_WINDOW, NUM_MELS
from avjax.export.signatures import (
    ArraySpec,
    ExportedFunction,
    Functions,
    image_shape,
)
from avjax.faces.editing import MOUTH_SHAPE
from avjax.models.taem import TEXT_PART, Taem
from avjax.models.talker import TalkerConfig, Variables, latent_space
from avjax.nn.lip_editor import drop_small_edits
from avjax.nn.pixels import denormalize, normalize_pixels
from avjax.pipelines.talking.audio_talkers import load_talker
from avjax.pipelines.talking.talker_functions import decoder_inputs
from avjax.pipelines.talking.text_talker import (
    MAX_PHONEMES,
    chunk_length,
    load_text_talker,
)
from avjax.typing import Array, PathLike

MEL_WINDOW_DESCRIPTION = "0.2 s log-mel window that begins 40 ms before the frame"


def audio_talker(weights: PathLike) -> Functions:
    """Make the functions of a talker that is driven by audio.

    Without audio context there is one function from audio to frames. With context
    there are two: from audio to latents, and from latents to frames.

    Args:
        weights: Bundled name, or folder, of weights of a talker.

    Returns:
        {"frames": …} or {"latents": …, "frames": …}; for a talker that edits frames
        {"latents": …, "codes": …, "edit": …}.
    """
    talker = load_talker(weights)
    config = talker.config
    variables = jax.tree.map(jnp.asarray, talker.variables)
    space, decode = latent_space(config), make_decode(config, variables)
    context, size = space.context_frames, config.size
    faces = face_specs(size, same_reference=space.reference_compat)

    def generate(mel: Array, face: Array, reference: Array) -> dict[str, Array]:
        frame_mask = jnp.ones((1, mel.shape[0]))
        latents = space.encode_audio(variables, mel[None], frame_mask)[0]
        return decode(latents, face, reference)

    def encode(mel: Array, frame_mask: Array, lookahead: Array) -> dict[str, Array]:
        return {"latents": space.encode_audio(variables, mel, frame_mask, lookahead)}

    if not context:
        mel = ArraySpec(f"b {MEL_WINDOW} {NUM_MELS}", "float32", MEL_WINDOW_DESCRIPTION)
        inputs = {"mel": mel, **faces}
        return {"frames": ExportedFunction(generate, inputs, frame_outputs(size))}
    encode_inputs = {
        "mel": ArraySpec(
            f"b t {MEL_WINDOW} {NUM_MELS}",
            "float32",
            f"{MEL_WINDOW_DESCRIPTION}, {FPS} frames a second",
        ),
        "frame_mask": ArraySpec("b t", "float32", "1, or 0 where there is no audio"),
        "lookahead": ArraySpec(
            "b", "int32", f"future frames that may be used, at most {context}"
        ),
    }
    latents = (
        f"b t {config.latent_dim}: motion of the lips. Of a part of a recording, "
        f"include {context} more frames at either end and discard their latents"
    )
    functions = {
        "latents": ExportedFunction(encode, encode_inputs, {"latents": latents})
    }
    if space.edits_frames:
        return functions | edit_functions(config, variables)
    functions["frames"] = ExportedFunction(
        decode, latent_spec(config) | faces, frame_outputs(size)
    )
    return functions


def edit_functions(config: TalkerConfig, variables: Variables) -> Functions:
    """Make the functions of a talker that edits the mouth of frames.

    Args:
        config: The config of the talker.
        variables: {part: variables} of the talker.

    Returns:
        {"codes": latents that mouths show, "edit": the maps of an edit}.
    """
    space, size = latent_space(config), config.size
    height, width = MOUTH_SHAPE

    def encode_mouths(mouth: Array) -> dict[str, Array]:
        return {"latents": space.encode_mouths(variables, mouth)}

    def predict_edit(latents: Array, face: Array, reference: Array) -> dict[str, Array]:
        faces, references = (
            normalize_pixels(image, config.pixel_range) for image in (face, reference)
        )
        maps = space.predict_edit(variables, faces, references, latents)
        return drop_small_edits(maps)._asdict()

    mouth = ArraySpec(
        f"b {height} {width} 1", "float32", "grey mouth of an aligned face, 0 to 1"
    )
    lower_face = "aligned lower face, see avjax.faces.editing"
    images = {
        "face": ArraySpec(image_shape(size), "uint8", lower_face),
        "reference": ArraySpec(
            image_shape(size), "uint8", f"{lower_face}, of another frame"
        ),
    }
    maps = {
        "frame_flow": f"b {size} {size} 2: displacement x, y in the face, pixels",
        "reference_flow": f"b {size} {size} 2: displacement x, y in the reference",
        "paint": f"{image_shape(size)}: painted pixels, 0 to 1",
        "weights": f"b {size} {size} 3: weights of face, reference and paint",
    }
    codes = {"latents": f"b {config.latent_dim}: what the mouth shows"}
    return {
        "codes": ExportedFunction(encode_mouths, {"mouth": mouth}, codes),
        "edit": ExportedFunction(predict_edit, latent_spec(config) | images, maps),
    }


def text_talker(weights: PathLike) -> Functions:
    """Make the functions of a talker that is driven by text.

    Args:
        weights: Bundled name, or folder, of weights of `taem`.

    Returns:
        {"edges": phoneme durations, "latents": …, "frames": …}; for a talker that edits
        frames, "codes" and "edit" instead of "frames".
    """
    loaded = load_text_talker(weights)
    config, talker = loaded.config, loaded.config.talker
    variables = jax.tree.map(jnp.asarray, loaded.variables)
    network, text_variables = Taem(config), variables[TEXT_PART]
    num_frames = chunk_length(config)

    def predict_edges(phoneme_ids: Array, portrait: Array) -> dict[str, Any]:
        edges = network.apply(
            text_variables, phoneme_ids, portrait, method="predict_edges"
        )
        return {"edges": edges}

    def predict_latents(
        phoneme_ids: Array, edges: Array, portrait: Array
    ) -> dict[str, Any]:
        latents = network.apply(
            text_variables,
            phoneme_ids,
            edges,
            portrait,
            num_frames,
            method="predict_latents",
        )
        return {"latents": latents}

    phoneme_ids, edges, portrait = text_specs(talker.size)
    edge_output = f"b {MAX_PHONEMES + 1}: starts of the phonemes and last end, seconds"
    latent_output = (
        f"b {num_frames} {talker.latent_dim}: latents for the talker, {FPS} frames a "
        f"second; discard the first and the last {config.context_frames}"
    )
    functions = {
        "edges": ExportedFunction(
            predict_edges, phoneme_ids | portrait, {"edges": edge_output}
        ),
        "latents": ExportedFunction(
            predict_latents, phoneme_ids | edges | portrait, {"latents": latent_output}
        ),
    }
    if latent_space(talker).edits_frames:
        return functions | edit_functions(talker, variables)
    functions["frames"] = ExportedFunction(
        make_decode(talker, variables),
        latent_spec(talker) | face_specs(talker.size),
        frame_outputs(talker.size),
    )
    return functions


def text_specs(size: int) -> tuple[dict[str, ArraySpec], ...]:
    """Describe the inputs of a text encoder.

    Args:
        size: Width and height of the portrait in pixels.

    Returns:
        {"phoneme_ids": …}, {"portrait": …} and {"edges": …}.
    """
    phoneme_ids = {
        "phoneme_ids": ArraySpec(
            f"b {MAX_PHONEMES}",
            "int32",
            "indices into text.phonemes.PHONEMES; 0 after the last one",
        )
    }
    portrait = {
        "portrait": ArraySpec(image_shape(size), "uint8", "face of the speaker")
    }
    edges = {
        "edges": ArraySpec(
            f"b {MAX_PHONEMES + 1}",
            "float32",
            "starts of the phonemes, then the end of the last, in seconds after the "
            "first frame",
        )
    }
    return phoneme_ids, edges, portrait


def make_decode(
    config: TalkerConfig, variables: Variables
) -> Callable[..., dict[str, Array]]:
    """Make the function from latents to frames.

    Args:
        config: The config of the talker.
        variables: {part: variables} of the talker.

    Returns:
        (latents f32 [b d], face u8 [b h w c=3], reference u8 [b h w c=3]) ->
        {"frames": f32 [b h w c=3] in [0, 1]}.
    """
    space = latent_space(config)

    def decode(latents: Array, face: Array, reference: Array) -> dict[str, Array]:
        faces = decoder_inputs(face, reference, config.pixel_range)
        frames = space.decode_frames(variables, latents[None], faces)[0]
        return {"frames": denormalize(frames, config.pixel_range)}

    return decode


def latent_spec(config: TalkerConfig) -> dict[str, ArraySpec]:
    """Describe the latent input of a talker.

    Args:
        config: The config of the talker.

    Returns:
        {"latents": …}.
    """
    return {"latents": ArraySpec(f"b {config.latent_dim}", "float32", "of each frame")}


def face_specs(size: int, same_reference: bool = False) -> dict[str, ArraySpec]:
    """Describe the image inputs of a talker.

    Args:
        size: Width and height of the face in pixels.
        same_reference: True if the reference is the face itself.

    Returns:
        {"face": …, "reference": …}.
    """
    reference = "the same image" if same_reference else "another image of the same face"
    return {
        "face": ArraySpec(
            image_shape(size), "uint8", "the face; its lower half is not used"
        ),
        "reference": ArraySpec(image_shape(size), "uint8", reference),
    }


def frame_outputs(size: int) -> dict[str, str]:
    """Describe the generated frames.

    Args:
        size: Width and height of the face in pixels.

    Returns:
        {"frames": shape and meaning}.
    """
    return {"frames": f"{image_shape(size)}: the speaking face, 0 to 1"}
