"""Options, Hypothesis profiles and the `kernel` marker, for all tests."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import engine

# A shared machine makes single examples slow at random, so time limits are pytest's and not Hypothesis'.
# The same examples each time, so that a failure tells of the change at hand and comes back wherever the tests are run.
# The search for examples that nobody has met is `random`, many times over, and `thorough`, for hours.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    print_blob=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("random", settings.get_profile("default"), derandomize=False)
settings.register_profile("thorough", settings.get_profile("random"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
# Hypothesis shrinks for up to five minutes, as long as a test may take: what fails would be told as a timeout.
engine.MAX_SHRINKING_SECONDS = 120


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden files from what the tests produce"
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    in_kernel = [item for item in items if item.get_closest_marker("kernel")]
    if in_kernel and (obstacle := kernel_obstacle()):
        for item in in_kernel:
            item.add_marker(pytest.mark.skip(reason=obstacle))
    if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
        items[:] = long_ones_first(items, workers)


def long_ones_first(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in an order in which each worker begins with its part of those marked `long`.

    Else the last of them would be run alone, with all other workers idle. The option --dist worksteal gives each worker
    an equal share of what is returned, from the first on; what it has no time for goes to others, from the end on.
    """
    long_ones = [item for item in items if item.get_closest_marker("long")]
    others = (item for item in items if not item.get_closest_marker("long"))
    found: list[pytest.Item] = []
    for worker in range(workers):
        first = long_ones[worker::workers]
        share = (len(items) - len(found)) // (workers - worker)
        found += [*first, *islice(others, max(share - len(first), 0))]
    return [*found, *others]


@functools.cache
def kernel_obstacle() -> str | None:
    """Why rules cannot be loaded into a network namespace here, or None if they can."""
    if os.geteuid() != 0:
        return "tests in the kernel need root"
    for program in ("nft", "ip", "unshare"):
        if shutil.which(program) is None:
            return f"tests in the kernel need the program {program}"
    probe = subprocess.run(
        ["unshare", "-n", "nft", "list", "ruleset"], capture_output=True, text=True, timeout=30, check=False
    )
    return f"no rules in a new network namespace: {probe.stderr.strip()}" if probe.returncode else None
