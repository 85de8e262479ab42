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
