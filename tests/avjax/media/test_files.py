import pytest

from avjax.errors import InputError
from avjax.media.files import require_place, whole_file


def test_a_place_for_a_file_is_tried_without_a_trace(tmp_path):
    require_place(tmp_path / "new.txt")
    (tmp_path / "old.txt").write_text("old")
    require_place(tmp_path / "old.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


@pytest.mark.parametrize("name", ["no/such/folder.txt", "."])
def test_where_no_file_can_be_is_one_sentence(tmp_path, name):
    for ask in (require_place, lambda path: whole_file(path).__enter__()):
        with pytest.raises(InputError, match="cannot write"):
            ask(tmp_path / name)
