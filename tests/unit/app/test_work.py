"""What the tabs of the web page do, with small networks and without a browser."""

import pathlib
import zipfile
from types import SimpleNamespace

import denoisers
import numpy as np
import PIL.Image
import pytest

from avjax.app import fragments, work
from avjax.app.examples import Examples, make_examples
from avjax.errors import InputError
from avjax.faces.source import open_face_source
from avjax.media import image_io, video_reader
from avjax.pipelines.denoising.denoiser import DenoiseResult
from avjax.pipelines.speak import GeneratedSpeech
from avjax.pipelines.sync_report import FaceSync, SyncReport
from avjax.pipelines.transcript import Transcript
from avjax.text.intervals import TimedWord

BOX = "8,0,48,48"
ANY = work.ANY_FACE


class FakeVideo:
    """Stands for a TalkingVideo."""

    def __init__(self, weights):
        self.weights = weights

    def save(self, path):
        pathlib.Path(path).write_bytes(b"video")
        return f"32 frames, with the weights {self.weights}\nwarning: the face is small"


@pytest.fixture
def calls(monkeypatch) -> list[dict]:
    """Calls of `avjax.talk`, which is replaced."""
    made = []

    def talk(face, **options):
        made.append({"face": face, **options})
        return FakeVideo(options["weights"])

    monkeypatch.setattr(work.talking, "talk", talk)
    return made


def do_talk(folder, *, face=work.PHOTO, speech=work.TEXT, text="Hi", weights=ANY):
    files = "me.png", "me.mp4", "me.wav"
    inputs = [face, *files[:2], speech, text, "de", files[2], weights, BOX]
    return work.talk(folder, *inputs)


def test_talk_takes_the_chosen_face_and_speech(calls, tmp_path):
    video, report, download = do_talk(tmp_path)
    do_talk(tmp_path, face=work.CLIP, speech=work.AUDIO)
    assert calls[0]["face"] == "me.png" and calls[1]["face"] == "me.mp4"
    assert (calls[0]["text"], calls[0]["lang"]) == ("Hi", "de")
    assert calls[1]["audio"] == "me.wav" and "text" not in calls[1]
    assert calls[0]["box"] == (8, 0, 48, 48) and calls[0]["progress"]
    assert pathlib.Path(video).read_bytes() == b"video" and download == video
    assert "it may be outside of what" in report
    assert "CC BY 4.0" in report and '<li class="warning">' in report


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("the weights taem-puppet know rendered puppets only; for real", True),
        ("warning: the face is small, 9 pixels from eye to eye", True),
        ("warning: found a face in 3 of 9 frames; the others were copied", True),
        ("warning: the audio is silent", False),
        ("found a face in 9 of 9 frames", False),
    ],
)
def test_face_outside_of_what_the_weights_know_is_noted(line, expected):
    assert work.is_outside(f"9 frames at 25 fps\n{line}") == expected


def test_talk_uses_the_weights_of_the_tab_personalise(calls, tmp_path):
    with pytest.raises(InputError, match="make them in Personalise"):
        do_talk(tmp_path / "talk", weights=work.PERSONAL)
    folder = tmp_path.joinpath(*work.FOLDER_OF_ADAPT)
    denoisers.save(folder)  # any weights
    (tmp_path / "talk").mkdir()
    report = do_talk(tmp_path / "talk", weights=work.PERSONAL)[1]
    assert calls[0]["weights"] == folder
    assert work.PERSONAL in report and str(tmp_path) not in report


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([work.PHOTO, None, "x", work.TEXT, "Hi"], "give a photo first"),
        ([work.CLIP, "x", None, work.TEXT, "Hi"], "give a clip first"),
        ([work.PHOTO, "x", None, work.TEXT, " "], "there is nothing to say"),
        ([work.PHOTO, "x", None, work.AUDIO, "Hi"], "give a recording first"),
    ],
)
def test_missing_input_is_named(inputs, message, tmp_path):
    with pytest.raises(InputError, match=message):
        work.talk(tmp_path, *inputs, "de", None, ANY, "")


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "1 2 3 4"])
def test_box_that_cannot_be_read_is_named(text):
    assert work.read_box(" ") is None
    with pytest.raises(InputError, match="does not have the form x,y,w,h"):
        work.read_box(text)


def test_personalise_compares_and_packs_the_weights(calls, monkeypatch, tmp_path):
    class Report(SimpleNamespace):
        def __str__(self):
            return "lips: better\naudio: better"

    adapted = SimpleNamespace(
        report=Report(base=ANY), save=lambda folder: denoisers.save(folder)
    )
    monkeypatch.setattr(work.adapting, "adapt", lambda clip, **options: adapted)
    inputs = "me.mp4", "Hello", "en-us", None, ""
    before, after, report, archive = work.personalise(tmp_path, *inputs)
    assert [call["weights"] for call in calls] == [ANY, tmp_path / "weights"]
    assert before != after and "<li" in report
    names = zipfile.ZipFile(archive).namelist()
    assert {"weights.safetensors", "config.json"} <= set(names)


def test_lipread_shows_words_and_writes_subtitles(monkeypatch, tmp_path):
    words = [TimedWord("blue", 0.2, 0.6, 0.9), TimedWord("<now>", 0.7, 1.0, 0.5)]
    transcript = Transcript("me.mp4", "blue <now>", words, [], 25, "bridging-puppet")
    options = {}

    def lipread(clip, **given):
        options.update(given)
        return transcript

    monkeypatch.setattr(work.lip_reading, "lipread", lipread)
    inputs = "me.mp4", "bridging-puppet", work.ANY_TEXT, ""
    timeline, report, subtitles = work.lipread(tmp_path, *inputs)
    assert options["grammar"] is None and options["progress"]
    assert "left:20.0%;width:40.0%" in timeline and "&lt;now&gt;" in timeline
    assert "rendered puppets only" in report and "Apache-2.0" in report
    assert "blue" in pathlib.Path(subtitles).read_text()
    transcript = transcript._replace(text="", words=[])
    timeline, _, subtitles = work.lipread(tmp_path, *inputs)
    assert "(no words)" in timeline and subtitles is None


def test_speak_writes_a_wave(monkeypatch, tmp_path):
    wave = np.zeros(1600, np.float32)
    weights = work.DEFAULTS["speak"]
    speech = GeneratedSpeech(wave, np.zeros((10, 80)), [], 3, weights)
    monkeypatch.setattr(work.speaking, "speak", lambda clip, **options: speech)
    file, report, download = work.speak(tmp_path, "me.mp4", weights, "")
    assert pathlib.Path(file).read_bytes()[:4] == b"RIFF" and download == file
    assert "100 ms of speech" in report and "one speaker" in report


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".dat"])
def test_denoise_shows_before_and_after(suffix, monkeypatch, tmp_path):
    photo = str(tmp_path / f"photo{suffix}")
    kind = "JPEG" if suffix == ".jpg" else "PNG"
    PIL.Image.fromarray(denoisers.noisy()).save(photo, kind)

    def denoise(denoiser, noisy, name, progress):
        assert (denoiser, name, progress) == ("denoiser-photos", photo, True)
        losses = np.array([0.02, 0.01], np.float32)
        clean = noisy._replace(image=noisy.image // 2)
        return DenoiseResult(clean, losses[:1], losses, 1)

    load = lambda weights, steps, strength: weights  # noqa: E731
    monkeypatch.setattr(work.denoising, "load_denoiser", load)
    monkeypatch.setattr(work.denoising, "denoise_with_progress", denoise)
    (before, after), plot, report, download = work.denoise(tmp_path, photo, 1, 1.0)
    images = [image_io.read_image(file) for file in (photo, before, after, download)]
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[2], images[3]) and images[2].mean() < images[0].mean()
    assert pathlib.Path(download).suffix == {".dat": ".png"}.get(suffix, suffix)
    assert "1 of 1 adaptation" in report and image_io.is_image(plot)


def test_sync_shows_each_face(monkeypatch, tmp_path):
    faces = [
        FaceSync(0, 3, 0.5, 0.9, "", np.arange(10)),
        FaceSync(1, None, 0.9, 0.1, "no offset", np.arange(4)),
    ]
    clip = str(tmp_path / "clip.mp4")
    report = SyncReport(clip, "sync-puppet", "sync_expert", False, faces, [])
    monkeypatch.setattr(work.sync_measuring, "sync", lambda clip, **options: report)
    table, sentences = work.sync(tmp_path, clip, "sync-puppet", "")
    assert "<td>+3 frames (+0.12 s)</td>" in table and "cannot tell" in table
    assert "clip.mp4" in sentences and str(tmp_path) not in sentences


def test_each_command_offers_the_weights_that_it_takes():
    names = {command: work.fitting_weights(command) for command in work.DEFAULTS}
    assert all(default in names[key] for key, default in work.DEFAULTS.items())
    assert "bridging-grid-s1" not in names["speak"]
    assert not any("speech" in name for name in names["lipread"])
    assert "taem-puppet" in names["talk"] and "sync-puppet" in names["sync"]


def test_text_from_files_cannot_become_html():
    bad = "<script>alert(1)</script>"
    word = TimedWord(bad, 0.0, 1.0, 0.5)
    transcript = Transcript("clip", bad, [word], [], 25, "weights")
    shown = [
        fragments.show_sentences(bad),
        fragments.show_error(bad),
        fragments.show_status(bad, 0.5),
        fragments.show_timeline(transcript, 1.0),
        fragments.show_weights(ANY, bad),
    ]
    assert not any("<script>" in text for text in shown)
    assert 'role="alert"' in shown[1] and 'value="0.500"' in shown[2]


def test_examples_show_a_face_that_is_found(tmp_path):
    files = make_examples(tmp_path / "examples")
    assert files._fields == Examples._fields
    assert np.isfinite(open_face_source(files.photo).boxes).all()
    info = video_reader.probe(files.clip)
    assert info.has_audio and info.num_frames > 50
