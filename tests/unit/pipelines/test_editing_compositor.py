"""A talker that edits frames: what changes, what stays, and what is reported."""

import dataclasses

import numpy as np
import pytest
from untrained_talkers import save_parts, untrained_parts

from avjax.constants import SAMPLE_RATE
from avjax.data import puppet
from avjax.faces.source import open_face_source
from avjax.models.lipwarp import LipWarpConfig
from avjax.pipelines.live import live
from avjax.pipelines.talk import talk
from avjax.pipelines.talking.audio_talkers import load_talker
from avjax.pipelines.talking.editing_compositor import (
    describe_source,
    make_compositor,
    measure_person,
)

CONFIG = LipWarpConfig(
    size=32,
    code_dim=4,
    context_frames=3,
    audio_dim=16,
    layers=1,
    heads=2,
    speech_code=(0.1, 0.0, -0.2, 0.3),
)
WAVE = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lipwarp") / "weights"
    save_parts(folder, untrained_parts(CONFIG), CONFIG)
    return folder


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return puppet.render_portrait(puppet.make_puppet(0, 3), 256)[0]


@pytest.fixture(scope="module")
def source(photo):
    return open_face_source(photo)


def test_only_the_lower_face_changes(weights, photo):
    frames = list(talk(photo, WAVE, weights=weights))
    assert len(frames) == 25
    changed = np.any([(frame != photo).any(-1) for frame in frames], axis=0)
    rows, columns = np.nonzero(changed)
    box = open_face_source(photo).boxes[0]
    assert changed.any()
    assert rows.min() > (box[1] + box[3]) / 2 - 10
    assert box[0] <= columns.min() <= columns.max() <= box[2]


def test_a_photo_does_not_move_in_silence(weights, photo):
    wave = np.concatenate([WAVE, np.zeros(SAMPLE_RATE, np.float32)])
    frames = np.stack(list(talk(photo, wave, weights=weights))).astype(int)
    changes = np.abs(np.diff(frames, axis=0)).max(axis=(1, 2, 3))
    assert changes[5:20].max() > 0
    assert changes[35:].max() <= 1, "rounding alone"


def test_a_frame_does_not_depend_on_the_others_of_its_chunk(weights, source):
    latents = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    talker = load_talker(weights)
    together = make_compositor(source, talker, False).composite(latents)
    compositor = make_compositor(source, talker, False)
    parts = compositor.composite(latents[:3]) + compositor.composite(latents[3:])
    for one, other in zip(together, parts, strict=True):
        difference = one.frame.astype(int) - other.frame
        assert np.abs(difference).max() <= 1


def test_the_overshoot_scales_the_change_of_the_codes(weights, photo):
    clip = open_face_source(np.stack([photo] * 2))
    talker = load_talker(weights)
    still = dataclasses.replace(talker.config, overshoot=0.0)
    talker = dataclasses.replace(talker, config=still)
    one, other = (
        make_compositor(clip, talker, False).composite(np.full((2, 4), value))
        for value in (-1.0, 1.0)
    )
    np.testing.assert_array_equal(one[0].frame, other[0].frame)


def test_the_native_frames_are_aligned_lower_faces(weights, photo):
    video = talk(photo, WAVE, weights=weights, native=True)
    assert video.shape == (32, 32)
    assert {frame.shape for frame in video} == {(32, 32, 3)}


def test_frames_without_a_face_and_profiles_stay_unchanged(weights, photo):
    source = open_face_source(np.stack([photo] * 4))
    landmarks = source.track.landmarks.copy()
    landmarks[1] = np.nan
    landmarks[2, 2, 0] = landmarks[2, 1, 0] + 20  # the nose is beside the right eye
    track = source.track._replace(landmarks=landmarks)
    source = dataclasses.replace(source, track=track, boxes=track.boxes)
    talker = load_talker(weights)
    latents = np.full((4, 4), 3, np.float32)
    results = make_compositor(source, talker, False).composite(latents)
    unchanged = [(result.frame == photo).all() for result in results]
    assert unchanged == [False, True, True, False]
    assert [result.patch is None for result in results] == unchanged
    (remark,) = describe_source(source, talker)
    assert "seen from the side in 1 frame of the source" in remark
    assert remark.endswith(": 2")


def test_a_small_face_is_reported(weights, source):
    talker = load_talker(weights)
    assert describe_source(source, talker) == ()
    box = (100.0, 100.0, 30.0, 30.0)
    small = open_face_source(np.zeros((256, 256, 3), np.uint8), box)
    (remark,) = describe_source(small, talker)
    assert "the face is small, 9 pixels from eye to eye" in remark


def test_the_constant_of_a_person_is_that_of_a_mouth_at_rest(weights, source):
    talker = load_talker(weights)
    person = measure_person(source, talker)
    assert person.code.shape == (4,)
    assert (person.reference.image == next(source.play(1))).all()


def test_a_given_box_is_used(weights, photo, source):
    x0, y0, x1, y1 = (float(edge) for edge in source.boxes[0])
    box = (x0, y0, x1 - x0, y1 - y0)
    frame = next(iter(talk(photo, WAVE, weights=weights, box=box)))
    detected = next(iter(talk(photo, WAVE, weights=weights)))
    assert np.abs(frame.astype(int) - detected).mean() < 2


def test_a_live_session_gives_the_frames_of_talk(weights, photo):
    session = live(photo, weights=weights, lookahead=2)
    frames = [*session.feed(WAVE[:7000]), *session.feed(WAVE[7000:])]
    frames += session.finish()
    expected = list(talk(photo, WAVE, weights=weights, lookahead=2))
    assert len(frames) == len(expected)
    for frame, other in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(frame, other)
