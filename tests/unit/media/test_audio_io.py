import av
import numpy as np
import pytest
import soundfile

from avjax.errors import InputError
from avjax.media.audio_io import read_sound, write_wav
from avjax.media.video_reader import VideoWriter


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 48_000, 50_000])
def test_any_rate_and_width_gives_the_same_wave(tmp_path, subtype, rate):
    soundfile.write(tmp_path / "a.wav", tone(1, rate), rate, subtype=subtype)
    wave = read_sound(tmp_path / "a.wav")
    assert wave.dtype == np.float32 and abs(len(wave) - 16_000) <= 1
    inside = slice(400, 15_600)
    assert np.abs(wave[inside] - tone(1, 16_000)[inside]).max() < 0.012


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3"])
def test_compressed_sound_is_read_at_full_length(tmp_path, name):
    soundfile.write(tmp_path / name, tone(1, 44_100), 44_100)
    wave = read_sound(tmp_path / name)
    assert abs(len(wave) - 16_000) < 1200
    spectrum = np.abs(np.fft.rfft(wave, 16_000))
    assert np.argmax(spectrum) == 440


def test_channels_are_averaged_and_never_clip(tmp_path):
    both = np.stack([np.full(8000, 0.9), np.full(8000, 0.5)], axis=-1)
    soundfile.write(tmp_path / "a.wav", both, 16_000, subtype="PCM_24")
    assert read_sound(tmp_path / "a.wav") == pytest.approx(0.7, abs=1e-4)
    six = np.full((8000, 6), 0.9)
    soundfile.write(tmp_path / "b.wav", six, 16_000, subtype="PCM_24")
    assert 0.8 < np.abs(read_sound(tmp_path / "b.wav")).max() <= 1


def test_what_write_wav_writes_is_read_again(tmp_path):
    wave = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    wave[:3] = 1.5, -1.5, 1
    write_wav(tmp_path / "a.wav", wave)
    again = read_sound(tmp_path / "a.wav")
    assert np.abs(again - np.clip(wave, -1, 1)).max() < 1e-4
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"


def test_sound_that_starts_late_is_led_in_by_silence(tmp_path):
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as file:
        picture, voice = (
            file.add_stream("mpeg4", 25),
            file.add_stream("pcm_s16le", 16_000),
        )
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        voice.layout = "mono"
        image = np.zeros((48, 64, 3), np.uint8)
        for _ in range(25):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            file.mux(picture.encode(frame))
        samples = np.full((1, 8000), 10_000, np.int16)
        block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        block.sample_rate, block.pts = 16_000, 8000
        file.mux(voice.encode(block))
        file.mux([*picture.encode(None), *voice.encode(None)])
    wave = read_sound(path)
    assert len(wave) == 16_000
    assert not wave[:7990].any() and wave[8010:].min() > 0.3


def test_what_has_no_sound_is_one_sentence(tmp_path):
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
            read_sound(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_a_wave_that_cannot_be_written_leaves_nothing(tmp_path):
    for name in ["none/a.wav", "."]:
        with pytest.raises(InputError, match="cannot write"):
            write_wav(tmp_path / name, np.zeros(5))
    with pytest.raises(InputError, match="/dev/full"):
        write_wav("/dev/full", np.zeros(5))
    assert not list(tmp_path.iterdir())


def test_real_sounds_of_many_formats_keep_their_duration(real):
    for path in sorted((real / "speech").glob("*.wav")):
        info = soundfile.info(path)
        wave = read_sound(path)
        assert abs(len(wave) - 16_000 * info.frames / info.samplerate) <= 1, path.name
        assert 0.01 < np.abs(wave).max() <= 1
