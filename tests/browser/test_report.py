"""The pages of `avjax report` and `avjax compare`, opened from the disk."""

import pytest
from run_folders import make_run

from avjax.__main__ import main


@pytest.mark.parametrize("command", ["report", "compare"])
def test_page_opens_without_a_server_and_fetches_nothing(command, browser, tmp_path):
    runs = [str(make_run(tmp_path / "a")), str(make_run(tmp_path / "b", rate=0.5))]
    out = tmp_path / "page.html"
    chosen = runs if command == "compare" else runs[:1]
    assert main([command, *chosen, "-o", str(out)]) == 0
    page = browser.new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(error))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(out.as_uri())
    page.locator("svg").first.wait_for()
    page.wait_for_timeout(500)
    assert [url for url in requests if not url.startswith("data:")] == [out.as_uri()]
    assert not errors
    page.close()
