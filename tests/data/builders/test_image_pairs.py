"""Folders of pictures: what is found, what is in test, what is kept of it."""

import cv2
import numpy as np
import pytest
import scipy.io

from avjax.data import loader as pipeline
from avjax.data.__main__ import main
from avjax.data.builders import corpus
from avjax.data.builders import image_pairs as noise
from avjax.data.builders.image_pairs import Pairs, Pictures, SiddBlocks
from avjax.data.examples import image_pairs as pairs
from avjax.data.examples.image_pairs import PairCrop
from avjax.errors import InputError
from avjax.media.photo_io import as_shares


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


def names(listing):
    return {split: [str(one) for one in found] for split, found in listing.items()}


def test_photographs_of_polyu_are_held_back_by_camera_or_scene(polyu):
    found = names(Pairs(str(polyu), held=("Canon80D",)).listing())
    assert found["test"] == ["Canon80D_ball_7_real"]
    assert found["train"] == ["Sony_toy_1_real", "Sony_toy_2_real"]
    assert not names(Pairs(str(polyu)).listing())["test"]


def test_photographs_of_sidd_are_found_at_any_depth(tmp_path, levels):
    scene = tmp_path / "Data" / "0001_001_S6_00100_00060_3200_L"
    noisy = write(scene / "0001_NOISY_SRGB_010.PNG", levels)
    truth = write(scene / "0001_GT_SRGB_010.PNG", levels)
    (found,) = Pairs(str(tmp_path)).listing()["train"]
    assert (found.noisy, found.clean) == (noisy, truth)
    assert str(found).startswith("Data/0001_001_S6")


def test_two_folders_are_matched_by_the_names_of_their_files(tmp_path, levels):
    write(tmp_path / "iso" / "sub" / "x.png", levels)
    write(tmp_path / "iso" / "y.png", levels)
    write(tmp_path / "low" / "sub" / "x.tiff", levels)
    listing = Pairs(str(tmp_path / "iso"), str(tmp_path / "low")).listing()
    assert names(listing)["train"] == ["sub/x"]


def test_a_corpus_of_pairs_is_built_and_cut_into_squares(polyu, tmp_path, levels):
    out = tmp_path / "corpora" / "out"
    summary = corpus.build(Pairs(str(polyu), held=("Canon",), side=16), out, workers=0)
    assert str(summary) == "pairs: 2 pictures in train, 1 pictures in test"
    (record,) = pipeline.source(out, "test")
    assert record["clip"] == "Canon80D_ball_7_real" and len(record["noisy"]) == 4
    corner = pairs.decode(record["noisy"][3])
    np.testing.assert_array_equal(corner, as_shares(levels[4:, 14:]))
    loader = pipeline.Loader(str(out), "train", PairCrop(8, noise=()), batch=2)
    batch = next(pipeline.batches(loader))
    assert batch["noisy"].shape == (2, 8, 8, 3)
    assert np.abs(batch["noisy"] / 2 - batch["clean"]).max() < 1 / 255


def test_clean_pictures_get_their_noise_when_they_are_read(tmp_path, levels):
    write(tmp_path / "raw" / "one.png", levels)
    write(tmp_path / "raw" / "two.jpg", levels)
    out = str(tmp_path / "out")
    flags = ["--raw", str(tmp_path / "raw"), "--out", out, "--workers", "0"]
    assert main(["build", "pictures", *flags, "--held", "two", "--side", "16"]) == 0
    (record,) = pipeline.source(out, "train")
    assert len(record["noisy"]) == 0 and len(record["clean"]) == 4
    assert pairs.decode(record["clean"][3]).shape == (16, 16, 3)
    loader = pipeline.Loader(out, "test", PairCrop(8), batch=1)
    (batch,) = pipeline.one_pass(loader)
    assert (batch["noisy"] != batch["clean"]).any()


def test_blocks_of_sidd_are_those_of_matlab(tmp_path):
    rng = np.random.default_rng(2)
    shape = 3, 4, 8, 8, 3
    for name in noise.BLOCKS:
        stored = {name: rng.integers(0, 256, shape).astype(np.uint8)}
        scipy.io.savemat(tmp_path / f"{name}.mat", stored)
    recipe = SiddBlocks(str(tmp_path))
    assert recipe.listing() == {"test": [0, 1, 2]}
    record = recipe.read(2)
    assert len(record["noisy"]) == len(record["clean"]) == 4
    expected = as_shares(stored[noise.BLOCKS[1]][2, 3])
    np.testing.assert_array_equal(pairs.decode(record["clean"][3]), expected)
    with pytest.raises(InputError, match="is missing, or holds no"):
        SiddBlocks(str(tmp_path / "elsewhere")).listing()


def test_eight_bits_sixteen_and_floats_keep_what_they_hold(tmp_path, levels):
    fine = (levels.astype(np.uint16) * 257) ^ 5
    for stored, name in ((levels, "a.png"), (fine, "b.png"), (fine, "c.tiff")):
        found = noise.read_levels(write(tmp_path / name, stored))
        assert found.dtype == stored.dtype
        np.testing.assert_array_equal(found, stored)
    shares = as_shares(fine)
    found = noise.read_levels(write(tmp_path / "d.tiff", shares))
    np.testing.assert_array_equal(found, fine)
    grey = noise.read_levels(write(tmp_path / "e.png", levels[..., 0][..., None]))
    np.testing.assert_array_equal(grey, np.repeat(levels[..., :1], 3, axis=-1))


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5])
def test_floats_that_are_no_shares_are_refused(tmp_path, value):
    shares = np.full((4, 4, 3), 0.5, np.float32)
    shares[1, 2, 0] = value
    file = write(tmp_path / "x.tiff", shares)
    with pytest.raises(InputError, match="not in 0 to 1"):
        noise.read_levels(file)


def test_what_is_no_picture_is_skipped_and_told(polyu, tmp_path, levels):
    (polyu / "Sony_toy_1_real.png").write_bytes(b"not a picture")
    write(polyu / "Sony_toy_2_mean.png", levels[:10])
    summary = corpus.build(Pairs(str(polyu)), tmp_path / "out" / "x", workers=0)
    assert summary.clips["train"] == 1
    assert "no picture that can be read" in str(summary)
    assert "are not of one size" in str(summary)


@pytest.mark.parametrize("recipe", [Pairs, Pictures])
def test_a_folder_without_pictures_is_one_sentence(recipe, tmp_path):
    with pytest.raises(InputError, match="holds no"):
        recipe(str(tmp_path)).listing()
    with pytest.raises(InputError, match="is not a folder"):
        recipe(str(tmp_path / "none")).listing()


@pytest.mark.parametrize(
    ("length", "expected"), [(1000, [0, 488]), (512, [0]), (1024, [0, 512]), (90, [0])]
)
def test_tiles_cover_a_side(length, expected):
    assert noise.starts(length, 512) == expected


def test_the_photographs_of_polyu_are_a_hundred_of_five_cameras(real):
    listing = Pairs(str(real / "denoise/polyu"), held=("Canon80D", "Sony")).listing()
    assert sum(map(len, listing.values())) == 100
    cameras = [{str(one).split("_")[0] for one in found} for found in listing.values()]
    assert cameras == [{"Canon5D2", "Canon600D", "NikonD800"}, {"Canon80D", "Sony"}]
    record = Pairs("").read(listing["test"][0])
    noisy, clean = (pairs.decode(record[key][0]) for key in ("noisy", "clean"))
    assert noisy.shape == (512, 512, 3)
    assert 31 < -10 * np.log10(np.mean((noisy - clean) ** 2)) < 41
