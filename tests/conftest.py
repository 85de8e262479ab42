"""Two host devices and strict ranks for every test; the real clips, where they are."""

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
    from avjax.nn.block import Norm
    from avjax.nn.face import scaled
    from avjax.nn.resnet import SOUND_STEPS

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
