"""Adaptation to one person: what helps is kept, what does not is not."""

import functools

import jax
import numpy as np
import pytest
from untrained_talkers import save_parts, untrained_parts

import avjax
from avjax.__main__ import main
from avjax.algorithms.lip_adaptation import EditorAdaptation
from avjax.constants import FPS
from avjax.errors import InputError
from avjax.media.video_reader import ping_pong
from avjax.media.video_writer import VideoWriter
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.registry import load_system
from avjax.pipelines.talking import fit_editor
from avjax.pipelines.talking.fit_audio import fit_audio
from avjax.pipelines.talking.person_clip import PersonClip

CONFIG = LipWarpConfig(
    size=32, code_dim=4, context_frames=3, audio_dim=16, layers=1, heads=2
)
BOX = (0.0, 0.0, 96.0, 96.0)
FAST = EditorAdaptation(learning_rate=5e-3, warmup=1, average_decay=0.5)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lipwarp") / "weights"
    save_parts(folder, untrained_parts(CONFIG), CONFIG)
    return folder


@pytest.fixture(autouse=True)
def fast_steps(monkeypatch):
    monkeypatch.setattr(fit_editor, "SETTINGS", FAST)


@pytest.fixture(scope="module")
def adapted(puppet_clip, weights):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_editor, "SETTINGS", FAST)
        return avjax.adapt(puppet_clip, weights=weights, steps=25, box=BOX)


def person(
    codes: np.ndarray, features: np.ndarray | None = None, fps: int = FPS
) -> PersonClip:
    """Make a clip without images."""
    empty = np.zeros((len(codes), 0))
    return PersonClip(empty, empty, codes, np.arange(len(codes)) / fps, features)


def trained_kernel() -> np.ndarray:
    """Return the last layer of the audio network."""
    part = untrained_parts(CONFIG)["audio_to_code"]
    return np.asarray(part["params"]["code"]["kernel"])


def features_and_codes(frames: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Sample smooth features, and codes that are another linear map of them."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(frames + 4, 16))
    features = np.stack([np.convolve(x, np.ones(5) / 5, "valid") for x in noise.T], 1)
    trained = trained_kernel()
    codes = features @ (trained + rng.normal(size=trained.shape))
    return features.astype(np.float32), codes.astype(np.float32)


def test_the_error_of_held_out_frames_falls_on_a_puppet(adapted, weights):
    fit = adapted.report.editor
    assert fit.num_steps == 25
    assert fit.error < 0.98 * fit.error_before
    trained = load_system(weights)[1]["editor"]["params"]
    changed = [
        np.any(one != other)
        for one, other in zip(
            jax.tree.leaves(adapted.variables["editor"]["params"]),
            jax.tree.leaves(trained),
            strict=True,
        )
    ]
    assert all(changed)
    first, lips, audio = str(adapted.report).splitlines()
    assert first.startswith("adapted to ") and first.endswith(" s of video")
    assert lips.startswith("lips: ") and "25 of 25 steps kept" in lips
    assert audio.startswith("audio: ")


def test_saved_weights_are_a_talker(adapted, puppet_clip, tmp_path):
    adapted.save(tmp_path / "me")
    config, variables = load_system(tmp_path / "me", "lipwarp")
    assert config == adapted.config
    assert "Started from: " in (tmp_path / "me/README.md").read_text()
    jax.tree.map(np.testing.assert_array_equal, variables, adapted.variables)
    options = {"weights": tmp_path / "me", "box": BOX}
    frame = next(iter(avjax.talk(puppet_clip, puppet_clip, **options)))
    assert frame.shape == (96, 96, 3)


def test_a_short_clip_takes_few_steps_by_default(puppet_clip, weights, monkeypatch):
    monkeypatch.setattr(fit_editor, "sample_batch", lambda *_: {})
    monkeypatch.setattr(
        fit_editor, "jit_adapt_editor", lambda *_: lambda state, *_: (state, 0.0)
    )
    result = avjax.adapt(puppet_clip, weights=weights, box=BOX)
    frames = round(result.report.seconds * FPS)
    assert result.report.steps == frames // 2
    assert result.report.editor.num_steps == 0


def test_steps_that_make_held_out_frames_worse_are_not_kept(
    puppet_clip, weights, monkeypatch
):
    monkeypatch.setattr(fit_editor, "VALIDATE_EVERY", 1)
    worse = iter([1.0, np.nan, 1.2, 0.99, 1.1])

    def errors(config):
        value = next(worse)
        return lambda editor, batch: np.full((4, 2), value)

    monkeypatch.setattr(fit_editor, "jit_editor_errors", errors)
    result = avjax.adapt(puppet_clip, weights=weights, steps=4, box=BOX)
    assert result.report.editor.num_steps == 0
    trained = load_system(weights)[1]
    jax.tree.map(
        np.testing.assert_array_equal, result.variables["editor"], trained["editor"]
    )
    kept = f"so the editor of {weights} was kept; this is normal with few steps"
    assert kept in str(result.report)


def test_audio_is_corrected_where_lips_follow_it():
    features, codes = features_and_codes()
    variables = untrained_parts(CONFIG)
    fit = fit_audio(CONFIG, variables, person(codes, features))
    assert fit is not None and fit.is_corrected and fit.offset == 0
    assert fit.errors[1] < 0.5 * fit.errors[0]
    assert fit.correlations[1] > 0.95
    layer = fit.params["code"]
    pred = features @ layer["kernel"] + layer["bias"]
    np.testing.assert_allclose(pred.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(fit.speech_code, codes.mean(0), atol=1e-4)


def test_trained_audio_is_kept_where_lips_do_not_follow_it():
    features, _ = features_and_codes()
    variables = untrained_parts(CONFIG)
    noise = np.random.default_rng(1).normal(0, 0.1, (3000, 4))
    codes = (features @ trained_kernel() + noise).astype(np.float32)
    fit = fit_audio(CONFIG, variables, person(codes, features))
    assert fit is not None and (fit.is_corrected, fit.offset) == (False, 0)
    assert fit.params is variables["audio_to_code"]["params"]
    assert fit.speech_code == CONFIG.speech_code
    assert fit.correlations[0] == fit.correlations[1]


@pytest.mark.parametrize("offset", [-4, 3])
def test_the_offset_of_the_sound_is_removed(offset):
    features, codes = features_and_codes()
    late = np.roll(features, offset, axis=0)
    fit = fit_audio(CONFIG, untrained_parts(CONFIG), person(codes, late))
    assert fit is not None and fit.offset == offset
    assert fit.correlations[1] > 0.9


def test_a_clip_without_sound_adapts_the_editor_alone(puppet_clip, weights, tmp_path):
    with VideoWriter(tmp_path / "silent.mp4", FPS) as writer:
        for frame in ping_pong(puppet_clip, 50):
            writer.write(frame)
    result = avjax.adapt(tmp_path / "silent.mp4", weights=weights, steps=0, box=BOX)
    assert result.report.audio is None and result.config == CONFIG
    assert "there is no speech" in str(result.report)


def test_every_fold_has_stretches_with_gaps_around_them():
    clip = person(np.zeros((500, 4)))
    folds = clip.folds()
    assert set(folds) == set(range(5))
    assert np.diff(np.flatnonzero(np.diff(folds))).max() <= 2 * FPS
    held_out = folds == 2
    others = np.flatnonzero(clip.far_from(held_out))
    distance = np.abs(others[:, None] - np.flatnonzero(held_out)).min()
    assert distance == 6  # more than 0.2 s
    short = person(np.zeros((50, 4)))
    assert np.bincount(short.folds()).tolist() == [10] * 5


def test_talk_adapts_before_it_renders(puppet_clip, weights, monkeypatch):
    options = {"weights": weights, "box": BOX}
    quick = functools.partial(avjax.adapt, steps=0)
    monkeypatch.setattr("avjax.pipelines.talk.adapt_to_person", quick)
    video = avjax.talk(puppet_clip, puppet_clip, adapt=True, **options)
    assert "lips: " in str(video.report)
    assert "lips: " not in str(avjax.talk(puppet_clip, puppet_clip, **options).report)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photo.png", "--box", "0,0,64,64"], "a photo does not show how"),
        (["one.mp4", "--box", "0,0,48,48"], "a photo does not show how"),
        (["black.mp4"], "no face was found"),
        (["missing.mp4"], "does not exist"),
        (["sound.wav"], "sound.wav"),
        (
            ["one.mp4", "--weights", "cals-puppet"],
            "belong to cals; only weights of lipwarp can",
        ),
        (["one.mp4", "--weights", "unknown"], "no weights at unknown"),
        (["one.mp4", "--steps", "-1"], "'-1' is not an integer >= 0"),
        (["one.mp4", "-o", "folder.wav/.."], "holds files other than"),
        (["one.mp4", "-o", "star.txt"], "cannot write star.txt"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_used_is_refused(words, message, bad_files, monkeypatch, capsys):
    monkeypatch.chdir(bad_files)
    output = [] if "-o" in words else ["-o", "new"]
    assert main(["adapt", *words, *output]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avjax: ") and message in line
    assert not (bad_files / "new").exists()


def test_a_clip_that_is_too_short_is_refused(weights):
    frames = np.zeros((45, 96, 96, 3), np.uint8)
    with pytest.raises(InputError, match=r"in 1.8 s of the video; .* at least 2 s"):
        avjax.adapt(frames, weights=weights, box=BOX)


def test_steps_below_zero_are_refused():
    with pytest.raises(InputError, match="must be at least 0, not -1"):
        avjax.adapt("clip.mp4", steps=-1)


def test_an_interruption_leaves_no_file(puppet_clip, weights, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fit_editor, "sample_batch", stop)
    words = ["adapt", str(puppet_clip), "-o", str(tmp_path / "me"), "--steps", "1"]
    words += ["--weights", str(weights), "--box", "0,0,96,96"]
    assert main(words) == 130
    assert not list(tmp_path.iterdir())
