"""Command-line entry point: `avjax COMMAND …`.

Each command parses its options, calls a pipeline and prints the result. Imports are
inside the functions, so that a command loads only what it needs. Invalid input prints
a one-line error and exits with status 2; see `avjax.cli.session.run`.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from avjax.cli import checks, completion, make_parser, session
from avjax.cli.app import app
from avjax.cli.delegated import DELEGATED_COMMANDS
from avjax.cli.demo import demo
from avjax.cli.doctor import doctor
from avjax.cli.output import print_json, print_result, result_object
from avjax.cli.report import compare, report
from avjax.cli.weights import weights
from avjax.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after `avjax`. None: those of this process.

    Returns:
        The exit status; see `avjax.cli.session.run`.
    """
    from avjax.media.files import cache_folder

    words = list(sys.argv[1:] if arguments is None else arguments)
    if completion.VARIABLE in os.environ:
        completion.complete(completion.make_full_parser(make_parser, COMMANDS))

    def start() -> int:
        if cache := cache_folder():
            session.enable_compilation_cache(cache / "programs")
            if arguments is None and words[:1] != [] and words[0] in COMMANDS:
                session.enable_program_store()  # this process runs nothing else
        session.hide_compiler_alarms()
        session.show_deprecated_names()
        return run_command(words)

    # SIGTERM raises SystemExit, so that temporary files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return session.run(start, "avjax")


def run_command(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: The words after `avjax`.

    Returns:
        The exit status.

    Raises:
        InputError: The arguments or the input files are invalid.
    """
    if arguments[:1] and arguments[0] in DELEGATED_COMMANDS:
        return DELEGATED_COMMANDS[arguments[0]](arguments[1:]) or 0
    if arguments[:1] == ["talk"] and "--list-languages" in arguments:
        return list_languages(as_json="--json" in arguments)
    if arguments[:1] == ["talk"] and "--list-voices" in arguments:
        return list_voices(as_json="--json" in arguments)
    options = make_parser(COMMANDS, DELEGATED_COMMANDS).parse_args(arguments)
    try:
        checks.check_options(options)
        return options.run(options) or 0
    except InputError as error:
        raise InputError(session.name_flags(error, options)) from error


def list_languages(as_json: bool) -> int:
    """Print the languages of eSpeak; the face that `talk` needs is not needed here."""
    from avjax.text.espeak import list_languages

    if as_json:
        print_json(list_languages())
        return 0
    print("\n".join(f"{code:<12} {name}" for code, name in list_languages().items()))
    return 0


def list_voices(as_json: bool) -> int:
    """Print the voice variants of eSpeak, which need no face either."""
    from avjax.text.espeak import list_variants

    if as_json:
        print_json(list_variants())
    else:
        print("\n".join(list_variants()))
    return 0


def face_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that are common to all commands with a face."""
    return {name: getattr(options, name) for name in ("weights", "box", "face_index")}


def talk(options: argparse.Namespace) -> None:
    """Animate a face from a recording, a text or subtitles, and write an mp4 file."""
    checks.check_talk(options)
    from avjax.pipelines.talk import talk

    names = "text", "srt", "voice", "lang", "system", "adapt", "lookahead", "native"
    video = talk(
        options.face,
        options.audio,
        **{name: getattr(options, name) for name in names},
        **face_options(options),
        progress=True,
    )
    report = video.save(options.out)
    text = report.details() if options.verbose else str(report)
    print_result(report, options.json, [options.out], text)


def adapt(options: argparse.Namespace) -> None:
    """Adapt the talker of any face to one person, and write a folder of weights."""
    from avjax.media import files
    from avjax.weights_folders import FILE_NAMES, README

    files.check_folder(options.out, FILE_NAMES, [README])
    from avjax.pipelines.adapt import adapt

    face = face_options(options)
    adapted = adapt(options.clip, steps=options.steps, **face, progress=True)
    adapted.save(options.out)
    print_result(adapted.report, options.json, [options.out])


def lipread(options: argparse.Namespace) -> None:
    """Read the lips in silent videos: print words with their times and confidence.

    If a video cannot be read, the others are read first.
    """
    if options.srt and len(options.clips) > 1:
        raise InputError("--srt needs a single clip, because it names one file")
    checks.check_subtitles(options.srt, *options.clips, options.grammar)
    if options.grammar:
        checks.check_grammar(options.grammar)
    from avjax.cli.output import print_transcript
    from avjax.pipelines.lipread import load_lip_reader
    from avjax.text.subtitles import write_srt

    reader = load_lip_reader(options.weights, options.beam, options.grammar)
    transcripts, errors = [], []
    for clip in options.clips:
        with session.collect_errors(errors):
            transcript = reader.read(
                clip, options.box, options.face_index, progress=True
            )
            transcripts.append(transcript)
            if not options.json:
                print_transcript(transcript)
    if options.json:
        print_json([transcript.to_json() for transcript in transcripts])
    if options.srt and transcripts:
        write_srt(options.srt, transcripts[0].words)
        print(f"wrote {options.srt}", file=sys.stderr)
    session.raise_all(errors)


def align(options: argparse.Namespace) -> None:
    """Find when each word and phoneme of a known text is spoken in a recording."""
    checks.check_align(options)
    from avjax.pipelines.align import align
    from avjax.text.subtitles import write_srt

    names = "audio", "text", "lang", "weights"
    alignment = align(**{name: getattr(options, name) for name in names})
    print_result(alignment, options.json)
    if options.srt:
        write_srt(options.srt, alignment.words)
        print(f"wrote {options.srt}", file=sys.stderr)


def speak(options: argparse.Namespace) -> None:
    """Generate speech from the lips in a silent video."""
    checks.check_output(options.out, ".wav", ".mp4")
    from avjax.pipelines import speak

    speech = speak.write(
        options.out, options.clip, **face_options(options), progress=True
    )
    print_result(speech, options.json, [options.out])


def denoise(options: argparse.Namespace) -> None:
    """Remove noise from images and videos, with a network that adapts to each.

    If a file cannot be denoised, the others are denoised first.
    """
    from avjax.pipelines.denoising.jobs import plan_jobs

    jobs = plan_jobs(options.sources, options.out)  # fails before JAX is imported
    from avjax.pipelines.denoise import load_denoiser
    from avjax.pipelines.denoising.files import denoise_file, report_path

    plot_report = None
    if options.report:
        from avjax.visualize.denoise_report import plot_report
    denoiser = load_denoiser(options.weights, options.steps, options.strength)
    objects, errors = [], []
    for job in jobs:
        with session.collect_errors(errors):
            denoised = denoise_file(denoiser, job, plot_report, progress=True)
            reports = [report_path(job.target)] if options.report else []
            objects.append(result_object(denoised, [job.target, *reports]))
            if not options.json:
                text = "; report in ".join(map(str, [denoised, *reports]))
                print_result(denoised, False, [job.target], text)
    if options.json:
        print_json(objects)
    session.raise_all(errors)


def convert(options: argparse.Namespace) -> None:
    """Convert PyTorch weights to a folder of avjax weights; no code in it is run."""
    from avjax.convert import open_tensors

    tensors = open_tensors(options.source)  # fails before JAX is imported
    from avjax.convert import write_weights

    network = write_weights(
        options.folder, options.source, tensors, options.name, options.words
    )
    if options.json:
        print_json({"wrote": [options.folder], "network": network})
    else:
        print(f"wrote {options.folder}: {network}")


def sync(options: argparse.Namespace) -> None:
    """Measure how well lips and audio are synchronised, for one face or for all."""
    from avjax.pipelines.sync import sync

    report = sync(options.clip, **face_options(options), progress=True)
    print_result(report, options.json)


def export(options: argparse.Namespace) -> None:
    """Export a system, or its weights, as a file that can be used without avjax."""
    if options.to is None:
        checks.check_output(options.out, ".stablehlo", ".npz")
    from avjax.export import export

    report = export(options.weights, options.out, options.to)
    print_result(report, options.json, report.files)


_FILES = talk, adapt, lipread, align, speak, denoise, convert, sync, export
_ALL = *_FILES, weights, report, compare, doctor, app, demo
COMMANDS = {command.__name__: command for command in _ALL}


if __name__ == "__main__":
    sys.exit(main())
