"""Plots of a key-value memory: address maps, slot usage, and mouths per slot."""

import pathlib
from collections.abc import Sequence

import numpy as np

from avjax.constants import FPS
from avjax.faces.mouth_video import MouthVideo, open_mouth_video
from avjax.media.files import wrap_os_errors
from avjax.media.image_io import write_png
from avjax.text.intervals import Interval
from avjax.typing import PathLike
from avjax.visualize.canvas import figure_to_image, make_figure
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

MOUTH_PIXELS = 80  # side of a mouth in `plot_slots`
LABELLED_ROWS = 30  # largest number of slots with a label in `plot_addresses`
SERIES = ("lips", "tab:blue"), ("audio", "tab:orange")


def save_memory_plots(
    clip: PathLike,
    folder: PathLike,
    *,
    weights: PathLike = "bridging-grid-s1",
    words: Sequence[Interval | tuple[str, float, float]] = (),
    between: tuple[float, float] | None = None,
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
) -> MemoryTrace:
    """Write addresses.png, usage.png and slots.png for a clip with sound.

    Args:
        clip: A video file with sound.
        folder: Folder to write into; it is created.
        weights: Name of bundled weights, or a folder of weights.
        words: Words with their start and end in seconds, to mark in the address maps.
        between: Start and end in seconds of the part to plot. None: the whole clip.
        box: x, y, width and height of the face in pixels. None: it is detected.
        face_index: Which face to read; 0 is the most important.

    Returns:
        The activity that is plotted.

    Raises:
        InputError: An argument cannot be used.
    """
    config, variables = load_memory_network(weights)
    video = open_mouth_video(clip, box, face_index)
    trace = trace_memory(video, config, variables)
    if between:
        trace = trace.between(*between)
    folder = pathlib.Path(folder)
    with wrap_os_errors(folder, "write"):
        folder.mkdir(parents=True, exist_ok=True)
    slots = plot_slots(trace.lip_addresses, video, first_frame=trace.first_frame)
    write_png(folder / "addresses.png", plot_addresses(trace, words))
    write_png(folder / "usage.png", plot_usage(trace))
    write_png(folder / "slots.png", slots)
    return trace


def crop_mouths(video: MouthVideo, frames: np.ndarray) -> np.ndarray:
    """Crop the mouth in some frames of a clip.

    Args:
        video: The clip, with the boxes of a face.
        frames: Frame numbers, int [...].

    Returns:
        Grey images, u8 [... s s], where s is `MOUTH_PIXELS`.
    """
    numbers = frames.ravel().tolist()
    needed = set(numbers)
    mouths = {
        number: mouth[..., 0]
        for number, mouth in enumerate(video.mouth_images(MOUTH_PIXELS))
        if number in needed
    }
    stacked = np.stack([mouths[number] for number in numbers])
    return stacked.reshape(*frames.shape, MOUTH_PIXELS, MOUTH_PIXELS)


def plot_addresses(
    trace: MemoryTrace, words: Sequence[Interval | tuple[str, float, float]] = ()
) -> np.ndarray:
    """Plot the addresses of lips and audio next to each other.

    Args:
        trace: Activity of the memory.
        words: Words with their start and end in seconds, to mark above the maps.

    Returns:
        The image, u8 [h w 3]. Rows are slots, sorted by the time at which the audio
        addresses them.
    """
    frames, slots = trace.lip_addresses.shape
    height = int(np.clip(5 * slots, 160, 520)) + 160
    figure = make_figure(2 * _panel_pixels(frames) + 160, height)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    order = slots_by_time(trace.audio_addresses)
    both = trace.lip_addresses, trace.audio_addresses
    for panel, (name, _), addresses in zip(panels, SERIES, both, strict=True):
        image = panel.imshow(
            addresses.T[order],
            vmin=0,
            vmax=np.max(both),
            aspect="auto",
            extent=(trace.start, trace.end, slots, 0),
        )
        panel.set(title=f"slots addressed by the {name}", xlabel="seconds")
        panel.set(xlim=(trace.start, trace.end))
        _mark_words(panel, words)
    labelled = slice(None, None, -(-slots // LABELLED_ROWS))
    panels[0].set_yticks(np.arange(slots)[labelled] + 0.5, order[labelled], fontsize=8)
    panels[0].set(ylabel="slot, sorted by time in the audio")
    figure.colorbar(image, ax=panels, label="weight of a slot")
    return figure_to_image(figure)


def _mark_words(panel, words: Sequence[Interval | tuple[str, float, float]]) -> None:
    """Write words above a panel and draw a line at each start and end."""
    axis = panel.secondary_xaxis("top")
    centres = [(start + end) / 2 for _, start, end in words]
    axis.set_xticks(centres, [word for word, _, _ in words], parse_math=False)
    axis.tick_params(length=0, labelrotation=60)
    for edge in {edge for _, start, end in words for edge in (start, end)}:
        panel.axvline(edge, color="white", linewidth=0.8, alpha=0.6)


def plot_usage(trace: MemoryTrace) -> np.ndarray:
    """Plot how much each slot is used, and the entropy of each frame's address.

    Args:
        trace: Activity of the memory.

    Returns:
        The image, u8 [h w 3].
    """
    frames, slots = trace.lip_addresses.shape
    width = max(_panel_pixels(slots), _panel_pixels(frames)) + 110
    figure = make_figure(width, 680)
    *bar_panels, entropy_panel = figure.subplots(3, 1)
    bar_panels[1].sharey(bar_panels[0])
    seconds = (np.arange(frames) + 0.5) / FPS + trace.start
    both = trace.lip_addresses, trace.audio_addresses
    for panel, (name, colour), addresses in zip(bar_panels, SERIES, both, strict=True):
        usage = slot_usage(addresses)
        bits = entropy(usage)
        panel.bar(np.arange(slots), 100 * usage, color=colour)
        panel.xaxis.get_major_locator().set_params(integer=True)
        in_use = f"{2**bits:.1f} of {slots} slots in use"
        panel.set(title=f"{name}: {in_use} (entropy {bits:z.2f} bits)")
        panel.set(xlabel="slot", ylabel="usage in %", xlim=(-0.5, slots - 0.5))
        entropy_panel.plot(seconds, entropy(addresses), ".-", color=colour, label=name)
    entropy_panel.set(title="entropy of the address of each frame", ylabel="bits")
    entropy_panel.set(xlabel="seconds", xlim=(trace.start, trace.end))
    entropy_panel.set(ylim=(0, max(1, 1.05 * np.log2(slots))))
    entropy_panel.legend()
    return figure_to_image(figure)


def plot_slots(
    addresses: np.ndarray,
    video: MouthVideo,
    num_slots: int = 6,
    num_frames: int = 8,
    first_frame: int = 0,
) -> np.ndarray:
    """Plot the most used slots, with the mouths that address each most strongly.

    Args:
        addresses: Addresses of consecutive frames, f32 [t m].
        video: The clip, with the boxes of a face.
        num_slots: Number of slots, one row each.
        num_frames: Number of mouths per row.
        first_frame: Number of the first frame of `addresses` in the clip.

    Returns:
        The image, u8 [h w 3].
    """
    slots = most_used_slots(addresses, num_slots)
    frames = np.stack([strongest_frames(addresses, slot, num_frames) for slot in slots])
    frames = first_frame + frames
    mouths = crop_mouths(video, frames)
    strips = np.concatenate(np.moveaxis(mouths, 1, 0), axis=2)
    width, usage = strips.shape[2], slot_usage(addresses)
    height = 50 + (MOUTH_PIXELS + 30) * len(slots)
    figure = make_figure(max(460, width + 160), height)
    panels = figure.subplots(len(slots), 1, squeeze=False)[:, 0]
    centres = np.arange(MOUTH_PIXELS / 2, width, MOUTH_PIXELS)
    rows = zip(panels, slots, strips, frames / FPS, strict=True)
    for panel, slot, strip, seconds in rows:
        panel.imshow(strip, cmap="gray", vmin=0, vmax=255)
        for edge in range(MOUTH_PIXELS, width, MOUTH_PIXELS):
            panel.axvline(edge - 0.5, color="white", linewidth=4)
        panel.set_xticks(centres, [f"{second:.2f} s" for second in seconds])
        label = f"slot {slot}\n{100 * usage[slot]:.1f} % of use"
        panel.set_yticks([MOUTH_PIXELS / 2], [label])
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
    figure.suptitle("most used slots, and the mouths that address them most strongly")
    return figure_to_image(figure)


def _panel_pixels(cells: int) -> int:
    """Compute the width of a panel in pixels from its number of frames or slots."""
    return int(np.clip(8 * cells, 360, 1400))
