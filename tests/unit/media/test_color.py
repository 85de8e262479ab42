"""HDR and wide gamut become SDR with the colours of BT.709."""

import av
import numpy as np
import pytest
from media_files import write_video

from avjax.media.color import nits_to_pq, pq_to_nits
from avjax.media.video_reader import probe, read_frames
from avjax.media.video_writer import VideoWriter

PQ, HLG, BT709, BT2020 = 16, 18, 1, 9
# ITU-R BT.2087, linear BT.709 to linear BT.2020
TO_BT2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)
SIDE = 64


def srgb(light):
    """Linear light to pixel values, in the range of the power law."""
    return 255 * (1.055 * np.asarray(light, float) ** (1 / 2.4) - 0.055)


def linear(values):
    return ((np.asarray(values, float) / 255 + 0.055) / 1.055) ** 2.4


def read_signal(tmp_path, signal, transfer, primaries=BT2020, **options) -> np.ndarray:
    """Write one RGB signal in [0, 1] as a video, and read its colour in the middle."""

    def setup(stream):
        codec = stream.codec_context
        codec.color_primaries, codec.color_trc = primaries, transfer
        codec.colorspace = BT2020

    image = np.empty((SIDE, SIDE, 3), np.uint16)
    image[:] = np.round(np.asarray(signal) * 65535)
    path = write_video(
        tmp_path / "hdr.mkv",
        [image],
        pix_fmt="yuv420p10le",
        setup=setup,
        matrix=BT2020,
        **options,
    )
    return next(read_frames(path))[SIDE // 2, SIDE // 2].astype(int)


@pytest.mark.parametrize(
    ("signal", "nits"),  # published pairs of ITU-R BT.2408, table 1, and BT.2100
    [(0.0, 0), (0.381, 26), (0.508, 100), (0.581, 203), (0.751, 1000), (1.0, 10_000)],
)
def test_pq_has_the_published_values(signal, nits):
    assert float(nits_to_pq(np.array(nits))) == pytest.approx(signal, abs=1.5e-3)
    assert float(pq_to_nits(np.array(signal))) == pytest.approx(nits, rel=0.02)


@pytest.mark.parametrize("nits", [5, 20, 50, 85])
def test_dark_and_mid_tones_of_pq_keep_their_brightness(tmp_path, nits):
    signal = float(nits_to_pq(np.array(nits)))
    found = read_signal(tmp_path, [signal] * 3, PQ)
    assert np.abs(found - srgb(nits / 203)).max() <= 2.5  # two steps of 10-bit PQ


def test_highlights_of_pq_are_compressed_up_to_the_peak(tmp_path):
    levels = []
    for nits in (120, 203, 400, 1000, 4000):
        signal = float(nits_to_pq(np.array(nits)))
        found = read_signal(tmp_path, [signal] * 3, PQ)
        assert np.ptp(found) <= 1  # grey stays grey
        levels.append(found[1])
    assert levels == sorted(levels) and len(set(levels)) >= 4
    assert 222 <= levels[1] <= 238 and levels[3] >= 253 and levels[4] == 255


def test_the_declared_peak_of_pq_decides_the_curve(tmp_path):
    signal = [float(nits_to_pq(np.array(300)))] * 3
    # With B-frames, libx265 leaves the decoding time of a single frame unset.
    settings = "log-level=none:pools=1:bframes=0:max-cll=300,100:crf=4"
    options = {"x265-params": settings}
    found = read_signal(tmp_path, signal, PQ, codec="libx265", options=options)
    assert found.min() >= 253
    assert read_signal(tmp_path, signal, PQ).max() < 245


@pytest.mark.parametrize("signal", [0.25, 0.4, 0.5])
def test_hlg_is_shown_with_the_system_gamma_of_an_sdr_display(tmp_path, signal):
    scene = signal**2 / 3  # ITU-R BT.2100, below the half
    white = (np.exp((0.75 - 0.55991073) / 0.17883277) + 0.28466892) / 12
    gamma = 1.2 * 1.111 ** np.log2(203 / 1000)
    found = read_signal(tmp_path, [signal] * 3, HLG)
    assert np.abs(found - srgb((scene / white) ** gamma)).max() <= 1.5


def test_colours_in_bt2020_become_those_of_bt709(tmp_path):
    color = np.array([150, 90, 70])
    light = TO_BT2020 @ linear(color)
    nits = 203 * light
    assert np.abs(read_signal(tmp_path, nits_to_pq(nits), PQ) - color).max() <= 3
    signal = srgb(light) / 255
    assert np.abs(read_signal(tmp_path, signal, BT709) - color).max() <= 3


def test_colours_in_bt709_are_shown_as_stored(tmp_path):
    signal = np.array([150, 90, 70]) / 255
    found = read_signal(tmp_path, signal, BT709, primaries=BT709)
    assert np.abs(found - 255 * signal).max() <= 2


@pytest.mark.parametrize(("transfer", "name"), [(PQ, "PQ"), (HLG, "HLG")])
def test_probe_reports_hdr(tmp_path, transfer, name):
    read_signal(tmp_path, [0.4] * 3, transfer)
    (remark,) = probe(tmp_path / "hdr.mkv").remarks
    assert name in remark and "SDR" in remark


def test_written_videos_are_tagged_as_what_they_are(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 25) as video:
        video.write(np.full((SIDE, SIDE, 3), 90, np.uint8))
    with av.open(str(tmp_path / "a.mp4")) as file:
        frame = next(file.decode(video=0))
    assert (frame.color_trc, frame.color_primaries) == (BT709, BT709)
    assert (int(frame.colorspace), int(frame.color_range)) == (BT709, 1)
