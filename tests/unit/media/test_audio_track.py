"""Which audio a file plays, and when."""

import struct
import warnings

import av
import numpy as np
import pytest
import soundfile
from media_files import (
    numbered_image,
    tone,
    write_audio,
    write_video,
)

from avjax.constants import SAMPLE_RATE
from avjax.errors import InputError
from avjax.media.audio_io import read_audio, write_wav
from avjax.media.remux import remux_audio
from avjax.media.tracks import audio_track
from avjax.media.tracks.audio_track import AudioTrack
from avjax.media.video_reader import probe


def is_loud(wave: np.ndarray) -> np.ndarray:
    """Tell for each tenth of a second if it is loud."""
    length = SAMPLE_RATE // 10
    blocks = wave[: len(wave) // length * length].reshape(-1, length)
    return np.abs(blocks).max(axis=1) > 0.1


def set_wav_sizes(path, riff: int, data: int) -> None:
    """Overwrite the sizes in the header of a WAV file."""
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<I", riff)
    start = content.index(b"data") + 4
    content[start : start + 4] = struct.pack("<I", data)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0x7FFFF024, 0x7FFFF000),  # eSpeak
        (0x80000024, 0x80000000),  # arecord
        (2_000_000_036, 2_000_000_000),  # pocket-tts
        (0x7FFFFFFF, 0x7FFFFFDB),
        (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg
    ],
)
def test_a_wav_file_that_was_written_as_a_stream_is_read_whole(tmp_path, riff, data):
    wave = tone(0.5, SAMPLE_RATE)
    write_wav(tmp_path / "a.wav", wave)
    set_wav_sizes(tmp_path / "a.wav", riff, data)
    assert np.abs(read_audio(tmp_path / "a.wav") - wave).max() < 1e-3


def test_a_wav_file_that_is_cut_off_is_rejected(tmp_path):
    write_wav(tmp_path / "a.wav", tone(0.5, SAMPLE_RATE))
    set_wav_sizes(tmp_path / "a.wav", 1_000_000_036, 1_000_000_000)
    with pytest.raises(InputError, match="is cut off"):
        read_audio(tmp_path / "a.wav")


def test_audio_of_an_unknown_codec_is_no_audio(tmp_path):
    write_wav(tmp_path / "a.wav", tone(0.5, SAMPLE_RATE))
    content = bytearray(tmp_path.joinpath("a.wav").read_bytes())
    content[20:22] = b"\x99\x99"  # the number of the codec
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match="has no audio track"):
        read_audio(tmp_path / "a.wav")
    write_video(tmp_path / "silent.mp4", [numbered_image(0)])
    remux_audio(tmp_path / "out.mp4", tmp_path / "silent.mp4", tmp_path / "a.wav")
    assert not probe(tmp_path / "out.mp4").has_audio


def shift_packets(source, target, start: float, shift: float, scale: float = 1) -> None:
    """Copy a file; delay the audio from second `start` on, or scale all its times."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = [new.add_stream_from_template(stream) for stream in old.streams]
        for packet in old.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio" and packet.pts * packet.time_base >= start:
                packet.pts += round(shift / packet.time_base)
                packet.pts = packet.dts = round(packet.pts * scale)
            packet.stream = streams[packet.stream_index]
            new.mux(packet)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mkv", "pcm_s16le"), ("webm", "libopus"), ("mp4", "aac")]
)
def test_a_gap_in_the_timestamps_is_silence(tmp_path, monkeypatch, suffix, codec):
    monkeypatch.setattr(audio_track, "CHUNK_SECONDS", 1)
    path = tmp_path / f"a.{suffix}"
    write_audio(path, [tone(1.0)], codec=codec)
    shift_packets(path, tmp_path / f"gap.{suffix}", 0.5, 1.5)
    wave = read_audio(tmp_path / f"gap.{suffix}")
    assert len(wave) / SAMPLE_RATE == pytest.approx(2.5, abs=0.04)
    expected = [True] * 5 + [False] * 15 + [True] * 4
    found = is_loud(wave)[:24].tolist()
    assert [a for n, a in enumerate(found) if n not in (5, 19, 20)] == [
        a for n, a in enumerate(expected) if n not in (5, 19, 20)
    ]


def test_small_deviations_of_the_timestamps_change_nothing(tmp_path):
    write_audio(tmp_path / "a.mkv", [tone(1.0)])
    shift_packets(tmp_path / "a.mkv", tmp_path / "b.mkv", 0.5, 0.02)
    waves = [read_audio(tmp_path / name) for name in ("a.mkv", "b.mkv")]
    np.testing.assert_array_equal(*waves)


def test_audio_whose_clock_is_fast_stays_on_the_clock_of_the_file(tmp_path):
    write_audio(tmp_path / "a.mkv", [tone(1.0)])
    shift_packets(tmp_path / "a.mkv", tmp_path / "b.mkv", 0, 0, scale=0.8)
    wave = read_audio(tmp_path / "b.mkv")
    assert len(wave) / SAMPLE_RATE == pytest.approx(0.8, abs=0.045)


@pytest.mark.parametrize(
    "second", [{"samplerate": 22_050, "channels": 1}, {"samplerate": 44_100}]
)
def test_mp3_parts_of_different_formats_are_joined(tmp_path, second):
    content = b""
    for settings in ({"samplerate": 44_100, "channels": 1}, second):
        rate, channels = settings["samplerate"], settings.get("channels", 2)
        wave = np.stack([tone(1.0, rate)] * channels, axis=-1)
        soundfile.write(tmp_path / "part.mp3", wave, rate)
        content += (tmp_path / "part.mp3").read_bytes()
    (tmp_path / "joined.mp3").write_bytes(content)
    wave = read_audio(tmp_path / "joined.mp3")
    assert len(wave) / SAMPLE_RATE == pytest.approx(2, abs=0.15)
    for start in (3000, len(wave) - 13_000):  # 440 Hz in both parts
        spectrum = np.abs(np.fft.rfft(wave[start : start + 8000]))
        assert abs(2 * int(np.argmax(spectrum)) - 440) <= 2


@pytest.mark.parametrize(
    ("levels", "default", "chosen"),
    [
        ((0.1, 0.3), 1, 1),  # the default track
        ((0.3, 0.1), 1, 1),  # the default track, though it is not the loudest
        ((0.1, 0.3), None, 0),  # without a default track, the first one
        ((0.0, 0.1, 0.3), 0, 2),  # the default track is silent: the loudest one
        ((0.0, 0.0), 1, 1),
    ],
)
def test_of_several_tracks_one_that_can_be_heard_is_read(
    tmp_path, levels, default, chosen
):
    path = tmp_path / "tracks.mkv"
    waves = [tone(0.3, level=level) for level in levels]
    write_audio(path, waves, default=default)
    with warnings.catch_warnings(record=True) as caught:
        track = AudioTrack.find(path)
        wave = read_audio(path)
    assert track is not None and track.index == chosen
    assert np.abs(wave).max() == pytest.approx(levels[chosen], abs=0.01)
    assert bool(caught) == (chosen == 2)


def test_the_track_that_is_read_is_also_copied(tmp_path):
    images = [numbered_image(number) for number in range(8)]
    write_video(tmp_path / "silent.mp4", images)
    waves = [tone(0.32, level=0), tone(0.32)]
    write_audio(tmp_path / "tracks.mkv", waves, codec="aac", default=1)
    remux_audio(tmp_path / "out.mp4", tmp_path / "silent.mp4", tmp_path / "tracks.mkv")
    assert np.abs(read_audio(tmp_path / "out.mp4")).max() > 0.2


@pytest.mark.parametrize("gap", [0.0, 1.0])
def test_copied_audio_keeps_its_gaps(tmp_path, gap):
    images = [numbered_image(number) for number in range(8)]
    write_video(tmp_path / "silent.mp4", images)
    write_audio(tmp_path / "a.mkv", [tone(1.0)], codec="aac")
    shift_packets(tmp_path / "a.mkv", tmp_path / "b.mkv", 0.5, gap)
    remux_audio(tmp_path / "out.mp4", tmp_path / "silent.mp4", tmp_path / "b.mkv")
    wave = read_audio(tmp_path / "out.mp4")
    assert len(wave) / SAMPLE_RATE == pytest.approx(1 + gap, abs=0.07)
    assert is_loud(wave)[6:13].any() == (gap == 0)


def test_joined_parts_stay_in_step_with_their_pictures(tmp_path):
    """The audio of each part is shorter than its pictures."""
    path = tmp_path / "a.ts"
    images = [numbered_image(number) for number in range(25)]
    write_video(path, images, wave=tone(0.6), audio_codec="mp2")
    path.write_bytes(path.read_bytes() * 4)
    loud = is_loud(read_audio(path))
    starts = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    assert np.abs(starts / 10 - [1, 2, 3]).max() <= 0.11
    assert probe(path).duration == pytest.approx(4, abs=0.1)
