"""The tabs of the web page: their inputs, their outputs and their examples."""

import functools
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr

from avjax.app import work
from avjax.app.examples import Examples
from avjax.text.espeak import list_languages
from avjax.text.tts import DEFAULT_LANGUAGE

HELLO = "Hello! How are you?"
BOX_HELP = "x,y,w,h in pixels; only if no face is found, or another one"

Run = Callable[..., list[Any]]


class Tab(NamedTuple):
    """One task of the page.

    Attributes:
        name: Its title.
        summary: One or two sentences.
        inputs: Builds the inputs, in the order of the arguments of `run`.
        outputs: Builds the outputs, in the order of the results of `run`.
        run: A function of `avjax.app.work`.
        example: Values of the inputs.
    """

    name: str
    summary: str
    inputs: Callable[[], list[Any]]
    outputs: Callable[[], list[Any]]
    run: Run
    example: list[Any]

    @property
    def key(self) -> str:
        """The name of its jobs, and the beginning of the ids of its elements."""
        return self.name.lower().replace(" ", "-")


def make_tabs(examples: Examples) -> list[Tab]:
    """List the tabs.

    Args:
        examples: Files for the examples.

    Returns:
        The tabs, in the order in which they are shown.
    """
    return [*_talking_tabs(examples), *_other_tabs(examples)]


def _talking_tabs(examples: Examples) -> list[Tab]:
    """List the tabs that generate faces."""
    talk_face = [work.PHOTO, examples.photo, None]
    talk_speech = [work.TEXT, HELLO, DEFAULT_LANGUAGE, None]
    return [
        Tab(
            "Talk",
            "A face says a text or a recording.",
            lambda: [*_any_face(), *_any_speech(), _weights("talk"), _box()],
            lambda: [_video("Result"), _html(), _download("video")],
            work.talk,
            [*talk_face, *talk_speech, work.ANY_FACE, ""],
        ),
        Tab(
            "Personalise",
            "A clip in which one person speaks for two seconds or longer gives weights "
            "that fit this person, in some minutes. Talk can use them afterwards.",
            lambda: [_clip(), *_text("Text for the comparison"), _steps(), _box()],
            lambda: [
                *map(_video, ("Before", "After")),
                _html(),
                _download("weights"),
            ],
            work.personalise,
            [examples.clip, HELLO, DEFAULT_LANGUAGE, 4, ""],
        ),
    ]


def _other_tabs(examples: Examples) -> list[Tab]:
    """List the tabs that read, hear or restore."""
    clip = examples.clip
    return [
        Tab(
            "Lip reading",
            "What is said in a clip, read from the lips alone.",
            lambda: [_clip(), _weights("lipread"), _grammar(), _box()],
            lambda: [_html(), _html(), _download("subtitles")],
            work.lipread,
            [clip, "bridging-puppet", "grid", ""],
        ),
        Tab(
            "Speak",
            "Speech for a silent clip, from the lips alone.",
            lambda: [_clip(), _weights("speak"), _box()],
            lambda: [_sound("Speech"), _html(), _download("speech")],
            work.speak,
            [clip, "bridging-speech-puppet", ""],
        ),
        Tab(
            "Denoise",
            "A photo without its noise. The network adapts to each photo.",
            lambda: [_photo(), *_denoise_settings()],
            lambda: [_slider(), _picture("Adaptation"), _html(), _download("photo")],
            work.denoise,
            [examples.noisy, 5, 1.0],
        ),
        Tab(
            "Sync",
            "By how much the sound of a clip is ahead of the lips, for each face.",
            lambda: [_clip(), _weights("sync"), _box()],
            lambda: [_html(), _html()],
            work.sync,
            [clip, "sync-puppet", ""],
        ),
    ]


def _any_face() -> list[Any]:
    """Build a choice between a photo and a clip."""
    kinds = {work.PHOTO: lambda: [_photo()], work.CLIP: lambda: [_clip(visible=False)]}
    return _either("Face", kinds)


def _any_speech() -> list[Any]:
    """Build a choice between a text and a recording."""
    sound = functools.partial(_sound, "Recording", interactive=True, visible=False)
    return _either(
        "Speech", {work.TEXT: lambda: _text("Text"), work.AUDIO: lambda: [sound()]}
    )


def _either(label: str, kinds: dict[str, Callable[[], list[Any]]]) -> list[Any]:
    """Build a choice between kinds of input, of which one is shown.

    Args:
        label: What is chosen.
        kinds: {name: function that builds its components}. The first one is shown.

    Returns:
        The choice, and all components.
    """
    choice = gr.Radio(list(kinds), value=next(iter(kinds)), label=label)
    parts = [(kind, part) for kind, build in kinds.items() for part in build()]

    def show(chosen: str) -> list[Any]:
        return [gr.update(visible=kind == chosen) for kind, _ in parts]

    components = [part for _, part in parts]
    choice.change(show, choice, components, queue=False, show_progress="hidden")
    return [choice, *components]


def _photo() -> gr.Image:
    return _with_path(
        gr.Image(
            label="Photo",
            type="filepath",
            sources=["upload", "webcam"],
            interactive=True,
            height=320,
        )
    )


def _clip(visible: bool = True) -> gr.Video:
    return _with_path(
        gr.Video(
            label="Clip",
            sources=["upload", "webcam"],
            include_audio=True,
            interactive=True,
            visible=visible,
        )
    )


def _sound(label: str, interactive: bool = False, visible: bool = True) -> gr.Audio:
    return _with_path(
        gr.Audio(
            label=label,
            type="filepath",
            sources=["upload", "microphone"],
            interactive=interactive,
            visible=visible,
            buttons=["download"],
        )
    )


def _with_path(component: Any) -> Any:
    """Let a component hand on the file as it was uploaded.

    Gradio would open and convert it; avjax reads more formats, and says what is wrong
    with a file. It would also fetch addresses, and copy any file of this computer that
    a request names; both are refused.
    """
    uploads = pathlib.Path(component.GRADIO_CACHE).resolve()

    async def refuse_others(path: str) -> str:
        if not pathlib.Path(path).resolve().is_relative_to(uploads):
            raise gr.Error("this file was not uploaded")
        return path

    component.async_move_resource_to_block_cache = refuse_others
    component.preprocess = lambda payload: payload and payload.path
    return component


def _text(label: str) -> list[Any]:
    """Build a text and its language."""
    languages = [(name, code) for code, name in list_languages().items()]
    return [
        gr.Textbox(value="", label=label, lines=2, max_length=5000),
        gr.Dropdown(languages, value=DEFAULT_LANGUAGE, label="Language"),
    ]


def _weights(command: str) -> gr.Dropdown:
    names = work.fitting_weights(command)
    default = work.DEFAULTS[command]
    more = [work.PERSONAL] if command == "talk" else []
    return gr.Dropdown([*names, *more], value=default, label="Weights")


def _grammar() -> gr.Radio:
    choices = [work.ANY_TEXT, "grid"]
    return gr.Radio(choices, value=work.ANY_TEXT, label="Allowed sentences")


def _box() -> gr.Textbox:
    return gr.Textbox(value="", label="Face box (optional)", info=BOX_HELP)


def _steps() -> gr.Number:
    info = "empty: one for every two frames, at most 100"
    return gr.Number(None, label="Steps (optional)", info=info, precision=0, minimum=0)


def _denoise_settings() -> list[Any]:
    return [
        gr.Slider(0, 20, value=5, step=1, label="Adaptation steps"),
        gr.Slider(0, 1, value=1, step=0.05, label="Strength"),
    ]


def _video(label: str) -> gr.Video:
    return gr.Video(label=label, interactive=False, height=320, buttons=["download"])


def _picture(label: str) -> gr.Image:
    return gr.Image(label=label, show_label=False, interactive=False, buttons=[])


def _slider() -> gr.ImageSlider:
    return gr.ImageSlider(label="Before and after", interactive=False, type="filepath")


def _html() -> gr.HTML:
    return gr.HTML(padding=False)


def _download(what: str) -> gr.DownloadButton:
    return gr.DownloadButton(f"Download the {what}", interactive=False)
