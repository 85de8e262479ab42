"""Files of other programs' weights: what tensors they hold, without reading them.

PyTorch's .pth, .pt, .ckpt and .model, old and new; .safetensors; .npz.  What a file is
is told by its first bytes.  A tensor is read when it is asked for, so that the state of
an optimizer in the same file costs nothing.  Nothing in a file is executed, and what it
claims is held against its length before anything is made.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from avjax.convert import archives, arrays, pytorch
from avjax.convert.tensors import Refused, Tensor
from avjax.errors import InputError
from avjax.media.files import refusing, require_file

PICKLED, ZIPPED = b"\x80", b"PK\x03\x04"  # first bytes


def tensors(path: str | os.PathLike) -> dict[str, Tensor]:
    """{key: tensor} of a file; in a dict of dicts the keys are joined by dots.

    Raises InputError, one clear sentence, for what cannot be used.
    """
    require_file(path)
    with reading(path), open(path, "rb") as file:
        return dict(found(file))


@contextlib.contextmanager
def reading(path: str | os.PathLike) -> Iterator[None]:
    """Turns what is wrong with a file into an InputError."""
    try:
        with refusing(path, "read"):
            yield
    except Refused as error:
        raise InputError(f"cannot read {path}: {error}") from error


def found(file: BinaryIO) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a file of any kind that is known; raises Refused."""
    first = file.read(9)
    if first.startswith(PICKLED):
        return pytorch.in_a_row(file)
    if first.startswith(ZIPPED):
        entries = archives.entries(file)
        arrays_alone = entries and all(name.endswith(".npy") for name in entries)
        return (arrays.npz if arrays_alone else pytorch.zipped)(file, entries)
    if first[8:] == b"{":
        return arrays.safetensors(file)
    raise Refused("it is no file of PyTorch, .safetensors or .npz")
