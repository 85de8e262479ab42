"""Each tab of `avjax app` as a person uses it, on a wide and on a narrow page."""

import io
import zipfile


def has_no_overflow(page) -> bool:
    return page.page.evaluate(
        "document.documentElement.scrollWidth <= window.innerWidth"
    )


def test_talk_from_a_photo_and_a_text(page, inputs, tmp_path):
    page.upload(inputs / "photo.png", "img")
    page.panel.get_by_label("Text", exact=True).last.fill("Hello!")
    page.start()
    page.play()
    assert page.download("video", tmp_path)[4:8] == b"ftyp"
    page.panel.get_by_text("found a face in").first.wait_for()
    page.panel.get_by_text("CC BY 4.0").first.wait_for()
    assert has_no_overflow(page)


def test_personalise_gives_weights(page, inputs, tmp_path):
    page.open_tab("Personalise")
    page.upload(inputs / "clip.mp4", "video")
    page.panel.get_by_label("Text for the comparison").fill("Hello!")
    page.panel.get_by_label("Steps").fill("1")
    page.start()
    page.play()
    archive = zipfile.ZipFile(io.BytesIO(page.download("weights", tmp_path)))
    assert "weights.safetensors" in archive.namelist()
    assert has_no_overflow(page)
    page.open_tab("Talk")
    page.button("example").click()
    page.panel.locator("img").first.wait_for()
    page.choose("Weights", "mine, from Personalise")
    page.start()
    page.panel.get_by_text("adapted to one person").first.wait_for()


def test_lip_reading_shows_the_words(page, inputs, tmp_path):
    page.open_tab("Lip reading")
    page.upload(inputs / "clip.mp4", "video")
    page.choose("Weights", "bridging-puppet")
    page.panel.get_by_role("radio", name="grid").check()
    page.start()
    words = page.panel.get_by_role("list", name="Words with their times")
    assert "blue" in words.inner_text()
    assert "bin blue" in page.download("subtitles", tmp_path).decode()
    assert has_no_overflow(page)


def test_speak_gives_a_sound(page, inputs, tmp_path):
    page.open_tab("Speak")
    page.upload(inputs / "clip.mp4", "video")
    page.choose("Weights", "bridging-speech-puppet")
    page.start()
    page.panel.get_by_label("Play", exact=True).last.click()
    assert page.download("speech", tmp_path)[:4] == b"RIFF"
    assert has_no_overflow(page)


def test_denoise_compares_before_and_after(page, inputs, tmp_path):
    page.open_tab("Denoise")
    page.upload(inputs / "noisy.png", "img")
    page.start()
    for file in ("before.png", "after.png", "adaptation.png"):
        image = page.panel.locator(f"img[src*='{file}']").first
        image.wait_for()
        assert image.evaluate("image => image.naturalWidth") > 100
    assert page.download("photo", tmp_path)[1:4] == b"PNG"
    assert has_no_overflow(page)


def test_sync_tells_the_offset(page, inputs):
    page.open_tab("Sync")
    page.upload(inputs / "clip.mp4", "video")
    page.choose("Weights", "sync-puppet")
    page.start()
    page.panel.get_by_role("cell", name="in step").first.wait_for()
    assert has_no_overflow(page)


def test_camera_and_microphone_give_files(open_page):
    page = open_page(permissions=["camera", "microphone"])
    page.panel.get_by_label("Capture from camera").click()
    page.panel.get_by_text("Click to Access Webcam").click()
    camera = page.panel.locator("video").first.element_handle()
    page.page.wait_for_function("video => video.currentTime > 0.2", arg=camera)
    page.panel.get_by_label("capture photo").click()
    page.panel.locator("img[src*='gradio_api']").first.wait_for()
    page.panel.get_by_label("Recording").check()
    page.panel.get_by_label("Record audio").click()
    page.panel.get_by_role("button", name="Record", exact=True).click()
    page.page.wait_for_timeout(1500)
    page.panel.get_by_role("button", name="Stop").first.click()
    page.panel.get_by_label("Play", exact=True).first.wait_for()
    page.button("start").click()
    page.wait_for_status("no face was found in", "alert")
