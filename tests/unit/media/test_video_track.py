"""Which frames a file shows, and when."""

from fractions import Fraction

import av
import numpy as np
import pytest
from heif_files import write_heic
from media_files import numbered_image, read_number, tone, write_video
from PIL import Image

from avjax.errors import InputError
from avjax.media import video_reader
from avjax.media.audio_io import read_audio
from avjax.media.tracks.numbering import number_frames
from avjax.media.tracks.video_track import VideoTrack
from avjax.media.video_reader import probe, read_at_rate, read_frames


def numbered(count: int) -> list[np.ndarray]:
    return [numbered_image(number) for number in range(count)]


def numbers_of(frames) -> list[int]:
    return [read_number(frame) for frame in frames]


def copy_from(source, target, second: float) -> None:
    """Copy a file so that an edit list hides what is before a second."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        streams = [new.add_stream_from_template(stream) for stream in old.streams]
        for packet in old.demux():
            if packet.dts is not None:
                shift = round(second / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = streams[packet.stream_index]
                new.mux(packet)


@pytest.mark.parametrize("preset", ["ultrafast", "fast"])  # without, with B-frames
def test_a_trimmed_video_shows_what_its_edit_list_leaves(tmp_path, preset):
    options = {"preset": preset, "g": "99"}
    write_video(tmp_path / "a.mp4", numbered(30), options=options)
    copy_from(tmp_path / "a.mp4", tmp_path / "b.mp4", 0.48)
    info = probe(tmp_path / "b.mp4")
    assert (info.num_frames, info.fps) == (18, 25)
    assert info.duration == pytest.approx(18 / 25)
    assert numbers_of(read_frames(tmp_path / "b.mp4")) == list(range(12, 30))
    assert numbers_of(read_frames(tmp_path / "b.mp4", 5)) == list(range(17, 30))


@pytest.mark.parametrize(
    ("suffix", "codec", "fps"),
    [("h264", "libx264", 30), ("hevc", "libx265", 50), ("mjpeg", "mjpeg", 25)],
)
def test_a_stream_without_a_clock_has_the_rate_that_it_claims(
    tmp_path, suffix, codec, fps
):
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = tmp_path / f"raw.{suffix}"
    write_video(path, numbered(20), codec=codec, fps=fps, pix_fmt=pix_fmt)
    info = probe(path)
    assert (info.fps, info.num_frames) == (fps, 20)
    assert info.duration == pytest.approx(20 / fps)
    assert numbers_of(read_frames(path, 7)) == list(range(7, 20))


def test_a_raw_stream_that_cannot_be_seeked_is_played_back_and_forth(
    tmp_path, monkeypatch
):
    write_video(tmp_path / "raw.mjpeg", numbered(7), codec="mjpeg", pix_fmt="yuvj420p")
    image = numbered_image(0)
    monkeypatch.setattr(video_reader, "BACKWARDS_BYTES", 3 * image.nbytes)
    found = numbers_of(video_reader.ping_pong(tmp_path / "raw.mjpeg", 20))
    assert found == video_reader.ping_pong_indices(7, 20).tolist()


@pytest.mark.parametrize(
    ("suffix", "codec", "audio_codec"),
    [("ts", "libx264", "mp2"), ("mpg", "mpeg2video", "mp2")],
)
@pytest.mark.parametrize("copies", [2, 5])
def test_parts_that_were_joined_follow_each_other(
    tmp_path, suffix, codec, audio_codec, copies
):
    path, seconds = tmp_path / f"a.{suffix}", 1.0
    options = {"codec": codec, "wave": tone(seconds), "audio_codec": audio_codec}
    write_video(path, numbered(25), **options)
    path.write_bytes(path.read_bytes() * copies)
    info = probe(path)
    assert (info.fps, info.num_frames) == (25, 25 * copies)
    assert info.duration == pytest.approx(seconds * copies, abs=0.05 * copies)
    assert numbers_of(read_frames(path)) == list(range(25)) * copies
    played = numbers_of(read_at_rate(path, 25))
    starts = [n for n in range(1, len(played)) if played[n] < played[n - 1]]
    assert len(played) == pytest.approx(25 * info.duration, abs=1)
    assert len(starts) == copies - 1
    assert len(read_audio(path)) / 16_000 == pytest.approx(info.duration, abs=0.06)


def test_a_jump_of_the_clock_in_a_broadcast_stream_is_no_pause(tmp_path):
    path = write_video(tmp_path / "a.ts", numbered(25))
    with av.open(str(path)) as old, av.open(str(tmp_path / "b.ts"), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux():
            if packet.dts is not None:
                shift = round(500 / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                new.mux(packet)
    path.write_bytes(path.read_bytes() + (tmp_path / "b.ts").read_bytes())
    assert (probe(path).fps, probe(path).num_frames) == (25, 50)
    assert probe(path).duration == pytest.approx(2, abs=0.05)


def test_a_recording_that_begins_between_key_frames_shows_whole_frames_only(tmp_path):
    path = write_video(tmp_path / "a.ts", numbered(30), options={"g": "10"})
    content = path.read_bytes()
    path.write_bytes(content[len(content) // 188 // 4 * 188 :])
    count = probe(path).num_frames
    assert 15 < count < 30
    assert numbers_of(read_frames(path)) == list(range(30 - count, 30))


def pause_times(count: int) -> list[int]:
    """Return times in milliseconds at 25 frames per second with a pause of 4 s."""
    return [40 * n + 4000 * (n >= count // 2) for n in range(count)]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_pause_does_not_lower_the_frame_rate(tmp_path, suffix):
    path = tmp_path / f"pause.{suffix}"
    write_video(path, numbered(20), times=pause_times(20))
    info = probe(path)
    assert (info.fps, info.num_frames) == (25, 20)
    assert info.duration == pytest.approx(4.8, abs=0.04)


def test_a_clip_with_a_pause_is_played_in_real_time(tmp_path):
    path = tmp_path / "pause.mp4"
    write_video(path, numbered(20), times=pause_times(20))
    forward = [*range(9), *[9] * 101, *range(10, 20)]
    assert video_reader.count_at_rate(path, 25) == 120
    assert numbers_of(read_at_rate(path, 25)) == forward
    played = numbers_of(video_reader.ping_pong(path, 200))
    assert played == [forward[n] for n in video_reader.ping_pong_indices(120, 200)]


def test_alternating_intervals_have_their_mean_rate(tmp_path):
    """Film at 24 frames per second on a clock of 30: intervals of 33 and 67 ms."""
    times = [round(1000 * (5 * n // 4) / 30) for n in range(49)]
    path = write_video(tmp_path / "a.mkv", numbered(49), times=times)
    assert float(probe(path).fps) == pytest.approx(24, rel=0.01)


def test_timestamps_that_jump_by_hours_are_rejected(tmp_path):
    times = [0, 40, 80, 30_000_000, 30_000_040]
    path = write_video(tmp_path / "a.mkv", numbered(5), times=times)
    with pytest.raises(InputError, match=r"a\.mkv are damaged: they jump by 8.33 hour"):
        probe(path)


@pytest.mark.parametrize("suffix", ["webp", "avif", "gif", "png"])
def test_an_animation_shows_its_frames_at_its_rate(tmp_path, suffix):
    images = [Image.fromarray(image) for image in numbered(12)]
    options = {"duration": 50, "save_all": True, "append_images": images[1:]}
    lossy = {"quality": 90} if suffix == "avif" else {}
    lossy = {"lossless": True} if suffix == "webp" else lossy
    images[0].save(tmp_path / f"a.{suffix}", **options, **lossy)
    info = probe(tmp_path / f"a.{suffix}")
    assert (info.fps, info.num_frames) == (20, 12)
    assert numbers_of(read_frames(tmp_path / f"a.{suffix}")) == list(range(12))


def test_the_stream_that_moves_is_preferred_to_a_still_image(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        streams = [file.add_stream("libx264", 25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream, count in zip(streams, (1, 10), strict=True):
            for image in numbered(count):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
            file.mux(stream.encode(None))
    assert probe(tmp_path / "a.mkv").num_frames == 10


def test_a_heic_photo_of_tiles_is_one_whole_image(tmp_path):
    photo = np.full((128, 192, 3), (40, 90, 160), np.uint8)
    photo[:64, :64], photo[64:, 128:] = (200, 60, 50), (60, 170, 60)
    path = write_heic(tmp_path / "photo.heic", photo, tile=64)
    (image,) = read_frames(path)
    assert np.abs(image.astype(int) - photo).mean() < 2
    info = probe(path)
    assert (info.width, info.height, info.num_frames) == (192, 128, 1)


class StampedFrame:
    def __init__(self, pts):
        self.pts = pts


@pytest.mark.parametrize(
    ("stamps", "decoded", "expected"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 1, 2, 3], [0, 3], [0, 3]),  # two damaged frames
        ([5, 6, 7], [3, 4, 5, 6, 7], [0, 1, 2]),  # two frames before the first
        ([0, 1, 2], [None, None, None], [0, 1, 2]),
        (None, [7, 5, 6], [0, 1, 2]),
        ([0, 1, 2], [0, 1, 2, 3], [0, 1, 2]),
        # Two parts of 20 frames; the last of the first part comes late.
        ([*range(20), *range(20)], [*range(19), 0, 19, *range(1, 20)], None),
        ([*range(40)], [0, *range(30, 40)], [0, *range(30, 40)]),  # a damaged stretch
    ],
)
def test_decoded_frames_are_numbered(stamps, decoded, expected):
    stamps = None if stamps is None else np.array(stamps)
    length = 3 if stamps is None else len(stamps)
    frames = map(StampedFrame, decoded)
    found = [number for number, _ in number_frames(frames, stamps, length)]
    if expected is None:
        expected = [*range(19), *range(20, 40)]
    assert found == expected


def test_a_damaged_stretch_is_filled_with_the_frame_before(tmp_path):
    images = [numbered_image(number % 50) for number in range(100)]
    path = write_video(tmp_path / "a.ts", images, options={"g": "5"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 188 // 2 * 188
    content[middle + 400 : middle + 600] = bytes(200)
    path.write_bytes(content)
    count = len(VideoTrack.open(path).sample(25))
    assert count == 100 and len(list(read_at_rate(path, 25))) == count


def test_sample_keeps_every_frame_of_unusual_rates(tmp_path):
    for rate in (Fraction(24000, 1001), 50, Fraction(15, 2)):
        path = write_video(tmp_path / "a.mp4", numbered(12), fps=rate)
        numbers = VideoTrack.open(path).sample(rate)
        assert numbers.tolist() == list(range(12)), rate
        twice = VideoTrack.open(path).sample(2 * rate)
        assert twice.tolist() == np.repeat(range(12), 2).tolist()
