"""The installed program between others: pipes, signals, full disks, closed streams, odd encodings."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import PROGRAM, ROOT, program
from tests.cli.manifests import service, text

MANIFEST = text(service()).encode()
# Far more than a pipe holds, so that svcc is still writing when its reader goes.
LONG = text(service(f"web-{number}", f"10.96.{number // 250}.{number % 250}") for number in range(2000)).encode()
BROKEN = text(service("bad name")).encode()
ODD = text(service("wéb ☃")).encode()


def shell(script: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a script in which svcc is `$SVCC`."""
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "SVCC": str(PROGRAM)},
        timeout=60,
        check=False,
    )
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def test_manifests_come_through_a_pipe_and_the_ruleset_goes_through_one() -> None:
    code, out, err = shell("$SVCC compile -f - | grep -c 10.96.0.10", MANIFEST)
    assert (code, err) == (0, "")
    assert int(out) > 1


@pytest.mark.parametrize("output", ["nft", "json", "dataplane"])
def test_a_reader_that_goes_early_is_no_error(output: str) -> None:
    with subprocess.Popen(
        [PROGRAM, "compile", "-f", "-", "-o", output],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdin.write(LONG)
        running.stdin.close()
        assert running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_head_gets_its_line_and_nobody_complains() -> None:
    code, out, err = shell("$SVCC compile -f - | head -1", LONG)
    assert (code, err) == (0, "")
    assert out == "# The Services, compiled by svcc; load with: nft -f FILE\n"


@pytest.mark.parametrize("command", ["compile", "check"])
def test_nothing_on_standard_input_is_said(command: str) -> None:
    outcome = program(command, "-f", "-")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.told[0] == "error: standard input is empty"


def test_a_failed_command_in_front_of_the_pipe_does_not_become_an_empty_ruleset() -> None:
    code, out, _err = shell("false | $SVCC compile -f -")
    assert (code, out) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
@pytest.mark.parametrize("data", [MANIFEST, LONG])
def test_a_full_disk_is_told_once_and_without_a_traceback(data: bytes) -> None:
    code, _out, err = shell("$SVCC compile -f - > /dev/full", data)
    assert err == "error: output: No space left on device\n"
    assert code == 2


def test_manifests_in_files_need_no_standard_input() -> None:
    code, out, err = shell("$SVCC compile -f examples/shop --node worker-1 <&-")
    assert (code, err) == (0, "")
    assert "10.96.0.10" in out


def test_standard_input_that_is_closed_cannot_be_read() -> None:
    code, out, err = shell("$SVCC compile -f - <&-")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "standard input" in err


def test_standard_output_that_is_closed_is_told() -> None:
    code, _out, err = shell("$SVCC compile -f - >&-", MANIFEST)
    assert code == 2
    assert err.startswith("error: ")
    assert "internal error" not in err


def test_standard_error_that_is_closed_changes_nothing_else() -> None:
    code, out, _err = shell("$SVCC compile -f examples/shop --node worker-1 -v 2>&-")
    assert code == 0
    assert out == shell("$SVCC compile -f examples/shop --node worker-1")[1]
    assert shell("$SVCC compile -f missing 2>&-")[0] == 2
    assert shell("$SVCC bogus 2>&-")[0] == 2


@pytest.mark.parametrize("command", ["compile", "check"])
@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0"}])
def test_names_beyond_ascii_are_told_in_every_locale(command: str, environment: dict[str, str]) -> None:
    outcome = program(command, "-f", "-", stdin=ODD, environment=environment)
    assert outcome.code == (1 if command == "check" else 2)
    assert "metadata.name: Invalid value" in outcome.out + outcome.err
    assert "internal error" not in outcome.err


@pytest.mark.parametrize("command", ["compile", "check"])
@pytest.mark.parametrize("environment", [{}, {"PYTHONIOENCODING": "utf-8:strict"}])
def test_files_whose_names_are_no_text_are_read(command: str, environment: dict[str, str], tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe.json"
    with open(name, "wb") as stream:  # noqa: PTH123  (a name that is no text is no path of pathlib)
        stream.write(BROKEN)
    outcome = program(command, "-f", name, environment=environment)
    assert outcome.code == (1 if command == "check" else 2)
    assert "metadata.name: Invalid value" in outcome.out + outcome.err
    assert "internal error" not in outcome.err


def test_a_missing_file_whose_name_is_no_text_is_named() -> None:
    outcome = program("compile", "-f", b"missing-\xff")
    assert (outcome.code, outcome.out) == (2, "")
    assert "cannot read missing-" in outcome.err


def test_an_interrupt_ends_with_130_and_no_traceback(tmp_path: Path) -> None:
    pipe = tmp_path / "manifest.yaml"
    os.mkfifo(pipe)
    command = [str(PROGRAM), "compile", "-f", str(pipe)]
    # Opening a pipe to write waits for its reader: svcc is reading when the signal comes.
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running,
        pipe.open("w"),
    ):
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err.strip()) == (130, "", "error: interrupted")


def test_a_report_that_goes_to_a_file_has_no_colour_though_stderr_is_a_terminal() -> None:
    master, slave = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "CLICOLOR_FORCE"}}
    try:
        result = subprocess.run(
            [PROGRAM, "check", "-f", "-"],
            input=BROKEN,
            stdout=subprocess.PIPE,
            stderr=slave,
            env={**environment, "TERM": "xterm"},
            timeout=60,
            check=False,
        )
    finally:
        os.close(slave)
        os.close(master)
    assert result.returncode == 1
    assert b"metadata.name" in result.stdout
    assert b"\x1b" not in result.stdout


def test_python_runs_the_module_as_well() -> None:
    for arguments in (["--version"], ["compile", "-f", "examples/shop", "--node", "worker-1"], ["bogus"]):
        result = subprocess.run(
            [sys.executable, "-m", "svcc", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        outcome = program(*arguments)
        assert (result.returncode, result.stdout, result.stderr) == (outcome.code, outcome.out, outcome.err)
