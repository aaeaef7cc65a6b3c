"""What is said to whoever finds the lock of a node taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from svcc.apply.lock import ending

UNIFIED = "0::/system.slice/svcc-node.service\n"
HYBRID = "9:name=systemd:/system.slice/svcc-node.service\n8:pids:/system.slice/svcc-node.service\n0::/\n"


@pytest.mark.parametrize(
    ("parent", "groups", "command"),
    [
        (1, UNIFIED, "systemctl stop svcc-node.service"),
        (1, HYBRID, "systemctl stop svcc-node.service"),
        (1, "0::/user.slice/user-0.slice/session-3.scope\n", "kill 77"),
        (1, "0::/\n", "kill 77"),
        (5120, "0::/system.slice/ssh.service\n", "kill 77"),
    ],
)
def test_a_service_is_to_be_stopped_since_one_that_is_killed_is_started_again(
    tmp_path: Path, parent: int, groups: str, command: str
) -> None:
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "stat").write_text(f"77 (svcc (node) 1) S {parent} 77 77 0 -1\n")
    (tmp_path / "77" / "cgroup").write_text(groups)
    assert ending(77, tmp_path) == command


def test_a_process_that_has_ended_meanwhile_is_to_be_killed_by_its_number(tmp_path: Path) -> None:
    assert ending(77, tmp_path) == "kill 77"
