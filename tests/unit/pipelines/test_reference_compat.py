"""Inputs of converted weights are prepared as in the authors' code."""

import numpy as np
import pytest
from untrained_talkers import untrained_parts

from avjax.audio.loudness import normalize_speech
from avjax.faces.crop import crop_lower_face
from avjax.faces.mouth_crop import MEAN_GREY
from avjax.faces.mouth_video import MouthVideo
from avjax.faces.source import open_face_source
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.pipelines.talking.audio_talkers import WindowTalker
from avjax.pipelines.talking.loading import LoadedTalker
from avjax.pipelines.talking.speech_source import SpeechTrack
from avjax.pipelines.talking.talking_video import TalkingVideo

SIDE = 96


@pytest.fixture(scope="module")
def talkers() -> dict[bool, WindowTalker]:
    """An untrained talker, by the value of `reference_compat`."""
    options = {"size": SIDE, "width": 0.02, "num_slots": 0, "pixel_range": "[0,1]"}
    variables = untrained_parts(SyncTalkFaceConfig(**options))
    return {
        compat: WindowTalker(
            SyncTalkFaceConfig(**options, reference_compat=compat), variables
        )
        for compat in (True, False)
    }


def random_images(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


def test_each_frame_is_its_own_reference(talkers):
    latents, crops = np.zeros((3, 8), np.float32), random_images(3)
    references = crops[0], random_images(9)[8]
    compat, ours = (
        [talkers[is_compat].decode_frames(latents, crops, x) for x in references]
        for is_compat in (True, False)
    )
    np.testing.assert_array_equal(compat[0], compat[1])
    np.testing.assert_array_equal(compat[0][0], ours[0][0])
    assert (ours[0] != ours[1]).any() and (compat[0][1] != ours[0][1]).any()


def test_audio_level_is_not_normalized(talkers):
    wave = np.sin(np.arange(16_000) / 20).astype(np.float32) / 50
    np.testing.assert_array_equal(talkers[True].preprocess_audio(wave), wave)
    np.testing.assert_array_equal(
        talkers[False].preprocess_audio(wave), normalize_speech(wave)
    )


def test_faces_are_cropped_upright(talkers):
    photo = np.random.default_rng(2).integers(0, 256, (80, 80, 3), np.uint8)
    wave, box = np.zeros(1600, np.float32), (8, 8, 64, 64)
    changed_columns = {}
    for compat, talker in talkers.items():
        source = open_face_source(photo, box, 0)
        video = TalkingVideo(source, SpeechTrack(wave), LoadedTalker("", talker))
        frame = next(iter(video))
        changed_columns[compat] = np.flatnonzero((frame != photo).any(axis=(0, 2)))
        assert video.report.face_widths == [48.0 if compat else 64.0]
    assert changed_columns[True].min() >= 16 and changed_columns[True].max() <= 63
    assert changed_columns[False].min() < 16 and changed_columns[False].max() > 63


def test_lip_readers_see_the_lower_face():
    frame = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    frames = np.stack([frame, frame])
    boxes = np.array([[4, 4, 60, 60], [np.nan] * 4], np.float32)
    lower_face, blank = MouthVideo(frames, boxes, lower_face=True).mouth_images(24)
    np.testing.assert_array_equal(lower_face, crop_lower_face(frame, boxes[0], 24))
    assert (blank == MEAN_GREY).all() and blank.shape == (24, 24, 1)
    mouth, _ = MouthVideo(frames, boxes).mouth_images(24)
    assert (mouth != lower_face).any()
