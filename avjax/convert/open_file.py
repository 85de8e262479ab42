"""Open PyTorch, .safetensors and .npz files as tensors that are read on demand.

PyTorch's formats are .pth, .pt, .ckpt and .model, from before and since version 1.6.
The format is recognised by the first bytes of a file. A tensor is read only when it is
asked for, so that an optimizer state in the same file costs nothing. No code in a file
is executed, and sizes are checked against the file before memory is allocated.
"""

import contextlib
from collections.abc import Iterator
from typing import BinaryIO

from avjax.convert import archives, arrays, pytorch
from avjax.convert.tensors import MalformedFile, Tensor
from avjax.errors import InputError
from avjax.media.files import check_readable, wrap_os_errors
from avjax.typing import PathLike

PICKLE_START, ZIP_START = b"\x80", b"PK\x03\x04"


def open_tensors(path: PathLike) -> dict[str, Tensor]:
    """Open the tensors of a file without reading their values.

    Args:
        path: A PyTorch, .safetensors or .npz file.

    Returns:
        {key: tensor}; keys of nested dicts are joined by dots.

    Raises:
        InputError: The file is damaged, not supported, or would execute code.
    """
    check_readable(path)
    with wrap_file_errors(path), open(path, "rb") as file:
        return dict(_iter_tensors(file))


@contextlib.contextmanager
def wrap_file_errors(path: PathLike) -> Iterator[None]:
    """Turn errors of the `with` block, which reads a file, into an InputError.

    Args:
        path: The file that the message names.

    Yields:
        None.

    Raises:
        InputError: The block raised MalformedFile or OSError.
    """
    try:
        with wrap_os_errors(path, "read"):
            yield
    except MalformedFile as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _iter_tensors(file: BinaryIO) -> Iterator[tuple[str, Tensor]]:
    """Recognise the format and read the tensor descriptions."""
    start = file.read(9)
    if start.startswith(PICKLE_START):
        return pytorch.read_legacy(file)
    if start.startswith(ZIP_START):
        entries = archives.read_directory(file)
        if entries and all(name.endswith(".npy") for name in entries):
            return arrays.read_npz(file, entries)
        return pytorch.read_zip(file, entries)
    if start[8:] == b"{":
        return arrays.read_safetensors(file)
    raise MalformedFile("it is not a PyTorch, .safetensors or .npz file")
