import numpy as np
import pytest

from avjax.media.face import smooth_boxes, track_face

SIDE = 40.0  # side of the fake face in pixels


def image_of(*centres: tuple[float, float, float]) -> np.ndarray:
    """Return a fake image: a list of faces x, y, side."""
    return np.array(centres, np.float64).reshape(-1, 3)


def fake_detect(image: np.ndarray) -> np.ndarray:
    x, y, side = image.T
    boxes = np.stack([x - side / 2, y - side / 2, x + side / 2, y + side / 2], axis=-1)
    return boxes[np.argsort(-side)].astype(np.float32)


def box_of(x: float, y: float = 50.0, side: float = SIDE) -> np.ndarray:
    return fake_detect(image_of((x, y, side)))[0]


def still(count: int, x: float = 50.0) -> list[np.ndarray]:
    return [image_of((x, 50, SIDE))] * count


def test_a_still_face_has_constant_boxes():
    boxes, detected = track_face(iter(still(20)), fake_detect)
    assert (
        boxes == pytest.approx(np.tile(box_of(50), (20, 1)), abs=1e-3)
        and detected.all()
    )
    assert boxes.dtype == np.float32


def test_short_gaps_are_interpolated_and_long_ones_are_nan():
    no_face = [image_of()]
    images = still(10) + no_face * 5 + still(10, 55) + no_face * 30 + still(10, 55)
    boxes, detected = track_face(images, fake_detect, max_gap=12)
    assert not np.isnan(boxes[:25]).any() and np.isnan(boxes[25:55]).all()
    assert (
        detected.tolist()
        == [True] * 10 + [False] * 5 + [True] * 10 + [False] * 30 + [True] * 10
    )
    middle = boxes[10:15, [0, 2]].mean(axis=1)
    assert (np.diff(middle) >= 0).all() and 50 < middle.mean() < 55


def test_a_video_without_faces_is_all_nan():
    boxes, detected = track_face([image_of()] * 7, fake_detect)
    assert boxes.shape == (7, 4) and np.isnan(boxes).all() and not detected.any()
    assert track_face([], fake_detect).boxes.shape == (0, 4)


def test_a_single_image_needs_only_one_detection():
    assert track_face(still(1), fake_detect).boxes == pytest.approx(box_of(50)[None])


def test_a_false_detection_in_one_frame_is_ignored():
    images = still(30)
    images[15] = image_of((50, 50, SIDE), (300, 80, 90))
    boxes, _ = track_face(images, fake_detect)
    assert boxes == pytest.approx(np.tile(box_of(50), (30, 1)), abs=1e-3)


def test_index_selects_among_simultaneous_faces():
    images = [image_of((50, 50, 40), (200, 50, 60))] * 20
    larger, smaller = (track_face(images, fake_detect, index=i).boxes for i in (0, 1))
    assert larger[9] == pytest.approx(box_of(200, side=60), abs=1e-3)
    assert smaller[9] == pytest.approx(box_of(50), abs=1e-3)
    assert np.isnan(track_face(images, fake_detect, index=2).boxes).all()


def test_another_face_does_not_replace_an_absent_one():
    both = [image_of((50, 50, 40), (200, 50, 60))] * 20
    images = both + [image_of((50, 50, 40))] * 30 + both
    boxes, _ = track_face(images, fake_detect)
    assert np.isnan(boxes[20:50]).all() and not np.isnan(boxes[50:]).any()


def test_a_passer_by_does_not_replace_the_speaker():
    images = still(200)
    images[80:100] = [image_of((50, 50, SIDE), (120, 50, 60))] * 20
    assert track_face(images, fake_detect).boxes == pytest.approx(
        np.tile(box_of(50), (200, 1)), abs=1e-3
    )


def test_a_cut_is_not_smoothed():
    boxes, detected = track_face(still(20, 50) + still(20, 300), fake_detect)
    assert boxes[:20] == pytest.approx(np.tile(box_of(50), (20, 1)), abs=1e-3)
    assert boxes[20:] == pytest.approx(np.tile(box_of(300), (20, 1)), abs=1e-3)


@pytest.mark.parametrize("interval", [2, 5])
def test_boxes_between_detections_are_interpolated(interval):
    images = [image_of((50 + 2 * t, 50, SIDE)) for t in range(41)]
    calls = []
    counted = lambda image: calls.append(1) or fake_detect(image)  # noqa: E731
    boxes, detected = track_face(images, counted, detect_every=interval)
    assert len(calls) == -(-41 // interval) and detected.all()
    inner = slice(12, 29)
    centre = boxes[inner, 0] + SIDE / 2
    assert centre == pytest.approx(50 + 2 * np.arange(12, 29), abs=0.5)


def test_images_are_read_one_at_a_time():
    alive = []

    def images():
        for _ in range(50):
            alive.append(1)
            yield image_of((50, 50, SIDE))
            alive.pop()

    counted = lambda image: fake_detect(image) if len(alive) == 1 else 1 / 0  # noqa: E731
    assert len(track_face(images(), counted).boxes) == 50


def test_smooth_boxes_reduces_jitter():
    rng = np.random.default_rng(0)
    truth = np.tile(box_of(50), (200, 1))
    jitter = truth + rng.normal(0, 0.02 * SIDE, (200, 1)) * [1, 1, 1, 1]
    assert smooth_boxes(jitter).std(axis=0).max() < 0.5 * jitter.std(axis=0).max()


def test_smooth_boxes_does_not_lag_behind_fast_motion():
    position = np.concatenate(
        [np.full(30, 50.0), np.linspace(50, 110, 6), np.full(30, 110)]
    )
    boxes = np.stack([box_of(x) for x in position])
    plain = np.stack([np.convolve(x, np.ones(9) / 9, "same") for x in boxes.T], -1)
    error, plain_error = (
        np.abs(b - boxes)[10:-10].max() for b in (smooth_boxes(boxes), plain)
    )
    assert error < 0.1 * SIDE < 0.5 * plain_error


def test_smooth_boxes_keeps_steady_motion():
    boxes = np.stack([box_of(50 + 0.8 * t) for t in range(60)])
    assert smooth_boxes(boxes)[12:-12] == pytest.approx(boxes[12:-12], abs=1e-2)


def test_smooth_boxes_keeps_gaps_and_does_not_average_across_them():
    boxes = np.stack([box_of(50)] * 10 + [np.full(4, np.nan)] + [box_of(52)] * 10)
    smoothed = smooth_boxes(boxes)
    assert np.isnan(smoothed[10]).all()
    assert smoothed[9] == pytest.approx(box_of(50), abs=1e-3)
    assert smoothed[11] == pytest.approx(box_of(52), abs=1e-3)


def test_the_face_is_tracked_throughout_real_clips(real):
    from itertools import islice

    from avjax.media.video_reader import read_frames

    paths = [*(real / "talking").iterdir(), *(real / "grid/video/s3").iterdir()]
    for path in sorted(paths):
        boxes, detected = track_face(islice(read_frames(path), 60), detect_every=6)
        assert not np.isnan(boxes).any() and detected.mean() > 0.8, path.name
