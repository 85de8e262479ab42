"""The Darmstadt Noise Dataset (DND): read its photographs, write submissions.

The clean photographs are not public. Denoised crops are sent to the benchmark's
server in MATLAB files.

    info.mat              info/boundingboxes: for each photograph, rows of four numbers:
                          top, left, bottom and right edge of a box, counted from 1,
                          ends included
    images_srgb/0001.mat  InoisySRGB, floats in [0, 1]

Both are HDF5, which MATLAB writes since version 7.3 with reversed axes. Submissions use
the older MATLAB format, which scipy writes.

Source:
    Plötz and Roth, "Benchmarking Denoising Algorithms with Real Photographs", CVPR
    2017. Names follow the programs that come with the dataset.
"""

import contextlib
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from avjax.errors import InputError
from avjax.media.files import atomic_file, check_readable, wrap_os_errors
from avjax.typing import PathLike

SUFFIX = ".mat"
PHOTO_FOLDER = "images_srgb"

Region = tuple[slice, slice]  # rows, columns


def list_photos(folder: pathlib.Path) -> list[pathlib.Path]:
    """List the photographs of the benchmark.

    Args:
        folder: The folder that holds info.mat.

    Returns:
        The files in order; an empty list if `folder` is not the benchmark's folder.
    """
    if not (folder / "info.mat").is_file():
        return []
    return sorted((folder / PHOTO_FOLDER).glob(f"*{SUFFIX}"))


def read_noisy(path: pathlib.Path) -> np.ndarray:
    """Read a noisy photograph.

    Args:
        path: A file such as images_srgb/0001.mat.

    Returns:
        The image, f32 [h w c=3] in [0, 1].

    Raises:
        InputError: The file does not hold such an image.
    """
    with open_hdf5(path) as file:
        image = np.asarray(file["InoisySRGB"], np.float32).T
    if image.ndim != 3 or image.shape[-1] != 3:
        raise InputError(f"{path} does not hold an RGB image")
    if not (np.isfinite(image).all() and 0 <= image.min() <= image.max() <= 1):
        raise InputError(f"{path} holds values outside [0, 1]")
    return np.ascontiguousarray(image)


def read_regions(path: pathlib.Path, shape: tuple[int, ...]) -> list[Region]:
    """Read which regions of a photograph are evaluated, from info.mat.

    Args:
        path: The file of the photograph.
        shape: Shape of the photograph, (h, w, ...).

    Returns:
        The regions as slices of rows and columns; all lie inside the photograph.

    Raises:
        InputError: info.mat has no valid regions for this photograph.
    """
    info = path.parent.parent / "info.mat"
    with open_hdf5(info) as file:
        references = np.asarray(file["info"]["boundingboxes"]).ravel()
        number = int(path.stem) - 1 if path.stem.isdecimal() else -1
        if not 0 <= number < len(references):
            raise InputError(f"{info} has no entry for {path.name}")
        rows = np.asarray(file[references[number]], int).T
    tops, lefts, bottoms, rights = rows.T - np.array([[1], [1], [0], [0]])
    inside = (tops >= 0) & (tops < bottoms) & (bottoms <= shape[0])
    inside &= (lefts >= 0) & (lefts < rights) & (rights <= shape[1])
    if not (len(rows) and inside.all()):
        raise InputError(f"{info} has boxes that are not inside {path.name}")
    edges = zip(tops, bottoms, lefts, rights, strict=True)
    return [
        (slice(top, bottom), slice(left, right)) for top, bottom, left, right in edges
    ]


def write_denoised(path: pathlib.Path, crops: Sequence[np.ndarray]) -> None:
    """Write the submission file of one photograph.

    Args:
        path: The file to write.
        crops: The denoised regions in their order, f32 [h w c=3] each.

    Raises:
        InputError: The file cannot be written.
    """
    import scipy.io

    cells = np.empty(len(crops), object)
    cells[:] = [np.asarray(crop, np.float32) for crop in crops]
    content = {"Idenoised": cells, "israw": False, "eval_version": "1.0"}
    with (
        atomic_file(path) as temporary,
        wrap_os_errors(path, "write"),
        open(temporary, "wb") as file,
    ):
        scipy.io.savemat(file, content)


@contextlib.contextmanager
def open_hdf5(path: PathLike) -> Iterator[Any]:
    """Open an HDF5 file.

    Args:
        path: The file to read.

    Yields:
        The open `h5py.File`.

    Raises:
        InputError: h5py is not installed, or the block reads what the file lacks.
    """
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            f"reading {path} requires h5py: pip install 'avjax[dnd]'"
        ) from error
    check_readable(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a DND file, or it is damaged") from error
