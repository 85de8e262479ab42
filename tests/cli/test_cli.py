"""The command line: help, exit statuses, and protection of input files."""

import contextlib
import inspect
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from time import sleep

import numpy as np
import pytest

import avjax
from avjax import program_store
from avjax.__main__ import COMMANDS, DELEGATED_COMMANDS, main, run_command
from avjax.cli import session
from avjax.media.audio_io import write_wav
from avjax.media.image_io import write_png
from avjax.train import experiments
from avjax.train.names import read_descriptions

FILE = __file__  # an input that exists, where a command fails before it is read


def test_closed_pipe_exits_quietly():
    """The reader of the output may exit early: `avjax train --list | head -1`."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "avjax", "train", "--list"]
    process = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (process.returncode, process.stderr) == (141, "")


def test_quickly_compiled_programs_are_cached_as_well(tmp_path):
    code = (
        "from avjax.cli.session import enable_compilation_cache\n"
        "from avjax.media.files import cache_folder\n"
        "enable_compilation_cache(cache_folder() / 'programs')\n"
        "import jax\n"
        "jax.jit(lambda x: x + 1)(1.0)"
    )
    variables = {
        name: x for name, x in os.environ.items() if not name.startswith("JAX_")
    }
    env = variables | {"XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert any(file.is_file() for file in tmp_path.rglob("programs/*lambda*"))


RUN_ALL = """
import sys, avjax.__main__
for words in sys.argv[2:]:
    try:
        print("status", avjax.__main__.main(words.split()))
    except SystemExit as end:
        print("status", end.code)
    assert not set(sys.argv[1].split()) & set(sys.modules), words
"""


def run_without(modules: str, *commands: str, folder=None) -> tuple[list[str], str]:
    """Run commands in a child that imports none of some modules.

    Returns:
        The statuses, and what was printed as an error.
    """
    words = [sys.executable, "-c", RUN_ALL, modules, *commands]
    child = subprocess.run(words, capture_output=True, text=True, cwd=folder)
    assert child.returncode == 0, child.stderr
    lines = [line for line in child.stdout.splitlines() if line.startswith("status")]
    return [line.removeprefix("status ") for line in lines], child.stderr


def test_help_imports_neither_jax_nor_numpy():
    commands = [f"{name} --help" for name in (*COMMANDS, *DELEGATED_COMMANDS)]
    statuses, _ = run_without("jax flax numpy", "--help", "--version", *commands)
    assert statuses == ["0"] * (2 + len(commands))


def test_missing_file_is_reported_without_jax():
    statuses, error = run_without(
        "jax flax cv2",
        *("talk --face no.png --text hello -o a.mp4", "adapt no.mp4 -o a"),
        *("lipread no.mp4", "speak no.mp4 -o a.wav", "sync no.mp4"),
        *("align no.wav hello", "denoise no.png -o a.png", "convert no.pth a"),
        *("lipread no.mp4 nor.mp4", "denoise no.png nor.png -o a"),
    )
    assert statuses == ["2"] * 10
    assert error.count("it does not exist") == 12


REFUSED = {  # {command: part of the message}
    "talk --face f -o a.mp4": "there is nothing to say: give --audio",
    "talk --face f --text a -o a.avi": "its name should end in .mp4",
    "talk --face f --text a -o no/a.mp4": "its folder does not exist",
    "talk --face f --text a -o a.mp4 --weights no": "no weights at no",
    "talk --face f --text a -o a.mp4 --lang xx": "unknown language 'xx' for --lang",
    "talk --face f --srt no.srt -o a.mp4": "cannot read no.srt: it does not exist",
    "talk --face f --text a -o a.mp4 --lookahead -1": "'-1' is not an integer >= 0",
    "talk --face f --text a -o a.mp4 --box 0,0,0,9": "0,0,0,9 is empty",
    "adapt f -o .": "it holds files other than weights.safetensors",
    "adapt f -o a --steps x": "'x' is not an integer >= 0",
    "lipread f --weights no": "no weights at no",
    "lipread f --beam 0": "'0' is not an integer >= 1",
    "lipread f --grammar no": "there is no grammar no",
    "lipread f --srt a.txt": "its name should end in .srt",
    "lipread f f --srt a.srt": "--srt needs a single clip",
    "align f hello --lang xx": "unknown language 'xx' for --lang",
    "align f hello --srt f": "it is also an input",
    "speak f -o a.txt": "its name should end in .wav or .mp4",
    "denoise f -o a.png --strength nan": "'nan' is not a number from 0 to 1",
    "sync f --weights no": "no weights at no",
    "sync f --face-index x": "and not the word all",
    "export denoiser-polyu a.xyz": "its name should end in .stablehlo or .npz",
    "convert f out": "it is not a PyTorch",
    "compare f": "name two or more runs",
    "report no": "there is no folder no",
    "demo f": "cannot write f",
    "train nosuch": "unknown experiment 'nosuch' (see avjax train --list)",
    "train cals_gird": "did you mean cals_grid?",
    "train no.py:own": "there is no file no.py",
    "train runs/none": "there is no folder runs/none",
    "evaluate nosuch": "unknown experiment 'nosuch'",
    "evaluate runs/none": "there is no folder runs/none",
    "data build grid --raw no --out a": "there is no folder no",
}


def test_invalid_arguments_are_refused_without_jax(tmp_path):
    (tmp_path / "f").write_text("no media")
    statuses, error = run_without("jax flax", *REFUSED, folder=tmp_path)
    assert statuses == ["2"] * len(REFUSED)
    for line, message in zip(error.splitlines(), REFUSED.values(), strict=True):
        assert line.startswith("avjax: ") and message in line
    assert [file.name for file in tmp_path.iterdir()] == ["f"]


def test_experiments_are_listed_without_jax():
    statuses, _ = run_without("jax flax", "train --list", "train --list sync_grid")
    assert statuses == ["0", "0"]
    makers = experiments.EXPERIMENTS.items()
    known = {name: inspect.getdoc(make) or "" for name, make in makers}
    assert read_descriptions() == known


def test_list_describes_one_experiment(capsys, tmp_path, monkeypatch):
    registered = dict(experiments.EXPERIMENTS)
    monkeypatch.setattr("avjax.train.registry.EXPERIMENTS", registered)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["train", "--list", "sync_grid"]) == 0
    text = capsys.readouterr().out
    assert text.strip() == inspect.getdoc(experiments.EXPERIMENTS["sync_grid"])
    assert main(["train", "sync_grid", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sync_grid": text.strip()}
    assert main(["train", "--list", "sync_gird"]) == 2
    assert "did you mean sync_grid?" in capsys.readouterr().err
    own = tmp_path / "described.py"
    own.write_text(
        "from avjax.train.registry import experiment\n"
        '@experiment\ndef described():\n    """Train my network."""\n'
    )
    assert main(["train", "--list", f"{own}:described"]) == 0
    assert capsys.readouterr().out == "Train my network.\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_page(command, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main([command, "--help"])
    out = capsys.readouterr().out
    assert exit_info.value.code == 0
    assert COMMANDS[command].__doc__.split()[0] in out


def test_help_lists_all_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert all(name in out for name in (*COMMANDS, *DELEGATED_COMMANDS))


@pytest.mark.parametrize("words", [[], ["sing"], ["talk"], ["demo", "a", "b"]])
def test_invalid_arguments_print_one_sentence(words, capsys):
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avjax: ")


@pytest.mark.parametrize(
    "words",
    [
        ["talk", "--face", "a.mp4", "--audio", "b.wav", "-o", "a.mp4"],
        ["talk", "--face", "a.png", "--audio", "b.mp4", "-o", "b.mp4"],
        ["talk", "--face", "a.png", "--srt", "b.mp4", "-o", "./b.mp4"],
        ["lipread", "a.mp4", "--srt", "a.mp4"],
        ["lipread", "a.mp4", "--grammar", "b.txt", "--srt", "b.txt"],
    ],
)
def test_inputs_are_not_overwritten(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "a.png", "b.wav", "b.mp4", "b.txt"):
        (tmp_path / name).write_text("mine")
    assert main(words) == 2
    assert "it is also an input" in capsys.readouterr().err
    assert all(file.read_text() == "mine" for file in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.avi", "out"])
def test_talk_writes_only_mp4(name, capsys):
    assert main(["talk", "--face", FILE, "--audio", FILE, "-o", name]) == 2
    message = f"cannot write {name}: its name should end in .mp4"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", [["lipread", FILE], ["align", FILE, "text"]])
def test_subtitles_replace_no_file_of_another_kind(words, tmp_path, capsys):
    (tmp_path / "mine.mp4").write_text("mine")
    assert main([*words, "--srt", str(tmp_path / "mine.mp4")]) == 2
    assert "mine.mp4: its name should end in .srt" in capsys.readouterr().err
    assert (tmp_path / "mine.mp4").read_text() == "mine"


def test_short_names_of_weights_print_a_warning(capsys):
    assert main(["speak", FILE, "--weights", "puppet", "-o", "a.wav"]) == 2
    error = capsys.readouterr().err
    assert "avjax: warning: the name 'puppet' of weights is deprecated" in error
    assert "use 'bridging-speech-puppet'" in error


def test_languages_are_listed_without_a_face(capsys):
    assert main(["talk", "--list-languages"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "en-us        English (America)" in lines and len(lines) > 50


def test_voices_are_listed_without_a_face(capsys):
    assert main(["talk", "--list-voices"]) == 0
    assert {"f3", "whisper"} <= set(capsys.readouterr().out.splitlines())
    assert main(["talk", "--list-voices", "--json"]) == 0
    assert "f3" in json.loads(capsys.readouterr().out)


def test_face_that_is_no_picture_and_photo_without_audio_are_refused(tmp_path, capsys):
    (tmp_path / "face.py").write_text("pass")
    face, photo = str(tmp_path / "face.py"), str(tmp_path / "photo.png")
    write_png(photo, np.zeros((32, 32, 3), np.uint8))
    audio, out = str(tmp_path / "a.wav"), str(tmp_path / "out.mp4")
    write_wav(audio, np.sin(np.arange(16_000) / 9).astype(np.float32))
    assert main(["talk", "--face", face, "--audio", audio, "-o", out]) == 2
    assert "it is not a picture or a video" in capsys.readouterr().err
    assert main(["sync", photo]) == 2
    assert f"{photo} is a photo; give a video" in capsys.readouterr().err
    assert main(["align", photo, "a"]) == 2
    assert f"{photo} has no audio track" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sync", "a.mp4", "b.wav"], "unrecognized arguments: b.wav (see avjax sync -"),
        (["lipred"], "unknown command 'lipred'; did you mean lipread? (see avjax --he"),
        (["export", "a", "b", "--to", "npy"], "did you mean npz? (see avjax export -"),
    ],
)
def test_unknown_words_name_the_help_of_the_command(words, message, capsys):
    assert main(words) == 2
    assert message in capsys.readouterr().err


FAIL = 'def fail(*_): raise TypeError("unsupported operand\\nsecond line")'
NAMES = {}
exec(compile(FAIL, avjax.__file__, "exec"), NAMES)  # like a function of avjax
fail = NAMES["fail"]


@pytest.mark.parametrize("command", ["lipread", "data", "train"])
def test_defect_prints_one_sentence_and_how_to_report_it(command, monkeypatch, capsys):
    monkeypatch.setitem(DELEGATED_COMMANDS, "data", fail)
    monkeypatch.setitem(DELEGATED_COMMANDS, "train", fail)
    monkeypatch.setitem(COMMANDS, "lipread", fail)
    monkeypatch.delenv("AVJAX_DEBUG", raising=False)
    assert main([command, FILE]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avjax: ") and "(TypeError: unsupported operand)" in line
    assert "report it" in line and "AVJAX_DEBUG=1" in line


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory: 9 GB")]
)
def test_too_little_memory_is_not_called_a_defect(error, monkeypatch, capsys):
    def allocate(_):
        raise error

    monkeypatch.setitem(DELEGATED_COMMANDS, "train", allocate)
    assert main(["train", "name"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avjax: there is not enough memory")


def test_interrupt_that_a_library_catches_is_no_defect(monkeypatch, capsys):
    """Some libraries catch all exceptions while they are imported, and fail then."""

    def import_library(_):
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        raise AttributeError("module has no attribute 'features'")

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setitem(DELEGATED_COMMANDS, "data", import_library)
    assert main(["data"]) == 130
    assert "avjax: stopped; incomplete files" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


class InterruptedWhenDeleted:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)  # Python ignores what it raises here


def test_interrupt_in_a_finalizer_is_not_lost(monkeypatch, capfd):
    monkeypatch.setitem(
        DELEGATED_COMMANDS, "data", lambda _: InterruptedWhenDeleted() and sleep(5)
    )
    hook = sys.unraisablehook
    assert main(["data"]) == 130
    error = capfd.readouterr().err
    assert error == "avjax: stopped; incomplete files were removed\n"
    assert sys.unraisablehook is hook


def test_characters_that_the_terminal_lacks_are_printed_as_codes(monkeypatch):
    """A name of a file may hold bytes that are no characters at all."""
    output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setitem(DELEGATED_COMMANDS, "data", lambda _: print("ə \udcff"))
    assert main(["data"]) == 0
    assert output.buffer.getvalue() == b"\\u0259 \\udcff\n"


def test_defect_prints_its_traceback_if_asked(monkeypatch, capsys):
    monkeypatch.setitem(DELEGATED_COMMANDS, "data", fail)
    monkeypatch.setenv("AVJAX_DEBUG", "1")
    assert main(["data"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    with pytest.raises(TypeError):
        run_command(["data"])  # Python code gets the exception itself


def test_data_module_prints_no_traceback():
    command = [sys.executable, "-m", "avjax.data", "build", "songs"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 2 and "songs" in process.stderr
    assert len(process.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["sync", FILE, "--weights", "grid"],
            "the closest of 20 names are cals-grid-s1, sync-grid-s1, taem-grid-s1 "
            "(`avjax weights list` lists all)",
        ),
        (
            ["talk", "--face", FILE, "--text", "b", "--voice", "zzz", "-o", "c.mp4"],
            "(`avjax talk --list-voices` lists all)",
        ),
    ],
)
def test_message_about_one_of_many_names_says_how_to_list_them(words, message, capsys):
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_second_run_of_a_command_traces_no_program(tmp_path):
    """The log of JAX names every program that is traced or compiled."""
    wave = np.sin(np.arange(16_000) / 9).astype(np.float32)
    write_wav(tmp_path / "a.wav", wave)
    command = [sys.executable, "-m", "avjax", "align", tmp_path / "a.wav", "yes"]
    variables = {x: y for x, y in os.environ.items() if not x.startswith("JAX_")}
    variables |= {"XDG_CACHE_HOME": str(tmp_path), "JAX_LOG_COMPILES": "1"}
    outputs, logs = [], []
    for _ in range(2):
        child = subprocess.run(command, env=variables, capture_output=True, text=True)
        assert child.returncode == 0, child.stderr
        outputs.append(child.stdout)
        logs.append(child.stderr)
    assert outputs[0] == outputs[1]
    first, second = (set(re.findall(r"tracing (\S+) for jit", log)) for log in logs)
    assert {"apply", "viterbi"} <= first
    assert not {"apply", "viterbi", "<lambda>"} & second  # the last: shapes of weights


def test_tests_that_send_signals_also_run_in_the_background():
    """A shell that starts a program in the background lets it ignore Ctrl-C."""
    name = f"{FILE}::{test_interrupt_in_a_finalizer_is_not_lost.__name__}"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-o", "addopts="]
    child = subprocess.run(
        [*words, "--import-mode=importlib", name],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        cwd=pathlib.Path(FILE).parents[2],
        capture_output=True,
        text=True,
    )
    assert "1 passed" in child.stdout, child.stdout


@pytest.mark.parametrize(
    ("folder", "switch", "enabled"),
    [
        ("/cache", "true", True),
        ("/cache", "0", False),
        ("gs://bucket/cache", "1", False),
    ],
)
def test_programs_are_kept_where_jax_keeps_its_own(
    folder, switch, enabled, monkeypatch
):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", folder)
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", switch)
    session.enable_program_store()
    assert program_store.is_enabled() == enabled
    program_store.disable()


def test_python_code_that_runs_a_command_gets_no_store(capsys):
    """It may have changed the networks, which the store cannot know."""
    assert main(["weights", "show", "denoiser-polyu"]) == 0
    assert not program_store.is_enabled()
