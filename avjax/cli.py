"""What each verb of `avjax` may be given; importing it costs next to nothing."""

import argparse
import pathlib
from collections.abc import Callable, Mapping

import avjax
from avjax.errors import InputError

SENTENCE = "Hello! I am a puppet, and I say whatever you give me to say."

Verb = argparse.ArgumentParser


class Parser(argparse.ArgumentParser):
    """argparse, but what it does not understand is one sentence, not a page."""

    def error(self, message: str):
        raise InputError(f"{message} (see {self.prog} --help)")


def parser(verbs: Mapping[str, Callable], rooms: Mapping[str, Callable]) -> Parser:
    """Parses into options with `run`, one of the verbs.

    verbs  {name: what takes these options}, and what its docstring says
    rooms  {name: what parses for itself}
    """
    top = Parser(prog="avjax", description=avjax.__doc__.split("\n")[0])
    top.add_argument("--version", action="version", version=avjax.__version__)
    known = top.add_subparsers(required=True, metavar="VERB")
    for name, run in verbs.items():
        summary, ask = ASKS[name]
        verb = known.add_parser(name, help=summary, description=run.__doc__)
        verb.set_defaults(run=run)
        ask(verb)
    for name, room in rooms.items():
        known.add_parser(name, help=room.__doc__, add_help=False)
    return top


def talk(verb: Verb) -> None:
    add = verb.add_argument
    add("--face", required=True, metavar="FACE", help="a photo or a clip")
    add("--audio", metavar="SOUND", help="any file with sound in it")
    add("--text", help="what is said, with --audio what is said there")
    add("--srt", metavar="FILE", help="subtitles, each said at its time")
    voices = "who says a text: a variant of espeak's, such as f3; none: nobody"
    add("--voice", metavar="NAME", help=voices)
    add("--lang", metavar="CODE", help="of the text, such as de or cmn; else en-us")
    add("-o", "--out", required=True, metavar="OUT.mp4", help="the clip to write")
    whose_face(verb)
    verb.set_defaults(weights=None)  # by what is given to be said
    systems = "synctalkface", "cals", "taem"
    add("--system", choices=systems, help="whose weights they are; a folder tells it")
    ahead = "frames of sound heard in advance, as in a live session (cals)"
    add("--lookahead", type=int, metavar="N", help=ahead)
    add("--native", action="store_true", help="only the face, as the model made it")


def whose_face(verb: Verb) -> None:
    """Whose face it is, and which weights it is given to."""
    add = verb.add_argument
    add("--weights", default="grid-s1", help="a bundled name, or a folder of weights")
    where = "the square from above the eyebrows to below the chin, in pixels"
    add("--box", type=box, metavar="x,y,w,h", help=where)
    add("--face-index", type=int, default=0, metavar="N", help="0: the largest face")


def lipread(verb: Verb) -> None:
    add = verb.add_argument
    add("clips", nargs="+", metavar="CLIP", help="a video in which somebody speaks")
    whose_face(verb)
    add("--beam", type=int, metavar="N", help="beginnings that the search holds")
    add("--grammar", metavar="FILE", help="what may be said: grid, or a file")
    add("--srt", metavar="OUT.srt", help="write subtitles of the one clip")
    add("--json", action="store_true", help="print a list instead of lines")


def speak(verb: Verb) -> None:
    add = verb.add_argument
    add("clip", metavar="CLIP", help="a video in which somebody speaks")
    out = "the sound, or as .mp4 the clip with it"
    add("-o", "--out", required=True, metavar="OUT.wav|OUT.mp4", help=out)
    whose_face(verb)


def denoise(verb: Verb) -> None:
    add = verb.add_argument
    add("sources", nargs="+", metavar="IN", help="pictures, clips, folders of them")
    out = "the file to write, or the folder for several"
    add("-o", "--out", required=True, metavar="OUT", help=out)
    add("--weights", default="polyu", help="a bundled name, or a folder of weights")
    steps = "of adaptation to each picture; 0: the network as it was trained"
    add("--steps", type=int, metavar="K", help=steps)
    much = "how much of the noise is taken, 0 to 1"
    add("--strength", type=float, default=1.0, metavar="S", help=much)
    page = "write OUT.report.png: before, after, and how it adapted"
    add("--report", action="store_true", help=page)


def sync(verb: Verb) -> None:
    verb.add_argument("clip", metavar="CLIP", help="a video in which somebody speaks")
    whose_face(verb)
    verb.add_argument("--json", action="store_true", help="print an object, not lines")
    verb.set_defaults(face_index=None)  # every one


def convert(verb: Verb) -> None:
    add = verb.add_argument
    add("source", metavar="SRC", help=".pth, .pt, .ckpt, .model, .safetensors or .npz")
    add("folder", metavar="DST", help="the folder of weights to write")
    add("--as", dest="name", metavar="NETWORK", help="if it is not to be found out")
    words = "the words of a reader, one a line (LRW's: by the alphabet); else numbers"
    add("--words", metavar="FILE", help=words)


def export(verb: Verb) -> None:
    verb.add_argument("weights", metavar="NAME|DIR", help="such as sync-puppet")
    verb.add_argument("out", metavar="DST", help="the file to write")
    verb.add_argument("--to", required=True, choices=("stablehlo", "npz"))


def demo(verb: Verb) -> None:
    verb.add_argument("folder", nargs="?", default="avjax-demo", type=pathlib.Path)
    verb.add_argument("--text", default=SENTENCE, help="what it says, in English")


def box(text: str) -> tuple[float, ...]:
    """ "x,y,w,h" -> four numbers; argparse turns an error into its sentence."""
    numbers = tuple(float(number) for number in text.split(","))
    if len(numbers) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not x,y,w,h")
    return numbers


ASKS: dict[str, tuple[str, Callable[[Verb], None]]] = {
    "talk": ("make a face say a recording or a text", talk),
    "lipread": ("read silent lips", lipread),
    "speak": ("give silent lips a voice", speak),
    "denoise": ("take the noise off pictures", denoise),
    "convert": ("take weights from PyTorch", convert),
    "sync": ("do lips and sound keep time?", sync),
    "export": ("a program for others", export),
    "demo": ("a puppet that talks", demo),
}
