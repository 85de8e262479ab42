"""Run every test on two host devices and with strict rank promotion."""

import contextlib
import ctypes
import gc
import os
import pathlib
import resource
import signal

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false"  # a quarter less time to compile
)
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"

import pytest  # noqa: E402

MAX_MEMORY = 3 << 30  # bytes of one process at any time
FREED_ABOVE = 3 << 29  # bytes from which programs are freed after a module
PEAKS: dict[str, int] = {}  # of the processes that have ended, in bytes
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
    if pages * os.sysconf("SC_PAGE_SIZE") > FREED_ABOVE:
        import jax

        jax.clear_caches()
        gc.collect()
        with contextlib.suppress(AttributeError):  # of a C library that is not glibc
            ctypes.CDLL(None).malloc_trim(0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Keep the peak memory of a worker that has ended."""
    if "peak" in getattr(node, "workeroutput", {}):
        PEAKS[node.gateway.id] = node.workeroutput["peak"]


def pytest_sessionfinish(session):
    """Fail if a process took too much memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peak"] = peak
        return
    PEAKS["this process"] = peak
    if max(PEAKS.values()) > MAX_MEMORY and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    """Print the peak memory of all processes."""
    peaks = [f"{name} {peak / 2**30:.2f}" for name, peak in PEAKS.items()]
    limit = f"at most {MAX_MEMORY >> 30}" if peaks else "not known"
    terminalreporter.write_line(f"peak memory in GiB ({limit}): {', '.join(peaks)}")


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
