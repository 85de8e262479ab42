"""Run every test on two host devices and with strict rank promotion."""

import gc
import os
import pathlib
import signal

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false"  # a quarter less time to compile
)
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"

import pytest  # noqa: E402

MAX_MEMORY = 2 << 30  # bytes of one process
REPOSITORY = pathlib.Path(__file__).parent.parent
# A shell that starts the tests in the background ignores Ctrl-C in them, and in the
# processes that they start; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def _limit_memory():
    """Free all compiled programs after a module, where they take too much memory."""
    yield
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    if pages * os.sysconf("SC_PAGE_SIZE") > MAX_MEMORY:
        import jax

        jax.clear_caches()
        gc.collect()


@pytest.fixture
def real() -> pathlib.Path:
    """Folder of real clips and recordings, which is not in the repository."""
    folder = os.environ.get("AVJAX_REAL", REPOSITORY.parent / "shared" / "real")
    if not pathlib.Path(folder).is_dir():
        pytest.skip("no real clips: set AVJAX_REAL to their folder")
    return pathlib.Path(folder)


@pytest.fixture(scope="module")
def quick_fronts():
    """Replace the 20-layer front-ends of bridging by one layer each."""
    from fake_networks import fake_frontends

    with fake_frontends():
        yield


@pytest.fixture(scope="module")
def quick_faces():
    """Replace the networks of CALS and its auxiliary networks by small ones."""
    from fake_networks import fake_faces

    with fake_faces():
        yield


@pytest.fixture
def quick_body():
    """Replace the 30-layer body of the denoiser by one layer, for one test."""
    from fake_networks import fake_denoiser_body

    with fake_denoiser_body():
        yield


@pytest.fixture(scope="module")
def quick_bodies():
    """Replace the 30-layer body of the denoiser by one layer, for a module."""
    from fake_networks import fake_denoiser_body

    with fake_denoiser_body():
        yield
