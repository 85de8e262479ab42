"""A server of `avjax app`, and pages in a browser.

The tests run if AVJAX_BROWSER names Chromium. They need `avjax[browser]`.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

BROWSER = os.environ.get("AVJAX_BROWSER", "")
WIDTHS = 1280, 390  # pixels: a desk and a telephone
MAX_UPLOAD_MIB = 2
WAIT_SECONDS = float(os.environ.get("AVJAX_BROWSER_WAIT", 120))  # for a result
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

if not BROWSER:
    collect_ignore_glob = ["test_*.py"]


class Server(NamedTuple):
    """A running server.

    Attributes:
        url: Its address.
        folder: The folder for temporary files, in which it has its own.
        pid: Its process.
    """

    url: str
    folder: pathlib.Path
    pid: int

    def memory(self) -> float:
        """Return the resident memory of the server in MiB."""
        pages = int(pathlib.Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def files(self) -> list[pathlib.Path]:
        """List the files of sessions: all but the examples."""
        return [
            pathlib.Path(folder, name)
            for folder, _, names in os.walk(self.folder)  # it may be emptied meanwhile
            for name in names
            if pathlib.Path(folder).name != "examples"
        ]

    def wait_for_files(self, count: int) -> None:
        """Wait until there are so many files of sessions."""
        end = time.monotonic() + WAIT_SECONDS
        while len(self.files()) != count and time.monotonic() < end:
            time.sleep(0.1)
        assert len(self.files()) == count, self.files()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """The server; at the end it must have removed all its files."""
    folder = tmp_path_factory.mktemp("server")
    arguments = ["app", "--port", "0", "--max-upload", str(MAX_UPLOAD_MIB)]
    process = subprocess.Popen(
        [sys.executable, "-m", "avjax", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert process.stdout
    line = process.stdout.readline()
    match = re.match(r"(http://127\.0\.0\.1:\d+/)", line)
    assert match, line
    yield Server(match[1], folder, process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_SECONDS) == 130
    assert not list(folder.iterdir())


@pytest.fixture(scope="session")
def browser():
    """Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def inputs(server, tmp_path_factory) -> pathlib.Path:
    """Folder of photo.png, clip.mp4, noisy.png, text.mp4 and large.png."""
    folder = tmp_path_factory.mktemp("inputs")
    for file in server.folder.glob("*/examples/*"):
        name = file.name.removeprefix("puppet-")
        shutil.copy(file, folder / name)
    (folder / "text.mp4").write_text("this is no video\n" * 50)
    (folder / "large.png").write_bytes(bytes((MAX_UPLOAD_MIB + 1) * 2**20))
    return folder


class Page:
    """A page of a browser, used as a person would.

    Args:
        page: The page of Playwright.
    """

    def __init__(self, page):
        self.page = page

    def open_tab(self, name: str) -> None:
        """Open a tab, which a narrow page has in a menu."""
        self.key = name.lower().replace(" ", "-")
        tab = self.page.get_by_role("tab", name=name, exact=True)
        hidden = self.page.locator(".overflow-dropdown button", has_text=name)
        tab.or_(hidden).first.wait_for(state="attached")
        if tab.count():
            tab.click()
        else:
            self.page.get_by_role("button", name="More tabs").click()
            hidden.click()
        self.button("start").wait_for()

    @property
    def panel(self):
        """The open tab."""
        return self.page.get_by_role("tabpanel").filter(visible=True)

    def button(self, name: str):
        """Find "start", "cancel" or "example" in the open tab."""
        return self.page.locator(f"#{self.key}-{name}")

    @property
    def status(self):
        """What the open tab says."""
        return self.page.locator(f"#{self.key}-status")

    def upload(self, file: pathlib.Path, media: str) -> None:
        """Upload a file, and wait until "img", "video" or "audio" shows it."""
        self.panel.locator("input[type=file]").first.set_input_files(file)
        shown = self.panel.locator(f"{media}[src*='{file.name}']")
        shown.first.wait_for(state="attached")

    def choose(self, label: str, option: str) -> None:
        """Choose from a list by typing."""
        box = self.panel.get_by_role("combobox", name=label)
        box.click()
        box.fill(option)
        self.page.get_by_role("option", name=option, exact=True).click()

    def wait_for_status(self, text: str, role: str = "status") -> None:
        """Wait until the open tab says a text."""
        said = self.status.get_by_role(role).filter(has_text=text)
        said.wait_for(timeout=1000 * WAIT_SECONDS)

    def start(self) -> None:
        """Start, and wait for the result."""
        self.button("start").click()
        self.wait_for_status("done")

    def play(self, media: str = "video") -> None:
        """Play the last video of the open tab, and check that time passes."""
        player = self.panel.locator(media).last
        player.evaluate("media => { media.muted = true; return media.play(); }")
        handle = player.element_handle()
        self.page.wait_for_function("media => media.currentTime > 0", arg=handle)

    def download(self, what: str, folder: pathlib.Path) -> bytes:
        """Download a result, and return its content."""
        button = self.panel.get_by_role("button", name=f"Download the {what}")
        with self.page.expect_download() as download:
            button.click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path.read_bytes()


@pytest.fixture
def open_page(server, browser) -> Iterator[Callable[..., Page]]:
    """open_page(width) opens a page; it may ask no other server for anything."""
    contexts, urls = [], set()

    def open_at(width: int = WIDTHS[0], **options) -> Page:
        size = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: urls.add(request.url))
        page.on("websocket", lambda socket: urls.add(socket.url))
        page.goto(server.url)
        page.locator("#talk-start").wait_for()
        opened = Page(page)
        opened.open_tab("Talk")
        return opened

    yield open_at
    for context in contexts:
        context.close()
    local = server.url, f"blob:{server.url}", "data:"
    assert urls and not [url for url in urls if not url.startswith(local)]


@pytest.fixture(params=WIDTHS)
def page(request, open_page) -> Page:
    """A page as wide as that of a desk, and as that of a telephone."""
    return open_page(request.param)
