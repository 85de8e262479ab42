"""Bad input, limits, two users at once, cancelling, and files that are left behind."""

import os
import time

import pytest

MINUTES = float(os.environ.get("AVJAX_BROWSER_MINUTES", 0))  # of two people at once
MAX_GROWTH = 150  # MiB, after the first four rounds


def test_bad_clip_is_answered_by_one_sentence(open_page, inputs):
    page = open_page()
    page.open_tab("Sync")
    page.button("start").click()
    page.wait_for_status("give a clip first", "alert")
    page.upload(inputs / "text.mp4", "video")
    page.button("start").click()
    page.wait_for_status("cannot read text.mp4: it is not a video", "alert")


def test_face_box_that_cannot_be_read_is_named(open_page):
    page = open_page()
    page.button("example").click()
    page.panel.locator("img").first.wait_for()
    page.panel.get_by_label("Face box").fill("left")
    page.button("start").click()
    page.wait_for_status("does not have the form x,y,w,h", "alert")


def test_upload_over_the_limit_is_refused(open_page, server, inputs):
    page = open_page()
    page.panel.locator("input[type=file]").first.set_input_files(inputs / "large.png")
    page.page.get_by_text("exceed the maximum allowed size").wait_for()
    context = page.page.context
    file = {"name": "a.png", "mimeType": "image/png", "buffer": bytes(3 * 2**20)}
    url = f"{server.url}gradio_api/upload"
    assert context.request.post(url, multipart={"files": file}).status == 413


def fill_long_text(page):
    page.panel.get_by_label("Text", exact=True).last.fill("word " * 300)


def wait_while_other_cancels(anna, ben):
    """Start Ben's talking face and Anna's job, cancel his, and wait for hers."""
    ben.button("start").click()
    ben.wait_for_status("generating frames")
    anna.button("start").click()
    anna.wait_for_status("waiting for 1 job")
    ben.button("cancel").click()
    ben.wait_for_status("cancelled")
    anna.wait_for_status("done")
    assert not ben.panel.locator("video").count()


def test_two_people_do_not_mix_and_one_cancels(open_page, server, inputs):
    server.wait_for_files(0)
    anna, ben = open_page(), open_page()
    anna.open_tab("Lip reading")
    anna.upload(inputs / "clip.mp4", "video")
    anna.panel.get_by_label("Face box").fill("0,0,320,320")
    ben.button("example").click()
    ben.panel.locator("img").first.wait_for()
    fill_long_text(ben)
    wait_while_other_cancels(anna, ben)
    names = {file.name for file in server.files()}
    assert not names & {"talk.mp4"} and "clip.mp4" in names
    anna.page.close()
    server.wait_for_files(0)


def test_two_people_for_some_time_take_no_more_memory(
    open_page, server, inputs, tmp_path
):
    """At least eight rounds; ten minutes with AVJAX_BROWSER_MINUTES=10."""
    anna, ben = open_page(), open_page()
    anna.open_tab("Denoise")
    anna.upload(inputs / "noisy.png", "img")
    ben.upload(inputs / "photo.png", "img")
    fill_long_text(ben)
    memory, since = [], time.monotonic()
    while len(memory) < 8 or time.monotonic() - since < 60 * MINUTES:
        wait_while_other_cancels(anna, ben)
        assert anna.download("photo", tmp_path)[1:4] == b"PNG"
        memory.append(server.memory())
    print(f"{len(memory)} rounds, MiB:", *map(round, memory))
    assert max(memory) - memory[3] < MAX_GROWTH
    for page in (anna, ben):
        page.page.close()
    server.wait_for_files(0)


def test_closed_page_ends_its_job_and_its_files(open_page, server, inputs):
    page = open_page()
    page.upload(inputs / "photo.png", "img")
    fill_long_text(page)
    page.button("start").click()
    page.wait_for_status("generating frames")
    assert server.files()
    page.page.close()
    server.wait_for_files(0)
    other = open_page()
    other.open_tab("Sync")
    other.button("start").click()
    other.wait_for_status("give a clip first", "alert")  # the queue is free again


@pytest.mark.parametrize(
    "path", [__file__, "http://127.0.0.1:9/clip.mp4"], ids=["file", "address"]
)
def test_files_and_addresses_that_were_not_uploaded_are_refused(
    open_page, server, path
):
    request = open_page().page.context.request
    config = request.get(f"{server.url}config").json()
    kinds = {part["id"]: part["type"] for part in config["components"]}
    (start,) = [
        event["id"]
        for event in config["dependencies"]
        if [kinds[part] for part in event["inputs"]] == ["video", "dropdown", "textbox"]
        and len(event["outputs"]) == 3
    ]
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    job = {"fn_index": start, "session_hash": "s", "data": [file, "sync-people", ""]}
    request.post(f"{server.url}gradio_api/queue/join", data=job)
    answer = request.get(f"{server.url}gradio_api/queue/data?session_hash=s").text()
    assert "this file was not uploaded" in answer
    assert not server.files()


@pytest.mark.parametrize("host", ["evil.example", "192.0.2.1"])
def test_other_host_names_are_refused(open_page, server, host):
    request = open_page().page.context.request
    assert request.get(server.url, headers={"Host": host}).status == 400
