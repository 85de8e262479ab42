"""Denoised videos keep what the file shows, and when; the network is not run."""

import numpy as np
import pytest
from media_files import numbered_image, read_number, tone, write_video

from avjax.media.audio_io import read_audio
from avjax.media.photo_io import Photo
from avjax.media.video_reader import probe, read_frames
from avjax.pipelines.denoising.files import denoise_clip
from avjax.pipelines.denoising.result import DenoiseResult


class UnchangedFrames:
    """A denoiser that returns every frame as it is."""

    def denoise_frames(self, frames, source):
        for frame in frames:
            yield DenoiseResult(Photo(frame), np.zeros(0), np.zeros(1), 0)


def denoise(source, tmp_path) -> str:
    result = denoise_clip(UnchangedFrames(), source, tmp_path / "out.mp4", None, False)
    return str(result)


def test_a_video_with_a_pause_keeps_its_frames_and_its_duration(tmp_path):
    times = [40 * n + 1000 * (n >= 10) for n in range(20)]
    images = [numbered_image(number) for number in range(20)]
    source = write_video(tmp_path / "pause.mp4", images, times=times)
    assert denoise(source, tmp_path).startswith("45 frames, 64x48, changed by 0.00 of")
    numbers = [read_number(frame) for frame in read_frames(tmp_path / "out.mp4")]
    assert sorted(set(numbers)) == list(range(20))
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(1.8)


def test_a_joined_video_keeps_its_duration_and_its_audio(tmp_path):
    images = [numbered_image(number) for number in range(25)]
    source = tmp_path / "joined.ts"
    write_video(source, images, wave=tone(1), audio_codec="mp2")
    source.write_bytes(source.read_bytes() * 2)
    denoise(source, tmp_path)
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(2, abs=0.1)
    waves = [read_audio(path) for path in (source, tmp_path / "out.mp4")]
    assert abs(len(waves[0]) - len(waves[1])) < 0.05 * 16_000


def test_hdr_is_reported(tmp_path):
    def setup(stream):
        codec = stream.codec_context
        codec.color_primaries, codec.color_trc, codec.colorspace = 9, 16, 9

    images = [np.full((48, 64, 3), 30_000, np.uint16)] * 2
    source = tmp_path / "hdr.mp4"
    write_video(source, images, pix_fmt="yuv420p10le", matrix=9, setup=setup)
    assert denoise(source, tmp_path).endswith("; " + probe(source).remarks[0])
    assert not probe(tmp_path / "out.mp4").remarks
