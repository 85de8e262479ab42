"""What cleaning changed, on one page: squares before and after, and the errors."""

from collections.abc import Sequence

import numpy as np
from einops import rearrange

from avjax.algorithms import tiling as tiles
from avjax.media.photo_io import as_shares
from avjax.pipelines.denoise import Cleaned, as_colours
from avjax.visualize.canvas import page, pixels

SHOWN = 4  # pixels of the page that show one of the picture


def draw(before: np.ndarray, found: Sequence[Cleaned]) -> np.ndarray:
    """Of the first picture, and the errors of all: u8 [h w 3].

    before  levels [h w c] of the first one
    found   of a picture, or of every frame of a clip
    """
    figure = page(4 * SHOWN * tiles.SIDE + 100, 2 * SHOWN * tiles.SIDE + 420)
    *rows, errors = figure.subplots(3, 1, height_ratios=(2, 2, 1.2))
    for panel, levels, when in zip(
        rows, (before, found[0].photo.levels), ("before", "after"), strict=True
    ):
        squares = as_colours(as_shares(tiles.cells(levels)[tiles.HELD]))
        panel.imshow(
            rearrange(squares, "b h w c -> h (b w) c"), interpolation="nearest"
        )
        panel.set(title=f"{when}, each pixel {SHOWN} x {SHOWN}", xticks=[], yticks=[])
    if len(found) == 1:
        draw_steps(errors, found[0])
    else:
        draw_frames(errors, found)
    errors.set(ylabel="mean error x 255")
    errors.legend()
    return pixels(figure)


def draw_steps(panel, found: Cleaned) -> None:
    """The errors before and after each step of a picture."""
    panel.plot(255 * found.losses, ".-", label="squares adapted to, by the mask")
    panel.plot(255 * found.held, ".-", label="squares held out: these are shown above")
    panel.axvline(found.kept, color="grey", label=f"{found.kept} steps were kept")
    panel.set(title="pixels foretold from those beside them", xlabel="steps")
    panel.xaxis.get_major_locator().set_params(integer=True)


def draw_frames(panel, found: Sequence[Cleaned]) -> None:
    """The errors on what was held out of each frame of a clip."""
    before = [255 * one.held[0] for one in found]
    after = [255 * one.held[one.kept] for one in found]
    panel.plot(before, label="before the steps of this frame")
    panel.plot(after, label="after those that were kept")
    panel.set(title="pixels foretold from those beside them", xlabel="frame")
