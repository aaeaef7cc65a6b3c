"""What becomes of worker processes when the one that started them is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.command import ROOT

SECONDS = 60


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process that audits a fleet in a process group of its own, and the ids of its workers, both of them busy."""
    attempts = tmp_path / "attempts"
    attempts.mkdir()
    for number in range(6):
        (tmp_path / f"n{number}.json").write_bytes(b"{}")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fleet.interrupted", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            _wait_until(lambda: len(list(attempts.iterdir())) == 2)
            workers = [int(path.name.split(".")[1]) for path in attempts.iterdir()]
            assert all(map(_is_alive, workers))
            yield process, workers
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _all_end(process: subprocess.Popen[str], workers: list[int]) -> str:
    """Wait until nobody is left; what they said."""
    told = process.communicate(timeout=SECONDS)[1]
    _wait_until(lambda: not any(map(_is_alive, workers)))
    return told


def test_ctrl_c_on_a_terminal_ends_all_at_once_and_only_one_process_speaks(
    busy: tuple[subprocess.Popen[str], list[int]],
) -> None:
    process, workers = busy
    os.killpg(process.pid, signal.SIGINT)
    told = _all_end(process, workers)
    assert told.count("Traceback") == 1
    assert told.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(
    busy: tuple[subprocess.Popen[str], list[int]], number: signal.Signals
) -> None:
    process, workers = busy
    process.send_signal(number)
    _all_end(process, workers)
    assert process.returncode == -number
