"""Denoising of files: formats, order of the inputs, reports, and refused inputs."""

import inspect

import av
import numpy as np
import pytest
import scipy.io
from denoisers import SIZE, noisy, save
from dnd_files import BOXES, write_dnd
from PIL import Image, ImageCms

import avjax
from avjax.__main__ import main
from avjax.media import audio_io, video_reader
from avjax.media.metadata import Metadata
from avjax.media.photo_io import Photo, read_photo, write_photo
from avjax.media.pixels import to_float01
from avjax.media.video_writer import VideoWriter
from avjax.pipelines.denoise import load_denoiser
from avjax.pipelines.denoising.files import DenoiseJob, denoise_file
from avjax.visualize.denoise_report import plot_report
from avjax.weights_folders import describe_weights

pytestmark = pytest.mark.usefixtures("small_tiles")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, quick_bodies):
    """Folders of weights: complete ones, and some without the mask network."""
    folder = tmp_path_factory.mktemp("weights")
    save(folder / "ours")
    save(folder / "half", names=("restorer", "inner_lrs"))
    return folder


def run_command(*words) -> int:
    return main(["denoise", *map(str, words)])


@pytest.fixture
def denoise_to_folder(trained, tmp_path):
    """denoise_to_folder(*words) runs the command; it writes to the folder `out`."""
    options = "--weights", trained / "ours", "-o", tmp_path / "out"
    return lambda *words: run_command(*options, *words)


@pytest.mark.parametrize(
    ("name", "dtype", "channels", "alpha"),
    [
        ("deep.png", np.uint16, 3, True),
        ("grey.png", np.uint8, 1, True),
        ("deep grey.png", np.uint16, 1, False),
        ("deep.tiff", np.uint16, 3, False),
        ("photo.JPG", np.uint8, 3, False),
        ("photo.webp", np.uint8, 3, True),
    ],
)
def test_format_depth_and_metadata_stay(
    name, dtype, channels, alpha, denoise_to_folder, tmp_path
):
    exif = Image.Exif()
    exif[271], exif[274] = "A maker of cameras", 1
    opacity = noisy(SIZE, 1, 5, dtype)[..., 0] if alpha else None
    image = noisy(SIZE, channels, 0, dtype)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    metadata = Metadata(exif.tobytes()[6:], profile)
    write_photo(tmp_path / name, Photo(image, opacity, metadata))
    (tmp_path / "out").mkdir()
    assert denoise_to_folder(tmp_path / name, "--steps", 0) == 0
    folders = tmp_path, tmp_path / "out"
    old, new = (read_photo(folder / name) for folder in folders)
    assert new.image.dtype == old.image.dtype == dtype
    assert new.image.shape == old.image.shape and (new.image != old.image).any()
    assert new.metadata == old.metadata and new.metadata.profile == profile
    np.testing.assert_array_equal(new.alpha, opacity)
    with Image.open(folders[0] / name) as first, Image.open(folders[1] / name) as last:
        assert (first.mode, first.format) == (last.mode, last.format)
        assert first.size == last.size == SIZE[::-1]


def test_video_keeps_its_frames_and_audio(trained, tmp_path):
    wave = np.sin(np.arange(16000) / 9).astype(np.float32)
    with VideoWriter(tmp_path / "clip.mp4", 10, wave) as writer:
        for number in range(6):
            writer.write(noisy((48, 64), seed=number))
    denoiser = load_denoiser(trained / "ours", 2)
    job = DenoiseJob(tmp_path / "clip.mp4", tmp_path / "clean.mp4")
    summary = str(denoise_file(denoiser, job, plot_report))
    assert summary.startswith("6 frames, 64x48, changed by ")
    old, new = (
        video_reader.probe(tmp_path / f"{name}.mp4") for name in ("clip", "clean")
    )
    assert (new.num_frames, new.fps, new.width, new.height) == (6, 10, 64, 48)
    assert new.duration == pytest.approx(old.duration)
    waves = [
        audio_io.read_audio(tmp_path / f"{name}.mp4") for name in ("clip", "clean")
    ]
    np.testing.assert_array_equal(*waves)
    assert (tmp_path / "clean.mp4.report.png").is_file()
    assert len(list(tmp_path.iterdir())) == 3


def test_audio_that_mp4_cannot_hold_becomes_aac(trained, tmp_path):
    with av.open(str(tmp_path / "clip.mkv"), "w") as file:
        video = file.add_stream("libx264", 10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = file.add_stream("pcm_s16le", 44100, layout="stereo")
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(noisy((48, 64), seed=number))
            file.mux(video.encode(frame))
        wave = np.stack([np.sin(np.arange(22050) / 9), 0 * np.arange(22050)], -1)
        wave = (20000 * wave).astype(np.int16).reshape(1, -1)
        block = av.AudioFrame.from_ndarray(wave, "s16", "stereo")
        block.sample_rate = 44100
        file.mux(audio.encode(block))
        file.mux([*video.encode(None), *audio.encode(None)])
    denoiser = load_denoiser(trained / "ours", 0)
    job = DenoiseJob(tmp_path / "clip.mkv", tmp_path / "clean.mp4")
    denoise_file(denoiser, job)
    with av.open(str(tmp_path / "clean.mp4")) as file:
        (audio,) = file.streams.audio
        assert (audio.codec_context.name, audio.layout.name) == ("aac", "stereo")
        blocks = [frame.to_ndarray() for frame in file.decode(audio)]
    left, right = np.concatenate(blocks, axis=1)
    assert np.abs(left).max() > 0.5 and np.abs(right).max() < 0.05
    assert len(left) == pytest.approx(22050, abs=2500)


def test_files_are_denoised_in_the_order_of_the_inputs(
    denoise_to_folder, tmp_path, capfd
):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.png", "a.png", ".hidden"):
        write_photo(tmp_path / "x.png", Photo(noisy((16, 16))))
        (tmp_path / "x.png").rename(folder / name)
    write_photo(tmp_path / "z.png", Photo(noisy((20, 16))))
    write_photo(tmp_path / "y1.png", Photo(noisy((16, 20))))
    inputs = tmp_path / "z.png", folder, tmp_path / "y*.png"
    assert denoise_to_folder(*inputs, "--steps", 0) == 0
    lines = capfd.readouterr().out.splitlines()
    names = ["z.png", "a.png", "b.png", "y1.png"]
    assert [line.split(":")[0] for line in lines] == [
        f"wrote {tmp_path / 'out' / name}" for name in names
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert read_photo(tmp_path / "out" / "z.png").image.shape == (20, 16, 3)


def test_report_shows_the_image_before_and_after(trained, tmp_path):
    write_photo(tmp_path / "photo.png", Photo(noisy((16, 40), 1)))
    denoiser = load_denoiser(trained / "ours", 2)
    job = DenoiseJob(tmp_path / "photo.png", tmp_path / "clean.tif")
    denoise_file(denoiser, job, plot_report)
    report = read_photo(tmp_path / "clean.tif.report.png").image
    assert report.shape[2] == 3 and min(report.shape[:2]) > 600
    assert len(np.unique(report.reshape(-1, 3), axis=0)) > 100


@pytest.mark.parametrize("command", ["lipread", "speak", "align", "sync", "denoise"])
def test_default_weights_may_be_used_commercially(command):
    weights = inspect.signature(getattr(avjax, command)).parameters["weights"].default
    licence = describe_weights(weights).licence
    assert licence and "non-commercial" not in licence


@pytest.fixture
def bad_images(tmp_path):
    """A folder of files that cannot be denoised, named by what is wrong with them."""
    folder = tmp_path / "bad"
    folder.mkdir()
    good = noisy((40, 40))
    write_photo(folder / "cut.png", Photo(noisy((200, 200))))
    data = (folder / "cut.png").read_bytes()
    contents = {
        "cut.png": data[: len(data) // 2],
        "empty.png": b"",
        "text.png": b"this is no image\n" * 50,
        "text.txt": b"this is no image\n" * 50,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    Image.fromarray(good).convert("CMYK").save(folder / "cmyk.jpg")
    frames = [Image.fromarray(noisy((40, 40), seed=n)) for n in range(3)]
    for name in ("moving.png", "moving.webp", "moving.gif", "pages.tif"):
        frames[0].save(folder / name, save_all=True, append_images=frames[1:])
    write_photo(folder / "one.png", Photo(good[:1, :1]))
    write_photo(folder / "strip.png", Photo(noisy((3, 20000))))
    broken = to_float01(good).copy()
    for name, value in (("nan.tif", np.nan), ("far.tif", 7.0)):
        broken[3, 4] = value
        write_photo(folder / name, Photo(broken))  # it is written as it is
    (folder / "raw.cr3").write_bytes(b"\0\0\0\x18ftypcrx " + bytes(500))
    return folder


def test_valid_files_of_a_folder_are_written(
    bad_images, denoise_to_folder, tmp_path, capfd
):
    bad_names = sorted({path.name for path in bad_images.iterdir()} - {"text.txt"})
    write_photo(bad_images / "good.png", Photo(noisy()))
    write_photo(bad_images / "zebra.jpg", Photo(noisy()))
    assert denoise_to_folder(bad_images, "--steps", 0) == 2
    out, errors = capfd.readouterr()
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["good.png", "zebra.jpg"]
    assert len(out.splitlines()) == 2
    assert f"skipped {bad_images / 'text.txt'}" in errors.replace("\n", "")
    sentences = [line for line in errors.splitlines() if line.startswith("avjax: ")]
    pairs = zip(sentences, bad_names, strict=True)
    assert [sentence for sentence, name in pairs if name not in sentence] == []


REASONS = {
    "cut.png": "damaged or cut off",
    "empty.png": "it is empty",
    "text.png": "it is not PNG, JPEG, TIFF or WebP",
    "text.txt": "it is not an image or a video",
    "cmyk.jpg": "colour mode CMYK",
    "moving.png": "several images",
    "moving.webp": "several images",
    "moving.gif": "it is not PNG, JPEG, TIFF or WebP",
    "pages.tif": "several images",
    "one.png": "is 1x1 pixels",
    "strip.png": "is 20000x3 pixels",
    "nan.tif": "outside [0, 1]",
    "far.tif": "outside [0, 1]",
    "raw.cr3": "is a raw file of a camera: develop it into a TIFF of 16 bits",
    "missing.png": "it does not exist",
    "none*.png": "it does not exist",
}


@pytest.mark.parametrize("name", REASONS)
def test_invalid_input_prints_one_sentence_and_leaves_no_file(
    name, bad_images, trained, capfd
):
    before = sorted(bad_images.parent.rglob("*"))
    options = "--weights", trained / "ours", "-o", bad_images / "clean.png"
    assert run_command(*options, bad_images / name) == 2
    out, errors = capfd.readouterr()
    (line,) = errors.strip().splitlines()
    assert line.startswith("avjax: ") and REASONS[name] in line and not out
    assert sorted(bad_images.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["a.png", "-o", "a.png"], "it is also an input"),
        (["a.png", "folder", "-o", "out"], "would both be"),
        (["a.png", "a.png", "-o", "out"], "would both be"),
        (["a.png", "-o", "out.gif"], "should end in"),
        (["a.png", "-o", "a.png/out.png"], "cannot write"),
        (["alpha.png", "-o", "out.jpg"], "does not support opacity"),
        (["a.png", "-o", "out.png", "--steps", "-1"], "is not an integer >= 0"),
        (["a.png", "-o", "out.png", "--strength", "1.5"], "not a number from 0 to 1"),
        (["a.png", "-o", "out.png", "--strength", "nan"], "not a number from 0 to 1"),
        (["a.png", "-o", "out.png", "--weights", "half"], "fit their config"),
        (["a.png", "-o", "out.png", "--weights", "foreign"], "belong to sync"),
        (["a.png"], "-o"),
    ],
)
def test_invalid_arguments_are_refused(
    words, reason, trained, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    write_photo(tmp_path / "a.png", Photo(noisy((16, 16))))
    write_photo(tmp_path / "folder" / "a.png", Photo(noisy((16, 16))))
    alpha = noisy((16, 16), 1)[..., 0]
    write_photo(tmp_path / "alpha.png", Photo(noisy((16, 16)), alpha))
    save(tmp_path / "foreign", system="sync_expert")
    (tmp_path / "half").symlink_to(trained / "half")
    before = sorted(tmp_path.rglob("*"))
    options = [] if "--weights" in words else ["--weights", trained / "ours"]
    assert run_command(*words, *options) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("avjax: ") and reason in line
    assert sorted(tmp_path.rglob("*")) == before


def test_dnd_photos_become_files_for_submission(denoise_to_folder, tmp_path, capfd):
    pytest.importorskip("h5py", reason="the benchmark's files need h5py")
    images = write_dnd(tmp_path / "dnd")
    assert denoise_to_folder(tmp_path / "dnd", "--steps", 1, "--report") == 0
    lines = capfd.readouterr().out.splitlines()
    assert ": 2 regions of" in lines[0] and ": 1 regions of" in lines[1]
    report = tmp_path / "out" / "0001.mat.report.png"
    assert lines[0].endswith(f"; report in {report}")
    for number, (image, boxes) in enumerate(zip(images, BOXES, strict=True), 1):
        name = f"{number:04d}.mat"
        assert (tmp_path / "out" / f"{name}.report.png").is_file()
        crops = scipy.io.loadmat(tmp_path / "out" / name)["Idenoised"][0]
        for crop, (top, left, bottom, right) in zip(crops, boxes, strict=True):
            expected = image[top - 1 : bottom, left - 1 : right]
            assert crop.shape == expected.shape and (crop != expected).any()
            assert crop.min() >= 0 and crop.max() <= 1
            assert np.abs(crop - expected).mean() < 0.2
