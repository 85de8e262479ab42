import numpy as np
import pytest

from avjax.media.face import smooth, track

SPOT = 40.0  # side of the box that the fake detector sees


def image_of(*centres: tuple[float, float, float]) -> np.ndarray:
    """A stand-in for an image: a list of faces x, y, side."""
    return np.array(centres, np.float64).reshape(-1, 3)


def fake_detect(image: np.ndarray) -> np.ndarray:
    x, y, side = image.T
    boxes = np.stack([x - side / 2, y - side / 2, x + side / 2, y + side / 2], axis=-1)
    return boxes[np.argsort(-side)].astype(np.float32)


def box_of(x: float, y: float = 50.0, side: float = SPOT) -> np.ndarray:
    return fake_detect(image_of((x, y, side)))[0]


def still(count: int, x: float = 50.0) -> list[np.ndarray]:
    return [image_of((x, 50, SPOT))] * count


def test_a_still_face_stays_where_it_is():
    boxes, seen = track(iter(still(20)), fake_detect)
    assert boxes == pytest.approx(np.tile(box_of(50), (20, 1)), abs=1e-3) and seen.all()
    assert boxes.dtype == np.float32


def test_a_short_gap_is_bridged_and_a_long_one_left_open():
    nobody = [image_of()]
    images = still(10) + nobody * 5 + still(10, 55) + nobody * 30 + still(10, 55)
    boxes, seen = track(images, fake_detect, max_gap=12)
    assert not np.isnan(boxes[:25]).any() and np.isnan(boxes[25:55]).all()
    assert (
        seen.tolist()
        == [True] * 10 + [False] * 5 + [True] * 10 + [False] * 30 + [True] * 10
    )
    middle = boxes[10:15, [0, 2]].mean(axis=1)
    assert (np.diff(middle) >= 0).all() and 50 < middle.mean() < 55


def test_no_face_at_all_is_all_nan():
    boxes, seen = track([image_of()] * 7, fake_detect)
    assert boxes.shape == (7, 4) and np.isnan(boxes).all() and not seen.any()
    assert track([], fake_detect).boxes.shape == (0, 4)


def test_a_single_photo_is_trusted():
    assert track(still(1), fake_detect).boxes == pytest.approx(box_of(50)[None])


def test_a_false_alarm_of_one_frame_moves_nothing():
    images = still(30)
    images[15] = image_of((50, 50, SPOT), (300, 80, 90))
    boxes, _ = track(images, fake_detect)
    assert boxes == pytest.approx(np.tile(box_of(50), (30, 1)), abs=1e-3)


def test_index_chooses_among_people_who_are_there_together():
    images = [image_of((50, 50, 40), (200, 50, 60))] * 20
    larger, smaller = (track(images, fake_detect, index=i).boxes for i in (0, 1))
    assert larger[9] == pytest.approx(box_of(200, side=60), abs=1e-3)
    assert smaller[9] == pytest.approx(box_of(50), abs=1e-3)
    assert np.isnan(track(images, fake_detect, index=2).boxes).all()


def test_while_the_larger_face_is_away_the_other_does_not_speak_for_it():
    both = [image_of((50, 50, 40), (200, 50, 60))] * 20
    images = both + [image_of((50, 50, 40))] * 30 + both
    boxes, _ = track(images, fake_detect)
    assert np.isnan(boxes[20:50]).all() and not np.isnan(boxes[50:]).any()


def test_a_passer_by_in_front_of_the_speaker_is_not_taken_for_him():
    images = still(200)
    images[80:100] = [image_of((50, 50, SPOT), (120, 50, 60))] * 20
    assert track(images, fake_detect).boxes == pytest.approx(
        np.tile(box_of(50), (200, 1)), abs=1e-3
    )


def test_a_cut_is_followed_at_once_and_not_smoothed_over():
    boxes, seen = track(still(20, 50) + still(20, 300), fake_detect)
    assert boxes[:20] == pytest.approx(np.tile(box_of(50), (20, 1)), abs=1e-3)
    assert boxes[20:] == pytest.approx(np.tile(box_of(300), (20, 1)), abs=1e-3)


@pytest.mark.parametrize("every", [2, 5])
def test_between_looks_the_box_is_drawn_out(every):
    images = [image_of((50 + 2 * t, 50, SPOT)) for t in range(41)]
    looked = []
    counted = lambda image: looked.append(1) or fake_detect(image)  # noqa: E731
    boxes, seen = track(images, counted, every=every)
    assert len(looked) == -(-41 // every) and seen.all()
    inner = slice(12, 29)
    centre = boxes[inner, 0] + SPOT / 2
    assert centre == pytest.approx(50 + 2 * np.arange(12, 29), abs=0.5)


def test_images_are_read_one_at_a_time():
    alive = []

    def images():
        for _ in range(50):
            alive.append(1)
            yield image_of((50, 50, SPOT))
            alive.pop()

    counted = lambda image: fake_detect(image) if len(alive) == 1 else 1 / 0  # noqa: E731
    assert len(track(images(), counted).boxes) == 50


def test_smoothing_calms_a_trembling_box():
    draw = np.random.default_rng(0)
    truth = np.tile(box_of(50), (200, 1))
    jitter = truth + draw.normal(0, 0.02 * SPOT, (200, 1)) * [1, 1, 1, 1]
    assert smooth(jitter).std(axis=0).max() < 0.5 * jitter.std(axis=0).max()


def test_smoothing_does_not_lag_behind_a_head_that_jerks():
    where = np.concatenate(
        [np.full(30, 50.0), np.linspace(50, 110, 6), np.full(30, 110)]
    )
    boxes = np.stack([box_of(x) for x in where])
    plain = np.stack([np.convolve(x, np.ones(9) / 9, "same") for x in boxes.T], -1)
    error, plain_error = (
        np.abs(b - boxes)[10:-10].max() for b in (smooth(boxes), plain)
    )
    assert error < 0.1 * SPOT < 0.5 * plain_error


def test_a_steady_motion_passes_unchanged():
    boxes = np.stack([box_of(50 + 0.8 * t) for t in range(60)])
    assert smooth(boxes)[12:-12] == pytest.approx(boxes[12:-12], abs=1e-2)


def test_smoothing_keeps_gaps_and_does_not_reach_across_them():
    boxes = np.stack([box_of(50)] * 10 + [np.full(4, np.nan)] + [box_of(52)] * 10)
    calm = smooth(boxes)
    assert np.isnan(calm[10]).all()
    assert calm[9] == pytest.approx(box_of(50), abs=1e-3)
    assert calm[11] == pytest.approx(box_of(52), abs=1e-3)


def test_the_face_is_found_throughout_real_clips(real):
    from itertools import islice

    from avjax.media.video_reader import read_frames

    paths = [*(real / "talking").iterdir(), *(real / "grid/video/s3").iterdir()]
    for path in sorted(paths):
        boxes, seen = track(islice(read_frames(path), 60), every=6)
        assert not np.isnan(boxes).any() and seen.mean() > 0.8, path.name
