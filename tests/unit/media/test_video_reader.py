import itertools
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest

from avjax.errors import InputError
from avjax.media import video_reader
from avjax.media.video_writer import VideoWriter


def test_read_frames_returns_all_frames_in_order(make_video, read_number):
    path = make_video(40)
    assert [read_number(image) for image in video_reader.read_frames(path)] == list(
        range(40)
    )


@pytest.mark.parametrize("start", [0, 1, 17, 39, 40, 90])
def test_read_frames_from_the_middle_equals_skipping(make_video, read_number, start):
    path = make_video(40)
    numbers = [read_number(image) for image in video_reader.read_frames(path, start)]
    assert numbers == list(range(start, 40))


@pytest.mark.parametrize("fps", [25, 30, Fraction(30000, 1001), Fraction(1350, 61)])
def test_probe_returns_the_written_frame_rate_and_count(make_video, fps):
    info = video_reader.probe(make_video(30, fps, np.zeros(99, np.float32)))
    assert (info.fps, info.num_frames, info.has_audio) == (fps, 30, True)
    assert (info.width, info.height, info.rotation) == (64, 48, 0)
    assert info.duration == pytest.approx(30 / fps, abs=1e-3)


def test_ping_pong_indices_reverse_at_both_ends():
    position, step, walk = 0, 1, []
    for _ in range(50):
        walk.append(position)
        step = 1 if position == 0 else -1 if position == 6 else step
        position += step
    assert video_reader.ping_pong_indices(7, 50).tolist() == walk
    assert video_reader.ping_pong_indices(1, 3).tolist() == [0, 0, 0]
    assert video_reader.ping_pong_indices(2, 4).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("frames", [1, 2, 13])
def test_ping_pong_returns_the_frames_of_ping_pong_indices(
    make_video, read_number, monkeypatch, frames
):
    monkeypatch.setattr(
        video_reader, "BACKWARDS_BYTES", 4 * 3 * 48 * 64
    )  # chunks of four
    found = [
        read_number(image) for image in video_reader.ping_pong(make_video(frames), 45)
    ]
    assert found == video_reader.ping_pong_indices(frames, 45).tolist()


@pytest.mark.parametrize("fps", [25, 24, 60, 10, 29.97])
def test_read_at_rate_picks_the_visible_frame_and_keeps_the_duration(
    make_video, read_number, fps
):
    """Image n is the frame that is visible at second n / fps."""
    found = [
        read_number(image)
        for image in video_reader.read_at_rate(make_video(50, 25), fps)
    ]
    assert len(found) == round(2 * fps)
    expected = np.minimum(np.arange(len(found)) / fps * 25, 49)
    early = min(0.5, 0.5 * 25 / fps)  # in frames
    assert (expected - found).max() < 1 - early + 1e-3
    assert (found - expected).max() < early + 1e-3


def test_read_at_rate_of_the_video_itself_changes_nothing(make_video, read_number):
    path = make_video(41, Fraction(1350, 61))
    found = [
        read_number(i) for i in video_reader.read_at_rate(path, Fraction(1350, 61))
    ]
    assert found == list(range(41))


def test_a_variable_frame_rate_is_read_by_timestamps(tmp_path, read_number):
    path, times = tmp_path / "vfr.mkv", [0, 40, 80, 400, 440, 1000, 1040]  # ms
    write_timed(path, times)
    found = [read_number(image) for image in video_reader.read_at_rate(path, 25)]
    expected = [max(n for n, t in enumerate(times) if t <= 40 * i) for i in range(27)]
    assert found == expected


@pytest.mark.parametrize("suffix", ["mkv", "avi", "mov", "ts", "webm"])
def test_other_containers_are_read_and_seeked(tmp_path, read_number, suffix):
    path = tmp_path / f"make_video.{suffix}"
    codec = "libvpx" if suffix == "webm" else "libx264"
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, 25, options={"crf": "10", "g": "8"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(30):
            image = np.full((48, 64, 3), 16 + 4 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert (video_reader.probe(path).num_frames, video_reader.probe(path).fps) == (
        30,
        25,
    )
    for start in (0, 5, 8, 21):
        found = [read_number(image) for image in video_reader.read_frames(path, start)]
        assert found == list(range(start, 30))


def test_ping_pong_needs_bounded_memory(make_video):
    path = make_video(50)

    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in video_reader.ping_pong(path, count):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(10)
    assert peak(1000) < peak(100) + 20 * 48 * 64 * 3


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_rotated_video_is_read_upright(tmp_path, rotation):
    upright = np.zeros((48, 64, 3), np.uint8)
    upright[:24, :32] = 255  # bright in the upper left corner
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", 25)
        stored = np.ascontiguousarray(np.rot90(upright, -rotation // 90))
        stream.height, stream.width, _ = stored.shape
        stream.pix_fmt = "yuv420p"
        stream.set_display_rotation(rotation)
        file.mux(stream.encode(av.VideoFrame.from_ndarray(stored, format="rgb24")))
        file.mux(stream.encode(None))
    info = video_reader.probe(path)
    assert (info.width, info.height, info.rotation) == (64, 48, rotation)
    image = next(video_reader.read_frames(path)).astype(int)
    assert np.abs(image - upright).mean() < 4


def test_files_that_are_not_videos_are_rejected(tmp_path, make_video):
    content = make_video(40).read_bytes()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("hello " * 1000)
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) * 2 // 3])
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 50)
    for name in ["missing.mp4", "empty.mp4", "text.mp4", "cut.mp4", "noise.mp4", "."]:
        for read in (video_reader.probe, video_reader.read_clip):
            with pytest.raises(InputError) as caught:
                read(tmp_path / name)
            assert str(tmp_path / name) in str(caught.value)
            assert "\n" not in str(caught.value)


def test_probe_rejects_an_audio_file(tmp_path):
    from avjax.media.audio_io import write_wav

    write_wav(tmp_path / "a.wav", np.zeros(1600))
    with pytest.raises(InputError, match="no video track"):
        video_reader.probe(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("name", "fps", "frames"),
    [
        ("fps22_131", Fraction(1350, 61), 135),
        ("fps25", 25, 125),
        ("fps30", 30, 199),
        ("no_audio_stream", 30, 352),
    ],
)
def test_real_clips_keep_frame_rate_and_count_when_rewritten(
    real, tmp_path, name, fps, frames
):
    path, copy = real / "talking" / f"{name}.mp4", tmp_path / "copy.mp4"
    info = video_reader.probe(path)
    assert (info.fps, info.num_frames) == (fps, frames)
    assert info.has_audio == (name != "no_audio_stream")
    with VideoWriter(copy, info.fps) as writer:
        for image in itertools.islice(video_reader.read_frames(path), 12):
            writer.write(image)
    assert (video_reader.probe(copy).fps, video_reader.probe(copy).num_frames) == (
        fps,
        12,
    )


def test_seeking_in_mpeg_program_streams(real):
    path = next(iter(sorted((real / "grid" / "video" / "s1").glob("*.mpg"))))
    whole = list(video_reader.read_frames(path))
    assert len(whole) == video_reader.probe(path).num_frames == 75
    for start in (1, 11, 12, 13, 30, 74):
        assert np.array_equal(next(video_reader.read_frames(path, start)), whole[start])


def write_timed(path, milliseconds) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", 25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(milliseconds):
            image = np.full((48, 64, 3), 16 + 4 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
