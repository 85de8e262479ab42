"""Plots of memories, and overviews of clips."""

from avjax.faces.mouth_video import open_mouth_video
from avjax.visualize.contact_sheet import contact_sheet
from avjax.visualize.memory_plots import (
    crop_mouths,
    plot_addresses,
    plot_slots,
    plot_usage,
    save_memory_plots,
)
from avjax.visualize.memory_slots import generate_slots
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

__all__ = [
    "MemoryTrace",
    "contact_sheet",
    "crop_mouths",
    "entropy",
    "generate_slots",
    "load_memory_network",
    "most_used_slots",
    "open_mouth_video",
    "plot_addresses",
    "plot_slots",
    "plot_usage",
    "save_memory_plots",
    "slot_usage",
    "slots_by_time",
    "strongest_frames",
    "trace_memory",
]
