"""Networks of one or two layers that replace the large ones in tests.

They have the interface of the networks that they replace and are several times as
fast to compile. Unit tests of `avjax.nn` and the golden tests run the real ones.
"""

import contextlib
from collections.abc import Iterator

import flax.linen as nn
import jax.numpy as jnp
import pytest

from avjax.audio.speech_mel import SPEECH_MELS_PER_FRAME
from avjax.models import bridging, cals, denoiser, registry, synctalkface
from avjax.nn.layers import BatchRenorm, ConvNoBias
from avjax.nn.memory import l2_normalize
from avjax.nn.wav2lip import scale_width
from avjax.train.tasks import cals_units
from avjax.train.tasks.talking import auxiliary


class FakeFrontend(nn.Module):
    """Replaces LipFrontend and AudioFrontend of bridging."""

    width: float
    inputs_per_frame: int

    @nn.compact
    def __call__(self, inputs, train):
        frames = inputs.shape[1] // self.inputs_per_frame
        rows = inputs.reshape(inputs.shape[0], frames, -1)
        embedding = nn.Dense(scale_width(512, self.width))(rows)
        return nn.tanh(BatchRenorm()(embedding, train))


class FakeAudioEncoder(nn.Module):
    """Replaces AudioEncoder of CALS and SyncTalkFace."""

    width: float
    dtype: str = "float32"

    @nn.compact
    def __call__(self, mel, train):
        rows = mel.reshape(mel.shape[0], -1)
        embedding = nn.Dense(scale_width(512, self.width))(rows)
        return nn.tanh(BatchRenorm()(embedding, train))


class FakeLipEncoder(nn.Module):
    """Replaces LipEncoder of SyncTalkFace."""

    size: int
    width: float
    dtype: str = "float32"

    @nn.compact
    def __call__(self, frames, train):
        rows = frames.reshape(*frames.shape[:2], -1)
        embedding = nn.Dense(scale_width(512, self.width))(rows)
        return nn.tanh(BatchRenorm()(embedding, train))[:, 2:-2]


class FakeIdentityEncoder(nn.Module):
    """Replaces IdentityEncoder of CALS and SyncTalkFace."""

    size: int
    width: float
    dtype: str

    @nn.compact
    def __call__(self, face, train):
        return (BatchRenorm()(nn.Dense(4)(face), train),)


class FakeFaceDecoder(nn.Module):
    """Replaces FaceDecoder of CALS and SyncTalkFace."""

    size: int
    width: float
    dtype: str
    pixel_range: str

    @nn.compact
    def __call__(self, code, maps, train):
        gains = nn.Dense(4)(code)[:, None, None]
        return nn.tanh(nn.Dense(3)(BatchRenorm()(maps[-1] * gains, train)))


class FakeSyncExpert(nn.Module):
    """Replaces SyncExpert."""

    size: int
    width: float
    dtype: str = "float32"

    def setup(self):
        self.eye, self.ear = (nn.Dense(scale_width(512, self.width)) for _ in "ab")

    def __call__(self, mel, faces, train):
        return self.encode_audio(mel), self.encode_frames(faces)

    def encode_audio(self, mel):
        return l2_normalize(nn.softplus(self.ear(mel.reshape(len(mel), -1))))

    def encode_frames(self, faces):
        mouths = faces[:, :, self.size // 2 :]
        rows = 9 * mouths.reshape(len(faces), -1)
        return l2_normalize(nn.softplus(self.eye(rows)))


class FakeDiscriminator(nn.Module):
    """Replaces Discriminator."""

    size: int
    width: float
    dtype: str

    @nn.compact
    def __call__(self, faces):
        return nn.Dense(1)(faces.reshape(len(faces), -1))[:, 0]


class FakeLipLandmarks(nn.Module):
    """Replaces LipLandmarks."""

    size: int
    width: float

    @nn.compact
    def __call__(self, faces, train=False):
        points = nn.Dense(40)(jnp.reshape(faces, (len(faces), -1)))
        return nn.sigmoid(points).reshape(-1, 20, 2)


class FakeBody(nn.Module):
    """Replaces the body of the denoiser."""

    config: denoiser.DenoiserConfig

    @nn.compact
    def __call__(self, noisy):
        return ConvNoBias(self.config.base_channels, 3, dtype=self.config.dtype)(noisy)


@contextlib.contextmanager
def patches() -> Iterator[pytest.MonkeyPatch]:
    """Patch modules inside a `with` block, and forget the shapes of their variables."""
    shapes = registry._variable_shapes
    shapes.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    shapes.cache_clear()


@contextlib.contextmanager
def fake_frontends() -> Iterator[None]:
    """Replace both front-ends of bridging inside a `with` block."""
    with patches() as patch:
        patch.setattr(bridging, "LipFrontend", lambda width, *_: FakeFrontend(width, 1))
        patch.setattr(
            bridging,
            "AudioFrontend",
            lambda width, *_: FakeFrontend(width, SPEECH_MELS_PER_FRAME),
        )
        yield


@contextlib.contextmanager
def fake_faces() -> Iterator[None]:
    """Replace the networks of CALS and SyncTalkFace inside a `with` block."""
    with patches() as patch:
        for module in (cals, synctalkface):
            patch.setattr(module, "AudioEncoder", FakeAudioEncoder)
            patch.setattr(module, "IdentityEncoder", FakeIdentityEncoder)
            patch.setattr(module, "FaceDecoder", FakeFaceDecoder)
        patch.setattr(synctalkface, "LipEncoder", FakeLipEncoder)
        patch.setattr(cals_units, "SyncExpert", FakeSyncExpert)
        patch.setattr(auxiliary, "SyncExpert", FakeSyncExpert)
        patch.setattr(auxiliary, "Discriminator", FakeDiscriminator)
        patch.setattr(auxiliary, "LipLandmarks", FakeLipLandmarks)
        yield


@contextlib.contextmanager
def fake_denoiser_body() -> Iterator[None]:
    """Replace the body of the denoiser inside a `with` block."""
    with patches() as patch:
        patch.setattr(denoiser, "Body", FakeBody)
        yield
