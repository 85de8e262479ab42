"""Published networks are recognised by their tensors and converted to weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from random_networks import as_tensors, converted, random_arrays
from torch_files import write_legacy, write_zip

from avjax import weights
from avjax.__main__ import main
from avjax.convert.recognition import identify, strip_wrappers
from avjax.convert.registry import NETWORKS
from avjax.errors import InputError
from avjax.nn.batch_renorm import RENORM_FULL
from avjax.pipelines.denoise import load_denoiser
from avjax.pipelines.lipread import load_network
from avjax.pipelines.sync_models import load_sync_model
from avjax.pipelines.talking.audio_talkers import load_talker
from avjax.train.tasks.sync_expert import SyncExpertTask

pytestmark = pytest.mark.usefixtures("narrow_networks")


def nest(arrays: dict) -> dict:
    """Nest the arrays as in a published file: each module in a dict of its own."""
    parts = {}
    for key, array in arrays.items():
        part, dot, rest = key.partition("_state_dict.")
        module = parts.setdefault(f"{part}_state_dict", {}) if dot else parts
        module[rest or key] = array
    return parts


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
