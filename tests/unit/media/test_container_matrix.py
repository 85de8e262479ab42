"""Every codec in every container: frames, times, colours and audio."""

from fractions import Fraction

import numpy as np
import pytest
from media_files import (
    AUDIO_RATE,
    HEIGHT,
    WIDTH,
    numbered_image,
    read_number,
    tone,
    write_video,
)

from avjax.constants import SAMPLE_RATE
from avjax.media.audio_io import read_audio
from avjax.media.video_reader import probe, read_at_rate, read_frames

CONTAINERS = {  # the codecs that each holds
    "mp4": ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg2video", "mjpeg"),
    "mkv": ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg2video", "mjpeg"),
    "mov": ("libx264", "libx265", "mpeg2video", "mjpeg", "prores_ks"),
    "avi": ("libx264", "libvpx-vp9", "libsvtav1", "mpeg2video", "mjpeg"),
    "webm": ("libvpx-vp9", "libsvtav1"),
    "ts": ("libx264", "libx265", "mpeg2video"),
}
PAIRS = [(codec, name) for name, codecs in CONTAINERS.items() for codec in codecs]
AUDIO_CODECS = {"mkv": "flac", "webm": "libopus", "avi": "pcm_s16le", "ts": "mp2"}
DEEP = {"libx264": "yuv420p10le", "libx265": "yuv420p10le", "libsvtav1": "yuv420p10le"}
RATES = (25, Fraction(30000, 1001), 60, "variable")
SHAPES = ("plain", "rotated", "wide pixels")
INSIDE = np.ones((HEIGHT, WIDTH), bool)  # without the blurred edges of the fields
INSIDE[HEIGHT // 2 - 4 : HEIGHT // 2 + 4] = False
INSIDE[:, WIDTH // 2 - 4 : WIDTH // 2 + 4] = False
SECONDS, BURST = 0.6, 0.32


def choose_options(number: int, codec: str, container: str) -> tuple[str, object, str]:
    """Spread depth, rate and shape over the pairs, as far as each allows."""
    depth = DEEP.get(codec, "yuv420p") if number % 2 else "yuv420p"
    depth = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}.get(codec, depth)
    rate = RATES[number % 4]
    if rate == "variable" and (container == "avi" or codec == "mpeg2video"):
        rate = 60  # one interval for all frames is what they store
    shape = SHAPES[number % 3]
    is_kept = container in ("mp4", "mov")
    # The encoder x265 corrupts memory if images are narrower than 64 pixels.
    if not is_kept or codec == "libx265":
        shape = "plain"
    return depth, rate, shape


CASES = [
    pytest.param(codec, name, *choose_options(number, codec, name))
    for number, (codec, name) in enumerate(PAIRS)
]


@pytest.mark.parametrize(("codec", "container", "pix_fmt", "rate", "shape"), CASES)
def test_every_codec_is_read_from_every_container(
    tmp_path, codec, container, pix_fmt, rate, shape
):
    times = None
    fps = 25 if rate == "variable" else rate
    seconds = np.arange(round(SECONDS * fps)) / float(fps)
    if rate == "variable":  # a pause of 0.2 s
        seconds[8:] += 0.2
        times = (1000 * seconds).round().astype(int).tolist()
    path = tmp_path / f"video.{container}"
    wave = tone(seconds[-1] + 1 / float(fps))
    wave[: round(BURST * AUDIO_RATE)] = 0
    images = [numbered_image(number) for number in range(len(seconds))]
    stored = [image[:, ::2] if shape == "wide pixels" else image for image in images]
    stored = [np.rot90(x, -1) if shape == "rotated" else x for x in stored]

    def setup(stream):
        if shape == "rotated":
            stream.set_display_rotation(90)
        if shape == "wide pixels":
            stream.codec_context.sample_aspect_ratio = Fraction(2)

    audio_codec = AUDIO_CODECS.get(container, "aac")
    write_video(
        path,
        stored,
        times=times,
        fps=fps,
        codec=codec,
        pix_fmt=pix_fmt,
        setup=setup,
        wave=wave,
        audio_codec=audio_codec,
    )
    info = probe(path)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert (info.fps, info.num_frames, info.has_audio) == (fps, len(images), True)
    end = seconds[-1] + 1 / float(fps)
    assert info.duration == pytest.approx(end, abs=0.04)

    found = list(read_frames(path))
    assert len(found) == len(images)
    for image, expected in zip(found, images, strict=True):
        error = np.abs(image.astype(int) - expected)
        assert error[INSIDE].mean() <= 3

    numbers = [read_number(image) for image in read_at_rate(path, 25)]
    assert len(numbers) == pytest.approx(25 * end, abs=1.01)
    flash = int(np.argmax(seconds >= BURST - 1e-6))
    seen = next(n for n, number in enumerate(numbers) if number >= flash) / 25
    audible = np.argmax(np.abs(read_audio(path)) > 0.05) / SAMPLE_RATE
    assert abs((seen - seconds[flash]) - (audible - BURST)) <= 0.04
