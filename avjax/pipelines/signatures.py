"""What a system does when it is used, as functions of arrays with the weights in them.

Sizes of batches and lengths are open.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from avjax import weights
from avjax.algorithms import denoiser_adaptation as restore
from avjax.audio.mel import MELS, WINDOW
from avjax.audio.streaming import FPS
from avjax.media.mouth_video import Path
from avjax.models import synctalkface
from avjax.models.aligner import BANDS, Aligner
from avjax.models.bridging import BridgingConfig
from avjax.models.cals import AudioToLip, CalsConfig
from avjax.models.denoiser import WHOLE
from avjax.models.lip_landmarks import LandmarkConfig, LipLandmarks
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import Taem
from avjax.models.talker import Variables, latents_of
from avjax.pipelines import align, denoise, lipread
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import sync_models as judge
from avjax.pipelines import text_talker as prompter
from avjax.typing import Array, Params


class Slot(NamedTuple):
    """An array that goes in.  shape is such as "b 4*t 80"; a letter is any size."""

    shape: str
    dtype: str
    means: str


class Program(NamedTuple):
    """A function of arrays, in the order of `inputs`, to arrays by their names.

    outputs  {name: its shape and what it means}
    sizes    what holds for the letters of shapes, such as "h >= 3"
    """

    run: Callable[..., dict[str, Array]]
    inputs: dict[str, Slot]
    outputs: dict[str, str]
    sizes: tuple[str, ...] = ()


Programs = dict[str, Program]  # of one system, by their names


def talker(name: Path) -> Programs:
    """Frames of a face that says a sound, as they are before they are rounded."""
    model = talkers.open_talker(name)
    config, variables = model.config, {"face": model.variables}
    space, draw = latents_of(config), drawing(config, variables)

    def run(sound: Array, face: Array, reference: Array) -> dict[str, Array]:
        exists = jnp.ones((1, sound.shape[0]))
        return draw(space.hear(variables, sound[None], exists)[0], face, reference)

    means = "0.2 s of log-mel, from 40 ms before a frame on"
    sound = {"sound": Slot(f"b {WINDOW} {MELS}", "float32", means)}
    inputs = sound | face_slots(config.size, itself=config.published)
    return {"frames": Program(run, inputs, frames_of(config.size))}


def context_talker(name: Path) -> Programs:
    """Units of a sound, and frames of a face whose lips move as they say."""
    model = talkers.open_talker(name)
    config, variables = model.config, jax.tree.map(jnp.asarray, model.variables)
    to_lip, draw = AudioToLip(config), drawing(config, variables)

    def tell(sound: Array, exists: Array, ahead: Array) -> dict[str, Array]:
        hearing = variables["audio_to_lip"]
        return {"units": to_lip.apply(hearing, sound, exists, ahead)}

    reach = config.window
    means = f"0.2 s of log-mel, from 40 ms before each moment on; {FPS} a second"
    sound = {
        "sound": Slot(f"b t {WINDOW} {MELS}", "float32", means),
        "exists": Slot("b t", "float32", "1, or 0 where there is no sound"),
        "ahead": Slot("b", "int32", f"moments heard in advance, {reach} at most"),
    }
    units = (
        f"b t {config.units}: how lips move.  A piece of a recording is given with "
        f"{reach} moments more at either end, whose units are left out"
    )
    unit = {"units": Slot(f"b {config.units}", "float32", "of the moment of a frame")}
    return {
        "units": Program(tell, sound, {"units": units}),
        "frames": Program(draw, unit | face_slots(config.size), frames_of(config.size)),
    }


def text_talker(name: Path) -> Programs:
    """How long sounds last, what a talker is told by them, and the frames of that."""
    found = prompter.open_prompter(name)
    config, talker = found.config, found.config.talker
    variables = jax.tree.map(jnp.asarray, found.variables)
    text, own = Taem(config), variables[prompter.OURS]
    draw, moments = drawing(talker, variables), prompter.stretch(config)

    def time(sounds: Array, portrait: Array) -> dict[str, Array]:
        return {"edges": text.apply(own, sounds, portrait, method="times")}

    def tell(sounds: Array, edges: Array, portrait: Array) -> dict[str, Array]:
        given = sounds, edges, portrait, moments
        return {"latents": text.apply(own, *given, method="hear")}

    room = prompter.ROOM
    which = "numbers of text.phonemes.SOUNDS; 0 where there are no more"
    sounds = {"sounds": Slot(f"b {room}", "int32", which)}
    who = {"portrait": Slot(picture(talker.size), "uint8", "the face that is to speak")}
    when = f"b {room + 1}: seconds at which one sound gives way to the next"
    since = "when sounds begin, in seconds from the first moment on; then the last end"
    times = {"edges": Slot(f"b {room + 1}", "float32", since)}
    latents = (
        f"b {moments} {talker.latent}: what the talker is to hear, {FPS} a second; the "
        f"first and the last {config.window} of a piece of text are left out"
    )
    latent = {"latents": Slot(f"b {talker.latent}", "float32", "of a frame's moment")}
    shown = latent | face_slots(talker.size)
    return {
        "edges": Program(time, sounds | who, {"edges": when}),
        "latents": Program(tell, sounds | times | who, {"latents": latents}),
        "frames": Program(draw, shown, frames_of(talker.size)),
    }


def drawing(
    config: SyncTalkFaceConfig | CalsConfig, variables: Variables
) -> Callable[..., dict[str, Array]]:
    """(latents [b d], face, reference) -> frames before they are rounded."""
    space = latents_of(config)

    def draw(latents: Array, face: Array, reference: Array) -> dict[str, Array]:
        faces = talkers.faces_of(face, reference, config.signed)
        frames = space.draw(variables, latents[None], faces)[0]
        return {"frames": synctalkface.to_unit(frames, config.signed)}

    return draw


def face_slots(size: int, itself: bool = False) -> dict[str, Slot]:
    """What a talker is shown.  itself: the face is its own reference, as published."""
    same = "the same picture" if itself else "another picture of the same face"
    return {
        "face": Slot(picture(size), "uint8", "the face; its lower half is not seen"),
        "reference": Slot(picture(size), "uint8", same),
    }


def frames_of(size: int) -> dict[str, str]:
    return {"frames": f"{picture(size)}: the face that speaks, 0 to 1"}


def picture(size: int) -> str:
    return f"b {size} {size} 3"


def reader(name: Path) -> Programs:
    """What is said by the lips of some clips, or how it sounds."""
    kind, blank = BridgingConfig, lipread.blank
    config, variables = weights.open_part(name, lipread.PREFIX, kind, blank)
    answer = lipread.program(config).__wrapped__  # without options of this machine
    called, means = ANSWERS[config.task]

    def run(lips: Array, exists: Array) -> dict[str, Array]:
        return {called: answer(variables, lips, exists)}

    mouth = f"b t {config.size} {config.size} 1"
    inputs = {
        "lips": Slot(mouth, "uint8", "grey mouths, 25 a second"),
        "exists": Slot("b t", "float32", "1, or 0 where there is no face"),
    }
    return {called: Program(run, inputs, {called: means})}


ANSWERS = {  # of a reader, by its task: a name, and what it means
    "words": ("logits", "b t v: of words, frame by frame"),
    "sentences": ("log_probs", "b r*t v: of symbols, the first being CTC's blank"),
    "speech": ("mel", "b 4*t 80: as audio.speech_mel.voice_mel gives it"),
}


def sync_judge(name: Path) -> Programs:
    """Codes of sound and lips, which are near where both are of one moment."""
    found = judge.open_judge(name)
    config, variables = found.config, found.variables
    senses = "hear", "watch"
    hear, watch = (judge.program(config, sense).__wrapped__ for sense in senses)

    def run(sound: Array, faces: Array) -> dict[str, Array]:
        return {"heard": hear(variables, sound), "seen": watch(variables, faces)}

    columns, bands = found.kind.sound
    five = f"b {judge.SEEN} {config.size} {config.size} 3"
    inputs = {
        "sound": Slot(f"b {columns} {bands}", "float32", found.kind.means),
        "faces": Slot(five, "uint8", "five faces on end, 25 a second"),
    }
    outputs = {"heard": "b d: code of the sound", "seen": "b d: code of the lips"}
    return {"codes": Program(run, inputs, outputs)}


def lip_finder(name: Path) -> Programs:
    """Where the lips are in some faces."""
    kind, blank = LandmarkConfig, blank_lip_finder
    config, variables = weights.open_part(name, "landmarks", kind, blank)
    network = LipLandmarks(config.size, config.width)

    def run(faces: Array) -> dict[str, Array]:
        return {"points": network.apply(variables, faces.astype(jnp.float32) / 255)}

    inputs = {"faces": Slot(picture(config.size), "uint8", "face crops")}
    means = "b 20 2: x and y as shares of the sides, points 48 to 67 of 68"
    return {"points": Program(run, inputs, {"points": means})}


def blank_lip_finder(config: LandmarkConfig) -> Params:
    """Variables of a lip finder that has learnt nothing."""
    faces = jnp.zeros((1, config.size, config.size, 3))
    return LipLandmarks(config.size, config.width).init(jax.random.key(0), faces)


def denoiser(name: Path) -> Programs:
    """Clean pictures, by the network as it was learnt: it does not adapt to them.

    Convolutions over few pixels are computed in another way (nn.conv), so that it must
    be known that there are more.
    """
    config, params, _ = denoise.load(name)

    def run(noisy: Array) -> dict[str, Array]:
        clean = restore.restore(config, params["restorer"], noisy).clean
        return {"clean": jnp.clip(clean, 0, 1)}

    pictures = f"b {WHOLE}*h {WHOLE}*w 3"
    inputs = {"noisy": Slot(pictures, "float32", "pictures, 0 to 1")}
    outputs = {"clean": f"{pictures}: the same without their noise, 0 to 1"}
    return {"clean": Program(run, inputs, outputs, ("h >= 3", "w >= 3"))}


def aligner(name: Path) -> Programs:
    """How likely each sound is at each moment: what texts are aligned by."""
    listener = align.open_aligner(name)
    network = Aligner(listener.config)
    variables = jax.tree.map(jnp.asarray, listener.variables)

    def run(sound: Array, exists: Array) -> dict[str, Array]:
        return {"log_probs": network.apply(variables, sound, exists)}

    means = "log-mel, 80 columns a second, as audio.mel.standard_mel"
    inputs = {
        "sound": Slot(f"b t {BANDS}", "float32", means),
        "exists": Slot("b t", "float32", "1, or 0 where there is no sound"),
    }
    outputs = {"log_probs": "b t v: of the sounds text.phonemes.SOUNDS"}
    return {"log_probs": Program(run, inputs, outputs, ("t >= 5",))}


PROGRAMS: dict[str, Callable[[Path], Programs]] = {
    "synctalkface": talker,
    "cals": context_talker,
    prompter.SYSTEM: text_talker,
    "bridging": reader,
    **dict.fromkeys(judge.KINDS, sync_judge),
    "landmarks": lip_finder,
    "denoiser": denoiser,
    "aligner": aligner,
}
