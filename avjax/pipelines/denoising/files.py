"""Denoise image and video files, and write the results."""

import pathlib
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from avjax import console
from avjax.errors import InputError
from avjax.media import dnd, files, image_io, photo_io, video_reader
from avjax.media.container import open_media
from avjax.media.remux import remux_audio
from avjax.media.video_writer import VideoWriter
from avjax.pipelines.denoise import denoise_with_progress
from avjax.pipelines.denoising.denoiser import Denoiser, check_size
from avjax.pipelines.denoising.jobs import DenoiseJob, is_video
from avjax.pipelines.denoising.result import (
    DenoiseResult,
    describe_change,
    make_result,
)

TEXT_FORMATS = {"tty"}  # FFmpeg's format for text files, which it renders as video
RAW_SUFFIXES = {".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"}


# (noisy image [h w c], results) -> the report as an image u8 [h w 3]
PlotReport = Callable[[np.ndarray, Sequence[DenoiseResult]], np.ndarray]


class DenoisedFile(NamedTuple):
    """What was done with a file.

    Attributes:
        source: The file that was read.
        summary: A sentence.
        details: Size of the image, and what the adaptation did, for JSON.
    """

    source: pathlib.Path
    summary: str
    details: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts."""
        return {"source": str(self.source), **self.details}

    def __str__(self) -> str:
        return self.summary


def denoise_file(
    denoiser: Denoiser,
    job: DenoiseJob,
    plot_report: PlotReport | None = None,
    progress: bool = False,
) -> DenoisedFile:
    """Denoise one file and write the result.

    Args:
        denoiser: The denoiser.
        job: The file to read and the file to write.
        plot_report: Draws OUT.report.png, such as
            `avjax.visualize.denoise_report.plot_report`. None: no report.
        progress: True to show a progress bar.

    Returns:
        What was done.

    Raises:
        InputError: A file cannot be read or written.
    """
    files.check_readable(job.source)
    if job.source.suffix.lower() in RAW_SUFFIXES:
        raise InputError(
            f"{job.source} is a raw file of a camera: develop it into a TIFF of 16 "
            "bits without noise reduction, and denoise that"
        )
    function = denoise_image
    if is_video(job.source):
        function = denoise_clip
    elif job.source.suffix.lower() == dnd.SUFFIX:
        function = denoise_dnd
    with files.created_parents(job.target):
        return function(denoiser, *job, plot_report, progress)


def denoise_image(
    denoiser: Denoiser,
    source: pathlib.Path,
    target: pathlib.Path,
    plot_report: PlotReport | None,
    progress: bool,
) -> DenoisedFile:
    """Denoise a photo.

    Args:
        denoiser: The denoiser.
        source: The image file.
        target: The file to write.
        plot_report: Draws a report. None: no report.
        progress: True to show a progress bar.

    Returns:
        What was done.

    Raises:
        InputError: A file cannot be read or written.
    """
    photo = photo_io.read_photo(source)
    photo_io.check_format(target, photo)
    check_size(photo.image, source)
    files.check_writable(target)
    result = denoise_with_progress(denoiser, photo, source, progress)
    result.save(target)
    if plot_report:
        write_report(target, plot_report(photo.image, [result]))
    return DenoisedFile(source, str(result), result.to_json())


def denoise_dnd(
    denoiser: Denoiser,
    source: pathlib.Path,
    target: pathlib.Path,
    plot_report: PlotReport | None,
    progress: bool,
) -> DenoisedFile:
    """Denoise the regions of a photo of the DND benchmark.

    The network adapts to the whole photo; each region is denoised without the pixels
    around it.

    Args:
        denoiser: The denoiser.
        source: A photo of the benchmark.
        target: The file to write.
        plot_report: Draws a report of the first region. None: no report.
        progress: True to show a progress bar.

    Returns:
        What was done.

    Raises:
        InputError: A file cannot be read or written.
    """
    if target.suffix != dnd.SUFFIX:
        raise InputError(
            f"cannot write {target}: results for DND need a name that ends in "
            f"{dnd.SUFFIX}"
        )
    image = dnd.read_noisy(source)
    regions = dnd.read_regions(source, image.shape)
    check_size(image, source)
    files.check_writable(target)
    adapted = denoiser.adapt(image, denoiser.initial_params())
    crops = [
        denoiser.denoise_tiles(image[region], adapted.params)
        for region in console.track(regions, source.name, progress=progress)
    ]
    dnd.write_denoised(target, crops)
    if plot_report:
        first = make_result(photo_io.Photo(crops[0]), adapted)
        write_report(target, plot_report(image[regions[0]], [first]))
    result = make_result(photo_io.Photo(image), adapted)
    details = {"regions": len(regions), **result.to_json()}
    return DenoisedFile(source, f"{len(regions)} regions of {result}", details)


def denoise_clip(
    denoiser: Denoiser,
    source: pathlib.Path,
    target: pathlib.Path,
    plot_report: PlotReport | None,
    progress: bool,
) -> DenoisedFile:
    """Denoise a video frame by frame; frame rate and audio stay.

    Args:
        denoiser: The denoiser.
        source: A video file.
        target: The .mp4 file to write.
        plot_report: Draws a report of all frames. None: no report.
        progress: True to show a progress bar.

    Returns:
        What was done.

    Raises:
        InputError: A file cannot be read or written.
    """
    info = probe_video(source)
    files.check_suffix(target, ".mp4")
    files.check_writable(target)
    first_frame = next(video_reader.read_frames(source))
    results: list[DenoiseResult] = []
    with tempfile.TemporaryDirectory(prefix=".avjax-", dir=target.parent) as folder:
        silent = pathlib.Path(folder) / "silent.mp4"
        frames = console.track(
            video_reader.read_at_rate(source, info.fps),
            source.name,
            total=video_reader.count_at_rate(source, info.fps),
            progress=progress,
        )
        with VideoWriter(silent, info.fps) as writer:
            for result in denoiser.denoise_frames(iter(frames), source):
                writer.write(result.image)
                # To save memory, only the image of the first frame is kept.
                photo = results[0].photo if results else result.photo
                results.append(result._replace(photo=photo))
        remux_audio(target, silent, source)
    if plot_report:
        write_report(target, plot_report(first_frame, results))
    change = float(np.mean([result.change or 0 for result in results]))
    size = {"height": info.height, "width": info.width}
    details = {"frames": len(results), **size, "change": change}
    summary = f"{len(results)} frames, {info.width}x{info.height}"
    summary += describe_change(change)
    return DenoisedFile(source, "; ".join([summary, *info.remarks]), details)


def probe_video(source: pathlib.Path) -> video_reader.VideoInfo:
    """Read the properties of a video.

    Args:
        source: The file.

    Returns:
        The properties.

    Raises:
        InputError: The file is not a video.
    """
    try:
        with open_media(source) as container:
            if container.format.name in TEXT_FORMATS:
                raise InputError(f"{source} is a text file")
        return video_reader.probe(source)
    except InputError as error:
        raise InputError(
            f"cannot read {source}: it is not an image or a video, or it is incomplete"
        ) from error


def write_report(target: pathlib.Path, report: np.ndarray) -> None:
    """Write the report, u8 [h w c=3], next to the denoised file, as OUT.report.png."""
    image_io.write_png(report_path(target), report)


def report_path(target: pathlib.Path) -> pathlib.Path:
    """Return the path of the report about a denoised file: OUT.report.png."""
    return target.with_name(f"{target.name}.report.png")
