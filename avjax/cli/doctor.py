"""The command `avjax doctor`: what an installation consists of, and whether it works.

The output is what an issue needs. Paths are shortened, so that it does not name the
user. Every part is measured on its own: one that fails is reported with its error.
"""

import argparse
import os
import pathlib
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from avjax.cli.extras import find_extras
from avjax.cli.session import OWN_VARIABLES

ENCODERS = "libx264", "aac"  # of the files that avjax writes
DECODERS = "h264", "hevc", "libdav1d", "vp9", "mpeg4", "prores", "aac", "mp3", "opus"
VARIABLES = re.compile(r"(AVJAX|JAX|XLA|CUDA|TF_CPP|XDG_CACHE|NVIDIA_VISIBLE)_?\w*")
TEST_FRAMES, TEST_SIZE = 8, 64  # of the video of the self-test, in pixels
MAX_ERROR = 12.0  # mean, in pixel values, of the video after encoding


class DoctorReport(NamedTuple):
    """What an installation consists of.

    Attributes:
        parts: {part: {name: value}}, where a part that failed has the name "error".
    """

    parts: dict[str, dict[str, Any]]

    @property
    def failed(self) -> list[str]:
        """Names of the parts that failed."""
        return [name for name, values in self.parts.items() if "error" in values]

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts."""
        return {**self.parts, "failed": self.failed}

    def __str__(self) -> str:
        """Format as one line for each part, which is long for the packages."""
        lines = []
        for part, values in self.parts.items():
            items = (f"{name} {value}" for name, value in values.items())
            lines.append(f"{part:<10} {', '.join(items) or 'none'}")
        verdict = f"failed: {', '.join(self.failed)}" if self.failed else "no errors"
        return "\n".join([*lines, verdict])


def doctor(options: argparse.Namespace) -> int:
    """Print versions, devices, codecs and free space, and run a short self-test.

    The exit status is 1 if a part does not work.
    """
    from avjax.cli.output import print_result

    report = examine()
    print_result(report, options.json)
    return 1 if report.failed else 0


def examine(names: Sequence[str] | None = None) -> DoctorReport:
    """Examine the installation, which takes some seconds.

    Args:
        names: The parts to examine. None: all.

    Returns:
        The report.
    """
    examinations: dict[str, Callable[[], dict[str, Any]]] = {
        "system": find_system,
        "packages": find_packages,
        "extras": find_extras,
        "devices": find_devices,
        "codecs": find_codecs,
        "espeak": find_espeak,
        "cache": find_cache,
        "free": find_free_space,
        "variables": find_variables,
        "self-test": run_self_test,
    }
    parts = {}
    for name in names or examinations:
        try:
            parts[name] = examinations[name]()
        except Exception as error:  # what is broken is the result
            message = next(iter(str(error).splitlines()), "")
            parts[name] = {"error": shorten(f"{type(error).__name__}: {message}")}
    return DoctorReport(parts)


def find_system() -> dict[str, Any]:
    """Return the versions of avjax and Python, the platform and the processors."""
    import avjax

    return {
        "avjax": avjax.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
    }


def find_packages() -> dict[str, str]:
    """Return the versions of the packages that avjax needs.

    Raises:
        ImportError: One of them is not installed.
    """
    import importlib.metadata  # takes a quarter of the time of --help

    versions, missing = {}, []
    for requirement in importlib.metadata.requires("avjax") or ():
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        if "extra ==" in requirement:
            continue
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        raise ImportError(f"not installed: {', '.join(missing)}")
    return {**versions, "jaxlib": importlib.metadata.version("jaxlib")}


def find_devices() -> dict[str, Any]:
    """Return the devices of JAX: {"cpu": "1 x cpu"}."""
    import jax

    kinds = [(device.platform, device.device_kind) for device in jax.devices()]
    return {
        "backend": jax.default_backend(),
        **{name: f"{kinds.count((name, kind))} x {kind}" for name, kind in kinds},
    }


def find_codecs() -> dict[str, Any]:
    """Return the version of FFmpeg, and its codecs that avjax meets most.

    Raises:
        ImportError: A codec that writes files is missing.
    """
    import av

    def missing(names: tuple[str, ...], mode: Any) -> Iterator[str]:
        for name in names:
            try:
                av.Codec(name, mode)
            except ValueError:  # there is no such codec
                yield name

    if lacking := list(missing(ENCODERS, "w")):
        raise ImportError(f"FFmpeg lacks the encoders {', '.join(lacking)}")
    absent = set(missing(DECODERS, "r"))
    decoders = [name for name in DECODERS if name not in absent]
    return {
        "ffmpeg": av.ffmpeg_version_info,
        "encoders": " ".join(ENCODERS),
        "decoders": " ".join(decoders),
    }


def find_espeak() -> dict[str, Any]:
    """Return how many languages and voices eSpeak has."""
    from avjax.text import espeak

    languages, variants = espeak.list_languages(), espeak.list_variants()
    if "en-us" not in languages:
        raise FileNotFoundError("the data of eSpeak NG lacks the language en-us")
    return {"languages": len(languages), "voices": len(variants)}


def find_cache() -> dict[str, Any]:
    """Return the cache folder and its size."""
    from avjax.console import format_size
    from avjax.media.files import cache_folder

    folder = cache_folder()
    if folder is None:
        return {"folder": "none, because the user has no home"}
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return {
        "folder": shorten(folder),
        "files": len(sizes),
        "size": format_size(sum(sizes)),
    }


def find_free_space() -> dict[str, str]:
    """Return the free memory, and the free space of the current folder's disk."""
    from avjax.console import format_size

    page = os.sysconf("SC_PAGE_SIZE")
    memory = os.sysconf("SC_AVPHYS_PAGES") * page
    details = pathlib.Path("/proc/meminfo")
    if details.is_file():  # what the system can free counts as well
        available = re.search(r"MemAvailable:\s+(\d+)", details.read_text())
        memory = int(available[1]) * 1024 if available else memory
    total = os.sysconf("SC_PHYS_PAGES") * page
    disk = shutil.disk_usage(".")
    return {
        "memory": f"{format_size(memory)} of {format_size(total)}",
        "disk": f"{format_size(disk.free)} of {format_size(disk.total)}",
    }


def find_variables() -> dict[str, str]:
    """Return the user's environment variables that change what avjax does."""
    names = sorted(filter(VARIABLES.fullmatch, os.environ.keys() - OWN_VARIABLES))
    return {name: shorten(os.environ[name]) for name in names}


def run_self_test() -> dict[str, str]:
    """Compile a function, and write and read a short video.

    Returns:
        The seconds of both.

    Raises:
        RuntimeError: A result is wrong.
    """
    start = time.perf_counter()
    check_compilation()
    middle = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="avjax-") as folder:
        check_video(pathlib.Path(folder) / "test.mp4")
    end = time.perf_counter()
    return {"jit": f"{middle - start:.2f} s", "video": f"{end - middle:.2f} s"}


def check_compilation() -> None:
    """Compile and run a product of matrices.

    Raises:
        RuntimeError: The product is wrong.
    """
    import jax
    import jax.numpy as jnp

    product = jax.jit(lambda x: x @ x.T)(jnp.ones((4, 8)))
    if not bool((product == 8).all()):
        raise RuntimeError("a compiled product of matrices is wrong")


def check_video(file: pathlib.Path) -> None:
    """Write a video with sound, and read it again.

    Args:
        file: The file to write.

    Raises:
        RuntimeError: The frames or the sound differ.
    """
    import numpy as np

    from avjax.constants import FPS, SAMPLE_RATE
    from avjax.media.audio_io import read_audio
    from avjax.media.video_reader import read_clip
    from avjax.media.video_writer import VideoWriter

    ramp = np.linspace(0, 255, TEST_SIZE).astype(np.uint8)
    frame = np.repeat(np.broadcast_to(ramp, (TEST_SIZE, TEST_SIZE))[..., None], 3, -1)
    seconds = np.arange(TEST_FRAMES * SAMPLE_RATE // FPS) / SAMPLE_RATE
    wave = 0.5 * np.sin(2 * np.pi * 440 * seconds).astype(np.float32)
    with VideoWriter(file, FPS, wave) as video:
        for _ in range(TEST_FRAMES):
            video.write(frame)
    clip = read_clip(file).astype(float)
    if len(clip) != TEST_FRAMES or np.abs(clip - frame).mean() > MAX_ERROR:
        raise RuntimeError("a video that was written and read again differs")
    if not 0.2 < np.abs(read_audio(file)).max() < 0.9:
        raise RuntimeError("the sound of a video that was written and read differs")


def shorten(path: str | os.PathLike[str]) -> str:
    """Replace the home folder and the name of the user in a path.

    Args:
        path: A path, or a text with paths.

    Returns:
        The path with ~ and USER in their places.
    """
    text, home = os.fspath(path), os.path.expanduser("~")
    if home not in ("", "/", "~"):
        text = text.replace(home, "~")
    try:
        import getpass

        user = getpass.getuser()
    except (OSError, KeyError):  # a process of a user without a name
        return text
    return re.sub(rf"(?<=/){re.escape(user)}(?=/|$)", "USER", text)
