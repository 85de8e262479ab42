"""The benchmark's photographs, its boxes, and what is sent in."""

import sys

import numpy as np
import pytest
import scipy.io
from dnd_files import BOXES, write_dnd

from avjax.errors import InputError
from avjax.media import dnd

pytest.importorskip("h5py", reason="the benchmark's files take h5py")


@pytest.fixture
def folder(tmp_path):
    """A folder of the benchmark; its photographs are written anew by some tests."""
    return tmp_path / "dnd"


def test_a_photograph_and_its_boxes_are_read_as_matlab_wrote_them(folder):
    pictures = write_dnd(folder)
    files = dnd.photographs(folder)
    assert [file.name for file in files] == ["0001.mat", "0002.mat"]
    for file, picture, rows in zip(files, pictures, BOXES, strict=True):
        levels = dnd.read_noisy(file)
        assert levels.dtype == np.float32
        np.testing.assert_array_equal(levels, picture)
        for box, (top, left, bottom, right) in zip(
            dnd.read_boxes(file, levels.shape), rows, strict=True
        ):
            height, width, _ = levels[box].shape
            assert (height, width) == (bottom - top + 1, right - left + 1)
            np.testing.assert_array_equal(levels[box][0, 0], picture[top - 1, left - 1])


def test_what_is_sent_in_is_a_row_of_cells_in_floats(tmp_path):
    boxes = [np.full((4, 6, 3), 0.25), np.full((5, 3, 3), 0.75)]
    dnd.write_clean(tmp_path / "0001.mat", boxes)
    stored = scipy.io.loadmat(tmp_path / "0001.mat")
    assert stored["Idenoised"].shape == (1, 2)
    for cell, box in zip(stored["Idenoised"][0], boxes, strict=True):
        assert cell.dtype == np.float32
        np.testing.assert_array_equal(cell, box)
    assert not stored["israw"].item() and stored["eval_version"].item() == "1.0"


def test_another_folder_is_not_the_benchmark(folder):
    write_dnd(folder)
    assert dnd.photographs(folder / "images_srgb") == []


@pytest.mark.parametrize(
    "row", [[0, 1, 9, 9], [1, 1, 54, 9], [1, 60, 9, 76], [9, 9, 8, 12]]
)
def test_a_box_outside_is_one_sentence(row, folder):
    write_dnd(folder, [[[1, 1, 9, 9], row]])
    (file,) = dnd.photographs(folder)
    with pytest.raises(InputError, match="boxes that do not lie in 0001.mat"):
        dnd.read_boxes(file, (53, 75, 3))


def test_a_photograph_that_the_list_does_not_know(folder):
    write_dnd(folder)
    for name in ("0003.mat", "0000.mat", "other.mat"):
        with pytest.raises(InputError, match=f"tells nothing of {name}"):
            dnd.read_boxes(folder / "images_srgb" / name, (53, 75, 3))


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (np.full((3, 8, 9), 1.5), "not in 0 to 1"),
        (np.full((3, 8, 9), np.nan), "not in 0 to 1"),
        (np.zeros((8, 9)), "no picture of red, green and blue"),
        (None, "is not as DND has it"),
    ],
)
def test_what_is_no_photograph_is_one_sentence(picture, told, tmp_path):
    import h5py

    with h5py.File(tmp_path / "0001.mat", "w") as file:
        if picture is not None:
            file["InoisySRGB"] = picture
    with pytest.raises(InputError, match=told):
        dnd.read_noisy(tmp_path / "0001.mat")


def test_an_older_file_of_matlab_is_one_sentence(tmp_path):
    scipy.io.savemat(tmp_path / "0001.mat", {"InoisySRGB": np.zeros((8, 9, 3))})
    with pytest.raises(InputError, match="is not as DND has it"):
        dnd.read_noisy(tmp_path / "0001.mat")


def test_without_h5py_the_sentence_says_what_to_do(folder, monkeypatch):
    write_dnd(folder)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"pip install 'avjax\[dnd\]'"):
        dnd.read_noisy(dnd.photographs(folder)[0])
