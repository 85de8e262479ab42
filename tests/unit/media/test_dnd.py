"""Photographs, regions and submission files of DND."""

import sys

import numpy as np
import pytest
import scipy.io
from dnd_files import BOXES, write_dnd

from avjax.errors import InputError
from avjax.media import dnd

pytest.importorskip("h5py", reason="reading DND requires h5py")


@pytest.fixture
def folder(tmp_path):
    """Folder for a small copy of DND."""
    return tmp_path / "dnd"


def test_read_noisy_and_read_regions_match_the_matlab_files(folder):
    images = write_dnd(folder)
    files = dnd.list_photos(folder)
    assert [file.name for file in files] == ["0001.mat", "0002.mat"]
    for file, image, rows in zip(files, images, BOXES, strict=True):
        noisy = dnd.read_noisy(file)
        assert noisy.dtype == np.float32
        np.testing.assert_array_equal(noisy, image)
        for region, (top, left, bottom, right) in zip(
            dnd.read_regions(file, noisy.shape), rows, strict=True
        ):
            height, width, _ = noisy[region].shape
            assert (height, width) == (bottom - top + 1, right - left + 1)
            np.testing.assert_array_equal(noisy[region][0, 0], image[top - 1, left - 1])


def test_write_denoised_stores_a_cell_row_of_float_arrays(tmp_path):
    crops = [np.full((4, 6, 3), 0.25), np.full((5, 3, 3), 0.75)]
    dnd.write_denoised(tmp_path / "0001.mat", crops)
    stored = scipy.io.loadmat(tmp_path / "0001.mat")
    assert stored["Idenoised"].shape == (1, 2)
    for cell, crop in zip(stored["Idenoised"][0], crops, strict=True):
        assert cell.dtype == np.float32
        np.testing.assert_array_equal(cell, crop)
    assert not stored["israw"].item() and stored["eval_version"].item() == "1.0"


def test_list_photos_is_empty_for_another_folder(folder):
    write_dnd(folder)
    assert dnd.list_photos(folder / "images_srgb") == []


@pytest.mark.parametrize(
    "row", [[0, 1, 9, 9], [1, 1, 54, 9], [1, 60, 9, 76], [9, 9, 8, 12]]
)
def test_read_regions_rejects_boxes_outside_the_image(row, folder):
    write_dnd(folder, [[[1, 1, 9, 9], row]])
    (file,) = dnd.list_photos(folder)
    with pytest.raises(InputError, match="boxes that are not inside 0001.mat"):
        dnd.read_regions(file, (53, 75, 3))


def test_read_regions_rejects_an_unlisted_photograph(folder):
    write_dnd(folder)
    for name in ("0003.mat", "0000.mat", "other.mat"):
        with pytest.raises(InputError, match=f"has no entry for {name}"):
            dnd.read_regions(folder / "images_srgb" / name, (53, 75, 3))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((3, 8, 9), 1.5), r"outside \[0, 1\]"),
        (np.full((3, 8, 9), np.nan), r"outside \[0, 1\]"),
        (np.zeros((8, 9)), "does not hold an RGB image"),
        (None, "is not a DND file"),
    ],
)
def test_read_noisy_rejects_invalid_content(image, message, tmp_path):
    import h5py

    with h5py.File(tmp_path / "0001.mat", "w") as file:
        if image is not None:
            file["InoisySRGB"] = image
    with pytest.raises(InputError, match=message):
        dnd.read_noisy(tmp_path / "0001.mat")


def test_read_noisy_rejects_older_matlab_files(tmp_path):
    scipy.io.savemat(tmp_path / "0001.mat", {"InoisySRGB": np.zeros((8, 9, 3))})
    with pytest.raises(InputError, match="is not a DND file"):
        dnd.read_noisy(tmp_path / "0001.mat")


def test_missing_h5py_is_reported_with_the_install_command(folder, monkeypatch):
    write_dnd(folder)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"pip install 'avjax\[dnd\]'"):
        dnd.read_noisy(dnd.list_photos(folder)[0])
