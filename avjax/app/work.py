"""What the tabs of the web page do: values of their inputs -> values of their outputs.

Each function receives the folder for its files first. Files are paths; None is shown as
nothing.
"""

import pathlib
import shutil
from typing import Any

from avjax.app import fragments
from avjax.cli.values import parse_box
from avjax.constants import FPS
from avjax.errors import COMMANDS, InputError
from avjax.media import audio_io, image_io, photo_io
from avjax.pipelines import adapt as adapting
from avjax.pipelines import denoise as denoising
from avjax.pipelines import lipread as lip_reading
from avjax.pipelines import speak as speaking
from avjax.pipelines import sync as sync_measuring
from avjax.pipelines import talk as talking
from avjax.text.subtitles import write_srt
from avjax.text.tts import DEFAULT_LANGUAGE
from avjax.visualize.canvas import figure_to_image, make_figure
from avjax.visualize.denoise_report import plot_steps
from avjax.weights_folders import list_weights, weights_system

PHOTO, CLIP, TEXT, AUDIO = "Photo", "Clip", "Text", "Recording"  # kinds of input
ANY_FACE = "lipwarp-people"  # weights of Talk that edit any face
DEFAULTS = {  # weights of a command
    "talk": ANY_FACE,
    "lipread": "bridging-grid-s1",
    "speak": "bridging-speech-grid-s1",
    "sync": "sync-people",
    "denoise": "denoiser-photos",
}
PERSONAL = "mine, from Personalise"  # choice of weights in the tab Talk
ANY_TEXT = "any text"  # choice of grammar
SPEECH = "bridging-speech"  # names of weights that generate speech begin with it
FOLDER_OF_ADAPT = "personalise", "weights"  # in the folder of a session


def fitting_weights(command: str) -> list[str]:
    """List the bundled weights that a command takes, such as "talk"."""
    names = []
    for name in list_weights():
        commands = COMMANDS.get(weights_system(name), "").split()
        is_speech = name.startswith(SPEECH) == (command == "speak")
        if command in commands and (is_speech or "lipread" not in commands):
            names.append(name)
    return names


def talk(
    folder: pathlib.Path,
    face_kind: str,
    photo: str | None,
    clip: str | None,
    speech_kind: str,
    text: str,
    lang: str,
    audio: str | None,
    weights: str,
    box: str,
) -> list[Any]:
    """Animate a face: -> video, report, file to download."""
    is_photo = face_kind == PHOTO
    face = require(photo if is_photo else clip, "a photo" if is_photo else "a clip")
    name: str | pathlib.Path = weights
    if weights == PERSONAL:
        name = folder.parent.joinpath(*FOLDER_OF_ADAPT)
        if not name.is_dir():
            raise InputError("there are no weights of yours: make them in Personalise")
    speech: dict[str, Any]
    if speech_kind == TEXT:
        speech = {"text": require_text(text), "lang": lang or DEFAULT_LANGUAGE}
    else:
        speech = {"audio": require(audio, "a recording")}
    out = folder / "talk.mp4"
    video = talking.talk(face, **speech, weights=name, box=read_box(box), progress=True)
    report = str(video.save(out)).replace(str(name), weights)
    facts = fragments.show_weights(name, weights, is_outside(report))
    return [str(out), fragments.show_sentences(report) + facts, str(out)]


def is_outside(report: str) -> bool:
    """Return True if a report says that a face is outside of what the weights know."""
    lines = report.splitlines()
    return any(
        line.startswith("the weights")
        and " know " in line
        or line.startswith("warning")
        and "face" in line
        for line in lines
    )


def personalise(
    folder: pathlib.Path,
    clip: str | None,
    text: str,
    lang: str,
    steps: float | None,
    box: str,
) -> list[Any]:
    """Adapt weights to a person: -> videos before and after, report, .zip file."""
    clip, text = require(clip, "a clip"), require_text(text)
    square = read_box(box)
    number = None if steps is None else int(steps)
    adapted = adapting.adapt(clip, steps=number, box=square, progress=True)
    weights, base = folder / FOLDER_OF_ADAPT[1], adapted.report.base
    adapted.save(weights)
    before, after = folder / "before.mp4", folder / "after.mp4"
    for out, name in {before: base, after: weights}.items():
        video = talking.talk(
            clip, text=text, lang=lang, weights=name, box=square, progress=True
        )
        video.save(out)
    archive = shutil.make_archive(str(weights), "zip", weights)
    report = fragments.show_sentences(str(adapted.report))
    return [str(before), str(after), report + fragments.show_weights(base), archive]


def lipread(
    folder: pathlib.Path, clip: str | None, weights: str, grammar: str, box: str
) -> list[Any]:
    """Read lips: -> words on a timeline, report, subtitles to download."""
    transcript = lip_reading.lipread(
        require(clip, "a clip"),
        weights=weights,
        grammar=None if grammar == ANY_TEXT else grammar,
        box=read_box(box),
        progress=True,
    )
    timeline = fragments.show_timeline(transcript, transcript.num_frames / FPS)
    after_words = str(transcript).splitlines()[1 + len(transcript.words) :]
    report = fragments.show_sentences("\n".join(after_words))
    subtitles = None
    if transcript.words:
        subtitles = str(folder / "words.srt")
        write_srt(subtitles, transcript.words)
    return [timeline, report + fragments.show_weights(weights), subtitles]


def speak(folder: pathlib.Path, clip: str | None, weights: str, box: str) -> list[Any]:
    """Generate speech from lips: -> audio, report, file to download."""
    speech = speaking.speak(
        require(clip, "a clip"), weights=weights, box=read_box(box), progress=True
    )
    out = folder / "speech.wav"
    audio_io.write_wav(out, speech.wave)
    report = fragments.show_sentences(str(speech))
    return [str(out), report + fragments.show_weights(weights), str(out)]


def denoise(
    folder: pathlib.Path, photo: str | None, steps: float, strength: float
) -> list[Any]:
    """Denoise a photo: -> (before, after), plot, report, file to download."""
    source = require(photo, "a photo")
    weights = DEFAULTS["denoise"]
    denoiser = denoising.load_denoiser(weights, int(steps), strength)
    noisy = photo_io.read_photo(source)
    result = denoising.denoise_with_progress(denoiser, noisy, source, progress=True)
    suffix = pathlib.Path(source).suffix.lower()
    out = folder / f"denoised{suffix if suffix in photo_io.FORMATS else '.png'}"
    plot = folder / "adaptation.png"
    result.save(out)
    shown = folder / "before.png", folder / "after.png"
    for file, image in zip(shown, (source, out), strict=True):  # 8 bits, upright
        image_io.write_png(file, image_io.read_image(image))
    figure = make_figure(640, 360)
    axes = figure.subplots()
    plot_steps(axes, result)
    axes.set(ylabel="self-supervised loss")
    axes.legend()
    image_io.write_png(plot, figure_to_image(figure))
    report = fragments.show_sentences(str(result))
    report += fragments.show_weights(weights)
    return [tuple(map(str, shown)), str(plot), report, str(out)]


def sync(folder: pathlib.Path, clip: str | None, weights: str, box: str) -> list[Any]:
    """Measure the offsets of audio and lips: -> table, report."""
    clip = require(clip, "a clip")
    report = sync_measuring.sync(
        clip, weights=weights, box=read_box(box), progress=True
    )
    text = str(report).replace(clip, pathlib.Path(clip).name)
    shown = fragments.show_sentences(text) + fragments.show_weights(weights)
    return [fragments.show_sync(report), shown]


def require(file: str | None, name: str) -> str:
    """Return a file, or raise InputError if there is none."""
    if file is None:
        raise InputError(f"give {name} first: upload it, record it or take the example")
    return file


def require_text(text: str) -> str:
    """Return a text, or raise InputError if it is empty."""
    if not text.strip():
        raise InputError("there is nothing to say: type a text")
    return text


def read_box(text: str) -> tuple[float, float, float, float] | None:
    """Return the numbers in "x,y,w,h"; None for an empty text."""
    if not text.strip():
        return None
    try:
        x, y, width, height = parse_box(text)
    except Exception as error:  # of float(), of argparse, or another count
        message = f"the face box {text!r} does not have the form x,y,w,h"
        raise InputError(message) from error
    return x, y, width, height
