"""Published networks are recognised by their tensors and converted to weights."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from torch_files import write_legacy, write_zip

from avjax import weights
from avjax.__main__ import main
from avjax.convert.layers import convert_array
from avjax.convert.recognition import identify, strip_wrappers
from avjax.convert.registry import NETWORKS, convert_part, published_shapes
from avjax.convert.tensors import Tensor
from avjax.errors import InputError
from avjax.models.denoiser import DenoiserConfig
from avjax.models.sync_expert import SyncExpert
from avjax.models.syncnet_v2 import SyncNet
from avjax.models.synctalkface import SyncTalkFace
from avjax.nn.batch_renorm import RENORM_FULL
from avjax.nn.wav2lip import Discriminator
from avjax.pipelines.denoise import load_denoiser
from avjax.pipelines.lipread import load_network
from avjax.pipelines.sync_models import load_sync_model
from avjax.pipelines.talking.audio_talkers import load_talker
from avjax.train.tasks.sync_expert import SyncExpertTask

WIDTH = 0.02  # of the networks in these tests; published ones have 1


def narrow(config):
    if isinstance(config, dict):
        return config | {"width": WIDTH}
    if isinstance(config, DenoiserConfig):
        return dataclasses.replace(
            config, base_channels=4, channel_step=2, mask_channels=4
        )
    return dataclasses.replace(config, width=WIDTH)


@pytest.fixture(autouse=True, scope="module")
def narrow_networks():
    """Reduce the number of channels of the published networks."""
    narrow_networks = {
        name: network._replace(
            make_config=lambda shapes, original=network: narrow(
                original.make_config(shapes)
            )
        )
        for name, network in NETWORKS.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, network in narrow_networks.items():
            patch.setitem(NETWORKS, name, network)
        yield


@functools.cache
def expected_shapes(name: str) -> dict:
    return published_shapes(NETWORKS[name], NETWORKS[name].make_config({}))


@functools.cache
def random_arrays(name: str) -> dict[str, np.ndarray]:
    """Random tensors {key: array} of a published network."""
    rng = np.random.default_rng(0)

    def random_array(key: str, shape: tuple[int, ...]) -> np.ndarray:
        if key.endswith("num_batches_tracked"):
            return np.array(100_000)
        if key.endswith("running_var"):
            return rng.uniform(0.5, 1.5, shape).astype(np.float32)
        scale = np.prod(shape[1:]) ** -0.5
        return (scale * rng.standard_normal(shape)).astype(np.float32)

    return {
        key: random_array(key, shape) for key, shape in expected_shapes(name).items()
    }


def nest(arrays: dict) -> dict:
    """Nest the arrays as in a published file: each module in a dict of its own."""
    parts = {}
    for key, array in arrays.items():
        part, dot, rest = key.partition("_state_dict.")
        module = parts.setdefault(f"{part}_state_dict", {}) if dot else parts
        module[rest or key] = array
    return parts


def as_tensors(arrays: dict) -> dict[str, Tensor]:
    return {key: Tensor(a.shape, lambda a=a: a) for key, a in arrays.items()}


def shapes_of(arrays: dict) -> dict[str, tuple[int, ...]]:
    return {key: array.shape for key, array in arrays.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_convert_writes_the_weights_of_every_network(name, tmp_path, capsys):
    write_zip(tmp_path / "file", nest(random_arrays(name)))
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip().endswith(f"out: {name}")
    loaded, network = weights.load(tmp_path / "out"), NETWORKS[name]
    assert loaded.system == network.system
    assert "a published" in loaded.card and "file" in loaded.card
    assert loaded.params.keys() == network.parts.keys() >= loaded.stats.keys()
    for name, part in network.parts.items():
        trees = {"params": loaded.params[name]}
        if name in loaded.stats:
            trees["batch_stats"] = loaded.stats[name]
        paths = {path for _, path in part.tensor_map}
        assert flatten_dict(trees, sep="/").keys() == paths


LOADERS = {
    "wav2lip": load_talker,
    "bridging_mstcn": load_network,
    "syncnet_color": load_sync_model,
    "syncnet_v2": load_sync_model,
    "denoiser": load_denoiser,
}


@pytest.mark.parametrize("name", LOADERS)
def test_converted_weights_can_be_loaded(name, tmp_path):
    write_zip(tmp_path / "file", nest(random_arrays(name)))
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 0
    LOADERS[name](str(tmp_path / "out"))  # checks all shapes against the config


def test_the_prefixes_of_pytorch_wrappers_are_removed(tmp_path):
    arrays = random_arrays("syncnet_color")
    state = {f"module.{key}": array for key, array in arrays.items()}
    value = {"state_dict": state, "optimizer": {"m": np.ones(3)}, "ema": state}
    write_legacy(tmp_path / "file", value)
    assert main(["convert", str(tmp_path / "file"), str(tmp_path / "out")]) == 0
    expert = weights.load(tmp_path / "out").params["sync_expert"]
    key = "audio_encoder.3.conv_block.0.weight"
    kernel = expert["audio"]["tower"]["block_3"]["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, arrays[key].transpose(2, 3, 1, 0))


def test_a_duplicate_tensor_is_rejected():
    twice = {"module.a": np.ones(1), "a": np.ones(1)}
    with pytest.raises(InputError, match="'a' twice"):
        strip_wrappers(as_tensors(twice))


def unconverted(name: str) -> dict:
    """Our variables of the only part, but for BGR, as in the file."""
    arrays, (part,) = random_arrays(name), NETWORKS[name].parts.values()
    flat = {path: convert_array(path, arrays[key]) for key, path in part.tensor_map}
    return unflatten_dict(flat, sep="/")


def converted(name: str) -> dict:
    (part,) = NETWORKS[name].parts.values()
    return convert_part(part, as_tensors(random_arrays(name)))


def random_images(*shape) -> np.ndarray:
    return np.random.default_rng(1).uniform(size=shape).astype(np.float32)


def swap_colors(faces: np.ndarray) -> np.ndarray:
    """Exchange red and blue of images that are stacked along the last axis."""
    images = faces.reshape(*faces.shape[:-1], -1, 3)
    return images[..., ::-1].reshape(faces.shape)


def test_wav2lip_reads_and_generates_rgb(name="wav2lip"):
    module = SyncTalkFace(NETWORKS[name].make_config({}))
    side = module.config.size
    mels, faces = random_images(1, 1, 16, 80), random_images(1, 1, side, side, 6)
    generate = jax.jit(
        lambda variables, faces: module.apply(variables, mels, faces, method="generate")
    )
    expected = generate(unconverted(name), swap_colors(faces)).frames
    outputs = generate(converted(name), faces).frames
    np.testing.assert_allclose(outputs, swap_colors(np.asarray(expected)), atol=1e-5)
    assert np.abs(outputs - expected).max() > 1e-3


def test_the_lip_encoder_reads_rgb():
    lips = random_images(1, 5, 128, 128, 3)
    module = SyncTalkFace(NETWORKS["synctalkface"].make_config({}))
    encode = jax.jit(
        lambda variables, lips: module.apply(variables, lips, method="encode_lips")
    )
    expected = encode(unconverted("synctalkface"), swap_colors(lips))
    np.testing.assert_allclose(
        encode(converted("synctalkface"), lips), expected, atol=1e-5
    )


def test_the_sync_expert_reads_rgb(name="syncnet_color"):
    module = SyncExpert(**dataclasses.asdict(NETWORKS[name].make_config({})))
    faces = random_images(1, 5, module.size, module.size, 3)
    encode = jax.jit(
        lambda variables, faces: module.apply(variables, faces, method="encode_frames")
    )
    expected = encode(unconverted(name), swap_colors(faces))
    np.testing.assert_allclose(encode(converted(name), faces), expected, atol=1e-5)


def test_syncnet_v2_reads_rgb(name="syncnet_v2"):
    module = SyncNet(NETWORKS[name].make_config({}))
    faces = 255 * random_images(1, 5, 224, 224, 3)
    encode = jax.jit(
        lambda variables, faces: module.apply(variables, faces, method="encode_frames")
    )
    expected = encode(unconverted(name), swap_colors(faces))
    np.testing.assert_allclose(encode(converted(name), faces), expected, rtol=1e-4)


def test_the_discriminator_reads_rgb(name="wav2lip_disc"):
    module = Discriminator(**NETWORKS[name].make_config({}))
    faces = random_images(1, module.size, module.size, 3)
    discriminate = jax.jit(module.apply)
    expected = discriminate(unconverted(name), swap_colors(faces))
    np.testing.assert_allclose(
        discriminate(converted(name), faces), expected, atol=1e-5
    )


def test_the_batch_count_of_a_norm_is_limited():
    stats = converted("wav2lip")["batch_stats"]
    count = stats["decoder"]["stage_0"]["block_0"]["norm"]["count"]
    assert count == RENORM_FULL and count.dtype == np.float32


def test_the_numbers_of_slots_and_words_are_read_from_the_shapes():
    network = NETWORKS["bridging_gru"]
    shapes = {"mem_state_dict.key": (168, 512), "back_state_dict.fc.weight": (3, 1024)}
    config = network.make_config(shapes)
    assert config.num_slots == 168 and config.symbols == ("word 0", "word 1", "word 2")
    assert (
        NETWORKS["synctalkface"]
        .make_config({"model_state_dict.mem.key": (24, 512)})
        .num_slots
        == 24
    )
    assert network.make_config({"mem_state_dict.key": (2**60, 0)}).num_slots == 96


def test_a_mismatch_lists_missing_unexpected_and_misshapen_tensors():
    arrays = dict(random_arrays("wav2lip_disc"))
    del arrays["binary_pred.0.bias"]
    arrays |= {f"more.{number}": np.ones(2) for number in range(5)}
    arrays["face_encoder_blocks.0.0.conv_block.0.bias"] = np.ones(9)
    with pytest.raises(InputError) as caught:
        identify(shapes_of(arrays), None)
    message = str(caught.value)
    assert "is not a wav2lip_disc network: missing are binary_pred.0.bias; " in message
    assert "unexpected are more.0, more.1, more.2 and 2 more; of another" in message
    assert message.endswith(
        "another shape are face_encoder_blocks.0.0.conv_block.0.bias [9] instead of [8]"
    )


@pytest.mark.parametrize(
    ("actual", "name", "message"),
    [
        ("wav2lip", "syncnet_color", "is not a syncnet_color network: missing are"),
        ("wav2lip", "wav2lip_hd", "there is no network 'wav2lip_hd'; known are wav"),
        (None, None, "no known network; known are wav2lip"),
    ],
)
def test_other_networks_are_rejected(actual, name, message):
    arrays = random_arrays(actual) if actual else {"weight": np.ones((3, 3))}
    with pytest.raises(InputError, match=message):
        identify(shapes_of(arrays), name)


def test_a_discriminator_in_the_same_file_is_ignored():
    discriminator = {
        f"disc_state_dict.{key}": a
        for key, a in random_arrays("synctalkface_disc").items()
    }
    both = shapes_of(random_arrays("synctalkface") | discriminator)
    assert identify(both, None)[0] == "synctalkface"


@pytest.fixture
def reader(tmp_path):
    write_zip(tmp_path / "reader.ckpt", nest(random_arrays("bridging_gru")))
    return ["convert", str(tmp_path / "reader.ckpt"), str(tmp_path / "out")]


def test_a_word_list_names_the_words(reader, tmp_path):
    words = [f"WORD{number:03}" for number in range(500)]
    (tmp_path / "words.txt").write_text("\n".join(words) + "\n\n")
    assert main([*reader, "--words", str(tmp_path / "words.txt")]) == 0
    assert load_network(str(tmp_path / "out"))[0].symbols == tuple(words)


@pytest.mark.parametrize("content", ["one\ntwo\n", "same\n" * 500, None])
def test_an_invalid_word_list_is_rejected(content, reader, tmp_path, capfd):
    if content is not None:
        (tmp_path / "words.txt").write_text(content)
    assert main([*reader, "--words", str(tmp_path / "words.txt")]) == 2
    message = capfd.readouterr().err
    assert "words.txt" in message and len(message.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_only_lip_readers_take_a_word_list(tmp_path, capfd):
    write_zip(tmp_path / "file", random_arrays("wav2lip_disc"))
    file, out = str(tmp_path / "file"), str(tmp_path / "out")
    assert main(["convert", file, out, "--words", file]) == 2
    assert "is not a lip reader" in capfd.readouterr().err


def test_a_converted_sync_expert_fits_the_training_task():
    batch = {
        "mels": jnp.zeros((1, 1, 16, 80)),
        "lips": jnp.zeros((1, 1, 5, 96, 96, 3), jnp.uint8),
    }
    task = SyncExpertTask(NETWORKS["syncnet_color"].make_config({}))
    expected = jax.eval_shape(lambda: task.init(jax.random.key(0), batch))
    for collection, tree in zip(("params", "batch_stats"), expected, strict=True):
        converted_shapes = weights.array_shapes(converted("syncnet_color")[collection])
        assert converted_shapes == weights.array_shapes(tree["sync_expert"])
