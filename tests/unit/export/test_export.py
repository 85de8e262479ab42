"""Exported functions run without avjax, and give the same numbers."""

import dataclasses
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
from avjax.audio.mel import mel_window_starts, mel_windows
from avjax.export import ArraySpec, ExportedFunction, export, write
from avjax.export.networks import get_exporter
from avjax.export.write import (
    max_relative_error,
    read_functions,
    sample_inputs,
)
from avjax.models.aligner import AlignerConfig
from avjax.models.bridging import BridgingConfig
from avjax.models.cals import CalsConfig
from avjax.models.denoiser import DenoiserConfig
from avjax.models.lip_landmarks import LipLandmarksConfig
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.registry import get_system
from avjax.models.sync_expert import SyncExpertConfig
from avjax.models.syncnet_v2 import SyncNetConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TaemConfig
from avjax.pipelines.talking.audio_talkers import load_talker
from avjax.pipelines.talking.talker_functions import jit_encode_audio
from avjax.pipelines.talking.text_talker import load_text_talker, phonemes_around
from avjax.text.intervals import PhonemeTier
from avjax.text.phonemes import PHONEMES
from avjax.text.tokenizer import CHARACTERS

pytestmark = pytest.mark.usefixtures("quick_faces")  # small CALS; others are complete

SMALL = {"size": 32, "width": 0.02}
CALS = CalsConfig(**SMALL, unit_dim=8, context_frames=3, layers=2, heads=2)
TAEM = TaemConfig(
    CALS,
    len(PHONEMES),
    dim=8,
    encoder_layers=1,
    refiner_layers=1,
    context_phonemes=2,
    context_frames=2,
)
LIPWARP = LipWarpConfig(
    size=32, code_dim=4, context_frames=3, audio_dim=16, layers=1, heads=2
)
CONFIGS = {
    "synctalkface": SyncTalkFaceConfig(**SMALL, num_slots=4),
    "cals": CALS,
    "taem": TAEM,
    "taem_lipwarp": dataclasses.replace(TAEM, talker=LIPWARP, speaker_inputs=()),
    "lipwarp": LIPWARP,
    "sentences": BridgingConfig(
        "sentences", CHARACTERS, **SMALL, num_slots=6, outputs_per_frame=2
    ),
    "words": BridgingConfig(
        "words", ("blue", "red"), **SMALL, num_slots=6, backend="tcn"
    ),
    "speech": BridgingConfig("speech", **SMALL, num_slots=6),
    "expert": SyncExpertConfig(**SMALL),
    "syncnet": SyncNetConfig(size=96, width=0.02),
    "landmarks": LipLandmarksConfig(**SMALL),
    "denoiser": DenoiserConfig(base_channels=4, channel_step=2, mask_channels=4),
    "aligner": AlignerConfig(PHONEMES, dim=8, layers=1, context_mels=2),
}


def untrained_variables(config) -> dict:
    """Return {part: variables} of an untrained system."""
    init_variables = get_system(config.system).init_variables
    shapes = jax.eval_shape(lambda: init_variables(config, jax.random.key(0)))
    variables = untrained(shapes, gain=1.5)
    if config.system == "taem":
        statistics = variables["text_encoder"]["batch_stats"]["normalizer"]
        statistics["square"] = np.ones_like(statistics["square"])
    return variables


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of untrained weights for each of CONFIGS."""
    folder = tmp_path_factory.mktemp("weights")
    for name, config in CONFIGS.items():
        save(folder / name, config, untrained_variables(config))
    return folder


def save(folder, config, parts) -> None:
    params, stats = (
        {
            part: trees[collection]
            for part, trees in parts.items()
            if collection in trees
        }
        for collection in ("params", "batch_stats")
    )
    weights.save(folder, params, stats, config, system=config.system, card="of nobody")


def functions_of(folder) -> dict[str, ExportedFunction]:
    return get_exporter(weights.weights_system(folder))(folder)


@pytest.mark.parametrize("name", CONFIGS)
def test_exported_function_gives_the_same_numbers_for_any_batch_size(
    name, folders, tmp_path, monkeypatch
):
    monkeypatch.setattr(write, "CHECKED_BATCHES", (1,))  # each size is compiled twice
    out = tmp_path / "program"
    assert "batch size 1: " in export(folders / name, out, "stablehlo").check
    functions = functions_of(folders / name)
    written = read_functions(out, list(functions))
    assert zipfile.is_zipfile(out) == (len(written) > 1)
    for key, function in functions.items():
        outputs = []

        def record(*inputs, key=key, outputs=outputs):
            outputs.append(written[key](*inputs))
            return outputs[0]

        assert max_relative_error(function, record, 3) <= 1e-5
        assert set(outputs[0]) == set(function.outputs)
        for output in outputs[0].values():
            assert len(output) == 3 and np.ptp(output) > 1e-3


def test_inexact_function_is_not_left_behind(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "max_relative_error", lambda *_: 2e-5)
    with pytest.raises(RuntimeError, match="relative error of 2.0e-05"):
        export(folders / "landmarks", tmp_path / "program", "stablehlo")
    assert list(tmp_path.iterdir()) == []


def test_error_is_that_of_the_worst_output():
    inputs = {"x": ArraySpec("b t 3", "float32", "")}

    def make_function(factor: float) -> ExportedFunction:
        run = lambda x: {"a": x, "b": -20 * factor * x}  # noqa: E731
        return ExportedFunction(run, inputs, {"a": "", "b": ""})

    assert max_relative_error(make_function(1), make_function(1).run, 2) == 0
    error = max_relative_error(make_function(1), make_function(1.01).run, 2)
    assert error == pytest.approx(0.01, rel=1e-3)


def test_exported_face_is_that_of_talk(folders):
    talker = load_talker(folders / "synctalkface")
    function = functions_of(folders / "synctalkface")["frames"]
    mel, face, references = sample_inputs(function, 3)
    reference = references[0]
    repeated = np.repeat(references[:1], 3, axis=0)
    frames = 255 * np.asarray(jax.jit(function.run)(mel, face, repeated)["frames"])
    latents = jit_encode_audio(talker.config)(talker.variables, mel)
    error = frames - talker.decode_frames(latents, face, reference)
    assert np.abs(error).max() <= 0.5 + 1e-3


def test_exported_latents_and_faces_are_those_of_talk(folders):
    """Of a whole recording; audio outside it is masked."""
    talker = load_talker(folders / "cals")
    functions = functions_of(folders / "cals")
    mel = np.random.default_rng(0).normal(size=(81, 80)).astype(np.float32)
    latents = np.concatenate(list(talker.iter_latents(mel, 25, Fraction(25))))
    windows = mel_windows(mel, mel_window_starts(25, 25))
    exported = jax.jit(functions["latents"].run)(
        windows[None],
        np.ones((1, 25), np.float32),
        np.array([talker.lookahead_frames], np.int32),
    )["latents"]
    np.testing.assert_allclose(exported[0], latents, atol=1e-5)
    _, face, references = sample_inputs(functions["frames"], 3)
    same = np.repeat(references[:1], 3, axis=0)
    frames = jax.jit(functions["frames"].run)(latents[:3], face, same)["frames"]
    expected = talker.decode_frames(latents[:3], face, references[0])
    assert np.abs(255 * np.asarray(frames) - expected).max() <= 0.5 + 1e-3


def test_exported_latents_of_a_text_are_those_of_talk(folders):
    talker = load_text_talker(folders / "taem")
    ids, edges = np.arange(1, 20, dtype=np.int32), np.arange(20) / np.float32(20)
    tier, face = PhonemeTier(ids, edges), np.full((32, 32, 3), 99, np.uint8)
    context = talker.config.context_frames
    ids, edges = phonemes_around(tier, -context, 16 + 2 * context, talker.config)
    run = jax.jit(functions_of(folders / "taem")["latents"].run)
    exported = run(ids[None], edges[None], face[None])["latents"][0, context:-context]
    expected = talker.predict_latents(tier, face, 0, 16)
    np.testing.assert_allclose(exported, expected, atol=1e-5)
    assert np.ptp(exported, axis=0).max() > 1e-3


def test_description_lists_inputs_and_outputs(folders, tmp_path):
    export(folders / "sentences", tmp_path / "program", "npz")
    description = json.loads((tmp_path / "program.json").read_text())
    (function,) = description["functions"].values()
    inputs = [tuple(spec.values())[:3] for spec in function["inputs"]]
    mouths = "mouths", "b t 32 32 1", "uint8"
    frame_mask = "frame_mask", "b t", "float32"
    assert inputs == [mouths, frame_mask]
    assert list(function["outputs"]) == ["log_probs"]
    assert description["system"] == "bridging" and description["card"] == "of nobody"
    assert description["config"]["symbols"] == list(CHARACTERS)


def test_exported_function_runs_without_avjax(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "CHECKED_BATCHES", (1,))
    out = tmp_path / "program"
    export(folders / "landmarks", out, "stablehlo")
    code = (
        "import sys, numpy as np; from jax import export\n"
        "program = export.deserialize(bytearray(open(sys.argv[1], 'rb').read()))\n"
        "points = program.call(np.zeros((4, 32, 32, 3), np.uint8))['points']\n"
        "assert not {'avjax', 'flax'} & set(sys.modules)\n"
        "print(points.shape)"
    )
    command = [sys.executable, "-P", "-c", code, str(out)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert process.stdout.strip() == "(4, 20, 2)", process.stderr
    description = json.loads((tmp_path / "program.json").read_text())
    assert description["platforms"] == ["cpu", "cuda", "tpu"]


def test_npz_holds_the_arrays_of_the_weights_by_path(folders, tmp_path, capfd):
    out = tmp_path / "arrays.npz"
    assert main(["export", str(folders / "expert"), str(out), "--to", "npz"]) == 0
    assert f"wrote {out}: " in capfd.readouterr().out
    loaded = weights.load(folders / "expert")
    tree = {"params": loaded.params, "stats": loaded.stats}
    with np.load(out, allow_pickle=False) as arrays:
        assert len(arrays) == len(jax.tree.leaves(tree))
        for path, array in jax.tree_util.tree_leaves_with_path(tree):
            name = "/".join(entry.key for entry in path)
            np.testing.assert_array_equal(arrays[name], array)


def test_suffix_says_what_is_exported(folders, tmp_path, capfd):
    out = tmp_path / "arrays.NPZ"
    assert main(["export", str(folders / "expert"), str(out)]) == 0
    assert json.loads((tmp_path / "arrays.NPZ.json").read_text())["kind"] == "npz"
    program = tmp_path / "program.stablehlo"
    assert "batch size 1 " in export(folders / "landmarks", program).check
    assert main(["export", str(folders / "expert"), str(tmp_path / "out.zip")]) == 2
    assert "should end in .stablehlo or .npz" in capfd.readouterr().err


def test_export_does_not_overwrite_its_weights(folders, capsys):
    folder, before = folders / "expert", weights.load(folders / "expert").card
    for name in ("config", "weights.safetensors"):
        assert main(["export", str(folder), str(folder / name), "--to", "npz"]) == 2
        assert "it is also an input" in capsys.readouterr().err
    assert weights.load(folder).card == before


def test_every_bundled_system_can_be_exported():
    systems = {weights.weights_system(name) for name in weights.list_weights()}
    assert systems and all(get_exporter(system) for system in systems)


@pytest.mark.parametrize(
    "words",
    [
        ["unknown-name", "out", "--to", "npz"],
        ["grid-s1", "out", "--to", "stablehlo"],
        ["foreign", "out", "--to", "npz"],
        ["unknown-system", "out", "--to", "npz"],
        ["expert", "no/such/folder/out", "--to", "npz"],
        ["expert", "out", "--to", "onnx"],
        ["expert", "out"],
        [],
    ],
    ids=" ".join,
)
def test_invalid_input_prints_one_sentence_and_leaves_no_file(
    words, folders, capfd, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    config = CONFIGS["expert"]
    variables = untrained_variables(config)
    save(tmp_path / "expert", config, variables)
    save(tmp_path / "foreign", dataclasses.replace(config, width=0.5), variables)
    one = {"part": {"x": np.zeros(1)}}
    weights.save("unknown-system", one, {}, {}, system="unknown", card="")
    before = sorted(tmp_path.rglob("*"))
    assert main(["export", *words]) == 2
    out, errors = capfd.readouterr()
    (line,) = errors.strip().splitlines()
    assert line.startswith("avjax: ") and not out
    assert sorted(tmp_path.rglob("*")) == before
