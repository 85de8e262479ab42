"""Measure how many clips a second `avjax data build` makes, by each of its engines.

    python tests/benchmarks/build.py [--clips N] [--json PATH]

A corpus of rendered faces of 96 pixels is built by one process, by two worker
processes, and by a pipeline of Apache Beam (DirectRunner, one and two workers), if the
extra `avjax[beam]` is installed. Every corpus must have the same bytes. The peak memory
is that of the process that writes the corpus, without its workers.
"""

import hashlib
import importlib.util
import multiprocessing
import os
import pathlib
import resource
import tempfile
import time

os.environ["JAX_PLATFORMS"] = "cpu"

from avjax.data.builders.corpus import build_corpus  # noqa: E402
from avjax.data.builders.puppet import PuppetSource  # noqa: E402
from avjax.train.ablations.results import ResultTable, make_parser  # noqa: E402

DIRECT = "runner=DirectRunner,direct_running_mode={},direct_num_workers={}"
ENGINES = {  # name: worker processes, options of Beam
    "this process": (0, ""),
    "two processes": (2, ""),
    "Beam, one worker": (0, DIRECT.format("in_memory", 1)),
    "Beam, two processes": (0, DIRECT.format("multi_processing", 2)),
}


def build(out: pathlib.Path, clips: int, num_workers: int, beam: str, queue) -> None:
    """Build a corpus, and report seconds and the peak of the memory in MiB."""
    source = PuppetSource(clips, 0, 96, ("grid",))
    since = time.monotonic()
    build_corpus(source, out, num_workers=num_workers, beam=beam)
    seconds = time.monotonic() - since
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    queue.put((seconds, round(peak)))


def digest(folder: pathlib.Path) -> str:
    """Return the checksum of all files of a corpus."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(str(path.relative_to(folder)).encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def main() -> None:
    """Build the corpus by each engine, and print a row for each."""
    parser = make_parser(__doc__)
    parser.add_argument("--clips", type=int, default=60)
    options = parser.parse_args()
    table = ResultTable(
        "Engines of data build", "engine", "clips a second", "peak memory, MiB"
    )
    context, digests = multiprocessing.get_context("spawn"), set()
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (num_workers, beam)) in enumerate(ENGINES.items()):
            if beam and importlib.util.find_spec("apache_beam") is None:
                continue
            out, queue = pathlib.Path(folder, str(number)), context.Queue()
            arguments = out, options.clips, num_workers, beam, queue
            process = context.Process(target=build, args=arguments)
            process.start()
            seconds, peak = queue.get()
            process.join()
            digests.add(digest(out))
            table.add(name, options.clips / seconds, peak)
    if len(digests) != 1:
        raise SystemExit("the corpora differ")
    table.write(options.json, data="puppets of 96 pixels", seeds="0")


if __name__ == "__main__":
    main()
