"""Which files are denoised, and where the results are written."""

from denoisers import noisy

from avjax.__main__ import main
from avjax.media.photo_io import Photo, write_photo


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
