import resource
import signal

import av
import numpy as np
import pytest
import soundfile

from avjax.errors import InputError
from avjax.media.audio_io import read_audio, write_wav
from avjax.media.video_writer import VideoWriter


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000, 50_000])
def test_read_audio_converts_every_sample_rate_and_sample_format(
    tmp_path, subtype, rate
):
    soundfile.write(tmp_path / "a.wav", tone(1, rate), rate, subtype=subtype)
    wave = read_audio(tmp_path / "a.wav")
    assert wave.dtype == np.float32 and abs(len(wave) - 16_000) <= 1
    inside = slice(400, 15_600)
    assert np.abs(wave[inside] - tone(1, 16_000)[inside]).max() < 0.012


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3"])
def test_read_audio_keeps_the_duration_of_compressed_audio(tmp_path, name):
    soundfile.write(tmp_path / name, tone(1, 44_100), 44_100)
    wave = read_audio(tmp_path / name)
    assert abs(len(wave) - 16_000) < 1200
    spectrum = np.abs(np.fft.rfft(wave, 16_000))
    assert np.argmax(spectrum) == 440


def test_read_audio_averages_channels_without_clipping(tmp_path):
    stereo = np.stack([np.full(8000, 0.9), np.full(8000, 0.5)], axis=-1)
    soundfile.write(tmp_path / "a.wav", stereo, 16_000, subtype="PCM_24")
    assert read_audio(tmp_path / "a.wav") == pytest.approx(0.7, abs=1e-4)
    six = np.full((8000, 6), 0.9)
    soundfile.write(tmp_path / "b.wav", six, 16_000, subtype="PCM_24")
    assert 0.8 < np.abs(read_audio(tmp_path / "b.wav")).max() <= 1


def test_write_wav_round_trip(tmp_path):
    wave = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    wave[:3] = 1.5, -1.5, 1
    write_wav(tmp_path / "a.wav", wave)
    again = read_audio(tmp_path / "a.wav")
    assert np.abs(again - np.clip(wave, -1, 1)).max() < 1e-4
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"


def test_read_audio_pads_a_late_start_with_silence(tmp_path):
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as file:
        video, audio = (
            file.add_stream("mpeg4", 25),
            file.add_stream("pcm_s16le", 16_000),
        )
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio.layout = "mono"
        image = np.zeros((48, 64, 3), np.uint8)
        for _ in range(25):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            file.mux(video.encode(frame))
        samples = np.full((1, 8000), 10_000, np.int16)
        block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        block.sample_rate, block.pts = 16_000, 8000
        file.mux(audio.encode(block))
        file.mux([*video.encode(None), *audio.encode(None)])
    wave = read_audio(path)
    assert len(wave) == 16_000
    assert not wave[:7990].any() and wave[8010:].min() > 0.3


def test_read_audio_rejects_files_without_audio(tmp_path):
    with VideoWriter(tmp_path / "silent.mp4", 25) as video:
        video.write(np.zeros((32, 32, 3), np.uint8))
    soundfile.write(tmp_path / "zero.wav", np.zeros(0), 16_000)
    write_wav(tmp_path / "whole.wav", np.zeros(5000))
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:5000])
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("hello " * 1000)
    bad = [
        "silent.mp4",
        "zero.wav",
        "cut.wav",
        "empty.wav",
        "text.wav",
        "none.wav",
        ".",
    ]
    for name in bad:
        with pytest.raises(InputError) as caught:
            read_audio(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_write_wav_leaves_no_file_after_an_error(tmp_path):
    for name in ["none/a.wav", "."]:
        with pytest.raises(InputError, match="cannot write"):
            write_wav(tmp_path / name, np.zeros(5))
    with pytest.raises(InputError, match="/dev/full"):
        write_wav("/dev/full", np.zeros(5))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named_when_a_wav_file_is_written(tmp_path):
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    try:
        with pytest.raises(InputError, match=r"write .*a\.wav: file too large$"):
            write_wav(tmp_path / "a.wav", np.zeros(50_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.iterdir())


def test_read_audio_keeps_the_duration_of_real_recordings(real):
    for path in sorted((real / "speech").glob("*.wav")):
        info = soundfile.info(path)
        wave = read_audio(path)
        assert abs(len(wave) - 16_000 * info.frames / info.samplerate) <= 1, path.name
        assert 0.01 < np.abs(wave).max() <= 1
