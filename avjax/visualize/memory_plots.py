"""A memory at work, in pictures: where it is pointed at, how widely, and what for."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from avjax.media import files
from avjax.media import image_io as image
from avjax.media.mouth_video import FPS, Lips, Path, open_lips
from avjax.pipelines.lipread import Box
from avjax.visualize.canvas import page, pixels
from avjax.visualize.memory_trace import (
    Bridge,
    by_time,
    entropy,
    load,
    most_used,
    observe,
    strongest,
    use,
)

SHOWN = 80  # pixels of the side of a mouth in a strip
SIDES = ("lips", "tab:blue"), ("sound", "tab:orange")

Word = tuple[str, float, float]  # and its start and end in seconds


def inspect(
    clip: Path,
    folder: str | os.PathLike,
    *,
    weights: str = "grid-s1",
    words: Sequence[Word] = (),
    between: tuple[float, float] | None = None,
    box: Box | None = None,
    face_index: int = 0,
) -> Bridge:
    """Writes addresses.png, use.png and slots.png of a clip with sound into a folder.

    weights     a bundled name, or a folder of weights
    words       (word, start, end) in seconds, where they are known
    between     the seconds to look at, such as those of one word
    box         x, y, width, height of the face in pixels, where it is known
    face_index  which face, the largest being 0

    Raises InputError, one clear sentence, for what cannot be used.
    """
    config, variables = load(weights)
    lips = open_lips(clip, box, face_index)
    bridge = observe(lips, config, variables)
    if between:
        bridge = bridge.between(*between)
    folder = pathlib.Path(folder)
    with files.refusing(folder, "write"):
        folder.mkdir(parents=True, exist_ok=True)
    image.write_png(folder / "addresses.png", draw_addresses(bridge, words))
    image.write_png(folder / "use.png", draw_use(bridge))
    strips = draw_slots(bridge.by_lips, lips, first=bridge.first)
    image.write_png(folder / "slots.png", strips)
    return bridge


def mouths(lips: Lips, frames: np.ndarray) -> np.ndarray:
    """Pictures of the mouth in frames int [...] -> u8 [... s s]."""
    wanted = set(frames.ravel().tolist())
    pictures = enumerate(lips.pictures(SHOWN))
    found = {n: picture[..., 0] for n, picture in pictures if n in wanted}
    flat = np.stack([found[n] for n in frames.ravel().tolist()])
    return flat.reshape(*frames.shape, SHOWN, SHOWN)


def draw_addresses(bridge: Bridge, words: Sequence[Word] = ()) -> np.ndarray:
    """Where lips and sound point, side by side, with the words above: u8 [h w 3]."""
    frames, slots = bridge.by_lips.shape
    figure = page(2 * _extent(frames) + 160, int(np.clip(5 * slots, 160, 520)) + 160)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    order, named = by_time(bridge.by_sound), slice(None, None, -(-slots // 30))
    addresses = bridge.by_lips, bridge.by_sound
    where = {"aspect": "auto", "extent": (bridge.start, bridge.end, slots, 0)}
    for panel, (side, _), address in zip(panels, SIDES, addresses, strict=True):
        shown = panel.imshow(address.T[order], vmin=0, vmax=np.max(addresses), **where)
        panel.set(title=f"where the {side} point{'s' * (side == 'sound')}")
        panel.set(xlabel="seconds", xlim=(bridge.start, bridge.end))
        above = panel.secondary_xaxis("top")
        middles = [(start + end) / 2 for _, start, end in words]
        above.set_xticks(middles, [word[0] for word in words], parse_math=False)
        above.tick_params(length=0, labelrotation=60)
        for edge in {edge for word in words for edge in word[1:]}:
            panel.axvline(edge, color="white", linewidth=0.8, alpha=0.6)
    panels[0].set_yticks(np.arange(slots)[named] + 0.5, order[named], fontsize=8)
    panels[0].set(ylabel="slots, in the sound's order")
    figure.colorbar(shown, ax=panels, label="weight of a slot, one scale for both")
    return pixels(figure)


def draw_use(bridge: Bridge) -> np.ndarray:
    """How much each slot is used, and how many a frame points at: u8 [h w 3]."""
    frames, slots = bridge.by_lips.shape
    figure = page(max(_extent(slots), _extent(frames)) + 110, 680)
    *bars, bits = figure.subplots(3, 1)
    bars[1].sharey(bars[0])
    seconds = (np.arange(frames) + 0.5) / FPS + bridge.start
    addresses = bridge.by_lips, bridge.by_sound
    for panel, (side, colour), address in zip(bars, SIDES, addresses, strict=True):
        share = use(address)
        panel.bar(np.arange(slots), 100 * share, color=colour)
        panel.xaxis.get_major_locator().set_params(integer=True)
        found = f"{2 ** entropy(share):.1f} of {slots} slots in use"
        panel.set(title=f"{side}: {found} (entropy {entropy(share):z.2f} bits)")
        panel.set(xlabel="slot", ylabel="% of use", xlim=(-0.5, slots - 0.5))
        bits.plot(seconds, entropy(address), ".-", color=colour, label=side)
    bits.set(title="entropy of where each frame points", ylabel="bits")
    bits.set(xlabel="seconds", xlim=(bridge.start, bridge.end))
    bits.set(ylim=(0, max(1, 1.05 * np.log2(slots))))
    bits.legend()
    return pixels(figure)


def draw_slots(
    address: np.ndarray, lips: Lips, slots: int = 6, frames: int = 8, first: int = 0
) -> np.ndarray:
    """The slots that are used most, and the mouths that fire each: u8 [h w 3].

    address  [t m] of frames from number `first` on
    """
    chosen = most_used(address, slots)
    moments = first + np.stack([strongest(address, slot, frames) for slot in chosen])
    strips = np.concatenate(np.moveaxis(mouths(lips, moments), 1, 0), axis=2)
    width, shares = strips.shape[2], use(address)
    figure = page(max(460, width + 160), 50 + (SHOWN + 30) * len(chosen))
    panels = figure.subplots(len(chosen), 1, squeeze=False)[:, 0]
    middles = np.arange(SHOWN / 2, width, SHOWN)
    for panel, slot, strip, seconds in zip(
        panels, chosen, strips, moments / FPS, strict=True
    ):
        panel.imshow(strip, cmap="gray", vmin=0, vmax=255)
        for edge in range(SHOWN, width, SHOWN):
            panel.axvline(edge - 0.5, color="white", linewidth=4)
        panel.set_xticks(middles, [f"{second:.2f} s" for second in seconds])
        panel.set_yticks([SHOWN / 2], [f"slot {slot}\n{shares[slot]:.1%} of use"])
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
    figure.suptitle("the slots used most, and the mouths that fire each most")
    return pixels(figure)


def _extent(cells: int) -> int:
    """The pixels of so many frames or slots."""
    return int(np.clip(8 * cells, 360, 1400))
