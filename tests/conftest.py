"""Two host devices and strict ranks for every test; the real clips, where they are."""

import contextlib
import os
import pathlib

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"

import pytest  # noqa: E402

REPOSITORY = pathlib.Path(__file__).parent.parent


@pytest.fixture
def real() -> pathlib.Path:
    """The folder of real clips, sounds and portraits that is no part of the project."""
    folder = os.environ.get("AVJAX_REAL", REPOSITORY.parent / "shared" / "real")
    if not pathlib.Path(folder).is_dir():
        pytest.skip("no real footage here; AVJAX_REAL may name its folder")
    return pathlib.Path(folder)


@pytest.fixture(scope="module")
def quick_fronts():
    """One layer for the twenty of each front-end of bridging: ten times as quick.

    The real ones are in tests/avjax/nn/test_resnet.py.
    """
    import flax.linen as nn

    from avjax.models import bridging
    from avjax.nn.layers import Norm
    from avjax.nn.resnet import SOUND_STEPS
    from avjax.nn.wav2lip import scaled

    class Front(nn.Module):
        width: float
        steps: int  # of the input, in a frame

        @nn.compact
        def __call__(self, given, train):
            frames = given.shape[1] // self.steps
            rows = given.reshape(given.shape[0], frames, -1)
            code = nn.Dense(scaled(512, self.width))(rows)
            return nn.tanh(Norm()(code, train))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bridging, "LipFront", lambda width, *_: Front(width, 1))
        sound = lambda width, *_: Front(width, SOUND_STEPS)  # noqa: E731
        patch.setattr(bridging, "SoundFront", sound)
        yield


@pytest.fixture(scope="module")
def quick_faces():
    """A layer or two for each network of CALS, and for those that judge its faces.

    The real ones are in tests/avjax/nn/test_face.py.
    """
    import flax.linen as nn
    import jax.numpy as jnp

    from avjax.models import cals
    from avjax.nn.layers import Norm
    from avjax.nn.memory import unit
    from avjax.nn.wav2lip import scaled
    from avjax.train.tasks import cals_units as units
    from avjax.train.tasks import talking_common as talking

    class Sound(nn.Module):
        width: float
        dtype: str = "float32"

        @nn.compact
        def __call__(self, mel, train):
            code = nn.Dense(scaled(512, self.width))(mel.reshape(mel.shape[0], -1))
            return nn.tanh(Norm()(code, train))

    class Identity(nn.Module):
        size: int
        width: float
        dtype: str

        @nn.compact
        def __call__(self, face, train):
            return (Norm()(nn.Dense(4)(face), train),)

    class Decoder(nn.Module):
        size: int
        width: float
        dtype: str
        signed: bool

        @nn.compact
        def __call__(self, code, maps, train):
            told = nn.Dense(4)(code)[:, None, None]
            return nn.tanh(nn.Dense(3)(Norm()(maps[-1] * told, train)))

    class Expert(nn.Module):
        size: int
        width: float

        def setup(self):
            self.eye, self.ear = (nn.Dense(scaled(512, self.width)) for _ in "ab")

        def __call__(self, mel, faces, train):
            return self.hear(mel), self.watch(faces)

        def hear(self, mel):
            return unit(nn.softplus(self.ear(mel.reshape(len(mel), -1))))

        def watch(self, faces):
            mouths = faces[:, :, self.size // 2 :]
            return unit(nn.softplus(self.eye(9 * mouths.reshape(len(faces), -1))))

    class Critic(nn.Module):
        size: int
        width: float
        dtype: str

        @nn.compact
        def __call__(self, faces):
            return nn.Dense(1)(faces.reshape(len(faces), -1))[:, 0]

    class Landmarks(nn.Module):
        size: int
        width: float

        @nn.compact
        def __call__(self, faces, train=False):
            points = nn.Dense(40)(jnp.reshape(faces, (len(faces), -1)))
            return nn.sigmoid(points).reshape(-1, 20, 2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cals, "AudioEncoder", Sound)
        patch.setattr(cals, "IdentityEncoder", Identity)
        patch.setattr(cals, "FaceDecoder", Decoder)
        patch.setattr(units, "SyncExpert", Expert)
        patch.setattr(talking, "SyncExpert", Expert)
        patch.setattr(talking, "Discriminator", Critic)
        patch.setattr(talking, "LipLandmarks", Landmarks)
        yield


@contextlib.contextmanager
def quickened():
    """One layer for the thirty of the denoiser's body: five times as quick.

    The real one is in tests/avjax/models/test_denoiser_golden.py.
    """
    import flax.linen as nn

    from avjax.models import denoiser
    from avjax.nn.layers import PlainConv

    class Body(nn.Module):
        config: denoiser.DenoiserConfig

        @nn.compact
        def __call__(self, noisy):
            return PlainConv(self.config.base, 3, dtype=self.config.dtype)(noisy)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(denoiser, "Body", Body)
        yield


@pytest.fixture
def quick_body():
    with quickened():
        yield


@pytest.fixture(scope="module")
def quick_bodies():
    with quickened():
        yield
