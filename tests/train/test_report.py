"""`avjax report` and `avjax compare`: runs as HTML files that fetch nothing."""

import html.parser
import json
import re

import fake_store
import pytest
from run_folders import make_run

from avjax.__main__ import main
from avjax.train.report.figures import MAX_POINTS, Curve, choose_steps, thin


class Page(html.parser.HTMLParser):
    """Collects the tags and the addresses of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.addresses, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action", "poster"):
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)


def read_page(file) -> tuple[str, Page]:
    """Read a page, and check that it is complete in itself."""
    text = file.read_text(encoding="utf-8")
    page = Page(text)
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", text)
    assert len(page.ids) == len(set(page.ids)), "figures do not share ids"
    assert "default-src 'none'" in text
    return text, page


def test_report_shows_metrics_images_config_and_environment(tmp_path, capsys):
    run = make_run(tmp_path / "run")
    assert main(["report", str(run), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["wrote"] == [str(run / "report.html")] and summary["step"] == 40
    assert summary["metrics"]["test/lmd"]["step"] == 30  # of the best value
    assert "test/lmd_open" not in summary["metrics"]
    text, page = read_page(run / "report.html")
    assert page.tags.count("svg") == len(summary["metrics"]) == 2
    assert page.tags.count("img") == 8 and page.tags.count("video") == 1
    assert "&lt;CALS&gt; &amp; co." in text and "<CALS>" not in text
    assert "avjax train cals_puppet" in text and "static_mouth_lmd" in text
    assert "packages jax" in text


def test_run_in_a_store_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fake_store, "ROOT", [tmp_path / "store"])
    make_run(tmp_path / "store/bucket/run")
    url, out = fake_store.url("bucket/run"), tmp_path / "out.html"
    assert main(["report", url]) == 2
    assert "name the local file to write: -o" in capsys.readouterr().err
    assert main(["report", url, "-o", str(out)]) == 0
    _, page = read_page(out)
    assert page.tags.count("img") == 8 and page.tags.count("video") == 1


def test_unfinished_run_is_reported(tmp_path, capsys):
    run, out = make_run(tmp_path / "run", steps=20), tmp_path / "out.html"
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "test/l')  # is being written
    (run / "images" / "test_faces_0000020.mp4").write_bytes(b"cut off")
    (run / "environment.json").unlink()  # of an older version
    assert main(["report", str(run), "-o", str(out)]) == 0
    assert "at step 20, 2 metrics" in capsys.readouterr().out
    assert "20 of 40 steps" in out.read_text(encoding="utf-8")


def test_compare_overlays_the_curves_of_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs" / "a"), make_run(tmp_path / "runs" / "b", rate=0.5)
    assert main(["compare", "a", "b", "-o", "c.html"]) == 0
    printed = capsys.readouterr().out
    assert "test/lmd" in printed and "wrote c.html" in printed
    text, page = read_page(tmp_path / "c.html")
    assert page.tags.count("svg") == 2
    assert "<td>rate</td><td>0.001</td><td>0.5</td>" in text
    assert "<td>seed</td>" not in text
    assert main(["compare", "a", "runs/b", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [run["metrics"]["test/lmd"]["best"] for run in runs] == [1e-4, 0.05]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["report", "nothing"], "there is no folder nothing"),
        (["report", "empty"], "empty is not the folder of a run"),
        (["report", "new"], "new has no metrics yet"),
        (["report", "torn"], "is damaged"),
        (["report", "new", "-o", "a.pdf"], "a.pdf: its name should end in .html"),
        (["compare", "new"], "name two or more runs"),
    ],
)
def test_folder_that_is_no_run_is_named(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "new", "torn"):
        (tmp_path / name).mkdir()
    (tmp_path / "new" / "experiment.json").write_text("{}")
    (tmp_path / "torn" / "experiment.json").write_text('{"argu')
    assert main(words) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.html"))


def test_long_curves_and_many_images_are_thinned():
    steps, values = thin(Curve(list(range(5000)), [0.0] * 5000))
    assert len(steps) == len(values) == MAX_POINTS and steps[-1] == 4999
    assert choose_steps(range(0, 1000, 10)) == [0, 200, 400, 590, 790, 990]
    assert choose_steps([3]) == [3]
