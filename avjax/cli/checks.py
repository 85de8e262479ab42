"""Checks of a command's options before it imports JAX, which takes a second."""

import argparse
import glob
import os

from avjax.cli.session import collect_errors, raise_all
from avjax.errors import InputError

INPUTS = "face", "audio", "clip", "source"  # options that name a file to read


def check_options(options: argparse.Namespace) -> None:
    """Check what all commands have in common.

    Args:
        options: The parsed options.

    Raises:
        InputError: An input file cannot be read, or there are no such weights.
    """
    check_inputs(options)
    if name := getattr(options, "weights", None):
        check_weights(name)


def check_inputs(options: argparse.Namespace) -> None:
    """Check that the input files exist.

    Args:
        options: The parsed options. If one of several files, folders and patterns does
            not exist, the others are read first; with `--json`, which has a list of
            results, this also holds for a single one.

    Raises:
        InputError: A file does not exist, is a folder, or is empty; or none of several
            exists.
    """
    from avjax.media.files import check_readable

    files = [getattr(options, name, None) for name in INPUTS]
    several = [*getattr(options, "clips", ()), *getattr(options, "sources", ())]
    num_inputs = len(several)
    several = [x for x in several if not (os.path.isdir(x) or glob.has_magic(x))]
    errors: list[InputError] = []
    for file in several:
        with collect_errors(errors):
            check_readable(file)
    if len(errors) == num_inputs and not getattr(options, "json", False):
        raise_all(errors)
    for file in files:
        if file is not None:
            check_readable(file)


def check_weights(name: str) -> None:
    """Check that there are weights; those at an address are not looked for.

    Args:
        name: The name of bundled weights, in its short form as well, or a folder.

    Raises:
        InputError: There are no such weights.
    """
    from avjax.media.paths import is_remote
    from avjax.weights_download import is_address
    from avjax.weights_folders import list_weights, weights_files

    is_short = any(known.endswith(f"-{name}") for known in list_weights())
    if not (is_short or is_address(name) or is_remote(name)):
        weights_files(name)


def check_talk(options: argparse.Namespace) -> None:
    """Check the options of `avjax talk`.

    Args:
        options: The parsed options.

    Raises:
        InputError: The options contradict each other, the language is unknown, the
            subtitles cannot be read, or the video cannot be written.
    """
    from avjax.media import files
    from avjax.text.speech_arguments import check_language, check_speech_arguments

    check_speech_arguments(
        options.audio, options.text, options.srt, options.voice, options.lang
    )
    check_output(options.out, ".mp4")
    files.check_distinct(options.out, options.face, options.audio, options.srt)
    if options.srt is not None:
        files.check_readable(options.srt)
    if options.lang is not None:
        check_language(options.lang)


def check_align(options: argparse.Namespace) -> None:
    """Check the options of `avjax align`.

    Args:
        options: The parsed options.

    Raises:
        InputError: The language is unknown, or the subtitles cannot be written.
    """
    from avjax.text.speech_arguments import check_language

    check_subtitles(options.srt, options.audio)
    check_language(options.lang)


def check_grammar(name: str) -> None:
    """Check that there is a grammar.

    Args:
        name: The name of a bundled grammar, or a file.

    Raises:
        InputError: There is none.
    """
    from avjax.text.grammar import find_grammar
    from avjax.text.normalization import read_text

    read_text(find_grammar(name))


def check_output(path: str, *suffixes: str) -> None:
    """Check that a file can be written, and is named as one of its kind.

    Args:
        path: The file.
        suffixes: The allowed suffixes, such as ".mp4".

    Raises:
        InputError: It has another name, or cannot be written.
    """
    from avjax.media import files

    files.check_suffix(path, *suffixes)
    files.check_writable(path)


def check_subtitles(path: str | None, *inputs: str | None) -> None:
    """Check that subtitles can be written, where they are asked for.

    Args:
        path: The file. None: no subtitles are written.
        inputs: Files that must not be overwritten.

    Raises:
        InputError: The file has another name, is an input, or cannot be written.
    """
    from avjax.media import files

    if path is not None:
        files.check_distinct(path, *inputs)
        check_output(path, ".srt")
