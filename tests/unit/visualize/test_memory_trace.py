"""What a memory does during a clip, and its pictures."""

import numpy as np
import pytest

from avjax.errors import InputError
from avjax.media import image_io as image
from avjax.media import mouth_video as clips
from avjax.media.mouth_video import Lips, open_lips
from avjax.visualize import memory_plots as inspector
from avjax.visualize import memory_trace as bridges
from avjax.visualize.memory_plots import draw_addresses, draw_slots, draw_use, mouths
from avjax.visualize.memory_trace import (
    Bridge,
    by_time,
    entropy,
    most_used,
    strongest,
    use,
)

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


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, before they become pixels."""
    seen, pixels = [], inspector.pixels

    def keep(figure):
        seen.append(figure)
        return pixels(figure)

    monkeypatch.setattr(inspector, "pixels", keep)
    return seen


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


def test_words_are_marked_where_they_are_said(drawn, figures):
    words = [("bin", 0.4, 0.8), ("$_$", 0.8, 1.8)]
    draw_addresses(drawn, words)
    for panel in figures[0].axes[:2]:
        edges = {line.get_xdata()[0] for line in panel.lines}
        assert edges == {0.4, 0.8, 1.8} and panel.get_xlim() == (0, 1.6)
        (above,) = panel.child_axes
        np.testing.assert_allclose(above.get_xticks(), [0.6, 1.3])
        assert [name.get_text() for name in above.get_xticklabels()] == ["bin", "$_$"]


def test_both_maps_show_the_sounds_order_at_one_scale(drawn, figures):
    late = drawn.between(0.4, 1.2)
    draw_addresses(late)
    order, most = by_time(late.by_sound), max(late.by_lips.max(), late.by_sound.max())
    maps = [panel.images[0] for panel in figures[0].axes[:2]]
    for shown, address in zip(maps, (late.by_lips, late.by_sound), strict=True):
        np.testing.assert_array_equal(shown.get_array(), address.T[order])
        assert shown.get_extent() == [0.4, 1.2, 6, 0]
        assert shown.get_clim() == (0, pytest.approx(most))
    rows = [name.get_text() for name in figures[0].axes[0].get_yticklabels()]
    assert rows == [str(slot) for slot in order]


def test_bars_are_as_high_as_the_use_and_curves_as_the_entropy(drawn, figures):
    late = drawn.between(0.4, 1.2)
    draw_use(late)
    *bars, bits = figures[0].axes
    assert bars[0].get_ylim() == bars[1].get_ylim()
    addresses = late.by_lips, late.by_sound
    for panel, line, address in zip(bars, bits.lines, addresses, strict=True):
        heights = [bar.get_height() for bar in panel.patches]
        np.testing.assert_allclose(heights, 100 * use(address), rtol=1e-6)
        np.testing.assert_array_equal(line.get_ydata(), entropy(address))
        assert line.get_xdata()[[0, -1]] == pytest.approx([0.42, 1.18])


def test_a_strip_shows_the_frames_that_fire_its_slot(drawn, figures, monkeypatch):
    """Each frame is as grey as its number."""
    monkeypatch.setattr(inspector, "SHOWN", 4)
    told = [np.full((4, 4, 1), number, np.uint8) for number in range(60)]
    monkeypatch.setattr(Lips, "pictures", lambda self, size: iter(told))
    draw_slots(drawn.by_lips, Lips("clip", np.zeros((60, 4))), 3, 5, first=10)
    assert len(figures[0].axes) == 3
    slots = most_used(drawn.by_lips, 3)
    for panel, slot in zip(figures[0].axes, slots, strict=True):
        by_hand = 10 + strongest(drawn.by_lips, slot, 5)
        (strip,) = panel.images
        np.testing.assert_array_equal(strip.get_array()[0, ::4], by_hand)
        names = [name.get_text() for name in panel.get_xticklabels()]
        assert names == [f"{frame / 25:.2f} s" for frame in by_hand]


@pytest.mark.parametrize("frames", [1, 2, 40])
@pytest.mark.parametrize("slots", [1, 6])
def test_pictures_of_any_size_can_be_drawn(frames, slots, drawn, monkeypatch):
    parts = drawn.by_lips[:frames, :slots], drawn.by_sound[:frames, :slots]
    small = Bridge(*parts, *parts, drawn.seen[:frames], first=3)
    lips = Lips("clip", np.zeros((60, 4)))
    blank = np.zeros((inspector.SHOWN, inspector.SHOWN, 1), np.uint8)
    monkeypatch.setattr(Lips, "pictures", lambda self, size: iter([blank] * 60))

    def draw():
        strips = draw_slots(small.by_lips, lips, first=3)
        return draw_addresses(small, [("late", 7, 8)]), draw_use(small), strips

    pages = draw()
    assert all(page.dtype == np.uint8 and page.min() < 100 for page in pages)
    assert all(map(np.array_equal, pages, draw()))


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
