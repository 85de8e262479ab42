"""Tracks of people in drawn scenes with a perfect detector, of puppets, in clips."""

import itertools

import cv2
import numpy as np
import pytest

from avjax.faces.alignment import fit_similarity, landmarks_in_box
from avjax.faces.detection import Faces
from avjax.faces.observation import observe_faces
from avjax.faces.tracking import (
    FaceTrack,
    link_tracks,
    select_track,
    track_all_faces,
    track_face,
)
from avjax.media.video_reader import read_frames

SIDE = 60  # of a drawn face in pixels
SHAPE = (160, 400)


def landmarks_at(x: float, y: float = 80.0, side: float = SIDE) -> np.ndarray:
    half = side / 2
    return landmarks_in_box(np.array([x - half, y - half, x + half, y + half]))


class World:
    """Scenes of drawn faces, and a detector that knows where they are.

    Attributes:
        scenes: The faces of each frame, the hindmost first: (person, x, side).
        background: Grey level of each frame.
        searches: Frames that were searched whole, and whether thoroughly.
    """

    def __init__(self, scenes, background=None):
        self.scenes = scenes
        self.background = background or [90] * len(scenes)
        self.searches: list[tuple[int, bool]] = []

    def frames(self):
        for number, (scene, level) in enumerate(
            zip(self.scenes, self.background, strict=True)
        ):
            image = np.full((*SHAPE, 3), level, np.uint8)
            image[:, ::40] = 255 - level
            for person, x, side in scene:
                rng = np.random.default_rng(person)
                look = rng.integers(0, 255, (7, 7, 3), np.uint8)
                left, top = int(x - side / 2), int(80 - side / 2)
                image[top : top + side, left : left + side] = cv2.resize(
                    look, (side, side), interpolation=cv2.INTER_NEAREST
                )
            image[0, 0] = number % 256, number // 256, 0
            yield image

    def visible(self, image) -> list[np.ndarray]:
        """Landmarks of the faces that no later one covers, largest first."""
        scene = self.scenes[int(image[0, 0, 0]) + 256 * int(image[0, 0, 1])]
        shown = [
            (x, side)
            for n, (_, x, side) in enumerate(scene)
            if all(abs(x - other) > side / 2 for _, other, _ in scene[n + 1 :])
        ]
        shown.sort(key=lambda face: -face[1])
        return [landmarks_at(x, side=side) for x, side in shown]

    def detect(self, image, thorough) -> Faces:
        self.searches.append((int(image[0, 0, 0]), thorough))
        found = np.array(self.visible(image), np.float32).reshape(-1, 5, 2)
        return Faces(found, np.ones(len(found), np.float32))

    def refine(self, image, landmarks):
        places = self.visible(image)
        away = [float(np.abs(place - landmarks).max()) for place in places]
        if not away or min(away) > SIDE / 3:
            return landmarks, 0.1
        return places[int(np.argmin(away))], 0.99

    def observe(self, fps=25.0):
        return observe_faces(self.frames(), fps, self.detect, self.refine)

    def track(self, index=0) -> FaceTrack:
        return select_track(self.observe(), index)


def still(count: int, x: float = 60.0, person: int = 1, side: int = SIDE):
    return [[(person, x, side)]] * count


def centers(track: FaceTrack) -> np.ndarray:
    """x of the mouth in each frame, [t]."""
    return track.landmarks[:, 3:, 0].mean(-1)


def test_a_still_face_has_constant_landmarks():
    track = World(still(20)).track()
    np.testing.assert_allclose(
        track.landmarks, np.tile(landmarks_at(60), (20, 1, 1)), atol=1e-3
    )
    assert track.detected.all() and track.present.all() and not track.profile.any()
    assert track.landmarks.dtype == np.float32
    expected = np.tile([30, 50, 90, 110], (20, 1))
    np.testing.assert_allclose(track.boxes, expected, atol=1e-2)


def test_short_gaps_are_interpolated_and_long_ones_are_nan():
    scenes = still(10) + [[]] * 5 + still(10, 66) + [[]] * 30 + still(10, 66)
    track = World(scenes).track()
    assert track.present[:25].all() and not track.present[25:55].any()
    assert track.detected[:10].all() and not track.detected[10:15].any()
    assert track.detected[18:25].all() and track.present[58:].all()
    x = centers(track)[9:19]
    assert (np.diff(x) >= 0).all() and x[0] == 60 and x[-1] == 66


def test_the_longest_gap_is_half_a_second_at_any_frame_rate():
    scenes = still(20) + [[]] * 20 + still(20)
    for fps, expected in ((25, False), (50, True)):
        track = select_track(World(scenes).observe(fps), 0)
        assert track.present[20:40].all() == expected, fps


def test_a_video_without_faces_is_all_nan():
    track = World([[]] * 7).track()
    assert track.landmarks.shape == (7, 5, 2) and not track.present.any()
    assert not track.detected.any() and np.isnan(track.boxes).all()
    assert link_tracks(World([[]] * 7).observe()) == []
    assert World([]).track().boxes.shape == (0, 4)


def test_a_single_image_needs_only_one_observation():
    assert World(still(1)).track().detected.tolist() == [True]


def test_a_false_detection_in_one_frame_is_ignored():
    scenes = still(30)
    scenes[0] = [(1, 60, SIDE), (2, 300, 90)]
    observations = World(scenes).observe()
    (track,) = link_tracks(observations)
    np.testing.assert_allclose(centers(track), 60, atol=1e-3)


def test_index_selects_among_simultaneous_faces():
    world = World([[(1, 60, 40), (2, 300, 80)]] * 20)
    assert centers(world.track(0)) == pytest.approx(np.full(20, 300))
    assert centers(world.track(1)) == pytest.approx(np.full(20, 60))
    assert not world.track(2).present.any()


def test_another_face_does_not_replace_an_absent_one():
    both = [[(1, 60, 40), (2, 300, 80)]] * 20
    track = World(both + [[(1, 60, 40)]] * 30 + both).track()
    assert not track.present[20:50].any() and track.present[[*range(20), 55]].all()


def test_a_passer_by_does_not_replace_the_speaker():
    scenes = still(200)
    scenes[80:100] = [[(1, 60, SIDE), (2, 200, 90)]] * 20
    track = World(scenes).track()
    np.testing.assert_allclose(centers(track), 60, atol=1e-3)
    assert track.detected.all()


@pytest.mark.parametrize("meet", [0, 6])
def test_people_who_cross_keep_their_tracks(meet):
    """One passes in front of the other; `meet` frames they stand still meanwhile."""
    steps = [*range(45), *([45] * meet), *range(45, 90)]
    scenes = [[(2, 330 - 3 * n, SIDE), (1, 60 + 3 * n, SIDE)] for n in steps]
    tracks = link_tracks(World(scenes).observe())
    assert len(tracks) == 2
    front, behind = sorted(tracks, key=lambda track: -track.detected.sum())
    steps = np.array(steps)
    np.testing.assert_allclose(centers(front), 60 + 3 * steps, atol=2)
    seen = behind.detected
    assert seen[:30].all() and seen[-30:].all()
    np.testing.assert_allclose(centers(behind)[seen], (330 - 3 * steps)[seen], atol=2)


def test_someone_who_steps_in_front_is_another_person():
    """The network follows whichever face is at the place; appearance tells."""
    scenes = still(30, 60, person=1) + still(30, 62, person=2) + still(30, 60, person=1)
    tracks = link_tracks(World(scenes).observe())
    assert [int(track.detected.sum()) for track in tracks] == [60, 30]
    assert tracks[0].detected[:30].all() and tracks[0].detected[60:].all()


def test_a_cut_restarts_the_search_and_is_not_interpolated():
    scenes = still(20, 60) + [[]] * 5 + still(20, 60)
    background = [40] * 20 + [200] * 5 + [40] * 20
    world = World(scenes, background)
    observations = world.observe()
    assert observations.cuts.tolist() == [20, 25]
    assert {(0, True), (20, True), (25, True)} <= set(world.searches)
    (track,) = link_tracks(observations)
    assert not track.present[20:25].any() and track.present[25:].all()


def test_a_blank_frame_is_no_cut(monkeypatch):
    world = World(still(10) + [[]] * 2 + still(10))
    frames = list(world.frames())
    for number in (10, 11):
        frames[number][:] = 0
        frames[number][0, 0] = number, 0, 0
    monkeypatch.setattr(world, "frames", lambda: frames)
    observations = world.observe()
    assert not len(observations.cuts)
    assert select_track(observations, 0).present.all()


def test_people_are_recognised_after_a_cut():
    first, second = still(20, 60, person=1), still(12, 300, person=2)
    scenes = [*first, *second, *still(20, 200, person=1)]
    world = World(scenes, [40] * 20 + [200] * 12 + [40] * 20)
    speaker, other = link_tracks(world.observe())
    assert speaker.present.tolist() == [True] * 20 + [False] * 12 + [True] * 20
    assert other.present.tolist() == [False] * 20 + [True] * 12 + [False] * 20


def test_whole_frames_are_searched_once_a_second_while_all_is_well():
    world = World(still(101))
    world.observe()
    assert world.searches == [(n, n == 0) for n in range(0, 101, 25)]
    world = World(still(10) + [[]] * 60)
    world.observe()
    numbers = [number for number, _ in world.searches]
    assert numbers[:3] == [0, 10, 13] and max(np.diff(numbers[1:])) == 3
    thorough = [number for number, thorough in world.searches if thorough]
    assert max(np.diff(thorough)[1:]) <= 15


def test_a_new_person_is_found_within_a_second():
    scenes = [[(1, 60, SIDE)]] * 30 + [[(1, 60, SIDE), (2, 300, SIDE)]] * 60
    tracks = link_tracks(World(scenes).observe())
    assert len(tracks) == 2 and tracks[1].detected[50:].all()


def test_frames_are_read_one_at_a_time():
    world, alive = World(still(50)), []

    def frames():
        for image in world.frames():
            alive.append(1)
            yield image
            alive.pop()

    def refine(image, landmarks):
        assert len(alive) == 1
        return world.refine(image, landmarks)

    observe_faces(frames(), 25.0, world.detect, refine)


def slide(one: np.ndarray, other: np.ndarray, count: int = 48):
    """Two puppets who cross: the first, in front, goes right and the other left."""
    mask = np.zeros((200, 200), np.float32)
    cv2.ellipse(mask, (100, 100), (62, 88), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
    for n in range(count):
        image = np.full((240, 520, 3), 110, np.uint8)
        image[::24] = 150
        for picture, left in ((other, 320 - 320 * n // count), (one, 320 * n // count)):
            region = image[20:220, left : left + 200]
            region[:] = mask * cv2.resize(picture, (200, 200)) + (1 - mask) * region
        yield image


def test_puppets_who_cross_keep_their_tracks(portraits):
    tracks = track_all_faces(slide(portraits[0], portraits[1]))
    assert len(tracks) == 2
    front, behind = sorted(tracks, key=lambda track: track.landmarks[0, 0, 0])
    for track, start, end in ((front, 100, 413), (behind, 420, 107)):
        x = centers(track)
        assert track.detected.mean() > 0.6
        assert abs(x[0] - start) < 30 and abs(x[-1] - end) < 30
        seen = x[track.detected]
        assert np.abs(np.diff(seen)).max() < 130
    assert front.detected.all()


def test_a_puppet_is_followed_through_tilt_darkness_and_a_hand(portrait):
    frames = []
    for n in range(60):
        matrix = cv2.getRotationMatrix2D((127, 127), 40 * np.sin(n / 6), 1.0)
        image = cv2.warpAffine(portrait, matrix, (256, 256))
        image = (image * (1 - 0.6 * np.sin(np.pi * n / 60))).astype(np.uint8)
        if 20 <= n < 32:
            image[136:190, 60 + 4 * (n - 20) : 120 + 4 * (n - 20)] = (150, 110, 90)
        frames.append(image)
    (track,) = track_all_faces(frames)
    assert track.present.all() and track.detected.mean() > 0.8


def test_landmarks_jitter_little(portrait):
    """A still puppet with the noise of a camera: the smoothed place hardly moves."""
    rng = np.random.default_rng(0)
    frames = [
        np.clip(portrait + rng.normal(0, 6, portrait.shape), 0, 255).astype(np.uint8)
        for _ in range(30)
    ]
    track = track_face(frames)
    scale = np.hypot(*track.similarities[:, :2].T).mean()
    raw = fit_similarity(track.landmarks)[:, 2:].std(0).max() / scale
    smooth = track.similarities[:, 2:].std(0).max() / scale
    assert raw < 0.02 and smooth < 0.6 * raw


def test_the_face_is_tracked_throughout_real_clips(real):
    paths = [*(real / "talking").iterdir(), *(real / "grid/video/s3").iterdir()]
    for path in sorted(paths):
        track = track_face(itertools.islice(read_frames(path), 25))
        assert track.detected.all(), path.name
