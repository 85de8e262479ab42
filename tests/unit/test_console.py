"""Progress displays."""

from avjax.console import progress_bar, track


def test_progress_prints_nothing_where_there_is_no_terminal(capfd):
    assert list(track(range(3), "counting")) == [0, 1, 2]
    with progress_bar() as progress:
        progress.advance(progress.add_task("counting", total=1))
    assert capfd.readouterr() == ("", "")
