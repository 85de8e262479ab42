"""Corpora of images: which files are found, the splits, and what is stored."""

import cv2
import numpy as np
import pytest
import scipy.io
import tifffile

from avjax.data.__main__ import main
from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.image_files import read_image, tile_starts
from avjax.data.builders.image_pairs import (
    CLEAN_BLOCKS,
    NOISY_BLOCKS,
    CleanImageSource,
    ImagePairSource,
    SiddBlockSource,
)
from avjax.data.examples.image_pairs import ImagePairCrop, decode_png
from avjax.data.loader import Loader
from avjax.data.split_source import open_split
from avjax.errors import InputError
from avjax.media.pixels import to_float01


@pytest.fixture
def levels():
    return np.random.default_rng(1).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def write(path, levels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), levels[..., ::-1])
    return path


@pytest.fixture
def polyu(tmp_path, levels):
    for scene in ("Sony_toy_1", "Sony_toy_2", "Canon80D_ball_7"):
        write(tmp_path / f"{scene}_real.png", levels)
        write(tmp_path / f"{scene}_mean.png", levels // 2)
    write(tmp_path / "alone_real.png", levels)
    return tmp_path


def names(splits):
    return {split: [str(image) for image in images] for split, images in splits.items()}


def test_polyu_is_split_by_camera_or_scene(polyu):
    canon, first, second = "Canon80D_ball_7_real", "Sony_toy_1_real", "Sony_toy_2_real"
    for words, train, val, test in [
        ({"test_words": ("Canon80D",)}, [first], [second], [canon]),
        ({"val_words": ("toy_1",), "test_words": ("Can",)}, [second], [first], [canon]),
        ({"val_words": ("Sony",)}, [canon], [first, second], []),
        ({}, [canon, second], [first], []),
    ]:
        splits = names(ImagePairSource(str(polyu), **words).list_clips())
        assert splits == {"train": train, "val": val, "test": test}


def test_sidd_is_found_at_any_depth(tmp_path, levels):
    scene = tmp_path / "Data" / "0001_001_S6_00100_00060_3200_L"
    noisy = write(scene / "0001_NOISY_SRGB_010.PNG", levels)
    clean = write(scene / "0001_GT_SRGB_010.PNG", levels)
    (image,) = ImagePairSource(str(tmp_path)).list_clips()["train"]
    assert (image.noisy, image.clean) == (noisy, clean)
    assert str(image).startswith("Data/0001_001_S6")


def test_two_folders_are_matched_by_file_names(tmp_path, levels):
    write(tmp_path / "iso" / "sub" / "x.png", levels)
    write(tmp_path / "iso" / "y.png", levels)
    write(tmp_path / "low" / "sub" / "x.tiff", levels)
    splits = ImagePairSource(str(tmp_path / "iso"), str(tmp_path / "low")).list_clips()
    assert names(splits)["train"] == ["sub/x"]


def test_image_pairs_are_cut_into_tiles(polyu, tmp_path, levels):
    out = tmp_path / "corpora" / "out"
    summary = build_corpus(
        ImagePairSource(str(polyu), test_words=("Canon",), tile_size=16),
        out,
        num_workers=0,
    )
    assert str(summary) == "pairs: 1 image in train, 1 image in val, 1 image in test"
    (record,) = open_split(out, "test")
    assert record["clip"] == "Canon80D_ball_7_real" and len(record["noisy"]) == 4
    corner = decode_png(record["noisy"][3])
    np.testing.assert_array_equal(corner, to_float01(levels[4:, 14:]))
    loader = Loader(str(out), "train", ImagePairCrop(8, corruptions=()), batch_size=2)
    batch = next(loader.train_batches())
    assert batch["noisy"].shape == (2, 8, 8, 3)
    assert np.abs(batch["noisy"] / 2 - batch["clean"]).max() < 1 / 255


def test_clean_images_get_noise_in_training(tmp_path, levels):
    write(tmp_path / "raw" / "one.png", levels)
    write(tmp_path / "raw" / "two.jpg", levels)
    out = str(tmp_path / "out")
    flags = ["--raw", str(tmp_path / "raw"), "--out", out, "--workers", "0"]
    assert main(["build", "pictures", *flags, "--held", "two", "--side", "16"]) == 0
    (record,) = open_split(out, "train")
    assert len(record["noisy"]) == 0 and len(record["clean"]) == 4
    assert decode_png(record["clean"][3]).shape == (16, 16, 3)
    loader = Loader(out, "test", ImagePairCrop(8), batch_size=1)
    (batch,) = loader.eval_batches()
    assert (batch["noisy"] != batch["clean"]).any()


def test_sidd_blocks_are_read_from_matlab_files(tmp_path):
    rng = np.random.default_rng(2)
    shape = 3, 4, 8, 8, 3
    for name in (NOISY_BLOCKS, CLEAN_BLOCKS):
        stored = {name: rng.integers(0, 256, shape).astype(np.uint8)}
        scipy.io.savemat(tmp_path / f"{name}.mat", stored)
    source = SiddBlockSource(str(tmp_path))
    assert source.list_clips() == {"val": [0, 1, 2]}
    record = source.read_clip(2)
    assert len(record["noisy"]) == len(record["clean"]) == 4
    expected = to_float01(stored[CLEAN_BLOCKS][2, 3])
    np.testing.assert_array_equal(decode_png(record["clean"][3]), expected)
    with pytest.raises(InputError, match="is missing, or has no variable"):
        SiddBlockSource(str(tmp_path / "elsewhere")).list_clips()


def test_pixel_values_of_all_depths_are_kept(tmp_path, levels):
    fine = (levels.astype(np.uint16) * 257) ^ 5
    for stored, name in ((levels, "a.png"), (fine, "b.png"), (fine, "c.tiff")):
        found = read_image(write(tmp_path / name, stored))
        assert found.dtype == stored.dtype
        np.testing.assert_array_equal(found, stored)
    fractions = to_float01(fine)
    found = read_image(write(tmp_path / "d.tiff", fractions))
    np.testing.assert_array_equal(found, fine)
    grey = read_image(write(tmp_path / "e.png", levels[..., 0][..., None]))
    np.testing.assert_array_equal(grey, np.repeat(levels[..., :1], 3, axis=-1))


def test_tiff_is_read_as_it_is_meant(tmp_path, levels):
    """WhiteIsZero of 16 bits, turned by its orientation."""
    stored = levels[..., 0].astype(np.uint16) * 257
    tags = [(274, "H", 1, 3, True)]
    options = {"photometric": "miniswhite", "extratags": tags}
    tifffile.imwrite(tmp_path / "a.tif", stored, **options)
    expected = (65535 - stored)[::-1, ::-1, None]
    found = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, np.repeat(expected, 3, axis=-1))


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5])
def test_floats_outside_0_to_1_are_rejected(tmp_path, value):
    fractions = np.full((4, 4, 3), 0.5, np.float32)
    fractions[1, 2, 0] = value
    file = write(tmp_path / "x.tiff", fractions)
    with pytest.raises(InputError, match="outside \\[0, 1\\]"):
        read_image(file)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
def test_images_that_are_cut_off_are_rejected(suffix, tmp_path, levels, capfd):
    file = write(tmp_path / f"image{suffix}", levels)
    assert read_image(file).shape == levels.shape
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(InputError, match="it is damaged or cut off"):
        read_image(file)
    assert capfd.readouterr() == ("", "")


def test_unreadable_images_are_skipped_and_reported(polyu, tmp_path, levels):
    (polyu / "Sony_toy_1_real.png").write_bytes(b"not an image")
    write(polyu / "Sony_toy_2_mean.png", levels[:10])
    summary = build_corpus(
        ImagePairSource(str(polyu)), tmp_path / "out" / "x", num_workers=0
    )
    assert summary.clips["train"] == 1
    assert "it is not PNG, JPEG, TIFF or WebP" in str(summary)
    assert "differ in size" in str(summary)


@pytest.mark.parametrize("source", [ImagePairSource, CleanImageSource])
def test_folder_without_images_is_rejected(source, tmp_path):
    with pytest.raises(InputError, match="has no"):
        source(str(tmp_path)).list_clips()
    with pytest.raises(InputError, match="there is no folder"):
        source(str(tmp_path / "none")).list_clips()


@pytest.mark.parametrize(
    ("length", "expected"), [(1000, [0, 488]), (512, [0]), (1024, [0, 512]), (90, [0])]
)
def test_tiles_cover_a_side(length, expected):
    assert tile_starts(length, 512) == expected


def test_polyu_has_100_images_of_five_cameras(real):
    splits = ImagePairSource(
        str(real / "denoise/polyu"),
        test_words=("Canon80D", "Sony"),
        val_words=("Canon600D",),
    ).list_clips()
    assert sum(map(len, splits.values())) == 100
    cameras = [
        {str(image).split("_")[0] for image in images} for images in splits.values()
    ]
    expected = [{"Canon5D2", "NikonD800"}, {"Canon600D"}, {"Canon80D", "Sony"}]
    assert cameras == expected
    record = ImagePairSource("").read_clip(splits["test"][0])
    noisy, clean = (decode_png(record[key][0]) for key in ("noisy", "clean"))
    assert noisy.shape == (512, 512, 3)
    assert 31 < -10 * np.log10(np.mean((noisy - clean) ** 2)) < 41
