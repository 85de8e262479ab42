"""The sync model for people never seen: offsets, and reasons why there is none."""

import json

import jax
import numpy as np
import pytest

import avjax
from avjax.__main__ import main
from avjax.constants import FPS, SAMPLES_PER_FRAME
from avjax.data import puppet
from avjax.media.video_writer import VideoWriter
from avjax.metrics.sync import MAX_OFFSET_FRAMES
from avjax.metrics.sync_evidence import OFFSETS
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.sync_people import (
    SyncPeopleConfig,
    encode_audio,
    encode_mouths,
    init_variables,
)
from avjax.pipelines import sync_people
from avjax.pipelines.sync_models import SyncModel, load_sync_model
from avjax.pipelines.sync_people import (
    Series,
    embed_audio,
    embed_lips,
    encode_lips,
    find_offset,
    sum_evidence,
)
from avjax.pipelines.sync_report import FaceSync, SyncReport

FRAMES = 300
SIZE = 96
BOX = (0, 0, SIZE, SIZE)


@pytest.fixture(scope="module")
def small_model() -> SyncModel:
    """An untrained model of small networks."""
    lipwarp = LipWarpConfig(
        code_dim=4, context_frames=3, audio_dim=16, layers=1, heads=2
    )
    config = SyncPeopleConfig(lipwarp, embedding_dim=8, width=8)
    variables = init_variables(config, jax.random.key(0))
    return SyncModel("small", config.system, config, variables)


@pytest.fixture(scope="module")
def model() -> SyncModel:
    return load_sync_model("sync-people")


def random_codes(model: SyncModel, count: int) -> Series:
    dim = model.config.lipwarp.code_dim
    codes = np.random.default_rng(0).uniform(-0.5, 0.5, (count, dim))
    return Series(codes.astype(np.float32), np.ones(count, np.float32))


def noise(count: int) -> np.ndarray:
    """White noise of some frames, f32 [n]."""
    rng = np.random.default_rng(1)
    return rng.normal(0, 0.1, count * SAMPLES_PER_FRAME).astype(np.float32)


def test_mouths_are_encoded_in_chunks_as_at_once(small_model):
    mouths = np.random.default_rng(0).integers(0, 256, (70, 40, 56), np.uint8)
    codes = encode_lips(small_model, iter(mouths), np.ones(70))
    pixels = mouths[None] / np.float32(255)
    expected = encode_mouths(small_model.config, small_model.variables, pixels)[0]
    np.testing.assert_allclose(codes.values, expected, atol=1e-5)


def test_codes_can_be_differentiated_with_respect_to_the_pixels(small_model):
    config, variables = small_model.config, small_model.variables
    mouths = np.random.default_rng(0).uniform(0, 1, (1, 2, 40, 56)).astype(np.float32)
    gradient = jax.grad(lambda x: encode_mouths(config, variables, x).sum())(mouths)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_a_long_clip_is_embedded_in_windows_as_at_once(small_model):
    codes = random_codes(small_model, FRAMES)
    codes.mask[100:120] = 0
    network, parts = small_model.config.embeddings(), small_model.variables
    expected = network.apply(
        parts["embeddings"], codes.values[None], codes.mask[None], method="embed_lips"
    )[0]
    lips = embed_lips(small_model, codes)
    shown = codes.mask > 0
    np.testing.assert_allclose(lips.values[shown], expected[shown], atol=1e-4)
    assert (lips.values[~shown] == 0).all()


def test_a_long_recording_is_embedded_in_windows_as_at_once(small_model, monkeypatch):
    config, parts = small_model.config, small_model.variables
    audio = embed_audio(small_model, noise(FRAMES), FRAMES + 10)
    assert audio.mask.tolist() == [1] * FRAMES + [0] * 10
    monkeypatch.setattr(sync_people, "WINDOW_FRAMES", 2 * FRAMES)
    at_once = embed_audio(small_model, noise(FRAMES), FRAMES + 10)
    np.testing.assert_allclose(audio.values, at_once.values, atol=1e-4)
    mels = np.zeros((1, 4, 16, 80), np.float32)
    assert encode_audio(config, parts, mels, np.ones((1, 4))).shape == (1, 4, 16)


def test_evidence_is_summed_over_all_frames_and_offsets():
    rng = np.random.default_rng(0)
    lips = Series(rng.normal(size=(FRAMES, 4)), (rng.random(FRAMES) > 0.2) * 1.0)
    audio = Series(rng.normal(size=(FRAMES + 9, 4)), np.ones(FRAMES + 9))
    evidence, pairs = sum_evidence(lips, audio)
    for index in (0, 10, 15, 30):
        moments = np.arange(FRAMES) - OFFSETS[index]
        both = (moments >= 0) & (moments < FRAMES + 9) & (lips.mask > 0)
        products = lips.values[both] * audio.values[moments[both]]
        assert evidence[index] == pytest.approx(products.sum() / 2, rel=1e-3)
        assert pairs[index] == both.sum()


def test_offset_of_known_embeddings_is_found(small_model, monkeypatch):
    values = np.random.default_rng(0).normal(0, 1.5, (90, 16))
    series = Series(values, np.ones(90))
    monkeypatch.setattr(sync_people, "embed_lips", lambda *_: series)
    for offset in (-MAX_OFFSET_FRAMES, -4, 0, 7, MAX_OFFSET_FRAMES):
        moved = Series(np.roll(values, -offset, axis=0), np.ones(90))
        monkeypatch.setattr(sync_people, "embed_audio", lambda *_, m=moved: m)
        finding = find_offset(small_model, random_codes(small_model, 90), noise(90))
        assert (finding.offset, finding.reason) == (offset, "")
        assert finding.confidence == pytest.approx(1, abs=1e-3)


def test_the_reason_is_told_where_there_is_no_offset(small_model, monkeypatch):
    codes = random_codes(small_model, 90)
    still = Series(0.01 * codes.values, codes.mask)
    aside = Series(codes.values, codes.mask * (np.arange(90) < 20))
    cases = (
        (codes, np.zeros_like(noise(90)), "silent"),
        (still, noise(90), "hardly moves"),
        (aside, noise(90), "from the side"),
    )
    for lips, wave, reason in cases:
        assert reason in find_offset(small_model, lips, wave).reason
    ones = np.ones(len(OFFSETS))
    for evidence, reason in ((-9.0, "at no offset"), (9.0, "several offsets")):
        sums = evidence * ones, ones
        monkeypatch.setattr(sync_people, "sum_evidence", lambda *_, s=sums: s)
        assert reason in find_offset(small_model, codes, noise(90)).reason


@pytest.fixture(scope="module")
def clip():
    """A puppet that speaks a sentence."""
    return puppet.make_clip(0, 9, SIZE, ("grid",))


def test_command_says_why_it_cannot_tell(clip, tmp_path, capfd):
    path = tmp_path / "silent.mp4"
    with VideoWriter(path, FPS, np.zeros_like(clip.wave)) as writer:
        for frame in clip.frames:
            writer.write(frame)
    words = "sync", str(path), "--box", "0,0,96,96"
    assert main([*words, "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["weights"] == report["system"].replace("_", "-") == "sync-people"
    (face,) = report["faces"]
    assert face["verdict"] == "cannot tell" and face["reason"] == "the audio is silent"
    assert not face["reliable"] and face["confidence"] == 0
    assert face["offset"] is face["offset_seconds"] is None
    assert main(words) == 0
    first, face, scope = capfd.readouterr().out.splitlines()
    assert first == f"{path}, measured by sync-people"  # it has no LSE-D
    assert scope.startswith("the weights sync-people know real faces only; ")
    assert face == "face 0, frames 0-57: cannot tell: the audio is silent"


def test_report_says_what_the_confidence_is():
    frames = np.r_[3:78]
    face = FaceSync(0, -2, None, 0.9712, "", frames)
    report = SyncReport("a.mp4", "sync-people", "sync_people", False, [face], [])
    _, line, scope = str(report).splitlines()
    assert report.to_json()["scope"] == scope
    assert line.endswith("behind the lips; probability that this is right: 0.971")
    assert (
        repr(face)
        == "<face 0, frames 3-77: the audio is 2 frames (80 ms) behind the lips>"
    )


def test_noise_and_a_still_mouth_give_no_offset(clip):
    frames = np.stack(list(clip.frames))
    result = avjax.sync(frames, audio=noise(len(frames)), box=BOX).faces[0]
    assert result.verdict == "cannot tell" and result.distance is None
    still = np.repeat(frames[:1], len(frames), axis=0)
    seen = avjax.sync(still, audio=clip.wave, box=BOX).faces[0]
    assert "hardly moves" in seen.reason
