"""Photographs of the Darmstadt Noise Dataset, whose truth is not given out, and the
files in which cleaned ones are sent to those who judge.

info.mat              info/boundingboxes: for each photograph rows of four numbers, top,
                      left, bottom and right of a box, counted from 1, the ends included
images_srgb/0001.mat  InoisySRGB, floats in [0, 1]

Both are HDF5, as MATLAB writes it since version 7.3, where axes come in reverse.  What
is sent in is older: scipy writes it.

Source  Plötz and Roth, CVPR 2017, "Benchmarking Denoising Algorithms with Real
        Photographs"; names after the programs that come with it
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from avjax.errors import InputError
from avjax.media.files import refusing, require_file, whole_file

SUFFIX = ".mat"
PICTURES = "images_srgb"

Box = tuple[slice, slice]  # rows, columns


def photographs(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of the benchmark's photographs; none where it is not its folder."""
    if not (folder / "info.mat").is_file():
        return []
    return sorted((folder / PICTURES).glob(f"*{SUFFIX}"))


def read_noisy(path: pathlib.Path) -> np.ndarray:
    """The photograph of a file such as images_srgb/0001.mat: f32 [h w 3] in [0, 1]."""
    with opened(path) as file:
        found = np.asarray(file["InoisySRGB"], np.float32).T
    if found.ndim != 3 or found.shape[-1] != 3:
        raise InputError(f"{path} holds no picture of red, green and blue")
    if not (np.isfinite(found).all() and 0 <= found.min() <= found.max() <= 1):
        raise InputError(f"{path} holds numbers that are not in 0 to 1")
    return np.ascontiguousarray(found)


def read_boxes(path: pathlib.Path, shape: tuple[int, ...]) -> list[Box]:
    """Which parts of the photograph of a file are judged, as info.mat tells it.

    shape  of the photograph, (h, w, ...): all of them lie in it
    """
    about = path.parent.parent / "info.mat"
    with opened(about) as file:
        places = np.asarray(file["info"]["boundingboxes"]).ravel()
        number = int(path.stem) - 1 if path.stem.isdecimal() else -1
        if not 0 <= number < len(places):
            raise InputError(f"{about} tells nothing of {path.name}")
        rows = np.asarray(file[places[number]], int).T
    tops, lefts, bottoms, rights = rows.T - np.array([[1], [1], [0], [0]])
    inside = (tops >= 0) & (tops < bottoms) & (bottoms <= shape[0])
    inside &= (lefts >= 0) & (lefts < rights) & (rights <= shape[1])
    if not (len(rows) and inside.all()):
        raise InputError(f"{about} has boxes that do not lie in {path.name}")
    spans = zip(tops, bottoms, lefts, rights, strict=True)
    return [(slice(top, end), slice(left, last)) for top, end, left, last in spans]


def write_clean(path: pathlib.Path, boxes: Sequence[np.ndarray]) -> None:
    """What is sent in of one photograph.  boxes f32 [h w 3], in their order."""
    import scipy.io

    cells = np.empty(len(boxes), object)
    cells[:] = [np.asarray(box, np.float32) for box in boxes]
    stored = {"Idenoised": cells, "israw": False, "eval_version": "1.0"}
    with whole_file(path) as part, refusing(path, "write"), open(part, "wb") as file:
        scipy.io.savemat(file, stored)


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator:
    """The inside of an HDF5 file; InputError for what it does not hold."""
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            f"{path} takes h5py to read: pip install 'avjax[dnd]'"
        ) from error
    require_file(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not as DND has it, or it is cut off") from error
