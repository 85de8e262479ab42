"""Damaged files and random options: status 0, 2 or 130, and nothing half-written.

`tests/benchmarks/fuzz.py` runs thousands of such inputs, over all commands.
"""

import pytest
from fuzz_checks import run_case
from fuzz_commands import make_case
from fuzz_seeds import write_seeds
from random_networks import narrow_networks

SEED = 11
COUNTS = {"convert": 24, "align": 20, "export": 20}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Folder of valid files, with the networks of these commands."""
    folder = tmp_path_factory.mktemp("seeds")
    with narrow_networks():
        write_seeds(folder, ("aligner", "denoiser"))
        yield folder


@pytest.mark.parametrize("command", COUNTS)
def test_damaged_files_and_options_are_refused_or_used(command, seeds, tmp_path):
    statuses = set()
    for number in range(COUNTS[command]):
        case = make_case(seeds, tmp_path / str(number), command, (SEED, number))
        outcome = run_case(case, tmp_path)
        assert not outcome.fault, case
        statuses.add(outcome.status)
    assert 2 in statuses
