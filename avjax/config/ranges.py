"""Ranges of the numbers in a config."""

import dataclasses
import math
from typing import Any

from avjax.config.values import children
from avjax.errors import InputError

# Endings of the names of sizes and counts, which cannot be zero.
POSITIVE = (
    "size",
    "width",
    "dim",
    "heads",
    "layers",
    "channels",
    "num_frames",
    "num_moments",
    "num_phonemes",
    "max_phonemes",
    "max_labels",
    "per_frame",
    "per_clip",
    "per_second",
    "span",
)

NEVER_NEGATIVE = ("learning_rate",)


def check_ranges(config: Any, path: str = "") -> None:
    """Check that no number of a config is below its range, or not finite.

    Sizes and counts are at least 1. Other numbers are at least 0 if their default is
    positive, and integers also if their default is 0. If the class of a config has the
    attribute SIZE_MULTIPLE, its `size` is a multiple of it.

    Args:
        config: A plain value; numbers outside of dataclasses are not checked.
        path: Path of the value, for the message.

    Raises:
        InputError: A number is outside of its range.
    """
    fields = dataclasses.fields(config) if dataclasses.is_dataclass(config) else ()
    defaults = {field.name: field.default for field in fields}
    for name, value in children(config).items():
        child_path = f"{path}.{name}" if path else name
        if name in defaults and type(value) in (int, float):
            check_number(name, value, defaults[name], child_path)
            multiple = getattr(config, "SIZE_MULTIPLE", 1)
            if name == "size" and value % multiple:
                raise InputError(
                    f"{child_path}={value} must be a multiple of {multiple}"
                )
        else:
            check_ranges(value, child_path)


def check_number(name: str, value: float, default: Any, path: str) -> None:
    """Check one number.

    Args:
        name: Name of its field.
        value: The number.
        default: Default of the field, `dataclasses.MISSING` without one.
        path: Path of the field, for the message.

    Raises:
        InputError: The number is outside of its range.
    """
    is_number = type(default) in (int, float)
    if not math.isfinite(value) and (not is_number or math.isfinite(default)):
        raise InputError(f"{path}={value} is not a finite number")
    if name.endswith(POSITIVE) and value <= 0:
        limit = "at least 1" if isinstance(value, int) else "greater than 0"
        raise InputError(f"{path}={value} must be {limit}")
    least = default if is_number else -1
    never = least > 0 or (least == 0 and isinstance(value, int))
    if value < 0 and (never or name.endswith(NEVER_NEGATIVE)):
        raise InputError(f"{path}={value} must be at least 0")
