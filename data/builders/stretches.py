"""Divide long clips into stretches: reading a record costs what its length costs."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from avjax.audio.loudness import speech_gain
from avjax.constants import FPS, SAMPLES_PER_FRAME
from avjax.data import schema
from avjax.data.reel import Reel

MAX_SECONDS = 10
MAX_FRAMES = MAX_SECONDS * FPS
_FRAME_KEYS = "face", "mouth", "lower_face", "pose", "landmarks", "articulation"


def divide_record(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Divide a long clip into stretches of equal length, at most 10 s.

    A clip with a transcript stays whole, because its text belongs to all of it.

    Args:
        record: A record of a clip or of an image.

    Yields:
        The records of the stretches; the record itself if it is not divided.
    """
    length = len(record.get("face", ()))
    if length <= MAX_FRAMES or record["text"]:
        yield record
        return
    edges = np.linspace(0, length, -(-length // MAX_FRAMES) + 1).round().astype(int)
    for index, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        clip = f"{record['clip']}_{index:03d}"
        yield {**record, **_cut(record, int(start), int(stop)), "clip": clip}


def _cut(record: Mapping[str, Any], start: int, stop: int) -> dict[str, Any]:
    """Cut the frames, the audio and the labels from frame `start` to `stop`."""
    part = {}
    for key in _FRAME_KEYS:
        value = record[key]
        if isinstance(value, Reel):
            part[key] = Reel(value.blobs[start:stop], value.channels)
        else:
            part[key] = value[start:stop]
    wave = record["wave"][start * SAMPLES_PER_FRAME : stop * SAMPLES_PER_FRAME]
    part["wave"], part["gain"] = wave, speech_gain(schema.to_float(wave))
    for key in ("words", "phones"):
        part[key] = _cut_labels(record[key], start / FPS, stop / FPS)
    return part


def _cut_labels(labels: Mapping[str, Any], start: float, stop: float) -> dict[str, Any]:
    """Return the labels whose middle is in a range of seconds, from its start on."""
    middle = (labels["start"] + labels["end"]) / 2
    inside = np.flatnonzero((start <= middle) & (middle < stop))
    shifted = {
        key: np.clip(labels[key][inside] - start, 0, stop - start).astype(np.float32)
        for key in ("start", "end")
    }
    names = {
        key: [values[index] for index in inside]
        for key, values in labels.items()
        if key not in shifted
    }
    return {**names, **shifted}
