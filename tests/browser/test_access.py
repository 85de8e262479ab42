"""The page with the keyboard alone, and by the rules of axe-core."""

import os
import pathlib

import pytest

AXE = os.environ.get("AVJAX_AXE", "")
TABS = "Talk", "Personalise", "Lip reading", "Speak", "Denoise", "Sync"
MAX_KEYS = 60


def focus_by_tab_key(page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(MAX_KEYS):
        if page.page.locator(f"{selector}:focus").count():
            return
        page.page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


def test_keyboard_alone_starts_a_job(open_page):
    page = open_page()
    page.open_tab("Denoise")
    page.page.locator("body").evaluate("body => document.activeElement.blur()")
    for name in ("example", "start"):
        focus_by_tab_key(page, f"#denoise-{name}")
        page.page.keyboard.press("Enter")
        if name == "example":
            page.panel.locator("img").first.wait_for()
            page.page.keyboard.press("Shift+Tab")
            page.page.keyboard.press("Shift+Tab")
    page.wait_for_status("done")


@pytest.mark.skipif(not AXE, reason="AVJAX_AXE does not name axe.min.js")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(open_page, width, scheme):
    page = open_page(width, color_scheme=scheme)
    page.page.evaluate(pathlib.Path(AXE).read_text())
    for name in TABS:
        page.open_tab(name)
        for is_filled in (False, True):
            if is_filled:
                page.button("example").click()
                page.panel.locator("img, video").first.wait_for()
                page.page.wait_for_timeout(300)
            found = page.page.evaluate("axe.run({resultTypes: ['violations']})")
            serious = [
                (name, rule["id"], [node["html"][:200] for node in rule["nodes"]])
                for rule in found["violations"]
                if rule["impact"] in ("serious", "critical")
            ]
            assert not serious
