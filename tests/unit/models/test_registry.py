"""The registry: known systems, loading of weights, and systems that users add."""

import dataclasses
import importlib.metadata
import pathlib
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax import program_store, weights
from avjax.config import from_json, to_json
from avjax.errors import COMMANDS, InputError
from avjax.models import registry, talker
from avjax.models.cals import CalsConfig
from avjax.models.registry import System, get_system, list_systems, load_system
from avjax.models.sync_expert import SyncExpertConfig
from avjax.models.taem import TaemConfig
from avjax.models.talker import LatentSpace, TalkerConfig, latent_space, list_talkers
from avjax.pipelines.talking.audio_talkers import load_talker

KEY = jax.random.key(0)
SYSTEMS = [
    "aligner",
    "bridging",
    "cals",
    "denoiser",
    "lip_landmarks",
    "lipwarp",
    "sync_expert",
    "sync_people",
    "syncnet_v2",
    "synctalkface",
    "taem",
]


@pytest.fixture
def own_registries(monkeypatch):
    """Changes of the registries end with the test."""
    monkeypatch.setattr(registry, "_SYSTEMS", dict(registry._SYSTEMS))
    monkeypatch.setattr(talker, "_LATENT_SPACES", dict(talker._LATENT_SPACES))


def save(folder, config, variables):
    params, stats = (
        {part: tree[key] for part, tree in variables.items() if key in tree}
        for key in ("params", "batch_stats")
    )
    weights.save(folder, params, stats, config, system=config.system, card="")
    return folder


def test_all_systems_are_known():
    assert list_systems() == SYSTEMS
    assert list_talkers() == ["cals", "lipwarp", "synctalkface"]
    for name in SYSTEMS:
        system = get_system(name)
        assert system.name == system.config_class.system == name
    with pytest.raises(InputError, match="no system 'sinc'; choose from aligner"):
        get_system("sinc")


@pytest.mark.parametrize("name", weights.list_weights())
def test_bundled_weights_fit_their_system(name):
    config, variables = load_system(name)
    system = get_system(config.system)
    missing = set(system.parts(config)) - set(variables)
    assert missing <= set(system.optional_parts)


def test_weights_of_other_systems_are_rejected():
    config, _ = load_system("sync-puppet", "syncnet_v2", "sync_expert")
    assert isinstance(config, SyncExpertConfig)
    with pytest.raises(
        InputError, match="belong to sync_expert; only weights of cals, taem can"
    ):
        load_system("sync-puppet", "cals", "taem")


def test_weights_of_another_system_name_what_to_do_instead():
    message = (
        r"of cals can be used here, such as cals-grid-s1, cals-puppet; those of "
        r"sync_expert are for avjax sync$"
    )
    with pytest.raises(InputError, match=message):
        load_system("sync-puppet", "cals")
    with pytest.raises(InputError, match="of syncnet_v2 can be used here; those of"):
        load_system("sync-puppet", "syncnet_v2")  # no bundled weights


def test_weights_of_a_system_that_is_not_registered_say_how_to_register_it(tmp_path):
    weights.save(tmp_path / "own", {"net": {"a": 1.0}}, {}, {}, system="own", card="")
    with pytest.raises(InputError, match="of cals, taem .*'avjax.systems' of an inst"):
        load_system(tmp_path / "own", "cals", "taem")
    with pytest.raises(InputError, match="no system 'own'.*'avjax.systems' of an inst"):
        load_system(tmp_path / "own")


def test_every_system_has_a_command():
    unregistered = {"cals_units"}  # weights to start from, without a model of their own
    assert set(COMMANDS) - unregistered <= set(list_systems())
    bundled = {weights.weights_system(name) for name in weights.list_weights()}
    assert bundled <= set(COMMANDS)


def test_weights_that_do_not_fit_their_config_are_rejected(tmp_path):
    config = SyncExpertConfig(width=0.02)
    variables = get_system("sync_expert").init_variables(config, KEY)
    wider = dataclasses.replace(config, width=0.25)
    with pytest.raises(InputError, match="do not fit their config"):
        load_system(save(tmp_path / "weights", wider, variables))


def test_a_system_id_belongs_to_one_config_class(own_registries):
    system = get_system("cals")
    registry.add_system(system)
    other = System("cals", SyncExpertConfig, system.init_variables)
    with pytest.raises(ValueError, match=r"'cals' already belongs to .*CalsConfig"):
        registry.add_system(other)


def test_a_config_that_holds_a_talker_names_its_system():
    config = TaemConfig(talker=CalsConfig(unit_dim=8))
    data = to_json(config)
    assert data["talker"]["system"] == "cals"
    assert from_json(TaemConfig, data) == config
    with pytest.raises(InputError, match=r"talker.system' must be one of .*cals"):
        from_json(TaemConfig, data | {"talker": {"size": 96}})


@pytest.fixture
def own_talker(own_registries):
    """A talker defined outside of the library: frames as bright as the audio."""

    @dataclasses.dataclass(frozen=True)
    class BrightnessConfig(TalkerConfig):
        system: ClassVar[str] = "brightness"

        @property
        def latent_dim(self):
            return 1

    class Brightness(nn.Module):
        @nn.compact
        def __call__(self, latents):
            return nn.Dense(1, kernel_init=nn.initializers.ones)(latents)

    class BrightnessLatents(LatentSpace):
        def encode_audio(self, variables, mels, frame_mask, lookahead=None):
            mean = jnp.mean(mels, axis=(2, 3))[..., None]
            return Brightness().apply(variables["generator"], mean)

        def decode_frames(self, variables, latents, faces):
            size = self.config.size
            frames = jnp.tanh(latents)[..., None, None]
            return jnp.broadcast_to(frames, (*latents.shape[:2], size, size, 3))

    @talker.register_talker(BrightnessConfig, BrightnessLatents)
    def init_variables(config, key):
        return {"generator": Brightness().init(key, jnp.zeros((1, 1, 1)))}

    return BrightnessConfig(size=8)


def test_talker_of_a_user_is_loaded_like_any_other(own_talker, tmp_path):
    assert list_talkers()[-1] == "brightness" and "brightness" in list_systems()
    assert latent_space(own_talker).parts == ("generator",)
    variables = get_system("brightness").init_variables(own_talker, KEY)
    loaded = load_talker(save(tmp_path / "weights", own_talker, variables))
    assert loaded.config == own_talker and loaded.lookahead is None
    mel = np.linspace(-1, 1, 80)[:, None].repeat(80, axis=1).astype(np.float32)
    latents = np.concatenate(list(loaded.iter_latents(mel, 20, 25)))
    crops = np.zeros((16, 8, 8, 3), np.uint8)
    frames = loaded.decode_frames(latents[:16], crops, crops[0])
    assert (np.diff(frames[:, 0, 0, 0].astype(int)) >= 0).all()
    assert frames[-1].mean() > frames[0].mean()


def test_talker_of_a_user_can_be_driven_by_text(own_talker):
    config = TaemConfig(talker=own_talker, dim=8)
    assert from_json(TaemConfig, to_json(config)) == config
    assert set(get_system("taem").parts(config)) == {"text_encoder", "generator"}


def test_entry_points_are_loaded_once_a_system_is_unknown(own_registries, monkeypatch):
    class EntryPoint:
        def load(self):
            system = get_system("cals")
            config_class = type("Late", (CalsConfig,), {"system": "late"})
            registry.add_system(System("late", config_class, system.init_variables))

    def entry_points(group):
        assert group == "avjax.systems"
        return [EntryPoint()]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    registry.load_entry_points.cache_clear()
    program_store.enable(pathlib.Path("no_folder"))
    try:
        assert get_system("late").config_class.__name__ == "Late"
        assert not program_store.is_enabled()  # it does not know that package's source
    finally:
        program_store.disable()
        registry.load_entry_points.cache_clear()
