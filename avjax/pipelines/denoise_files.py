"""Files to clean, and where what comes of each goes."""

import glob
import os
import pathlib
import tempfile
from collections.abc import Sequence

import rich.progress
from PIL import Image

from avjax.algorithms import tiling as tiles
from avjax.errors import InputError
from avjax.media import dnd, files
from avjax.media import image_io as image
from avjax.media import photo_io as photo
from avjax.media import video_reader as video
from avjax.media.container import opened
from avjax.media.mouth_video import CONSOLE
from avjax.media.remux import dub
from avjax.pipelines.denoise import Cleaned, Denoiser, Path, cleaned, require_size

WRITTEN = {"tty"}  # what FFmpeg would draw as letters on a screen
Errand = tuple[pathlib.Path, pathlib.Path]  # what is read, and what is written


def errands(given: Sequence[Path], out: Path) -> list[Errand]:
    """What is read and what is written, in the order given.

    given  files, patterns such as "*.png", and folders, whose files are meant; of the
           benchmark DND its photographs
    out    a file for a single file, a folder for several; names are kept, but a clip
           becomes an mp4

    InputError where two would have one name, or one would be written over itself.
    """
    sources = [path for one in given for path in meant(one)]
    alone = len(sources) == 1 and sources == [pathlib.Path(given[0])]
    if alone and not os.path.isdir(out):
        targets = [pathlib.Path(out)]
    else:
        targets = [pathlib.Path(out) / name_of(source) for source in sources]
    taken = {}
    for source, target in zip(sources, targets, strict=True):
        files.require_other(target, source)
        place = os.path.realpath(target)
        if place in taken:
            raise InputError(f"{taken[place]} and {source} would both be {target}")
        taken[place] = source
    return list(zip(sources, targets, strict=True))


def meant(given: Path) -> list[pathlib.Path]:
    """The files that a name means; the name itself where it means none."""
    path, found = pathlib.Path(given), []
    with files.refusing(given, "read"):
        if path.is_dir():
            every = [file for file in sorted(path.iterdir()) if file.is_file()]
            found = [file for file in every if file.name[0] != "."]
            found = dnd.photographs(path) or found
        elif not path.exists():
            found = [pathlib.Path(name) for name in sorted(glob.glob(os.fspath(path)))]
    return found or [path]


def name_of(source: pathlib.Path) -> str:
    return f"{source.stem}.mp4" if is_clip(source) else source.name


def is_clip(path: pathlib.Path) -> bool:
    """Whether a file is neither a picture nor called like one, or like DND's."""
    if path.suffix.lower() in {*photo.FORMATS, dnd.SUFFIX}:
        return False
    try:
        with Image.open(path):
            return False
    except Image.DecompressionBombError:
        return False
    except (OSError, SyntaxError, ValueError):
        return True


def run(denoiser: Denoiser, errand: Errand, report: bool = False) -> str:
    """Cleans one file and writes it; -> what came of it, in words.

    report  whether OUT.report.png is written too: squares before and after, and errors
    """
    source, target = errand
    files.require_file(source)
    if is_clip(source):
        return run_clip(denoiser, source, target, report)
    if source.suffix.lower() == dnd.SUFFIX:
        return run_boxes(denoiser, source, target, report)
    given = photo.read_photo(source)
    photo.require_format(target, given)
    require_size(given.levels, source)
    make_place(target)
    with progress() as bar:
        task = bar.add_task(source.name, total=tiles.count(given.levels.shape))
        found = denoiser.clean(given, source, lambda: bar.advance(task))
    photo.write_photo(target, found.photo)
    if report:
        write_report(target, given.levels, [found])
    return str(found)


def run_boxes(
    denoiser: Denoiser, source: pathlib.Path, target: pathlib.Path, report: bool
) -> str:
    """The same of a photograph of DND, of which only some boxes are cleaned.

    It is adapted to as a whole, but what lies around a box helps to clean no pixel.
    """
    if target.suffix != dnd.SUFFIX:
        raise InputError(f"cannot write {target}: DND asks for names in {dnd.SUFFIX}")
    levels = dnd.read_noisy(source)
    boxes = dnd.read_boxes(source, levels.shape)
    require_size(levels, source)
    make_place(target)
    found = denoiser.adapt(levels, denoiser.stored())
    with progress() as bar:
        shown = bar.track(boxes, description=source.name)
        redrawn = denoiser.redrawn
        made = [redrawn(levels[box], found.params, lambda: None) for box in shown]
    dnd.write_clean(target, made)
    if report:
        first = cleaned(photo.Photo(made[0]), found)
        write_report(target, levels[boxes[0]], [first])
    return f"{len(boxes)} boxes of {cleaned(photo.Photo(levels), found)}"


def run_clip(
    denoiser: Denoiser, source: pathlib.Path, target: pathlib.Path, report: bool
) -> str:
    """The same of a clip: frame by frame, at its rate, with its sound."""
    try:
        with opened(source) as container:
            if container.format.name in WRITTEN:
                raise InputError(f"{source} is a text")
        info = video.probe(source)
    except InputError as error:
        raise InputError(
            f"cannot read {source}: it is no picture or clip, or it is cut off"
        ) from error
    files.require_ending(target, ".mp4")
    make_place(target)
    first, found = next(video.read_frames(source)), []
    with (
        tempfile.TemporaryDirectory(prefix=".avjax-", dir=target.parent) as folder,
        progress() as bar,
    ):
        silent = pathlib.Path(folder) / "silent.mp4"
        shown = video.read_at_rate(source, info.fps)
        shown = bar.track(shown, info.frames, description=source.name)
        with video.VideoWriter(silent, info.fps) as writer:
            for frame in denoiser.frames(shown, source):
                writer.write(frame.photo.levels)
                # Of all but the first, only the errors are kept.
                found.append(frame._replace(photo=found[0].photo) if found else frame)
        dub(target, silent, source)
    if report:
        write_report(target, first, found)
    return f"{len(found)} frames, {info.width}x{info.height}"


def make_place(target: pathlib.Path) -> None:
    """Makes the folder that a file goes to; InputError where it cannot be written."""
    with files.refusing(target, "write"):
        target.parent.mkdir(parents=True, exist_ok=True)
    files.require_place(target)


def write_report(target: pathlib.Path, before, found: Sequence[Cleaned]) -> None:
    from avjax.pipelines.denoise_report import draw

    path = target.with_name(f"{target.name}.report.png")
    image.write_png(path, draw(before, found))


def progress() -> rich.progress.Progress:
    return rich.progress.Progress(console=CONSOLE, transient=True)
