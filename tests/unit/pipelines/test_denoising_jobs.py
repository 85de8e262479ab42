"""Which files are denoised, and where the results are written."""

import pytest
from denoisers import noisy

from avjax.__main__ import main
from avjax.errors import InputError
from avjax.media.files import created_parents
from avjax.media.photo_io import Photo, write_photo
from avjax.pipelines.denoising.jobs import plan_jobs


def run_command(*words) -> int:
    return main(["denoise", *map(str, words)])


def test_several_inputs_are_not_written_into_one_file(tmp_path, capfd):
    for name in ("one.png", "two.png", "out.png"):
        write_photo(tmp_path / name, Photo(noisy()))
    words = "one.png", "two.png"
    status = run_command(*(tmp_path / x for x in words), "-o", tmp_path / "out.png")
    assert status == 2
    message = "out.png is a file: several inputs are written into a folder"
    assert message in capfd.readouterr().err


@pytest.mark.parametrize("out", ["out.png", "out.JPG", "out.mp4", "out.mat"])
def test_output_of_several_inputs_is_not_named_like_a_file(out, tmp_path, capfd):
    paths = [tmp_path / "in/one.png", tmp_path / "in/two.png"]
    paths[0].parent.mkdir()
    for path in paths:
        write_photo(path, Photo(noisy()))
    assert run_command(*paths, "-o", tmp_path / out) == 2
    message = "there are 2 inputs: give a folder as the output, not"
    assert message in " ".join(capfd.readouterr().err.split())
    paths[1].unlink()
    assert run_command(tmp_path / "in", "-o", tmp_path / out) == 2
    assert "in is a folder: give a folder as the output" in capfd.readouterr().err
    assert not (tmp_path / out).exists()
    (tmp_path / out).mkdir()  # a folder may have any name
    (job,) = plan_jobs([tmp_path / "in"], tmp_path / out)
    assert job.target == tmp_path / out / "one.png"


def test_folder_of_an_output_file_must_exist_and_a_folder_of_outputs_is_made(tmp_path):
    path = tmp_path / "one.png"
    write_photo(path, Photo(noisy()))
    with pytest.raises(InputError, match="its folder does not exist"):
        plan_jobs([path], tmp_path / "new" / "out.png")
    jobs = plan_jobs([path, path.with_name("two.png")], tmp_path / "new" / "out")
    assert jobs[1].target == tmp_path / "new" / "out" / "two.png"
    with created_parents(jobs[1].target) as target:  # as every job does
        target.touch()
    assert jobs[1].target.is_file()
