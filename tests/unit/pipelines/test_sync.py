"""Lip synchronisation: shifted audio is found, by real models and by a perfect one."""

import json

import jax
import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.__main__ import main
from avjax.audio.mfcc import mfcc
from avjax.constants import FPS, SAMPLES_PER_FRAME, SYNC_FRAMES
from avjax.data import puppet
from avjax.faces import cache, crop
from avjax.faces.alignment import landmarks_in_box
from avjax.faces.mouth_video import MouthVideo, open_mouth_video
from avjax.faces.tracking import FaceTrack
from avjax.media import audio_io, video_reader
from avjax.media.video_writer import VideoWriter
from avjax.metrics.sync import SyncScore
from avjax.models.syncnet_v2 import SyncNetConfig, init_variables
from avjax.pipelines import sync, sync_models
from avjax.pipelines.sync_models import (
    SyncModel,
    SyncModelSpec,
    load_sync_model,
    syncnet_crop,
)
from avjax.pipelines.sync_scoring import (
    CHUNK_FRAMES,
    iter_audio_embeddings,
    iter_visual_embeddings,
    score_chunks,
    valid_starts,
)

SIZE = 96
FULL_BOX = (0, 0, SIZE, SIZE)
CORNER = np.array([8, 0, 56, 48], np.float32)


def shift_audio(wave: np.ndarray, frames: int) -> np.ndarray:
    """Move audio to an earlier time, by a number of video frames; the length stays."""
    before = max(0, -frames) * SAMPLES_PER_FRAME
    after = max(0, frames) * SAMPLES_PER_FRAME
    return np.pad(wave, (before, after))[after : after + len(wave)]


def write_video(path, frames, wave):
    with VideoWriter(path, FPS, wave) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def puppets(tmp_path_factory):
    """Two videos of unseen puppets, with their audio."""
    folder, clips = tmp_path_factory.mktemp("puppets"), []
    for index in (9, 14):
        clip = puppet.make_clip(0, index, SIZE, ("grid",))
        path = write_video(folder / f"{index}.mp4", clip.frames, clip.wave)
        clips.append((open_mouth_video(path, FULL_BOX), clip.wave))
    return clips


@pytest.fixture(scope="module")
def expert() -> SyncModel:
    return load_sync_model("sync-puppet")


def score_waves(model: SyncModel, video: MouthVideo, waves) -> list[SyncScore]:
    """Score a video with each of some waveforms."""
    starts = valid_starts(video, waves[0])
    visual_chunks = list(iter_visual_embeddings(model, video, starts))
    scores = []
    for wave in waves:
        audio_chunks = iter_audio_embeddings(model, wave[: len(waves[0])], len(starts))
        scores.append(score_chunks(visual_chunks, audio_chunks))
    return scores


def test_every_offset_is_found_in_puppets(puppets, expert):
    offsets = range(-12, 13)
    for video, wave in puppets:
        waves = [shift_audio(wave, offset) for offset in offsets]
        scores = score_waves(expert, video, waves)
        assert [int(score.offset) for score in scores] == list(offsets)
        smallest = min(score.confidence for score in scores)
        assert smallest > expert.spec.confidence_threshold


def test_audio_of_another_speaker_is_out_of_sync(puppets, expert):
    (first, first_wave), (second, second_wave) = puppets
    length = min(len(first_wave), len(second_wave))
    for video, wave in ((first, second_wave), (second, first_wave)):
        starts = valid_starts(video, wave[:length])
        result = sync.score_face(expert, video, wave[:length], starts, 0)
        assert not result.reliable and result.verdict == "cannot tell"
        assert "more than 15 frames apart, or unrelated" in str(result)


def test_offsets_of_a_real_clip_are_found_to_one_frame(real):
    model = load_sync_model("sync-grid-s1")
    folder = real / "grid" / "video" / "s1"
    video = open_mouth_video(folder / "bbaf2n.mpg")
    wave, other = (
        audio_io.read_audio(folder / name) for name in ("bbaf2n.mpg", "bbbm3a.mpg")
    )
    offsets = -12, -5, 0, 7, 12
    waves = [*(shift_audio(wave, offset) for offset in offsets), other]
    *scores, swapped = score_waves(model, video, waves)
    errors = [abs(s.offset - k) for s, k in zip(scores, offsets, strict=True)]
    assert max(errors) <= 1
    threshold = model.spec.confidence_threshold
    assert min(score.confidence for score in scores) > threshold > swapped.confidence


def test_command_prints_the_offset_and_the_model(puppets, tmp_path, capfd):
    video, wave = puppets[0]
    frames = video_reader.read_frames(video.source)
    path = write_video(tmp_path / "late.mp4", frames, shift_audio(wave, -7))
    words = "sync", str(path), "--weights", "sync-puppet", "--box", "0,0,96,96"
    assert main(words) == 0
    first, second, scope = capfd.readouterr().out.splitlines()
    assert "measured by sync-puppet (not on the scale of published" in first
    assert "the audio is 7 frames (280 ms) behind the lips" in second
    assert second.endswith(" (an offset needs 0.5 or more)")
    assert scope.startswith("the weights sync-puppet know rendered puppets only; ")
    assert main([*words, "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["weights"] == "sync-puppet" and report["system"] == "sync_expert"
    (result,) = report["faces"]
    assert result["offset"] == -7 and result["offset_seconds"] == -0.28
    assert result["reliable"] and result["reason"] == ""
    assert result["verdict"] == "out of step"
    assert result["lse_c_expert"] > 0.5 > result["lse_d_expert"]
    assert "lse_c" not in result


def test_frames_with_a_waveform_give_the_result_of_the_file(puppets, tmp_path):
    video, wave = puppets[0]
    frames = np.stack(list(video_reader.read_frames(video.source)))
    wave = shift_audio(wave, 5)
    options = {"weights": "sync-puppet", "box": FULL_BOX}
    report = avjax.sync(frames, audio=wave, **options)
    assert report.clip == "array" and report.faces[0].offset == 5
    audio_io.write_wav(tmp_path / "audio.wav", wave)
    assert (
        avjax.sync(frames, audio=tmp_path / "audio.wav", **options).faces[0].offset == 5
    )
    with pytest.raises(avjax.InputError, match="frames have no audio"):
        avjax.sync(frames, **options)


@pytest.fixture
def perfect_model(monkeypatch) -> SyncModel:
    """A model whose embeddings are grey levels of five frames, and audio levels."""

    def jit_encode(config, method):
        def encode_frames(variables, faces):
            return faces.astype(np.float32).mean((2, 3, 4)) / 255

        def encode_audio(variables, windows):
            return windows.reshape(len(windows), 5, 4).mean(-1)

        return {"encode_frames": encode_frames, "encode_audio": encode_audio}[method]

    def preprocess_audio(wave: np.ndarray) -> np.ndarray:
        return wave[: len(wave) // 160 * 160].reshape(-1, 160, 1).mean(1)

    unused = dict.fromkeys(SyncModelSpec._fields)
    used = {
        "preprocess_audio": preprocess_audio,
        "audio_shape": (20, 1),
        "feature_rate": 100,
        "confidence_threshold": 0.1,
        "pad_audio_with_silence": False,
        "crop_box": lambda box: box,
    }
    monkeypatch.setattr(sync_models, "jit_encode", jit_encode)
    monkeypatch.setitem(
        sync_models.SYNC_MODELS, "perfect", SyncModelSpec(**unused | used)
    )
    return SyncModel("it", "perfect", SyncNetConfig(size=16), {})


@pytest.fixture
def level_clip(grey_video):
    """A silent video of 60 grey levels, and audio with the level of each frame."""
    levels = np.random.default_rng(0).integers(20, 230, 60)
    wave = np.repeat(levels / 255, SAMPLES_PER_FRAME).astype(np.float32)
    return grey_video(levels), wave


@pytest.mark.parametrize("offset", [-15, -3, 0, 15])
def test_perfect_model_finds_any_offset_at_no_distance(
    offset, level_clip, perfect_model
):
    path, wave = level_clip
    video = open_mouth_video(path, (8, 0, 48, 48))
    shifted = shift_audio(wave, offset)
    starts = valid_starts(video, shifted)
    assert starts.all() and len(starts) == 55
    result = sync.score_face(perfect_model, video, shifted, starts, 0)
    assert result.offset == offset and result.reliable and result.distance < 0.05


def test_frames_without_a_face_do_not_count(level_clip, perfect_model):
    """The last third has other audio, but no face."""
    path, wave = level_clip
    boxes = np.tile(CORNER, (60, 1))
    boxes[40:] = np.nan
    video = MouthVideo(path, boxes)
    starts = valid_starts(video, wave)
    assert np.flatnonzero(starts).tolist() == list(range(36))
    changed = wave.copy()
    changed[40 * SAMPLES_PER_FRAME :] = 1
    result = sync.score_face(perfect_model, video, changed, starts, 0)
    assert result.offset == 0 and result.distance < 0.05
    assert result.frames.tolist() == list(range(40))


def test_frames_are_read_only_when_needed(level_clip, perfect_model, monkeypatch):
    path, wave = level_clip
    video, crops = open_mouth_video(path, (8, 0, 48, 48)), []
    crop_box = crop.crop_box
    counted = lambda *arguments: crops.append(1) or crop_box(*arguments)  # noqa: E731
    monkeypatch.setattr(crop, "crop_box", counted)
    starts = valid_starts(video, wave)
    chunks = iter_visual_embeddings(perfect_model, video, starts)
    embeddings, mask = next(chunks)
    assert len(embeddings) == len(mask) == CHUNK_FRAMES
    assert len(crops) == CHUNK_FRAMES + SYNC_FRAMES - 1
    *_, (embeddings, mask) = chunks
    assert len(embeddings) == CHUNK_FRAMES and mask.sum() == 55 % CHUNK_FRAMES


def test_all_faces_are_measured_if_visible_for_long_enough(
    level_clip, perfect_model, monkeypatch, tmp_path, capfd
):
    path, wave = level_clip
    frames = video_reader.read_frames(path)
    clip = write_video(tmp_path / "spoken.mp4", frames, wave - 0.5)
    landmarks = np.tile(landmarks_in_box(CORNER), (3, 60, 1, 1))
    landmarks[1, :22], landmarks[2, 30:] = np.nan, np.nan
    tracks = [FaceTrack(one, np.isfinite(one[:, 0, 0])) for one in landmarks]
    monkeypatch.setattr(cache, "track_all_in_video", lambda *_, **__: tracks)
    monkeypatch.setattr(sync, "load_sync_model", lambda name: perfect_model)
    assert main(["sync", str(clip), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert [(entry["face"], entry["frames"]) for entry in report["faces"]] == [
        (0, [[0, 59]]),
        (1, [[22, 59]]),
    ]
    assert report["too_short"] == [2]
    assert main(["sync", str(clip)]) == 0
    *_, last = capfd.readouterr().out.splitlines()
    assert last == "face 2 is visible for too short a time to be measured"


@pytest.fixture(scope="module")
def syncnet_weights(tmp_path_factory):
    """A folder of weights of a small, untrained SyncNet."""
    config, folder = SyncNetConfig(size=96, width=0.02), tmp_path_factory.mktemp("v2")
    rng = np.random.default_rng(0)

    def leaf(path, spec) -> np.ndarray:
        if len(spec.shape) > 1:
            scale = np.prod(spec.shape[:-1]) ** -0.5
            return rng.normal(scale=scale, size=spec.shape).astype(np.float32)
        return np.full(spec.shape, path[-1].key in ("scale", "var"), np.float32)

    shapes = jax.eval_shape(lambda: init_variables(config, jax.random.key(0)))
    variables = jax.tree_util.tree_map_with_path(leaf, shapes)
    params, stats = (
        {part: tree[collection] for part, tree in variables.items()}
        for collection in ("params", "batch_stats")
    )
    weights.save(folder / "it", params, stats, config, system="syncnet_v2", card="")
    return folder / "it"


def test_published_metrics_equal_those_of_the_published_code(syncnet_weights, puppets):
    """Compare with loops over frames and offsets; audio is padded with zeros."""
    video, _ = puppets[0]
    report = avjax.sync(video.source, weights=syncnet_weights, box=FULL_BOX)
    assert report.metrics(report.faces[0]).keys() == {"lse_d", "lse_c"}
    assert "(on the scale of published LSE-D and LSE-C)" in str(report)
    model = load_sync_model(syncnet_weights)
    frames = np.stack(list(video.face_images(96, syncnet_crop)))
    features = mfcc(audio_io.read_audio(video.source))
    count = len(frames) - 5
    audio = model.encode_audio(features, np.arange(count))
    visual = model.encode_frames(frames)[:count]
    padded = np.pad(audio, ((15, 15), (0, 0)))
    distances = [
        [np.linalg.norm(visual[v] - padded[v + s] + 1e-6) for s in range(31)]
        for v in range(count)
    ]
    mean = np.mean(distances, axis=0)
    (result,) = report.faces
    assert result.offset is None  # random weights are not confident
    assert result.distance == pytest.approx(mean.min(), rel=1e-4)
    confidence = np.median(mean) - mean.min()
    assert result.confidence == pytest.approx(confidence, rel=1e-2)
