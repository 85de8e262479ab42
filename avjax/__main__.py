"""The front door: `avjax VERB …`.

The only file that may reach into all rooms, and it does so inside functions: a verb
pays only for what it needs.  Bad input is one sentence and exit status 2.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence

from avjax.cli import parser
from avjax.errors import InputError

DEMO_FILES = "face.png", "sound.wav", "talk.mp4", "contact_sheet.png"
DEMO_PUPPET = (0, 164)  # seed and number: one whom no training has seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb -> the exit status: 0, 2 for bad input, 130 for ctrl-c."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A polite kill unwinds like an error, so that nothing half-written is left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        keep_programs()
        status = run(given)
        sys.stdout.flush()
    except InputError as error:
        print(f"avjax: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("avjax: stopped; nothing half-written is left", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who reads what is printed has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return status


def run(given: Sequence[str]) -> int:
    """One verb; a room parses for itself."""
    if given[:1] and given[0] in ROOMS:
        return ROOMS[given[0]](given[1:]) or 0
    options = parser(VERBS, ROOMS).parse_args(given)
    options.run(options)
    return 0


def keep_programs() -> None:
    """Compiled programs stay in the user's cache: only the first call compiles.

    Small ones as well, which JAX leaves out unless it is told: a tenth of `avjax sync`.
    """
    from avjax.media.files import cache_folder

    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "programs"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def data(arguments: list[str]) -> int:
    """avjax data build CORPUS --out DIR …"""
    from avjax.data import __main__ as room

    def aligner():
        from avjax.pipelines.align import PhoneTimes

        return PhoneTimes()

    return room.main(arguments, aligner)


def train(arguments: list[str]) -> int:
    """avjax train NAME [path=value …]"""
    from avjax.train import __main__ as room

    return room.train(arguments)


def evaluate(arguments: list[str]) -> int:
    """avjax evaluate NAME|DIR [path=value …]"""
    from avjax.train import __main__ as room

    return room.evaluate(arguments)


ROOMS = {
    "data": data,
    "train": train,
    "evaluate": evaluate,
}  # these parse for themselves


def face_of(options: argparse.Namespace) -> dict:
    """What options.whose_face asks for."""
    return {name: getattr(options, name) for name in ("weights", "box", "face_index")}


def talk(options: argparse.Namespace) -> None:
    """Make a face say a recording, a text or subtitles: an mp4 with its sound."""
    from avjax.pipelines import talk

    given = options.out, options.face, options.audio
    names = "text", "srt", "voice", "lang", "system", "lookahead", "native"
    told = {name: getattr(options, name) for name in names}
    report = talk.write(*given, **told, **face_of(options))
    print(f"wrote {options.out}: {report}")


def lipread(options: argparse.Namespace) -> None:
    """Read what is said in silent clips: words, with their times and how sure they are.

    A clip that cannot be read is told at the end, when the others are.
    """
    from avjax.media import files
    from avjax.pipelines import lipread
    from avjax.text import subtitles

    if options.srt:
        if len(options.clips) > 1:
            raise InputError("--srt takes one clip, for there is one file to write")
        files.require_other(options.srt, *options.clips, options.grammar)
        files.require_place(options.srt)
    reader = lipread.open_reader(options.weights, options.beam, options.grammar)
    readings, troubles = [], []
    for clip in options.clips:
        try:
            reading = reader.read(clip, options.box, options.face_index, shown=True)
        except InputError as error:
            troubles.append(str(error))
            continue
        readings.append(reading)
        if not options.json:
            print(reading, flush=True)
    if options.json:
        print(json.dumps([reading.plain() for reading in readings], indent=1))
    if options.srt and readings:
        with (
            files.whole_file(options.srt) as part,
            files.refusing(options.srt, "write"),
        ):
            part.write_text(subtitles.to_srt(readings[0].words), encoding="utf-8")
        print(f"wrote {options.srt}", file=sys.stderr)
    if troubles:
        raise InputError("; ".join(troubles))


def speak(options: argparse.Namespace) -> None:
    """Give a silent clip a voice, from the lips alone."""
    from avjax.pipelines import speak

    speech = speak.write(options.out, options.clip, **face_of(options))
    print(f"wrote {options.out}: {speech}")


def denoise(options: argparse.Namespace) -> None:
    """Take the noise off photographs and clips, by a network that adapts to each.

    A file that cannot be cleaned is told at the end, when the others are.
    """
    from avjax.pipelines import denoise_files as errands
    from avjax.pipelines.denoise import open_denoiser

    todo = errands.errands(options.sources, options.out)
    denoiser = open_denoiser(options.weights, options.steps, options.strength)
    troubles = []
    for errand in todo:
        try:
            said = errands.run(denoiser, errand, options.report)
        except InputError as error:
            troubles.append(str(error))
            continue
        print(f"wrote {errand[1]}: {said}", flush=True)
    if troubles:
        raise InputError("; ".join(troubles))


def convert(options: argparse.Namespace) -> None:
    """Write published weights as a folder of ours; nothing in a file is executed."""
    from avjax.convert import open_file as files

    tensors = files.tensors(options.source)  # told before anything heavy is imported
    from avjax.convert import convert as writing

    given = options.folder, options.source, tensors, options.name, options.words
    print(f"wrote {options.folder}: {writing.write(*given)}")


def sync(options: argparse.Namespace) -> None:
    """Measure how the lips of every face, or of one, keep time with the sound."""
    from avjax.pipelines.sync import sync

    report = sync(options.clip, **face_of(options), shown=True)
    print(json.dumps(report.plain(), indent=1) if options.json else report)


def export(options: argparse.Namespace) -> None:
    """Write what a system does, or its weights, as a file that runs without avjax."""
    from avjax.pipelines.export import export

    print(export(options.weights, options.out, options.to))


def demo(options: argparse.Namespace) -> None:
    """Write a folder with a puppet that says a sentence; needs no network."""
    from avjax.data import puppet
    from avjax.data.puppet.portrait import portrait
    from avjax.media import audio_io as audio
    from avjax.media import files
    from avjax.media import image_io as image
    from avjax.pipelines import talk
    from avjax.text.tts import check_script
    from avjax.visualize.contact_sheet import contact_sheet

    folder, person = options.folder, puppet.make_puppet(*DEMO_PUPPET)
    check_script(options.text, person.voice.name)
    wave = puppet.speak(person, options.text).wave
    picture, (left, top, right, bottom) = portrait(person)
    box = left, top, right - left, bottom - top
    with files.whole_folder(folder, DEMO_FILES) as part:
        face, sound, clip, sheet = (part / name for name in DEMO_FILES)
        image.write_png(face, picture)
        audio.write_wav(sound, wave)
        report = talk.write(clip, face, sound, weights="taem-puppet", box=box)
        image.write_png(sheet, contact_sheet(clip))
    print(report)
    print(f"wrote {', '.join(DEMO_FILES)} into {folder}")


VERBS = {
    verb.__name__: verb
    for verb in (talk, lipread, speak, denoise, convert, sync, export, demo)
}


if __name__ == "__main__":
    sys.exit(main())
