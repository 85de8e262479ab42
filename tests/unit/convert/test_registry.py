"""Published networks are known by their tensors, and become weights that verbs take."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from torch_files import write_old, write_zip

from avjax import weights
from avjax.__main__ import main
from avjax.convert import registry as networks
from avjax.convert.layers import our_array
from avjax.convert.registry import NETWORKS
from avjax.convert.tensors import Tensor
from avjax.errors import InputError
from avjax.models.denoiser import DenoiserConfig
from avjax.models.sync_expert import SyncExpert
from avjax.models.syncnet_v2 import SyncNet
from avjax.models.synctalkface import SyncTalkFace
from avjax.nn.layers import GROWN
from avjax.nn.wav2lip import Discriminator
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import denoise, lipread
from avjax.pipelines import sync_models as judge
from avjax.train.tasks.sync_expert import SyncTask

WIDTH = 0.02  # of the networks of these tests; the published ones have 1


def narrow(config):
    if isinstance(config, dict):
        return config | {"width": WIDTH}
    if isinstance(config, DenoiserConfig):
        return dataclasses.replace(config, base=4, more=2, mask_base=4)
    return dataclasses.replace(config, width=WIDTH)


@pytest.fixture(autouse=True, scope="module")
def narrow_networks():
    """The published networks with few channels."""
    small = {
        name: network._replace(
            config=lambda shapes, of=network: narrow(of.config(shapes))
        )
        for name, network in NETWORKS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, network in small.items():
            patch.setitem(NETWORKS, name, network)
        yield


wanted_shapes = networks.published_shapes


@functools.cache
def shapes_of(name: str) -> dict:
    return wanted_shapes(NETWORKS[name], NETWORKS[name].config({}))


@functools.cache
def fabricated(name: str) -> dict[str, np.ndarray]:
    """{key: tensor} of a published network, of the right shapes."""
    rng = np.random.default_rng(0)

    def drawn(key: str, shape: tuple[int, ...]) -> np.ndarray:
        if key.endswith("num_batches_tracked"):
            return np.array(100_000)
        if key.endswith("running_var"):
            return rng.uniform(0.5, 1.5, shape).astype(np.float32)
        scale = np.prod(shape[1:]) ** -0.5
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    return {key: drawn(key, shape) for key, shape in shapes_of(name).items()}


def in_parts(arrays: dict) -> dict:
    """As published: each part of a system in a dict of its own."""
    parts = {}
    for key, array in arrays.items():
        part, dot, rest = key.partition("_state_dict.")
        inside = parts.setdefault(f"{part}_state_dict", {}) if dot else parts
        inside[rest or key] = array
    return parts


def held(arrays: dict) -> dict[str, Tensor]:
    return {key: Tensor(a.shape, lambda a=a: a) for key, a in arrays.items()}


def shapes(arrays: dict) -> dict[str, tuple[int, ...]]:
    return {key: array.shape for key, array in arrays.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_file_becomes_weights_of_its_own_config(name, tmp_path, capsys):
    write_zip(tmp_path / "file", in_parts(fabricated(name)))
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip().endswith(f"out: {name}")
    found, network = weights.load(tmp_path / "out"), NETWORKS[name]
    assert found.system == network.system
    assert "a published" in found.card and "file" in found.card
    assert found.params.keys() == network.parts.keys() >= found.stats.keys()
    for name, part in network.parts.items():
        trees = {"params": found.params[name]}
        if name in found.stats:
            trees["batch_stats"] = found.stats[name]
        paths = {path for _, path in part.rows}
        assert flatten_dict(trees, sep="/").keys() == paths


OPENS = {
    "wav2lip": talkers.open_talker,
    "bridging_mstcn": lipread.load,
    "syncnet_color": judge.open_judge,
    "syncnet_v2": judge.open_judge,
    "denoiser": denoise.load,
}


@pytest.mark.parametrize("name", OPENS)
def test_verbs_take_what_was_converted(name, tmp_path):
    write_zip(tmp_path / "file", in_parts(fabricated(name)))
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 0
    OPENS[name](str(tmp_path / "out"))  # which compares all shapes with the config's


def test_the_wrappers_of_pytorch_are_taken_off(tmp_path):
    arrays = fabricated("syncnet_color")
    state = {f"module.{key}": array for key, array in arrays.items()}
    value = {"state_dict": state, "optimizer": {"m": np.ones(3)}, "ema": state}
    write_old(tmp_path / "file", value)
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 0
    expert = weights.load(tmp_path / "out").params["expert"]
    key = "audio_encoder.3.conv_block.0.weight"
    kernel = expert["audio"]["tower"]["block_3"]["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, arrays[key].transpose(2, 3, 1, 0))


def test_a_tensor_that_is_there_twice_is_refused():
    twice = {"module.a": np.ones(1), "a": np.ones(1)}
    with pytest.raises(InputError, match="'a' twice"):
        networks.plainly_named(held(twice))


def as_published(name: str) -> dict:
    """Our variables of the one part, but blue before red, as in the file."""
    arrays, (part,) = fabricated(name), NETWORKS[name].parts.values()
    flat = {path: our_array(path, arrays[key]) for key, path in part.rows}
    return unflatten_dict(flat, sep="/")


def converted(name: str) -> dict:
    (part,) = NETWORKS[name].parts.values()
    return networks.variables(part, held(fabricated(name)))


def pictures(*shape) -> np.ndarray:
    return np.random.default_rng(1).uniform(size=shape).astype(np.float32)


def turned(faces: np.ndarray) -> np.ndarray:
    """Red and blue exchanged; one picture behind the other along the last axis."""
    threes = faces.reshape(*faces.shape[:-1], -1, 3)
    return threes[..., ::-1].reshape(faces.shape)


def test_faces_are_shown_and_drawn_red_first(name="wav2lip"):
    module = SyncTalkFace(NETWORKS[name].config({}))
    side = module.config.size
    mels, faces = pictures(1, 1, 16, 80), pictures(1, 1, side, side, 6)
    draw = jax.jit(
        lambda variables, faces: module.apply(variables, mels, faces, method="speak")
    )
    theirs = draw(as_published(name), turned(faces)).frames
    ours = draw(converted(name), faces).frames
    np.testing.assert_allclose(ours, turned(np.asarray(theirs)), atol=1e-5)
    assert np.abs(ours - theirs).max() > 1e-3


def test_mouths_are_shown_red_first():
    lips = pictures(1, 5, 128, 128, 3)
    module = SyncTalkFace(NETWORKS["synctalkface"].config({}))
    watch = jax.jit(
        lambda variables, lips: module.apply(variables, lips, method="encode_lips")
    )
    theirs = watch(as_published("synctalkface"), turned(lips))
    np.testing.assert_allclose(
        watch(converted("synctalkface"), lips), theirs, atol=1e-5
    )


def test_an_expert_is_shown_faces_red_first(name="syncnet_color"):
    module = SyncExpert(**dataclasses.asdict(NETWORKS[name].config({})))
    faces = pictures(1, 5, module.size, module.size, 3)
    watch = jax.jit(
        lambda variables, faces: module.apply(variables, faces, method="watch")
    )
    theirs = watch(as_published(name), turned(faces))
    np.testing.assert_allclose(watch(converted(name), faces), theirs, atol=1e-5)


def test_the_judge_of_published_figures_is_shown_faces_red_first(name="syncnet_v2"):
    module = SyncNet(NETWORKS[name].config({}))
    faces = 255 * pictures(1, 5, 224, 224, 3)
    watch = jax.jit(
        lambda variables, faces: module.apply(variables, faces, method="watch")
    )
    theirs = watch(as_published(name), turned(faces))
    np.testing.assert_allclose(watch(converted(name), faces), theirs, rtol=1e-4)


def test_a_critic_is_shown_faces_red_first(name="wav2lip_disc"):
    module = Discriminator(**NETWORKS[name].config({}))
    faces = pictures(1, module.size, module.size, 3)
    verdict = jax.jit(module.apply)
    theirs = verdict(as_published(name), turned(faces))
    np.testing.assert_allclose(verdict(converted(name), faces), theirs, atol=1e-5)


def test_batches_that_a_norm_has_seen_are_counted_as_ours_are():
    stats = converted("wav2lip")["batch_stats"]
    seen = stats["decoder"]["stage_0"]["block_0"]["norm"]["seen"]
    assert seen == GROWN and seen.dtype == np.float32


def test_slots_and_words_are_counted_in_the_file():
    network = NETWORKS["bridging_gru"]
    found = {"mem_state_dict.key": (168, 512), "back_state_dict.fc.weight": (3, 1024)}
    config = network.config(found)
    assert config.slots == 168 and config.symbols == ("word 0", "word 1", "word 2")
    assert (
        NETWORKS["synctalkface"].config({"model_state_dict.mem.key": (24, 512)}).slots
        == 24
    )
    assert network.config({"mem_state_dict.key": (2**60, 0)}).slots == 96


def test_a_mismatch_tells_what_is_missing_extra_and_misshapen():
    arrays = dict(fabricated("wav2lip_disc"))
    del arrays["binary_pred.0.bias"]
    arrays |= {f"more.{number}": np.ones(2) for number in range(5)}
    arrays["face_encoder_blocks.0.0.conv_block.0.bias"] = np.ones(9)
    with pytest.raises(InputError) as refused:
        networks.recognised(shapes(arrays), None)
    told = str(refused.value)
    assert "is no wav2lip_disc: it lacks binary_pred.0.bias; it holds besides" in told
    assert "besides more.0, more.1, more.2 and 2 more; it has in another shape" in told
    assert told.endswith("face_encoder_blocks.0.0.conv_block.0.bias [9] for [8]")


@pytest.mark.parametrize(
    ("given", "name", "told"),
    [
        ("wav2lip", "syncnet_color", "is no syncnet_color: it lacks"),
        ("wav2lip", "wav2lip_hd", "no network is called 'wav2lip_hd'; known are wav"),
        (None, None, "none of the networks that are known: wav2lip"),
    ],
)
def test_what_is_not_that_network_is_refused(given, name, told):
    arrays = fabricated(given) if given else {"weight": np.ones((3, 3))}
    with pytest.raises(InputError, match=told):
        networks.recognised(shapes(arrays), name)


def test_a_critic_beside_a_face_is_left_out():
    critic = {
        f"disc_state_dict.{key}": a
        for key, a in fabricated("synctalkface_disc").items()
    }
    both = shapes(fabricated("synctalkface") | critic)
    assert networks.recognised(both, None)[0] == "synctalkface"


@pytest.fixture
def reader(tmp_path):
    write_zip(tmp_path / "reader.ckpt", in_parts(fabricated("bridging_gru")))
    return ["convert", str(tmp_path / "reader.ckpt"), str(tmp_path / "out")]


def test_words_are_named_by_a_list(reader, tmp_path):
    words = [f"WORD{number:03}" for number in range(500)]
    (tmp_path / "words.txt").write_text("\n".join(words) + "\n\n")
    assert main([*reader, "--words", str(tmp_path / "words.txt")]) == 0
    assert lipread.load(str(tmp_path / "out"))[0].symbols == tuple(words)


@pytest.mark.parametrize("content", ["one\ntwo\n", "same\n" * 500, None])
def test_a_list_of_other_words_is_refused(content, reader, tmp_path, capfd):
    if content is not None:
        (tmp_path / "words.txt").write_text(content)
    assert main([*reader, "--words", str(tmp_path / "words.txt")]) == 2
    told = capfd.readouterr().err
    assert "words.txt" in told and len(told.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_face_takes_no_list_of_words(tmp_path, capfd):
    write_zip(tmp_path / "file", fabricated("wav2lip_disc"))
    given = ["convert", str(tmp_path / "file"), str(tmp_path / "out")]
    assert main([*given, "--words", str(tmp_path / "file")]) == 2
    assert "reads no words" in capfd.readouterr().err


def test_training_takes_a_converted_expert():
    batch = {
        "mels": jnp.zeros((1, 1, 16, 80)),
        "lips": jnp.zeros((1, 1, 5, 96, 96, 3), jnp.uint8),
    }
    task = SyncTask(NETWORKS["syncnet_color"].config({}))
    wanted = jax.eval_shape(lambda: task.init(jax.random.key(0), batch))
    for kind, tree in zip(("params", "batch_stats"), wanted, strict=True):
        given = weights.shapes_of(converted("syncnet_color")[kind])
        assert given == weights.shapes_of(tree["expert"])
