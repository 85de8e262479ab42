"""Which files are denoised, and where the results are written."""

import glob
import mimetypes
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from avjax.console import CONSOLE, format_count
from avjax.errors import InputError
from avjax.media import dnd, files, image_io, photo_io
from avjax.typing import PathLike


class DenoiseJob(NamedTuple):
    """One file to denoise.

    Attributes:
        source: The file to read.
        target: The file to write.
    """

    source: pathlib.Path
    target: pathlib.Path


def plan_jobs(inputs: Sequence[PathLike], out: PathLike) -> list[DenoiseJob]:
    """List the files to read and the files to write.

    Args:
        inputs: Files, patterns such as "*.png", and folders. A folder stands for its
            files; the folder of the DND benchmark for its photos.
        out: A file for a single input, in a folder that exists; a folder for several,
            which need not exist. File names are kept, but videos become .mp4 files.

    Returns:
        The jobs, in the order of the inputs.

    Raises:
        InputError: Two outputs would have the same name, or an output would replace
            its input.
    """
    sources = [path for name in inputs for path in expand(name)]
    single_file = len(sources) == 1 and sources == [pathlib.Path(inputs[0])]
    if not single_file and os.path.isfile(out):
        raise InputError(f"{out} is a file: several inputs are written into a folder")
    if not single_file and not os.path.isdir(out) and is_named_like_file(out):
        count = format_count(len(sources), "input")
        found = f"there are {count}" if len(sources) > 1 else f"{inputs[0]} is a folder"
        raise InputError(f"{found}: give a folder as the output, not {out}")
    if single_file and not os.path.isdir(out):
        targets = [pathlib.Path(out)]
        files.check_writable(out)
    else:
        targets = [pathlib.Path(out) / output_name(source) for source in sources]
    source_by_target: dict[str, pathlib.Path] = {}
    for source, target in zip(sources, targets, strict=True):
        files.check_distinct(target, source)
        real_target = os.path.realpath(target)
        if real_target in source_by_target:
            raise InputError(
                f"{source_by_target[real_target]} and {source} would both be "
                f"written to {target}"
            )
        source_by_target[real_target] = source
    return [DenoiseJob(*pair) for pair in zip(sources, targets, strict=True)]


def expand(name: PathLike) -> list[pathlib.Path]:
    """List the files that a file name, a folder or a pattern stands for.

    Args:
        name: A file, a folder, or a pattern such as "*.png".

    Returns:
        The files in alphabetical order; the name itself if there are none.
    """
    path, paths = pathlib.Path(name), []
    with files.wrap_os_errors(name, "read"):
        if path.is_dir():
            children = [file for file in sorted(path.iterdir()) if file.is_file()]
            visible = [file for file in children if file.name[0] != "."]
            paths = dnd.list_photos(path) or [
                file for file in visible if not is_other(file)
            ]
            if visible and not paths:
                raise InputError(f"there is no image or video in {path}")
        elif not path.exists():
            paths = [
                pathlib.Path(match) for match in sorted(glob.glob(os.fspath(path)))
            ]
    return paths or [path]


def output_name(source: pathlib.Path) -> str:
    """Return the name of the output file for an input file; .mp4 for a video.

    Args:
        source: The input file.
    """
    return f"{source.stem}.mp4" if is_video(source) else source.name


def is_named_like_file(path: PathLike) -> bool:
    """Return True if the name of an output has the suffix of an image or a video.

    Args:
        path: The output.
    """
    kind = mimetypes.guess_type(path)[0] or ""
    suffix = pathlib.Path(path).suffix.lower()
    known = suffix in {*photo_io.FORMATS, dnd.SUFFIX}
    return known or kind.startswith(("image/", "video/"))


def is_video(path: pathlib.Path) -> bool:
    """Return True if a file is not an image, and is not named like one.

    Args:
        path: The file.
    """
    if path.suffix.lower() in {*photo_io.FORMATS, dnd.SUFFIX}:
        return False
    return not image_io.is_image_file(path)


def is_other(path: pathlib.Path) -> bool:
    """Return True, and print a line, if a file has the name of a text, audio, ….

    Args:
        path: The file.
    """
    kind = mimetypes.guess_type(path)[0] or "unknown"
    if kind.startswith(("image/", "video/", "unknown")):
        return False
    CONSOLE.print(
        f"skipped {path}, which is not named like an image or a video", soft_wrap=True
    )
    return True
