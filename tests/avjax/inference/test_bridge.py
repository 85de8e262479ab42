"""What a memory does during a clip, and its pictures."""

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.inference import bridge as bridges
from avjax.inference import inspector
from avjax.inference import lips as clips
from avjax.inference.bridge import Bridge, by_time, entropy, most_used, strongest, use
from avjax.inference.inspector import draw_addresses, draw_slots, draw_use, mouths
from avjax.inference.lips import Lips, open_lips
from avjax.media import image

BOX = (0, 0, 96, 96)
NAMES = {"addresses.png", "use.png", "slots.png"}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(clips, "LENGTHS", (24,))
    monkeypatch.setattr(clips, "MARGIN", 8)


@pytest.fixture(scope="module")
def drawn():
    """A memory of 6 slots during 40 frames, drawn at random."""
    rng = np.random.default_rng(0)
    addresses = rng.dirichlet(np.full(6, 0.3), (2, 40)).astype(np.float32)
    codes = rng.normal(size=(2, 40, 8)).astype(np.float32)
    return Bridge(*addresses, *codes, np.ones(40, bool))


def test_a_clip_is_watched_and_heard_frame_by_frame(speaker, made):
    lips = open_lips(speaker, BOX)
    lips.boxes[3:5] = np.nan
    found = bridges.observe(lips, *bridges.load(made / "sentences"))
    assert found.by_lips.shape == found.by_sound.shape == (56, 6)
    assert found.recalled.shape == found.heard.shape == (56, 8)
    np.testing.assert_allclose(found.by_sound.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found.by_lips.sum(axis=1), found.seen, rtol=1e-5)
    assert not found.recalled[3:5].any() and found.recalled[[2, 5]].any()
    assert (np.ptp(found.heard, axis=0) > 0).any()


def test_lips_and_sound_are_those_of_the_same_frame(made, monkeypatch, grey_film):
    """The network sees the number of each frame, and hears the number of its column."""
    lips = open_lips(grey_film([16 + n for n in range(70)]), (8, 0, 48, 48))
    columns = np.repeat(np.arange(4 * 70.0)[:, None], 80, axis=1)
    monkeypatch.setattr(bridges, "heard_mel", lambda wave: columns)
    monkeypatch.setattr(bridges.audio, "read_sound", lambda *_: np.zeros(640 * 60))

    def told(variables, pictures, mel):
        grey, column = pictures.mean((2, 3)).astype(float), mel[:, ::4, :1]
        return grey, column, grey, column

    monkeypatch.setattr(bridges, "program", lambda config: told)
    found = bridges.observe(lips, *bridges.load(made / "sentences"))
    np.testing.assert_array_equal(found.by_sound[:, 0], 4 * np.arange(70))
    assert np.abs(found.by_lips[:, 0] - 16 - np.arange(70)).max() <= 2


def test_one_word_is_a_part_of_the_clip(drawn):
    word = drawn.between(0.4, 0.8)
    np.testing.assert_array_equal(word.by_lips, drawn.by_lips[10:20])
    assert (word.start, word.end, len(word.seen)) == (0.4, 0.8, 10)
    assert word.between(0.6, 0.6).first == 15
    with pytest.raises(InputError, match="from 9 to 10 s there is no frame"):
        word.between(9, 10)


def test_use_and_entropy_by_hand():
    address = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(use(address), [0.75, 0.25, 0, 0])
    np.testing.assert_allclose(entropy(address), [0, 1, 0], atol=1e-12)
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(3)
    assert most_used(address, 2).tolist() == [0, 1]


def test_the_strongest_frames_are_moments_and_not_neighbours():
    fired = np.array([[0.2, 0.9, 0.8, 0.1, 0.3, 0.3, 0.0, 0.7]]).T
    assert strongest(fired, 0, 3).tolist() == [1, 7, 5]
    assert strongest(fired, 0, 99).tolist() == [1, 7, 5, 2, 4, 0, 3, 6]


def test_slots_stand_in_the_order_in_which_they_are_fired():
    address = np.array([[0, 0, 1], [0.5, 0, 0.5], [1, 0, 0]])
    assert by_time(address).tolist() == [1, 2, 0]  # what never fires comes first


def test_mouths_are_those_of_the_frames_that_are_asked_for(grey_film):
    lips = open_lips(grey_film([20 * n for n in range(8)]), (8, 0, 48, 48))
    found = mouths(lips, np.array([[5, 2], [2, 7]]))
    assert found.shape == (2, 2, inspector.SHOWN, inspector.SHOWN)
    levels = np.median(found, axis=(2, 3))
    np.testing.assert_allclose(levels, [[100, 40], [40, 140]], atol=3)


def test_three_pictures_are_written(speaker, made, tmp_path):
    given = {"weights": made / "sentences", "box": BOX, "words": [("bin", 0.2, 0.5)]}
    found = inspector.inspect(speaker, tmp_path / "new" / "folder", **given)
    assert len(found.seen) == 56
    files = {file.name: file for file in (tmp_path / "new" / "folder").iterdir()}
    assert set(files) == NAMES
    shapes = [image.read_image(file).rgb.shape for file in files.values()]
    assert all(height > 100 and width > 300 for height, width, _ in shapes)
    word = inspector.inspect(speaker, tmp_path, between=(0.2, 0.5), **given)
    assert (word.first, len(word.seen)) == (5, 7)


def test_words_are_marked_where_they_are_said(drawn):
    plain = draw_addresses(drawn)
    marked = draw_addresses(drawn, [("bin", 0.4, 0.8), ("later", 7.0, 8.0)])
    columns = np.flatnonzero((plain != marked)[100].any(axis=-1))
    width = inspector.NARROW
    by_hand = [70 + width / 4, 70 + width / 2]
    by_hand += [x + width + 40 for x in by_hand]
    np.testing.assert_allclose(columns, by_hand, atol=1)


def test_the_map_is_bright_where_it_is_pointed_at(drawn):
    address = np.eye(6, dtype=np.float32)[np.repeat([2, 4], 20)]
    page = draw_addresses(drawn._replace(by_lips=address, by_sound=address))
    wide = page[80 : 80 + 160, 70 : 70 + inspector.NARROW].astype(int)
    bright = wide[..., 0] + wide[..., 1] > 400
    assert bright.any(axis=0).all() and bright.mean() == pytest.approx(1 / 6, abs=0.02)


@pytest.mark.parametrize("frames", [1, 2, 40])
@pytest.mark.parametrize("slots", [1, 6])
def test_pictures_of_any_size_can_be_drawn(frames, slots, drawn, monkeypatch):
    parts = drawn.by_lips[:frames, :slots], drawn.by_sound[:frames, :slots]
    small = Bridge(*parts, *parts, drawn.seen[:frames], first=3)
    lips = Lips("clip", np.zeros((60, 4)))
    blank = np.zeros((inspector.SHOWN, inspector.SHOWN, 1), np.uint8)
    monkeypatch.setattr(Lips, "pictures", lambda self, size: iter([blank] * 60))
    pages = draw_addresses(small), draw_use(small)
    pages += (draw_slots(small.by_lips, lips, first=3),)
    assert all(page.dtype == np.uint8 and page.min() < 100 for page in pages)


def test_what_has_no_memory_or_no_sound_is_refused(made, bad, tmp_path):
    given = {"box": (8, 0, 48, 48), "weights": made / "sentences"}
    with pytest.raises(InputError, match="has no sound in it"):
        inspector.inspect(bad / "one.mp4", tmp_path / "out", **given)
    with pytest.raises(InputError, match="have no memory"):
        bridges.load(made / "idle")
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder_to_write_into(speaker, made, tmp_path, drawn, monkeypatch):
    monkeypatch.setattr(inspector, "observe", lambda *_: drawn)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        given = {"weights": made / "sentences", "box": BOX}
        inspector.inspect(speaker, tmp_path / "file", **given)
