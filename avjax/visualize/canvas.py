"""matplotlib figures without a screen."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DOTS_PER_INCH = 100


def make_figure(width: int, height: int) -> Figure:
    """Make an empty figure.

    Args:
        width: Width in pixels.
        height: Height in pixels.

    Returns:
        The figure, whose panels are laid out automatically.
    """
    size = width / DOTS_PER_INCH, height / DOTS_PER_INCH
    return Figure(size, DOTS_PER_INCH, layout="constrained")


def figure_to_image(figure: Figure) -> np.ndarray:
    """Render a figure.

    Args:
        figure: The figure.

    Returns:
        The image, u8 [h w 3].
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]
