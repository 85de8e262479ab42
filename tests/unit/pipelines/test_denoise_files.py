"""Files to clean: all formats, in their order, and what cannot be cleaned."""

import av
import numpy as np
import pytest
import scipy.io
from denoisers import SIZE, noisy, save
from dnd_files import BOXES, write_dnd
from PIL import Image, ImageCms

from avjax.__main__ import main
from avjax.media import audio_io as audio
from avjax.media import video_reader as video
from avjax.media.photo_io import Photo, as_shares, read_photo, write_photo
from avjax.pipelines import denoise_files as errands
from avjax.pipelines.denoise import open_denoiser

pytestmark = pytest.mark.usefixtures("small_tiles")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, quick_bodies):
    """A folder of weights."""
    folder = tmp_path_factory.mktemp("weights")
    save(folder / "ours")
    save(folder / "half", names=("restorer", "rates"))
    return folder


def call(*words) -> int:
    return main(["denoise", *map(str, words)])


@pytest.fixture
def ask(trained, tmp_path):
    """ask(*words) calls the verb with these weights and the folder `out`."""
    return lambda *words: call(
        "--weights", trained / "ours", "-o", tmp_path / "out", *words
    )


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
def test_a_picture_comes_back_as_it_came(name, dtype, channels, alpha, ask, tmp_path):
    exif = Image.Exif()
    exif[271], exif[274] = "A maker of cameras", 1
    opacity = noisy(SIZE, 1, 5, dtype)[..., 0] if alpha else None
    levels = noisy(SIZE, channels, 0, dtype)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    given = Photo(levels, opacity, exif.tobytes(), profile)
    write_photo(tmp_path / name, given)
    (tmp_path / "out").mkdir()
    assert ask(tmp_path / name, "--steps", 0) == 0
    old, new = (read_photo(folder / name) for folder in (tmp_path, tmp_path / "out"))
    assert new.levels.dtype == old.levels.dtype == dtype
    assert new.levels.shape == old.levels.shape and (new.levels != old.levels).any()
    assert new.exif == old.exif and b"A maker of cameras" in new.exif
    assert new.profile == old.profile == profile
    if alpha:
        np.testing.assert_array_equal(new.alpha, opacity)
    modes = []
    for folder in (tmp_path, tmp_path / "out"):
        with Image.open(folder / name) as image:
            modes.append((image.mode, image.format, image.size))
    assert modes[0] == modes[1] and modes[0][2] == SIZE[::-1]


def test_clips_go_frame_by_frame_and_keep_their_sound(trained, tmp_path):
    wave = np.sin(np.arange(16000) / 9).astype(np.float32)
    with video.VideoWriter(tmp_path / "clip.mp4", 10, wave) as writer:
        for number in range(6):
            writer.write(noisy((48, 64), seed=number))
    denoiser = open_denoiser(trained / "ours", 2)
    said = errands.run(denoiser, (tmp_path / "clip.mp4", tmp_path / "clean.mp4"), True)
    assert said == "6 frames, 64x48"
    old, new = (video.probe(tmp_path / f"{name}.mp4") for name in ("clip", "clean"))
    assert (new.frames, new.fps, new.width, new.height) == (6, 10, 64, 48)
    assert new.seconds == pytest.approx(old.seconds)
    heard = [audio.read_sound(tmp_path / f"{name}.mp4") for name in ("clip", "clean")]
    np.testing.assert_array_equal(*heard)
    assert (tmp_path / "clean.mp4.report.png").is_file()
    assert len(list(tmp_path.iterdir())) == 3


def test_sound_that_an_mp4_cannot_hold_becomes_aac(trained, tmp_path):
    with av.open(str(tmp_path / "clip.mkv"), "w") as file:
        seen = file.add_stream("libx264", 10)
        seen.width, seen.height, seen.pix_fmt = 64, 48, "yuv420p"
        heard = file.add_stream("pcm_s16le", 44100, layout="stereo")
        for number in range(5):
            picture = noisy((48, 64), seed=number)
            file.mux(seen.encode(av.VideoFrame.from_ndarray(picture)))
        wave = np.stack([np.sin(np.arange(22050) / 9), 0 * np.arange(22050)], -1)
        wave = (20000 * wave).astype(np.int16).reshape(1, -1)
        block = av.AudioFrame.from_ndarray(wave, "s16", "stereo")
        block.sample_rate = 44100
        file.mux(heard.encode(block))
        file.mux([*seen.encode(None), *heard.encode(None)])
    denoiser = open_denoiser(trained / "ours", 0)
    errands.run(denoiser, (tmp_path / "clip.mkv", tmp_path / "clean.mp4"))
    with av.open(str(tmp_path / "clean.mp4")) as file:
        (sound,) = file.streams.audio
        assert (sound.codec_context.name, sound.layout.name) == ("aac", "stereo")
        blocks = [frame.to_ndarray() for frame in file.decode(sound)]
    left, right = np.concatenate(blocks, axis=1)
    assert np.abs(left).max() > 0.5 and np.abs(right).max() < 0.05
    assert len(left) == pytest.approx(22050, abs=2500)


def test_files_are_taken_in_the_order_given(ask, tmp_path, capfd):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.png", "a.png", ".hidden"):
        write_photo(tmp_path / "x.png", Photo(noisy((16, 16))))
        (tmp_path / "x.png").rename(folder / name)
    write_photo(tmp_path / "z.png", Photo(noisy((20, 16))))
    write_photo(tmp_path / "y1.png", Photo(noisy((16, 20))))
    given = tmp_path / "z.png", folder, tmp_path / "y*.png"
    assert ask(*given, "--steps", 0) == 0
    lines = capfd.readouterr().out.splitlines()
    names = ["z.png", "a.png", "b.png", "y1.png"]
    assert [line.split(":")[0] for line in lines] == [
        f"wrote {tmp_path / 'out' / name}" for name in names
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert read_photo(tmp_path / "out" / "z.png").levels.shape == (20, 16, 3)


def test_the_report_shows_before_and_after(trained, tmp_path):
    write_photo(tmp_path / "photo.png", Photo(noisy((16, 40), 1)))
    denoiser = open_denoiser(trained / "ours", 2)
    errands.run(denoiser, (tmp_path / "photo.png", tmp_path / "clean.tif"), True)
    shown = read_photo(tmp_path / "clean.tif.report.png").levels
    assert shown.shape[2] == 3 and min(shown.shape[:2]) > 600
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 100


@pytest.fixture
def spoilt(tmp_path):
    """A folder of what cannot be cleaned, named by what is wrong with it."""
    folder = tmp_path / "spoilt"
    folder.mkdir()
    good = noisy((40, 40))
    write_photo(folder / "cut.png", Photo(noisy((200, 200))))
    blob = (folder / "cut.png").read_bytes()
    contents = {
        "cut.png": blob[: len(blob) // 2],
        "empty.png": b"",
        "text.png": b"this is no picture\n" * 50,
        "text.txt": b"this is no picture\n" * 50,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    Image.fromarray(good).convert("CMYK").save(folder / "cmyk.jpg")
    frames = [Image.fromarray(noisy((40, 40), seed=n)) for n in range(3)]
    moving = {"save_all": True, "append_images": frames[1:]}
    for name in ("moving.png", "moving.webp", "moving.gif", "pages.tif"):
        frames[0].save(folder / name, **moving)
    write_photo(folder / "one.png", Photo(good[:1, :1]))
    write_photo(folder / "strip.png", Photo(noisy((3, 20000))))
    broken = as_shares(good).copy()
    for name, value in (("nan.tif", np.nan), ("far.tif", 7.0)):
        broken[3, 4] = value
        write_photo(folder / name, Photo(broken))  # which writes what it is given
    return folder


def test_the_good_ones_of_a_folder_are_written(spoilt, ask, tmp_path, capfd):
    bad = sorted(path.name for path in spoilt.iterdir())
    write_photo(spoilt / "good.png", Photo(noisy()))
    write_photo(spoilt / "zebra.jpg", Photo(noisy()))
    assert ask(spoilt, "--steps", 0) == 2
    out, told = capfd.readouterr()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "good.png",
        "zebra.jpg",
    ]
    assert len(out.splitlines()) == 2
    (told,) = (line for line in told.splitlines() if line.startswith("avjax: "))
    sentences = told.removeprefix("avjax: ").split("; ")
    assert [s for s, name in zip(sentences, bad, strict=True) if name not in s] == []


WRONG = {
    "cut.png": "damaged or cut off",
    "empty.png": "it is empty",
    "text.png": "it is no PNG, JPEG, TIFF or WebP",
    "text.txt": "it is no picture or clip",
    "cmyk.jpg": "in CMYK",
    "moving.png": "animated",
    "moving.webp": "animated",
    "moving.gif": "it is no PNG, JPEG, TIFF or WebP",
    "pages.tif": "several pictures",
    "one.png": "is 1x1 pixels",
    "strip.png": "is 20000x3 pixels",
    "nan.tif": "not in 0 to 1",
    "far.tif": "not in 0 to 1",
    "missing.png": "it does not exist",
    "none*.png": "it does not exist",
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_sentence_and_leaves_nothing(name, spoilt, trained, capfd):
    before = sorted(spoilt.parent.rglob("*"))
    out = spoilt / "clean.png"
    assert call("--weights", trained / "ours", "-o", out, spoilt / name) == 2
    printed, told = capfd.readouterr()
    (told,) = told.strip().splitlines()
    assert told.startswith("avjax: ") and WRONG[name] in told and not printed
    assert sorted(spoilt.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a.png", "-o", "a.png"], "over itself"),
        (["a.png", "folder", "-o", "out"], "would both be"),
        (["a.png", "a.png", "-o", "out"], "would both be"),
        (["a.png", "-o", "out.gif"], "should end in"),
        (["a.png", "-o", "a.png/out.png"], "cannot write"),
        (["alpha.png", "-o", "out.jpg"], "no opacity"),
        (["a.png", "-o", "out.png", "--steps", "-1"], "-1 steps"),
        (["a.png", "-o", "out.png", "--strength", "1.5"], "strength of 1.5"),
        (["a.png", "-o", "out.png", "--strength", "nan"], "strength of nan"),
        (["a.png", "-o", "out.png", "--weights", "half"], "of their own config"),
        (["a.png", "-o", "out.png", "--weights", "foreign"], "are of sync"),
        (["a.png"], "-o"),
    ],
)
def test_what_is_asked_in_vain(words, told, trained, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    write_photo(tmp_path / "a.png", Photo(noisy((16, 16))))
    write_photo(tmp_path / "folder" / "a.png", Photo(noisy((16, 16))))
    alpha = noisy((16, 16), 1)[..., 0]
    write_photo(tmp_path / "alpha.png", Photo(noisy((16, 16)), alpha))
    save(tmp_path / "foreign", system="sync")
    (tmp_path / "half").symlink_to(trained / "half")
    before = sorted(tmp_path.rglob("*"))
    given = [] if "--weights" in words else ["--weights", trained / "ours"]
    assert call(*words, *given) == 2
    (sentence,) = capfd.readouterr().err.strip().splitlines()
    assert sentence.startswith("avjax: ") and told in sentence
    assert sorted(tmp_path.rglob("*")) == before


def test_photographs_of_dnd_become_what_is_sent_in(ask, tmp_path, capfd):
    pytest.importorskip("h5py", reason="the benchmark's files take h5py")
    pictures = write_dnd(tmp_path / "dnd")
    assert ask(tmp_path / "dnd", "--steps", 1, "--report") == 0
    lines = capfd.readouterr().out.splitlines()
    assert [": 2 boxes of" in lines[0], ": 1 boxes of" in lines[1]] == [True, True]
    for number, (picture, rows) in enumerate(zip(pictures, BOXES, strict=True), 1):
        name = f"{number:04d}.mat"
        assert (tmp_path / "out" / f"{name}.report.png").is_file()
        cells = scipy.io.loadmat(tmp_path / "out" / name)["Idenoised"][0]
        for cell, (top, left, bottom, right) in zip(cells, rows, strict=True):
            given = picture[top - 1 : bottom, left - 1 : right]
            assert cell.shape == given.shape and (cell != given).any()
            assert cell.min() >= 0 and cell.max() <= 1
            assert np.abs(cell - given).mean() < 0.2
