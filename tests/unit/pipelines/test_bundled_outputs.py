"""Bundled weights give the same pictures, words and waves as when they were recorded.

`tests/golden/bundled_outputs.json` holds digests of the outputs that were recorded on
one processor and jaxlib, with both; there they must match to the last digit.
Elsewhere compilers round differently: outputs are then compared, within tolerances,
with `bundled_outputs.npz`, which holds a part of them.
"""

import functools
import hashlib
import json
import pathlib

import av
import cv2
import jax.numpy as jnp
import jaxlib
import numpy as np
import pytest

import avjax
from avjax.data import puppet
from avjax.data.puppet.portrait import render_portrait
from avjax.export import networks
from avjax.pipelines.align import load_aligner
from avjax.pipelines.sync_models import SYNC_MODELS

GOLDEN = pathlib.Path(__file__).parents[2] / "golden"
RECORD = json.loads((GOLDEN / "bundled_outputs.json").read_text())
TALKERS = (
    "synctalkface-grid-s1",
    "synctalkface-puppet",
    "cals-grid-s1",
    "cals-puppet",
    "lipwarp-people",
)
CORPORA = "grid-s1", "puppet"


def vector_extensions() -> list[str]:
    """List the processor's vector instruction sets; empty where it is not known."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    flags = next((line for line in lines if line.startswith("flags")), ":")
    names = flags.partition(":")[2].split()
    return sorted(name for name in names if name.startswith(("avx", "amx", "fma")))


SAME_MACHINE = (
    vector_extensions() == RECORD["cpu"] and jaxlib.__version__ == RECORD["jaxlib"]
)


@functools.cache
def stored() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "bundled_outputs.npz") as file:
        return dict(file)


def check(name: str, output) -> None:
    """Compare an output with its record: by digest, or elsewhere by value."""
    output = np.asarray(output, order="C")
    if SAME_MACHINE and name in RECORD["sha256"]:
        digest = hashlib.sha256(output.tobytes()).hexdigest()[:32]
        assert digest == RECORD["sha256"][name], name
    steps = {"speak": 16, "talk_text_wave": 4}.get(name.partition("/")[0], 1)
    part = output[::3] if output.ndim == 4 else output[::steps] if steps > 1 else output
    expected = stored()[name.replace("/", "-")]
    assert part.shape == expected.shape and part.dtype == expected.dtype
    if part.dtype.kind == "U":
        np.testing.assert_array_equal(part, expected)
        return
    difference = np.abs(part.astype(np.float64) - expected)
    if part.dtype == np.uint8:  # pixel values
        assert difference.max() <= 3 and difference.mean() < 0.02, name
    elif part.dtype == np.int16:  # audio samples
        assert difference.mean() <= 0.01 * np.abs(expected.astype(np.float64)).mean(), (
            name
        )
    else:
        np.testing.assert_allclose(part, expected, rtol=2e-3, atol=2e-3)


@pytest.fixture(scope="module")
def clip():
    return puppet.make_clip(0, 4, 96, ("grid",))


@pytest.fixture(scope="module")
def clip_file(clip, tmp_path_factory) -> pathlib.Path:
    """The clip without loss: ffv1 video and 16-bit sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    samples = np.round(np.clip(clip.wave, -1, 1) * 32767).astype(np.int16)
    with av.open(str(path), "w") as file:
        video = file.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 96, 96, "bgr0"
        sound = file.add_stream("pcm_s16le", rate=16000, layout="mono")
        for frame in clip.frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            file.mux(video.encode(picture))
        file.mux(video.encode())
        audio = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        audio.sample_rate = 16000
        file.mux(sound.encode(audio))
        file.mux(sound.encode())
    return path


@pytest.fixture(scope="module")
def face():
    """A portrait u8 [128 128 3] and the box (x, y, w, h) of its face."""
    image, (left, top, right, bottom) = render_portrait(puppet.make_puppet(0, 164), 128)
    return image, (left, top, right - left, bottom - top)


@pytest.mark.parametrize("weights", TALKERS)
def test_faces_driven_by_audio(weights, clip, face):
    image, box = face
    wave = clip.wave[8000:14400]
    video = avjax.talk(image, wave, weights=weights, box=box, native=True)
    check(f"talk/{weights}", np.stack(list(video)))


def test_composited_face(clip, face):
    image, box = face
    wave = clip.wave[8000:14400]
    video = avjax.talk(image, wave, weights="synctalkface-puppet", box=box)
    check("talk/composited", np.stack(list(video))[::3])


@pytest.mark.parametrize("weights", ["taem-grid-s1", "taem-people", "taem-puppet"])
def test_faces_driven_by_text(weights, face):
    image, box = face
    silent = {"text": "no", "voice": "none", "native": True}
    video = avjax.talk(image, weights=weights, box=box, **silent)
    check(f"talk_text/{weights}", np.stack(list(video))[:8])
    check(f"talk_text_seconds/{weights}", np.float64(len(video) / 25))


def test_text_with_a_voice(face):
    image, box = face
    video = avjax.talk(image, text="no", weights="taem-puppet", box=box, native=True)
    check("talk_text_frames_voice/taem-puppet", np.stack(list(video))[:6])
    samples = np.round(video.wave * 32767).astype(np.int16)
    check("talk_text_wave/taem-puppet", samples)


@pytest.mark.parametrize("corpus", CORPORA)
def test_lip_reading(corpus, clip_file):
    name, box = f"bridging-{corpus}", (0, 0, 96, 96)
    words = avjax.lipread(clip_file, weights=name, box=box).words
    check(f"lipread/{name}", np.array([word.word for word in words]))
    check(f"lipread_times/{name}", np.array([[word.start, word.end] for word in words]))
    confidence = np.array([word.confidence for word in words], np.float32)
    check(f"lipread_confidence/{name}", confidence)
    grammar = {"grammar": "grid", "beam": 16}  # as when the words were recorded
    transcript = avjax.lipread(clip_file, weights=name, box=box, **grammar)
    check(f"lipread_grammar/{name}", np.array(transcript.text))


@pytest.mark.parametrize("corpus", CORPORA)
def test_speech_from_lips(corpus, clip_file):
    name = f"bridging-speech-{corpus}"
    wave = avjax.speak(clip_file, weights=name, box=(0, 0, 96, 96)).wave
    check(f"speak/{name}", np.round(wave * 32767).astype(np.int16))


@pytest.mark.parametrize("corpus", CORPORA)
def test_synchronisation(corpus, clip_file, monkeypatch):
    spec = SYNC_MODELS["sync_expert"]._replace(confidence_threshold=-1)
    monkeypatch.setitem(SYNC_MODELS, "sync_expert", spec)  # every offset is stated
    name = f"sync-{corpus}"
    (face,) = avjax.sync(clip_file, weights=name, box=(0, 0, 96, 96)).faces
    values = face.offset, face.distance, face.confidence
    check(f"sync/{name}", np.array(values, np.float32))


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("weights", ["denoiser-photos", "denoiser-polyu"])
def test_denoising(weights, steps, face):
    noise = np.random.default_rng(0).normal(0, 12, (48, 48, 3))
    noisy = np.clip(face[0][40:88, 40:88] + noise, 0, 255).round().astype(np.uint8)
    result = avjax.denoise(noisy, weights=weights, steps=steps)
    check(f"denoise/{weights}/{steps}", result.image)


def test_default_weights_keep_strong_colors():
    """Photos hold few strong colours: a network that lacks them paints over them."""
    hue, value = np.meshgrid(np.linspace(0, 179, 256), np.linspace(90, 255, 192))
    hsv = np.stack([hue, np.full_like(hue, 240), value], axis=-1)
    clean = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 8, clean.shape)
    noisy = np.clip(clean + noise, 0, 255).round().astype(np.uint8)
    errors = {
        steps: cv2.blur(avjax.denoise(noisy, steps=steps).image - clean, (8, 8))
        for steps in (0, 2)
    }
    assert np.sqrt(np.mean(errors[0] ** 2)) < 2 and np.abs(errors[0]).max() < 10
    assert np.sqrt(np.mean(errors[2] ** 2)) < 5 and np.abs(errors[2]).max() < 20


@pytest.mark.parametrize("corpus", CORPORA)
def test_forced_alignment(corpus, clip):
    name = f"aligner-{corpus}"
    phones = load_aligner(name).align_text(clip.wave, clip.text).phones
    times = [[interval.start, interval.end] for interval in phones]
    check(f"align/{name}", np.array(times, np.float32))
    check(f"align_phones/{name}", np.array([interval.label for interval in phones]))


def test_lip_landmarks(clip):
    exported = networks.lip_landmarks("landmarks-puppet")["points"]
    points = exported.run(jnp.asarray(clip.frames[:3]))["points"]
    check("landmarks/landmarks-puppet", np.asarray(points))
