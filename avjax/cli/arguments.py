"""Arguments of the `avjax` commands."""

import argparse
import pathlib

from avjax.cli.values import (
    integer_from,
    parse_box,
    parse_face_index,
    parse_fraction,
)

DEMO_TEXT = "Hello! I am a puppet, and I say whatever you give me to say."
WEIGHTS_HELP = "bundled name, folder or https:// address (default: %(default)s)"


def add_talk_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax talk`."""
    add = parser.add_argument
    add("--face", required=True, metavar="FACE", help="photo or video with a face")
    add_speech_arguments(parser)
    add("-o", "--out", required=True, metavar="OUT.mp4", help="video to write")
    add_face_arguments(parser)
    add(
        "--weights",
        metavar="NAME|DIR",
        help="bundled name, folder or https:// address (default: lipwarp-people; for a "
        "text with --voice none: taem-people)",
    )
    add(
        "--system",
        metavar="SYSTEM",
        help="system that the weights must belong to, such as cals (default: any)",
    )
    add(
        "--adapt",
        action="store_true",
        help="first adapt lipwarp weights to the person in the video, which takes "
        "minutes (see avjax adapt)",
    )
    add(
        "--lookahead",
        type=integer_from(0),
        metavar="N",
        help="frames of future audio that lipwarp and cals may use, as in a live "
        "session (default: all)",
    )
    add(
        "--native",
        action="store_true",
        help="write only the face, at the resolution of the network",
    )
    add("--verbose", action="store_true", help="also print how much the mouth moves")


def add_speech_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax talk` that say what is spoken."""
    add = parser.add_argument
    add("--audio", metavar="AUDIO", help="any file with an audio track")
    add(
        "--text",
        help="text to speak; with --audio: the words spoken in that recording",
    )
    add("--srt", metavar="FILE", help="subtitles, .srt or .vtt; spoken at their times")
    add(
        "--voice",
        metavar="NAME",
        help="eSpeak voice variant for the text, such as f3; none: no audible voice",
    )
    add(
        "--lang",
        metavar="CODE",
        help="eSpeak language of the text, such as de or cmn (default: en-us)",
    )
    add(
        "--list-languages",
        action="store_true",
        help="print all languages for --lang, and write no video",
    )
    add(
        "--list-voices",
        action="store_true",
        help="print all voices for --voice, and write no video",
    )


def add_face_arguments(
    parser: argparse.ArgumentParser, all_faces: bool = False
) -> None:
    """Add the arguments that choose a face.

    Args:
        parser: The parser of a command.
        all_faces: True if the command processes all faces by default.
    """
    parser.add_argument(
        "--box",
        type=parse_box,
        metavar="x,y,w,h",
        help="square from above the eyebrows to below the chin, in pixels "
        "(default: found by face detection)",
    )
    parser.add_argument(
        "--face-index",
        type=parse_face_index if all_faces else integer_from(0),
        default="all" if all_faces else 0,
        metavar="N",
        help="number of the face; 0 is the most important, by size and time on screen "
        "(default: %(default)s)",
    )


def add_adapt_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax adapt`."""
    add = parser.add_argument
    add("clip", metavar="CLIP", help="video of a person who speaks")
    add("-o", "--out", required=True, metavar="DIR", help="folder of weights to write")
    add("--weights", default="lipwarp-people", metavar="NAME|DIR", help=WEIGHTS_HELP)
    add(
        "--steps",
        type=integer_from(0),
        metavar="N",
        help="training steps on the frames of the video; 0: adapt to the voice alone "
        "(default: one for every two frames, at most 100)",
    )
    add_face_arguments(parser)


def add_lipread_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax lipread`."""
    add = parser.add_argument
    add("clips", nargs="+", metavar="CLIP", help="video of a person who speaks")
    add("--weights", default="bridging-grid-s1", metavar="NAME|DIR", help=WEIGHTS_HELP)
    add_face_arguments(parser)
    add(
        "--beam",
        type=integer_from(1),
        metavar="N",
        help="beam width of the search (default: exact with a grammar, else 1)",
    )
    add(
        "--grammar",
        metavar="FILE",
        help="allowed sentences: grid, or a grammar file (default: any text)",
    )
    add("--srt", metavar="OUT.srt", help="also write subtitles; needs a single clip")


def add_align_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax align`."""
    add = parser.add_argument
    add("audio", metavar="AUDIO", help="any file with an audio track")
    add("text", metavar="TEXT", help="the words that are spoken in it")
    add(
        "--lang",
        default="en-us",
        metavar="CODE",
        help="eSpeak language of the text (default: %(default)s)",
    )
    add("--weights", default="aligner-grid-s1", metavar="NAME|DIR", help=WEIGHTS_HELP)
    add("--srt", metavar="OUT.srt", help="also write the words as subtitles")


def add_speak_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax speak`."""
    add = parser.add_argument
    add("clip", metavar="CLIP", help="video of a person who speaks")
    add(
        "-o",
        "--out",
        required=True,
        metavar="OUT.wav|OUT.mp4",
        help=".wav: write the speech; .mp4: write the video with the speech",
    )
    add(
        "--weights",
        default="bridging-speech-grid-s1",
        metavar="NAME|DIR",
        help=WEIGHTS_HELP,
    )
    add_face_arguments(parser)


def add_denoise_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax denoise`."""
    add = parser.add_argument
    add("sources", nargs="+", metavar="IN", help="images, videos, or folders of them")
    add(
        "-o",
        "--out",
        required=True,
        metavar="OUT",
        help="file to write; a folder if there are several inputs",
    )
    add("--weights", default="denoiser-photos", metavar="NAME|DIR", help=WEIGHTS_HELP)
    add(
        "--steps",
        type=integer_from(0),
        metavar="K",
        help="adaptation steps on each image, 0 to 100; 0: no adaptation "
        "(default: depends on the weights, 2 to 5)",
    )
    add(
        "--strength",
        type=parse_fraction,
        default=1.0,
        metavar="S",
        help="fraction of the noise to remove, 0 to 1 (default: %(default)s)",
    )
    add(
        "--report",
        action="store_true",
        help="also write OUT.report.png: image before and after, and loss curves",
    )


def add_sync_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax sync`."""
    add = parser.add_argument
    add("clip", metavar="CLIP", help="video of one or more persons who speak")
    add("--weights", default="sync-people", metavar="NAME|DIR", help=WEIGHTS_HELP)
    add_face_arguments(parser, all_faces=True)


def add_convert_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax convert`."""
    add = parser.add_argument
    add(
        "source",
        metavar="SRC",
        help=".pth, .pt, .ckpt, .model, .safetensors or .npz file",
    )
    add("folder", metavar="DST", help="folder of weights to write")
    add(
        "--as",
        dest="name",
        metavar="NETWORK",
        help="which network it is (default: recognised by its arrays)",
    )
    add(
        "--words",
        metavar="FILE",
        help="vocabulary of a word-level lip reader, one word per line; for LRW in "
        "alphabetical order (default: words are numbered)",
    )


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax export`."""
    add = parser.add_argument
    add("weights", metavar="NAME|DIR", help="bundled name, or folder of weights")
    add("out", metavar="DST", help="file to write")
    add(
        "--to",
        choices=("stablehlo", "npz"),
        help="stablehlo: programs with their weights; npz: the arrays only "
        "(default: by the suffix of DST)",
    )


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avjax demo`."""
    parser.add_argument(
        "folder",
        nargs="?",
        default="avjax-demo",
        type=pathlib.Path,
        help="folder to write (default: %(default)s)",
    )
    parser.add_argument(
        "--text", default=DEMO_TEXT, help="English text to speak (default: a greeting)"
    )


def add_no_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has only the arguments that all commands have."""
