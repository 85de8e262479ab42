"""The activity of a memory during a clip, and its plots."""

import numpy as np
import pytest

from avjax.constants import FPS
from avjax.errors import InputError
from avjax.faces import mouth_video
from avjax.faces.mouth_video import MouthVideo, open_mouth_video
from avjax.media.image_io import read_image
from avjax.visualize import memory_plots, memory_trace
from avjax.visualize.memory_plots import (
    crop_mouths,
    plot_addresses,
    plot_slots,
    plot_usage,
    save_memory_plots,
)
from avjax.visualize.memory_trace import (
    MemoryTrace,
    entropy,
    load_memory_network,
    most_used_slots,
    slot_usage,
    slots_by_time,
    strongest_frames,
    trace_memory,
)

WHOLE_IMAGE = (0, 0, 96, 96)
BOX = (8, 0, 48, 48)


@pytest.fixture(autouse=True)
def short_windows(monkeypatch):
    monkeypatch.setattr(mouth_video, "WINDOW_LENGTHS", (24,))
    monkeypatch.setattr(mouth_video, "CONTEXT_FRAMES", 8)


@pytest.fixture(scope="module")
def random_trace():
    """A memory of 6 slots during 40 frames."""
    rng = np.random.default_rng(0)
    lips, audio = rng.dirichlet(np.full(6, 0.3), (2, 40)).astype(np.float32)
    recalled, embeddings = rng.normal(size=(2, 40, 8)).astype(np.float32)
    return MemoryTrace(lips, audio, recalled, embeddings, np.ones(40, bool))


@pytest.fixture
def figures(monkeypatch):
    """The matplotlib figures that are plotted."""
    figures, figure_to_image = [], memory_plots.figure_to_image

    def keep(figure):
        figures.append(figure)
        return figure_to_image(figure)

    monkeypatch.setattr(memory_plots, "figure_to_image", keep)
    return figures


def test_trace_has_one_row_per_frame(puppet_clip, reader_weights):
    video = open_mouth_video(puppet_clip, WHOLE_IMAGE)
    video.boxes[3:5] = np.nan
    trace = trace_memory(video, *load_memory_network(reader_weights / "sentences"))
    assert trace.lip_addresses.shape == trace.audio_addresses.shape == (56, 6)
    assert trace.recalled.shape == trace.audio_embeddings.shape == (56, 8)
    np.testing.assert_allclose(trace.audio_addresses.sum(axis=1), 1, rtol=1e-5)
    sums = trace.lip_addresses.sum(axis=1)
    np.testing.assert_allclose(sums, trace.face_found, rtol=1e-5)
    assert not trace.recalled[3:5].any() and trace.recalled[[2, 5]].any()
    assert (np.ptp(trace.audio_embeddings, axis=0) > 0).any()


def test_lips_and_audio_belong_to_the_same_frame(
    reader_weights, monkeypatch, grey_video
):
    """Images encode the number of the frame, and mels the number of the mel frame."""
    video = open_mouth_video(grey_video([16 + n for n in range(70)]), BOX)
    numbers = np.repeat(np.arange(4 * 70.0)[:, None], 80, axis=1)
    silence = np.zeros(640 * 60)
    monkeypatch.setattr(memory_trace, "encoder_mel", lambda wave: numbers)
    monkeypatch.setattr(memory_trace, "read_audio", lambda *_: silence)

    def read_numbers(variables, images, mel):
        grey, mel_frame = images.mean((2, 3)).astype(float), mel[:, ::4, :1]
        return grey, mel_frame, grey, mel_frame

    monkeypatch.setattr(memory_trace, "jit_trace", lambda config: read_numbers)
    trace = trace_memory(video, *load_memory_network(reader_weights / "sentences"))
    np.testing.assert_array_equal(trace.audio_addresses[:, 0], 4 * np.arange(70))
    assert np.abs(trace.lip_addresses[:, 0] - 16 - np.arange(70)).max() <= 2


def test_between_selects_one_word(random_trace):
    word = random_trace.between(0.4, 0.8)
    np.testing.assert_array_equal(word.lip_addresses, random_trace.lip_addresses[10:20])
    assert (word.start, word.end, len(word.face_found)) == (0.4, 0.8, 10)
    assert word.between(0.6, 0.6).first_frame == 15
    with pytest.raises(InputError, match="no frames from 9 to 10 s"):
        word.between(9, 10)


def test_usage_and_entropy_of_known_addresses():
    addresses = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(slot_usage(addresses), [0.75, 0.25, 0, 0])
    np.testing.assert_allclose(entropy(addresses), [0, 1, 0], atol=1e-12)
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(3)
    assert most_used_slots(addresses, 2).tolist() == [0, 1]


def test_strongest_frames_are_local_maxima_first():
    addresses = np.array([[0.2, 0.9, 0.8, 0.1, 0.3, 0.3, 0.0, 0.7]]).T
    assert strongest_frames(addresses, 0, 3).tolist() == [1, 7, 5]
    assert strongest_frames(addresses, 0, 99).tolist() == [1, 7, 5, 2, 4, 0, 3, 6]


def test_slots_are_sorted_by_mean_time():
    addresses = np.array([[0, 0, 1], [0.5, 0, 0.5], [1, 0, 0]])
    assert slots_by_time(addresses).tolist() == [1, 2, 0]  # an unused slot is first


def test_crop_mouths_returns_the_wanted_frames(grey_video):
    video = open_mouth_video(grey_video([20 * n for n in range(8)]), BOX)
    mouths = crop_mouths(video, np.array([[5, 2], [2, 7]]))
    assert mouths.shape == (2, 2, memory_plots.MOUTH_PIXELS, memory_plots.MOUTH_PIXELS)
    levels = np.median(mouths, axis=(2, 3))
    np.testing.assert_allclose(levels, [[100, 40], [40, 140]], atol=3)


def test_three_images_are_written(puppet_clip, reader_weights, tmp_path):
    options = {
        "weights": reader_weights / "sentences",
        "box": WHOLE_IMAGE,
        "words": [("bin", 0.2, 0.5)],
    }
    folder = tmp_path / "new" / "folder"
    trace = save_memory_plots(puppet_clip, folder, **options)
    assert len(trace.face_found) == 56
    files = {file.name: file for file in folder.iterdir()}
    assert set(files) == {"addresses.png", "usage.png", "slots.png"}
    shapes = [read_image(file).shape for file in files.values()]
    assert all(height > 100 and width > 300 for height, width, _ in shapes)
    word = save_memory_plots(puppet_clip, tmp_path, between=(0.2, 0.5), **options)
    assert (word.first_frame, len(word.face_found)) == (5, 7)


def test_words_are_marked_at_their_times(random_trace, figures):
    plot_addresses(random_trace, [("bin", 0.4, 0.8), ("$_$", 0.8, 1.8)])
    for panel in figures[0].axes[:2]:
        edges = {line.get_xdata()[0] for line in panel.lines}
        assert edges == {0.4, 0.8, 1.8} and panel.get_xlim() == (0, 1.6)
        (axis,) = panel.child_axes
        np.testing.assert_allclose(axis.get_xticks(), [0.6, 1.3])
        assert [label.get_text() for label in axis.get_xticklabels()] == ["bin", "$_$"]


def test_both_maps_have_the_same_order_and_scale(random_trace, figures):
    part = random_trace.between(0.4, 1.2)
    plot_addresses(part)
    both = part.lip_addresses, part.audio_addresses
    order, maximum = slots_by_time(part.audio_addresses), np.max(both)
    images = [panel.images[0] for panel in figures[0].axes[:2]]
    for image, addresses in zip(images, both, strict=True):
        np.testing.assert_array_equal(image.get_array(), addresses.T[order])
        assert image.get_extent() == [0.4, 1.2, 6, 0]
        assert image.get_clim() == (0, pytest.approx(maximum))
    rows = [label.get_text() for label in figures[0].axes[0].get_yticklabels()]
    assert rows == [str(slot) for slot in order]


def test_bars_show_usage_and_curves_show_entropy(random_trace, figures):
    part = random_trace.between(0.4, 1.2)
    plot_usage(part)
    *bar_panels, entropy_panel = figures[0].axes
    assert bar_panels[0].get_ylim() == bar_panels[1].get_ylim()
    both = part.lip_addresses, part.audio_addresses
    lines = entropy_panel.lines
    for panel, line, addresses in zip(bar_panels, lines, both, strict=True):
        heights = [bar.get_height() for bar in panel.patches]
        np.testing.assert_allclose(heights, 100 * slot_usage(addresses), rtol=1e-6)
        np.testing.assert_array_equal(line.get_ydata(), entropy(addresses))
        assert line.get_xdata()[[0, -1]] == pytest.approx([0.42, 1.18])


def test_strip_shows_the_strongest_frames_of_its_slot(
    random_trace, figures, monkeypatch
):
    """The grey level of each frame is its number."""
    monkeypatch.setattr(memory_plots, "MOUTH_PIXELS", 4)
    mouths = [np.full((4, 4, 1), number, np.uint8) for number in range(60)]
    monkeypatch.setattr(MouthVideo, "mouth_images", lambda self, size: iter(mouths))
    video = MouthVideo("clip", np.zeros((60, 4)))
    plot_slots(random_trace.lip_addresses, video, 3, 5, first_frame=10)
    assert len(figures[0].axes) == 3
    slots = most_used_slots(random_trace.lip_addresses, 3)
    for panel, slot in zip(figures[0].axes, slots, strict=True):
        expected = 10 + strongest_frames(random_trace.lip_addresses, slot, 5)
        (strip,) = panel.images
        np.testing.assert_array_equal(strip.get_array()[0, ::4], expected)
        labels = [label.get_text() for label in panel.get_xticklabels()]
        assert labels == [f"{frame / FPS:.2f} s" for frame in expected]


@pytest.mark.parametrize("frames", [1, 2, 40])
@pytest.mark.parametrize("slots", [1, 6])
def test_plots_of_any_size(frames, slots, random_trace, monkeypatch):
    lips = random_trace.lip_addresses[:frames, :slots]
    audio = random_trace.audio_addresses[:frames, :slots]
    face_found = random_trace.face_found[:frames]
    small = MemoryTrace(lips, audio, lips, audio, face_found, first_frame=3)
    video = MouthVideo("clip", np.zeros((60, 4)))
    side = memory_plots.MOUTH_PIXELS
    mouths = [np.zeros((side, side, 1), np.uint8)] * 60
    monkeypatch.setattr(MouthVideo, "mouth_images", lambda self, size: iter(mouths))

    def plot():
        strips = plot_slots(small.lip_addresses, video, first_frame=3)
        return plot_addresses(small, [("late", 7, 8)]), plot_usage(small), strips

    images = plot()
    assert all(image.dtype == np.uint8 and image.min() < 100 for image in images)
    assert all(map(np.array_equal, images, plot()))


def test_clip_without_sound_and_network_without_memory_are_refused(
    reader_weights, bad_files, tmp_path
):
    with pytest.raises(InputError, match="no sound|no audio"):
        save_memory_plots(
            bad_files / "one.mp4",
            tmp_path / "out",
            box=BOX,
            weights=reader_weights / "sentences",
        )
    with pytest.raises(InputError, match="have no memory"):
        load_memory_network(reader_weights / "idle")
    assert not (tmp_path / "out").exists()


def test_output_folder_that_is_a_file_is_refused(
    puppet_clip, reader_weights, tmp_path, random_trace, monkeypatch
):
    monkeypatch.setattr(memory_plots, "trace_memory", lambda *_: random_trace)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        save_memory_plots(
            puppet_clip,
            tmp_path / "file",
            weights=reader_weights / "sentences",
            box=WHOLE_IMAGE,
        )
