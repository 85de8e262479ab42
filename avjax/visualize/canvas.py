"""Pages that matplotlib draws on, without a screen."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 100


def page(width: int, height: int) -> Figure:
    """An empty page of so many pixels."""
    return Figure((width / DPI, height / DPI), DPI, layout="constrained")


def pixels(figure: Figure) -> np.ndarray:
    """u8 [h w 3]"""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]
