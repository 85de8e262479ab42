"""Planted offsets are found, by judges who know and by one who always knows."""

import json

import jax
import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.__main__ import ROOMS, VERBS, main
from avjax.audio import mfcc as cepstrum
from avjax.audio.mel import RATE
from avjax.cli import parser
from avjax.data import puppet
from avjax.media import audio_io as audio
from avjax.media import face
from avjax.media import mouth_video as clips
from avjax.media import video_reader as video
from avjax.pipelines import sync
from avjax.pipelines import sync_models as judge
from avjax.pipelines.sync_models import Judge, Kind, SyncNetConfig

SIDE, FRAME = 96, RATE // 25
WHOLE = (0, 0, SIDE, SIDE)
CORNER = np.array([8, 0, 56, 48], np.float32)


def ahead(wave: np.ndarray, frames: int) -> np.ndarray:
    """The same sound so many frames earlier, as long as before."""
    before, after = max(0, -frames) * FRAME, max(0, frames) * FRAME
    return np.pad(wave, (before, after))[after : after + len(wave)]


def write(path, frames, wave):
    with video.VideoWriter(path, 25, wave) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def puppets(tmp_path_factory):
    """Two clips of unseen puppets, and their sounds."""
    folder, found = tmp_path_factory.mktemp("puppets"), []
    for index in (9, 14):
        clip = puppet.make_clip(0, index, SIDE, ("grid",))
        path = write(folder / f"{index}.mp4", clip.frames, clip.wave)
        found.append((clips.open_lips(path, WHOLE), clip.wave))
    return found


@pytest.fixture(scope="module")
def expert() -> Judge:
    return judge.open_judge("puppet")


def judged(knower: Judge, lips, wave) -> list[sync.Timing]:
    """What is found in a clip with each of some sounds, its lips watched once."""
    begun = sync.begins(lips, wave[0])
    seen = list(sync.watched(knower, lips, begun))
    return [
        sync.compare(seen, sync.heard(knower, one[: len(wave[0])], len(begun)))
        for one in wave
    ]


def test_every_planted_offset_is_found_in_puppets(puppets, expert):
    offsets = range(-12, 13)
    for lips, wave in puppets:
        found = judged(expert, lips, [ahead(wave, offset) for offset in offsets])
        assert [int(one.offset) for one in found] == list(offsets)
        assert min(one.confidence for one in found) > expert.kind.sure


def test_another_s_sound_is_out_of_sync(puppets, expert):
    (one, wave), (two, other) = puppets
    length = min(len(wave), len(other))
    for lips, sound in ((one, other), (two, wave)):
        begun = sync.begins(lips, sound[:length])
        found = sync.measure(expert, lips, sound[:length], begun, 0)
        assert not found.sure and "out of sync" in str(found)


def test_offsets_of_a_real_clip_are_found_to_a_frame(real):
    known = judge.open_judge("grid-s1")
    folder = real / "grid" / "video" / "s1"
    lips = clips.open_lips(folder / "bbaf2n.mpg")
    wave, other = (
        audio.read_sound(folder / name, RATE) for name in ("bbaf2n.mpg", "bbbm3a.mpg")
    )
    offsets = -12, -5, 0, 7, 12
    *found, swapped = judged(known, lips, [*(ahead(wave, k) for k in offsets), other])
    assert max(abs(f.offset - k) for f, k in zip(found, offsets, strict=True)) <= 1
    assert min(f.confidence for f in found) > known.kind.sure > swapped.confidence


def test_the_verb_tells_the_offset_and_who_judged(puppets, tmp_path, capfd):
    lips, wave = puppets[0]
    path = write(tmp_path / "late.mp4", video.read_frames(lips.path), ahead(wave, -7))
    given = "sync", str(path), "--weights", "puppet", "--box", "0,0,96,96"
    assert main(given) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert "judged by puppet (our own expert" in first
    assert "the sound is 7 frames (0.28 s) behind the lips" in second
    assert main([*given, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["weights"] == "puppet" and found["system"] == "sync"
    (one,) = found["faces"]
    assert one["offset"] == -7 and one["offset_seconds"] == -0.28 and one["sure"]
    assert one["lse_c_expert"] > 0.5 > one["lse_d_expert"] and "lse_c" not in one


@pytest.fixture
def knower(monkeypatch) -> Judge:
    """A judge whose codes are greys of five frames, and levels of their sound."""

    def program(config, sense):
        def watch(variables, faces):
            return faces.astype(np.float32).mean((2, 3, 4)) / 255

        def hear(variables, windows):
            return windows.reshape(len(windows), 5, 4).mean(-1)

        return {"watch": watch, "hear": hear}[sense]

    def listen(wave: np.ndarray) -> np.ndarray:
        return wave[: len(wave) // 160 * 160].reshape(-1, 160, 1).mean(1)

    kind = Kind(*[None] * len(Kind._fields))
    kind = kind._replace(listen=listen, sound=(20, 1), rate=100, sure=0.1, mute=False)
    kind = kind._replace(around=lambda box: box)
    monkeypatch.setattr(judge, "program", program)
    monkeypatch.setitem(judge.KINDS, "knower", kind)
    return Judge("it", "knower", SyncNetConfig(size=16), {})


@pytest.fixture
def film(grey_film):
    """A silent film of 60 greys, and a sound whose level is that of each frame."""
    levels = np.random.default_rng(0).integers(20, 230, 60)
    return grey_film(levels), np.repeat(levels / 255, FRAME).astype(np.float32)


@pytest.mark.parametrize("offset", [-15, -3, 0, 15])
def test_one_who_knows_finds_any_offset_and_no_distance(offset, film, knower):
    path, wave = film
    lips = clips.open_lips(path, (8, 0, 48, 48))
    moved = ahead(wave, offset)
    begun = sync.begins(lips, moved)
    assert begun.all() and len(begun) == 55
    found = sync.measure(knower, lips, moved, begun, 0)
    assert found.offset == offset and found.sure and found.distance < 0.05


def test_where_no_face_is_nothing_is_judged(film, knower):
    """The second half has another sound, but there the face is away."""
    path, wave = film
    boxes = np.tile(CORNER, (60, 1))
    boxes[40:] = np.nan
    lips = clips.Lips(path, boxes)
    begun = sync.begins(lips, wave)
    assert np.flatnonzero(begun).tolist() == list(range(36))
    spoilt = wave.copy()
    spoilt[40 * FRAME :] = 1
    found = sync.measure(knower, lips, spoilt, begun, 0)
    assert found.offset == 0 and found.distance < 0.05
    assert found.frames.tolist() == list(range(40))


def test_frames_are_read_as_they_are_needed(film, knower, monkeypatch):
    path, wave = film
    lips, read = clips.open_lips(path, (8, 0, 48, 48)), []
    crop = face.crop
    counted = lambda *given: read.append(1) or crop(*given)  # noqa: E731
    monkeypatch.setattr(clips.face, "crop", counted)
    chunks = sync.watched(knower, lips, sync.begins(lips, wave))
    codes, exists = next(chunks)
    assert len(codes) == len(exists) == sync.CHUNK
    assert len(read) == sync.CHUNK + judge.SEEN - 1
    *_, (codes, exists) = chunks
    assert len(codes) == sync.CHUNK and exists.sum() == 55 % sync.CHUNK


def test_everybody_is_judged_who_is_there_for_long_enough(
    film, knower, monkeypatch, tmp_path, capfd
):
    path, wave = film
    spoken = write(tmp_path / "spoken.mp4", video.read_frames(path), wave - 0.5)
    boxes = np.tile(CORNER, (3, 60, 1))
    boxes[1, :22], boxes[2, 30:] = np.nan, np.nan
    tracks = [face.Track(each, np.isfinite(each[:, 0])) for each in boxes]
    monkeypatch.setattr(clips.face, "cached_tracks", lambda *_, **__: tracks)
    monkeypatch.setattr(sync, "open_judge", lambda name: knower)
    assert main(["sync", str(spoken), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [(one["face"], one["frames"]) for one in found["faces"]] == [
        (0, ["0-59"]),
        (1, ["22-59"]),
    ]
    assert found["passing"] == [2]
    assert main(["sync", str(spoken)]) == 0
    *_, last = capfd.readouterr().out.splitlines()
    assert last == "face 2 is there for too short a time to be judged"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder of weights of the published network, small, that nobody trained."""
    config, folder = SyncNetConfig(size=96, width=0.02), tmp_path_factory.mktemp("v2")
    rng = np.random.default_rng(0)

    def leaf(path, like) -> np.ndarray:
        if len(like.shape) > 1:
            scale = np.prod(like.shape[:-1]) ** -0.5
            return rng.normal(scale=scale, size=like.shape).astype(np.float32)
        return np.full(like.shape, path[-1].key in ("scale", "var"), np.float32)

    shapes = jax.eval_shape(lambda: judge.blank(config))
    made = jax.tree_util.tree_map_with_path(leaf, shapes)
    parts = ({"expert": made[kind]} for kind in ("params", "batch_stats"))
    weights.save(folder / "it", *parts, config, system="syncnet_v2", card="")
    return folder / "it"


def test_published_figures_are_counted_as_the_published_program_does(
    published, puppets
):
    """By a loop over moments and offsets, the sound continued by zeros."""
    lips, wave = puppets[0]
    found = avjax.sync(lips.path, weights=published, box=WHOLE)
    assert found.figures(found.timings[0]).keys() == {"lse_d", "lse_c"}
    assert "published figures" in str(found)
    known = judge.open_judge(published)
    frames = np.stack(list(lips.faces(96, judge.published_crop)))
    sound = cepstrum.mfcc(audio.read_sound(lips.path, RATE))
    count = len(frames) - 5
    heard = known.hear(sound, np.arange(count))
    seen = known.watch(frames)[:count]
    padded = np.pad(heard, ((15, 15), (0, 0)))
    apart = [
        [np.linalg.norm(seen[v] - padded[v + s] + 1e-6) for s in range(31)]
        for v in range(count)
    ]
    mean = np.mean(apart, axis=0)
    (timing,) = found.timings
    assert timing.offset == 15 - np.argmin(mean)
    assert timing.distance == pytest.approx(mean.min(), rel=1e-4)
    expected = np.median(mean) - mean.min()
    assert timing.confidence == pytest.approx(expected, rel=1e-2)


def test_the_published_crop_begins_with_the_face_and_is_wider():
    box = np.array([10, 20, 60, 70], np.float32)
    assert judge.published_crop(box) == pytest.approx([0, 20, 70, 90])


@pytest.fixture(scope="module")
def soundless(bad, speaker):
    """What this verb cannot use, among the bad."""
    frames = list(video.read_frames(speaker))
    noise = np.random.default_rng(0).normal(0, 0.1, 20 * 25 * FRAME)
    noise = noise.astype(np.float32)
    black = [np.zeros((48, 64, 3), np.uint8)] * 40
    write(bad / "silence.mp4", frames, np.zeros_like(noise))
    write(bad / "short.mp4", frames[:35], noise)
    write(bad / "single.mp4", frames[:1], noise)
    write(bad / "faceless.mp4", black, noise)
    return bad


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["one.mp4", "--box", "8,0,48,48"], "no sound"),
        (["silence.mp4", "--box", "0,0,96,96"], "silence"),
        (["short.mp4", "--box", "0,0,96,96"], "36 frames of 25 a second"),
        (["single.mp4", "--box", "0,0,96,96"], "36 frames of 25 a second"),
        (["faceless.mp4"], "no face"),
        (["faceless.mp4", "--face-index", "2"], "no face number 2"),
        (["faceless.mp4", "--weights", "sentences"], "not of sync or syncnet_v2"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_bad_input_is_one_sentence_that_says_why(words, why, soundless, refused):
    refused(lambda *words: main(["sync", *words]), *words)
    options = parser(VERBS, ROOMS).parse_args(["sync", *words])
    with pytest.raises(avjax.errors.InputError, match=why):
        options.run(options)


def test_what_no_verb_can_use_is_refused(unusable, refused):
    refused(lambda *words: main(["sync", *map(str, words)]), *unusable)
