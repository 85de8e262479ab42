"""Weights that were converted are shown, and told, what they were trained on."""

import jax
import numpy as np
import pytest
from random_variables import untrained

from avjax.audio import loudness as speech
from avjax.media import face
from avjax.media import mouth_video as clips
from avjax.media.mouth_crop import GREY
from avjax.media.mouth_video import Lips
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import talk

SIDE = 96


@pytest.fixture(scope="module")
def models() -> dict[bool, talkers.Talker]:
    """A face that nobody trained, fed as published ones are, and as ours are."""
    shape = {"size": SIDE, "width": 0.02, "slots": 0, "signed": False}
    shapes = jax.eval_shape(lambda: talkers.blank(SyncTalkFaceConfig(**shape)))
    variables = untrained(shapes)
    return {
        published: talkers.Talker(
            SyncTalkFaceConfig(**shape, published=published), variables
        )
        for published in (True, False)
    }


def pictures(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


def test_a_published_face_has_each_frame_as_its_reference(models):
    latents, crops = np.zeros((3, 8), np.float32), pictures(3)
    one, other = crops[0], pictures(9)[8]
    published = [models[True].draw(latents, crops, each) for each in (one, other)]
    ours = [models[False].draw(latents, crops, each) for each in (one, other)]
    np.testing.assert_array_equal(*published)
    np.testing.assert_array_equal(published[0][0], ours[0][0])
    assert (ours[0] != ours[1]).any() and (published[0][1] != ours[0][1]).any()


def test_a_published_face_hears_the_sound_as_it_came(models):
    wave = np.sin(np.arange(16_000) / 20).astype(np.float32) / 50
    np.testing.assert_array_equal(models[True].heard(wave), wave)
    np.testing.assert_array_equal(models[False].heard(wave), speech.prepare(wave))


def test_a_published_face_is_cut_out_upright(models):
    picture = np.random.default_rng(2).integers(0, 256, (80, 80, 3), np.uint8)
    wave, box = np.zeros(1600, np.float32), (8, 8, 64, 64)
    seen = {}
    for published, model in models.items():
        source = talk.open_face(picture, box, 0)
        given = talk.Script(wave), talk.Cast("", model)
        made = talk.Talk(source, *given, native=False)
        frame = next(iter(made))
        seen[published] = np.flatnonzero((frame != picture).any(axis=(0, 2)))
        assert made.report.sides == [48.0 if published else 64.0]
    assert seen[True].min() >= 16 and seen[True].max() <= 63
    assert seen[False].min() < 16 and seen[False].max() > 63


def test_a_published_reader_sees_the_lower_face(monkeypatch):
    frame = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    monkeypatch.setattr(clips.video, "read_at_rate", lambda *_: iter([frame, frame]))
    boxes = np.array([[4, 4, 60, 60], [np.nan] * 4], np.float32)
    wide, blank = Lips("clip", boxes, wide=True).pictures(24)
    np.testing.assert_array_equal(wide, face.lower_face(frame, boxes[0], 24))
    assert (blank == GREY).all() and blank.shape == (24, 24, 1)
    narrow, _ = Lips("clip", boxes).pictures(24)
    assert (narrow != wide).any()
