"""What is shipped besides the package: the service for systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command import svcc

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "packaging" / "systemd" / "svcc-node.service"
README = ROOT / "README.md"


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_the_service_has_one_privilege_and_is_not_root() -> None:
    found = settings()
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == ["CAP_NET_ADMIN"]
    assert found["DynamicUser"] == found["NoNewPrivileges"] == ["yes"]


def test_the_service_runs_a_command_that_there_is() -> None:
    [start] = settings()["ExecStart"]
    program, *arguments = start.split()
    assert Path(program).name == "svcc"
    # What systemd replaces by values: one word with braces, any number of words without.
    words = [re.sub(r"\$\{\w+\}", "value", word) for word in arguments if not re.fullmatch(r"\$\w+", word)]
    outcome = svcc(*words, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert svcc(*words, "--no-such-option", "--help").code == 2


def test_the_readme_installs_what_the_service_starts() -> None:
    readme = README.read_text(encoding="utf-8")
    [start] = settings()["ExecStart"]
    assert f"ln -s /opt/svcc/bin/svcc {start.split()[0]}\n" in readme
    for name in ("EnvironmentFile", "Environment"):
        for value in settings()[name]:
            assert value.lstrip("-").partition("=")[0] in readme


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_the_service(tmp_path: Path) -> None:
    # The program is wherever svcc was installed; systemd wants one that exists.
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace("/usr/local/bin/svcc", "/bin/true"), encoding="utf-8")
    result = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_finds_the_service_little_exposed() -> None:
    # Its measure goes from 0 to 10 (100 here); the network and the one privilege make up most of what is left.
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-2000:]
