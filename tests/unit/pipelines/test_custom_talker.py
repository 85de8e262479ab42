"""A talker that is registered in one file works with `avjax.talk` and `avjax.live`."""

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from untrained_talkers import save_parts, untrained_parts

import avjax
from avjax.__main__ import main
from avjax.constants import MEL_WINDOW, NUM_MELS, SAMPLE_RATE
from avjax.errors import InputError
from avjax.media import audio_io, image_io
from avjax.media.video_reader import probe
from avjax.models import registry, talker
from avjax.models.talker import LatentSpace, TalkerConfig, register_talker

BOX = (8.0, 8.0, 48.0, 48.0)


class ColorTalker(nn.Module):
    """Adds a colour to the face that depends on the loudness of the audio."""

    def setup(self):
        self.color = self.param("color", nn.initializers.normal(), (1, 3))

    def encode(self, mels):
        return jnp.mean(mels, axis=(-2, -1))[..., None]

    def __call__(self, latents, faces):
        colors = jnp.tanh(latents @ self.color)
        return jnp.clip(faces[..., 3:] + colors[:, :, None, None], -1, 1)


@dataclasses.dataclass(frozen=True)
class ColorConfig(TalkerConfig):
    system: ClassVar[str] = "test_color"
    size: int = 32

    @property
    def latent_dim(self) -> int:
        return 1


class ColorLatents(LatentSpace):
    def encode_audio(self, variables, mels, frame_mask, lookahead=None):
        return ColorTalker().apply(variables["generator"], mels, method="encode")

    def decode_frames(self, variables, latents, faces):
        return ColorTalker().apply(variables["generator"], latents, faces)


def init_variables(config, key):
    latents, faces = jnp.zeros((1, 1, 1)), jnp.zeros((1, 1, 32, 32, 6))
    return {"generator": ColorTalker().init(key, latents, faces)}


@dataclasses.dataclass(frozen=True)
class SmoothConfig(ColorConfig):
    system: ClassVar[str] = "test_smooth"


class SmoothLatents(ColorLatents):
    """Each latent is the mean over the frame and the next one that may be used."""

    @property
    def context_frames(self) -> int:
        return 1

    def encode_audio(self, variables, mels, frame_mask, lookahead=None):
        latents = super().encode_audio(variables, mels, frame_mask)
        weight = frame_mask[..., None]
        following = jnp.pad(latents * weight, ((0, 0), (0, 1), (0, 0)))[:, 1:]
        allowed = 1 if lookahead is None else jnp.minimum(lookahead, 1)[:, None, None]
        return (latents + allowed * following) / 2


def init_smooth_variables(config, key):
    return init_variables(config, key)


@pytest.fixture(scope="module")
def registered_talkers():
    """Register both talkers, for the tests of this module only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_SYSTEMS", dict(registry._SYSTEMS))
        patch.setattr(talker, "_LATENT_SPACES", dict(talker._LATENT_SPACES))
        register_talker(ColorConfig, ColorLatents)(init_variables)
        register_talker(SmoothConfig, SmoothLatents)(init_smooth_variables)
        yield


@pytest.fixture(scope="module")
def folder(registered_talkers, tmp_path_factory):
    """A photo, a recording, and weights of both talkers."""
    folder, rng = tmp_path_factory.mktemp("custom"), np.random.default_rng(0)
    photo = rng.integers(0, 256, (64, 64, 3), np.uint8)
    image_io.write_png(folder / "face.png", photo)
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    wave = 0.3 * np.sin(2 * np.pi * 200 * time) * (np.sin(2 * np.pi * 3 * time) > 0)
    audio_io.write_wav(folder / "sound.wav", wave.astype(np.float32))
    for config in (ColorConfig(), SmoothConfig()):
        save_parts(folder / config.system, untrained_parts(config), config)
    return folder


@pytest.mark.parametrize("system", ["test_color", "test_smooth"])
def test_custom_talker_animates_a_photo(folder, system):
    video = avjax.talk(
        folder / "face.png", folder / "sound.wav", weights=folder / system, box=BOX
    )
    frames = np.stack(list(video)).astype(int)
    assert frames.shape == (25, 64, 64, 3)
    assert np.diff(frames, axis=0).any()


def test_command_line_accepts_a_custom_talker(folder, tmp_path):
    words = ["talk", "--face", folder / "face.png", "--audio", folder / "sound.wav"]
    words += ["--weights", folder / "test_color", "--box", ",".join(map(str, BOX))]
    words += ["-o", tmp_path / "out.mp4"]
    assert main([str(word) for word in words]) == 0
    assert probe(tmp_path / "out.mp4").num_frames == 25


def test_custom_talker_with_context_works_live(folder):
    options = {"weights": folder / "test_smooth", "lookahead": 1, "box": BOX}
    wave = audio_io.read_audio(folder / "sound.wav")
    expected = list(avjax.talk(folder / "face.png", wave, **options))
    session = avjax.live(folder / "face.png", **options)
    frames = [
        frame
        for start in range(0, len(wave), 1000)
        for frame in session.feed(wave[start : start + 1000])
    ]
    np.testing.assert_array_equal(frames + session.finish(), expected)


def test_custom_talker_without_context_takes_no_lookahead(folder):
    with pytest.raises(InputError, match="takes no lookahead"):
        avjax.live(folder / "face.png", weights=folder / "test_color", box=BOX)


def test_mel_window_has_the_documented_shape(registered_talkers):
    variables = untrained_parts(ColorConfig())
    mels = jnp.zeros((2, 3, MEL_WINDOW, NUM_MELS))
    latents = ColorLatents(ColorConfig()).encode_audio(
        variables, mels, jnp.ones((2, 3))
    )
    assert latents.shape == (2, 3, 1)
