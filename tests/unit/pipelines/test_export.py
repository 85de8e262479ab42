"""What is exported runs without us, and gives the same numbers."""

import dataclasses
import functools
import json
import subprocess
import sys
import zipfile
from fractions import Fraction

import jax
import numpy as np
import pytest
from random_variables import untrained

from avjax import weights
from avjax.__main__ import main
from avjax.audio import mel as audio
from avjax.models.aligner import AlignerConfig
from avjax.models.bridging import BridgingConfig
from avjax.models.cals import CalsConfig
from avjax.models.denoiser import DenoiserConfig
from avjax.models.lip_landmarks import LandmarkConfig
from avjax.models.sync_expert import SyncConfig
from avjax.models.syncnet_v2 import SyncNetConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TaemConfig
from avjax.pipelines import align, denoise, export, lipread
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import signatures as programs
from avjax.pipelines import sync_models as judge
from avjax.pipelines import text_talker as prompter
from avjax.text import phonemes as phones
from avjax.text.phonemes import SOUNDS
from avjax.text.tokenizer import CHARACTERS

pytestmark = pytest.mark.usefixtures("quick_faces")  # of CALS; others are the real ones


SMALL = {"size": 32, "width": 0.02}
UNITS = CalsConfig(**SMALL, units=8, window=3, layers=2, heads=2)
CASES = {
    "face": (SyncTalkFaceConfig(**SMALL, slots=4), talkers.blank),
    "context": (UNITS, talkers.blank_cals),
    "text": (
        TaemConfig(UNITS, len(SOUNDS), dim=8, encoder=1, refiner=1, reach=2, window=2),
        prompter.blank,
    ),
    "sentences": (
        BridgingConfig("sentences", CHARACTERS, **SMALL, slots=6, steps=2),
        lipread.blank,
    ),
    "words": (
        BridgingConfig("words", ("blue", "red"), **SMALL, slots=6, backend="tcn"),
        lipread.blank,
    ),
    "speech": (BridgingConfig("speech", **SMALL, slots=6), lipread.blank),
    "expert": (SyncConfig(**SMALL), judge.blank),
    "published": (SyncNetConfig(size=96, width=0.02), judge.blank),
    "landmarks": (LandmarkConfig(**SMALL), programs.blank_lip_finder),
    "denoiser": (DenoiserConfig(base=4, more=2, mask_base=4), denoise.blank),
    "aligner": (AlignerConfig(SOUNDS, dim=8, layers=1, reach=2), align.blank),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """{name: a folder of weights that nobody trained}"""
    folder = tmp_path_factory.mktemp("weights")
    for name, (config, blank) in CASES.items():
        shapes = jax.eval_shape(functools.partial(blank, config))
        save(folder / name, config, untrained(shapes, gain=1.5))
    return folder


def save(folder, config, variables) -> None:
    parts = {"part": variables} if "params" in variables else variables
    params, stats = (
        {part: trees[kind] for part, trees in parts.items() if kind in trees}
        for kind in ("params", "batch_stats")
    )
    system = weights.system_of(type(config))
    weights.save(folder, params, stats, config, system=system, card="of nobody")


@pytest.mark.parametrize("name", CASES)
def test_an_exported_program_gives_our_numbers_on_batches_of_any_size(
    name, folders, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "TRIED", (1,))  # each size is compiled twice
    out = tmp_path / "program"
    assert "batches of 1, " in export.export(folders / name, out, "stablehlo")
    found = programs_in(folders / name)
    calls = export.calls_of(out, list(found))
    assert zipfile.is_zipfile(out) == (len(calls) > 1)
    for called, program in found.items():
        answers = []

        def kept(*given, called=called, answers=answers):
            answers.append(calls[called](*given))
            return answers[0]

        assert export.apart(program, kept, 3) <= 1e-5
        assert set(answers[0]) == set(program.outputs)
        for answer in answers[0].values():
            assert len(answer) == 3 and np.ptp(answer) > 1e-3


def programs_in(folder) -> dict[str, programs.Program]:
    return programs.PROGRAMS[weights.system_at(folder)](folder)


def test_a_program_that_is_off_is_not_left_behind(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "apart", lambda *_: 2e-5)
    with pytest.raises(RuntimeError, match="2.0e-05 of the scale"):
        export.export(folders / "landmarks", tmp_path / "program", "stablehlo")
    assert list(tmp_path.iterdir()) == []


def test_a_program_is_as_far_off_as_its_worst_output():
    slot = {"x": programs.Slot("b t 3", "float32", "")}

    def program(factor: float) -> programs.Program:
        run = lambda x: {"a": x, "b": -20 * factor * x}  # noqa: E731
        return programs.Program(run, slot, {"a": "", "b": ""})

    assert export.apart(program(1), program(1).run, 2) == 0
    found = export.apart(program(1), program(1.01).run, 2)
    assert found == pytest.approx(0.01, rel=1e-3)


def test_the_exported_face_is_the_one_that_talk_draws(folders):
    model = talkers.open_talker(folders / "face")
    program = programs_in(folders / "face")["frames"]
    sound, face, reference = export.made_up(program, 3)
    same = np.repeat(reference[:1], 3, axis=0)
    frames = 255 * np.asarray(jax.jit(program.run)(sound, face, same)["frames"])
    heard = talkers.hearing(model.config)({"face": model.variables}, sound)
    assert np.abs(frames - model.draw(heard, face, same[0])).max() <= 0.5 + 1e-3


def test_exported_units_and_faces_are_those_that_talk_makes(folders):
    """Of a whole recording: what is no part of it is as what does not exist."""
    model = talkers.open_talker(folders / "context")
    found = programs_in(folders / "context")
    mel = np.random.default_rng(0).normal(size=(81, 80)).astype(np.float32)
    units = np.concatenate(list(model.tell(mel, 25, Fraction(25))))
    sound = audio.windows(mel, audio.frame_starts(25, 25))
    given = sound[None], np.ones((1, 25), np.float32), np.array([model.ahead], np.int32)
    made = jax.jit(found["units"].run)(*given)["units"]
    np.testing.assert_allclose(made[0], units, atol=1e-5)
    _, face, reference = export.made_up(found["frames"], 3)
    same = np.repeat(reference[:1], 3, axis=0)
    frames = jax.jit(found["frames"].run)(units[:3], face, same)["frames"]
    apart = 255 * np.asarray(frames) - model.draw(units[:3], face, same[0])
    assert np.abs(apart).max() <= 0.5 + 1e-3


def test_exported_latents_are_those_that_a_text_is_told_by(folders):
    model = prompter.open_prompter(folders / "text")
    sounds, edges = np.arange(1, 20, dtype=np.int32), np.arange(20) / np.float32(20)
    spans, face = phones.Spans(sounds, edges), np.full((32, 32, 3), 99, np.uint8)
    reach = model.config.window
    said, times = prompter.near(spans, -reach, 16 + 2 * reach, model.config)
    run = jax.jit(programs_in(folders / "text")["latents"].run)
    made = run(said[None], times[None], face[None])["latents"][0, reach:-reach]
    np.testing.assert_allclose(made, model.latents(spans, face, 0, 16), atol=1e-5)
    assert np.ptp(made, axis=0).max() > 1e-3


def test_the_description_tells_what_goes_in_and_comes_out(folders, tmp_path):
    out = tmp_path / "program"
    export.export(folders / "sentences", out, "npz")
    about = json.loads((tmp_path / "program.json").read_text())
    (program,) = about["programs"].values()
    slots = [tuple(slot.values())[:3] for slot in program["inputs"]]
    lips, exists = ("lips", "b t 32 32 1", "uint8"), ("exists", "b t", "float32")
    assert slots == [lips, exists]
    assert list(program["outputs"]) == ["log_probs"]
    assert about["system"] == "bridging" and about["card"] == "of nobody"
    assert about["config"]["symbols"] == list(CHARACTERS)


def test_a_program_runs_where_there_is_no_avjax(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "TRIED", (1,))
    out = tmp_path / "program"
    export.export(folders / "landmarks", out, "stablehlo")
    script = (
        "import sys, numpy as np; from jax import export\n"
        "program = export.deserialize(bytearray(open(sys.argv[1], 'rb').read()))\n"
        "points = program.call(np.zeros((4, 32, 32, 3), np.uint8))['points']\n"
        "assert not {'avjax', 'flax'} & set(sys.modules)\n"
        "print(points.shape)"
    )
    given = [sys.executable, "-P", "-c", script, str(out)]
    done = subprocess.run(given, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "(4, 20, 2)", done.stderr
    about = json.loads((tmp_path / "program.json").read_text())
    assert about["platforms"] == ["cpu", "cuda", "tpu"]


def test_arrays_are_those_of_the_weights_by_their_path(folders, tmp_path, capfd):
    out = tmp_path / "arrays.npz"
    assert main(["export", str(folders / "expert"), str(out), "--to", "npz"]) == 0
    assert f"wrote {out} and {out}.json" in capfd.readouterr().out
    found = weights.load(folders / "expert")
    with np.load(out, allow_pickle=False) as arrays:
        kernel = arrays["params/part/tower/block_0/conv/kernel"]
        assert len(arrays) == len(jax.tree.leaves((found.params, found.stats)))
    expected = found.params["part"]["tower"]["block_0"]["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, expected)


def test_weights_are_not_written_over_by_their_export(folders, capsys):
    given, before = folders / "expert", weights.load(folders / "expert").card
    for name in ("config", "weights.safetensors"):
        assert main(["export", str(given), str(given / name), "--to", "npz"]) == 2
        assert "would be written over itself" in capsys.readouterr().err
    assert weights.load(given).card == before


def test_every_bundled_system_can_be_exported():
    systems = {weights.system_at(name) for name in weights.bundled()}
    assert systems and systems <= set(programs.PROGRAMS)


@pytest.mark.parametrize(
    "words",
    [
        ["unheard-of", "out", "--to", "npz"],
        ["grid-s1", "out", "--to", "stablehlo"],
        ["foreign", "out", "--to", "npz"],
        ["strange", "out", "--to", "npz"],
        ["expert", "no/such/folder/out", "--to", "npz"],
        ["expert", "out", "--to", "onnx"],
        ["expert", "out"],
        [],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    words, folders, capfd, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    config = CASES["expert"][0]
    variables = untrained(jax.eval_shape(functools.partial(judge.blank, config)))
    save(tmp_path / "expert", config, variables)
    narrow = dataclasses.replace(config, width=0.5)
    save(tmp_path / "foreign", narrow, variables)
    one = {"part": {"x": np.zeros(1)}}
    weights.save("strange", one, {}, {}, system="strange", card="")
    before = sorted(tmp_path.rglob("*"))
    assert main(["export", *words]) == 2
    out, told = capfd.readouterr()
    (told,) = told.strip().splitlines()
    assert told.startswith("avjax: ") and not out
    assert sorted(tmp_path.rglob("*")) == before
