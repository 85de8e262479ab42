"""Put the timestamps of all tracks of a file on one clock that starts at 0.

Second 0 is the first audio or video frame. Files that were joined without rewriting
their timestamps, as by `cat a.ts b.ts`, have parts in which the timestamps start again;
each part follows the end of the part before it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags

from avjax.errors import InputError
from avjax.media.container import read_packets, seconds_per_unit, start_second

MAX_STEP_BACK = 0.1  # seconds that decoding timestamps may run back within a part
MAX_STEP_AHEAD = 10.0  # seconds without a packet within a part of a broadcast stream
MAX_PAUSE = 3600.0  # seconds from one frame to the next; more are damaged timestamps


class TrackTimes(NamedTuple):
    """Times of the packets of one track, in the order of the file.

    Attributes:
        stamps: Presentation timestamps in units of the track, i64 [n]; decoding
            timestamps if the format stores no others; 0, 1, … if it stores none.
        seconds: Presentation times on the clock of the file, f64 [n].
        durations: Durations in seconds, f64 [n]; 0 where unknown.
        parts: Number of the part of each packet, i64 [n].
        offsets: Seconds that the clock adds to the timestamps of each part, f64 [p].
        is_key: The packet can be decoded without others, bool [n].
        is_hidden: The packet is decoded but not presented, bool [n].
        source: What the timestamps are: "presentation", "decoding" or "none".
    """

    stamps: np.ndarray
    seconds: np.ndarray
    durations: np.ndarray
    parts: np.ndarray
    offsets: np.ndarray
    is_key: np.ndarray
    is_hidden: np.ndarray
    source: str


def read_times(
    container: InputContainer, streams: Sequence[av.VideoStream | av.AudioStream]
) -> dict[int, TrackTimes]:
    """Read the times of tracks without decoding them.

    Args:
        container: The open file. It is read to its end.
        streams: Audio and video tracks of the file.

    Returns:
        The times of each track that has packets, by the index of its stream.
    """
    rows: dict[int, list[tuple]] = {stream.index: [] for stream in streams}
    for packet in read_packets(container, *streams):
        if packet.size and packet.stream_index in rows:
            flags = packet.is_keyframe, packet.is_discard
            row = packet.pts, packet.dts, packet.duration or 0, *flags
            rows[packet.stream_index].append(row)
    can_jump = bool(container.format.flags & Flags.ts_discont.value)
    tracks, orders = {}, {}
    for stream in streams:
        if rows[stream.index]:
            unit = float(seconds_per_unit(stream))
            tracks[stream.index], order = _to_times(rows[stream.index], unit)
            orders[stream.index] = order
    zero = float(start_second(container))
    if container.start_time is None:
        zero = min((float(times.seconds.min()) for times in tracks.values()), default=0)
    return _join_parts(tracks, _find_parts(orders, can_jump), zero)


def starts_part(previous: float, second: float) -> bool:
    """Return True if the second of two decoding times may be in another part."""
    return not -MAX_STEP_BACK <= second - previous <= MAX_STEP_AHEAD


def check_pauses(seconds: np.ndarray, name: str) -> None:
    """Check that timestamps are plausible.

    Args:
        seconds: Ascending times, [n].
        name: The file.

    Raises:
        InputError: The times jump by hours.
    """
    longest = float(np.diff(seconds, prepend=0.0).max(initial=0.0))
    if longest > MAX_PAUSE:
        raise InputError(
            f"the timestamps of {name} are damaged: they jump by {longest / 3600:.3g} "
            "hours"
        )


def _to_times(rows: list[tuple], unit: float) -> tuple[TrackTimes, np.ndarray]:
    """Convert the packets of one part; also return their decoding times [n]."""
    presentation, decoding, durations, keys, hidden = zip(*rows, strict=True)
    source = "none" if None in decoding else "decoding"
    source = source if None in presentation else "presentation"
    choices = {"presentation": presentation, "decoding": decoding}
    stamps = np.array(choices.get(source, range(len(rows))), np.int64)
    known = [number for number, stamp in enumerate(decoding) if stamp is not None]
    order = np.zeros(len(rows))
    if known:
        order = np.array([decoding[number] for number in known], np.float64)
        order = np.interp(np.arange(len(rows)), known, order)
    times = TrackTimes(
        stamps=stamps,
        seconds=stamps * unit,
        durations=np.array(durations) * unit,
        parts=np.zeros(len(rows), np.int64),
        offsets=np.zeros(1),
        is_key=np.array(keys),
        is_hidden=np.array(hidden),
        source=source,
    )
    return times, order * unit


def _find_parts(orders: dict[int, np.ndarray], can_jump: bool) -> dict[int, np.ndarray]:
    """Number the parts of each track: decoding times [n] -> parts [n].

    A step ahead ends a part only if all tracks make it. A single track may pause.
    """
    ends = {}
    for limit in (MAX_STEP_AHEAD if can_jump else np.inf, np.inf):
        for index, order in orders.items():
            steps = np.diff(order)
            ends[index] = np.flatnonzero((steps < -MAX_STEP_BACK) | (steps > limit))
        if len({len(numbers) for numbers in ends.values()}) == 1:
            break
    return {
        index: np.searchsorted(ends[index] + 1, np.arange(len(order)), side="right")
        for index, order in orders.items()
    }


def _join_parts(
    tracks: dict[int, TrackTimes], parts: dict[int, np.ndarray], zero: float
) -> dict[int, TrackTimes]:
    """Let each part follow the one before it; the clock starts at the time `zero`.

    Tracks with the same number of parts share the offsets, which keeps them in step.
    """
    groups: dict[int, list[int]] = {}
    for index, numbers in parts.items():
        groups.setdefault(int(numbers[-1]) + 1, []).append(index)
    joined = {}
    for num_parts, members in groups.items():
        shifts, end = np.zeros(num_parts), 0.0
        for part in range(num_parts):
            spans = [_span(tracks[index], parts[index] == part) for index in members]
            if part:
                shifts[part] = end - min(first for first, _ in spans)
            end = max(last for _, last in spans) + shifts[part]
        for index in members:
            times = tracks[index]
            joined[index] = times._replace(
                seconds=times.seconds + shifts[parts[index]] - zero,
                parts=parts[index],
                offsets=shifts - zero,
            )
    return joined


def _span(times: TrackTimes, chosen: np.ndarray) -> tuple[float, float]:
    """Return the start and the end, in seconds, of some packets of a track."""
    seconds = times.seconds[chosen]
    length = np.median(np.diff(np.sort(seconds))) if len(seconds) > 1 else 0.0
    ends = seconds + np.maximum(times.durations[chosen], length)
    return float(seconds.min()), float(ends.max())
