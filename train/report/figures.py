"""Curves as SVG, and images of evaluations as JPEG, to stand inside an HTML page."""

import base64
import contextlib
import io
import pathlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from avjax.errors import InputError
from avjax.media.image_io import read_image
from avjax.media.paths import is_remote
from avjax.media.video_reader import read_clip
from avjax.metrics.units import BASELINES
from avjax.train.monitor.images import make_strip
from avjax.train.report.run_log import Curve, RunLog

PANEL_INCHES = 4.4, 2.5
MAX_POINTS = 1000  # of a curve in a figure
MAX_STEPS = 6  # evaluations of which images are shown
MAX_WIDTH = 1600  # of an image in pixels
MAX_CLIP_BYTES = 3_000_000  # of a clip that is embedded as a video
STYLE: dict[Any, Any] = {"svg.fonttype": "none", "font.size": 9.0, "axes.grid": True}
STYLE |= {"grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False}
IDS = re.compile(r'(\bid="|url\(#|href="#)')
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def plot_svg(title: str, curves: Mapping[str, Curve], prefix: str) -> str:
    """Plot curves over the steps.

    Args:
        title: Title of the panel.
        curves: {label: curve}; labels are shown if there are several.
        prefix: Makes the ids of this figure different from those of others.

    Returns:
        An <svg> element that needs no other file.
    """
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": prefix}):
        figure = Figure(PANEL_INCHES, layout="constrained")
        axes = figure.subplots()
        for label, curve in curves.items():
            steps, values = thin(curve)
            marker = "." if len(steps) < 30 else ""
            is_baseline = label.startswith(BASELINES)
            line = "--" if is_baseline else "-"
            axes.plot(steps, values, line, marker=marker, label=label, lw=1.2)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if len(curves) > 1:
            axes.legend(fontsize=7)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=NO_METADATA)
    svg = buffer.getvalue()
    label = f'<svg role="img" aria-label="{_attribute(title)}" '
    svg = svg[svg.index("<svg") :].replace("<svg ", label, 1)
    return IDS.sub(rf"\g<1>{prefix}-", svg)


def _attribute(text: str) -> str:
    """Remove what cannot stand in an attribute."""
    return re.sub(r'[<>&"]', "", text)


def thin(curve: Curve) -> tuple[Sequence[int], Sequence[float]]:
    """Leave out points of a long curve evenly; the first and the last stay.

    Args:
        curve: The curve.

    Returns:
        Steps and values, at most `MAX_POINTS` of each.
    """
    count = len(curve.steps)
    if count <= MAX_POINTS:
        return curve.steps, curve.values
    kept = np.linspace(0, count - 1, MAX_POINTS).round().astype(int)
    return [curve.steps[at] for at in kept], [curve.values[at] for at in kept]


def with_baselines(run: RunLog, name: str) -> dict[str, Curve]:
    """Collect a metric and its baselines, which are plotted together.

    Args:
        run: The run.
        name: The metric, "EVAL/METRIC" or "train/OBJECTIVE/TERM".

    Returns:
        {label: curve}, the metric first.
    """
    head, slash, metric = name.rpartition("/")
    others = [f"{start}{metric}" for start in BASELINES]
    return {
        label: run.curves[f"{head}{slash}{label}"]
        for label in (metric, *others)
        if f"{head}{slash}{label}" in run.curves
    }


def choose_steps(steps: Iterable[int]) -> list[int]:
    """Choose evenly spaced evaluations, with the first and the last.

    Args:
        steps: Steps of the evaluations.

    Returns:
        At most `MAX_STEPS` of them, in order.
    """
    ordered = sorted(steps)
    count = min(MAX_STEPS, len(ordered))
    kept = np.linspace(0, len(ordered) - 1, count).round().astype(int)
    return [ordered[at] for at in kept]


def image_uri(file: pathlib.Path) -> str:
    """Encode an image, or a strip of frames of a clip, as a data URI.

    Args:
        file: A .png or .mp4 file.

    Returns:
        "data:image/jpeg;base64,…"; empty if the file is damaged.
    """
    try:
        with _local_file(file) as local:
            is_clip = local.suffix == ".mp4"
            clip = read_clip(local) if is_clip else read_image(local)[None]
    except InputError:
        return ""
    image = Image.fromarray(make_strip(clip)).convert("RGB")
    if image.width > MAX_WIDTH:
        height = max(1, round(image.height * MAX_WIDTH / image.width))
        image = image.resize((MAX_WIDTH, height))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return _data_uri("image/jpeg", buffer.getvalue())


def video_uri(file: pathlib.Path) -> str:
    """Encode a clip as a data URI.

    Args:
        file: The file of the clip.

    Returns:
        "data:video/mp4;base64,…"; empty for an image, or a clip that is too large.
    """
    if file.suffix != ".mp4":
        return ""
    data = file.read_bytes()
    return _data_uri("video/mp4", data) if len(data) <= MAX_CLIP_BYTES else ""


@contextlib.contextmanager
def _local_file(file: pathlib.Path) -> Iterator[pathlib.Path]:
    """Copy a file of a store to the disk while it is read."""
    if not is_remote(file):
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        local = pathlib.Path(folder, file.name)
        local.write_bytes(file.read_bytes())
        yield local


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
