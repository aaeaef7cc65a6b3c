"""A change that is kept only if it is confirmed: whoever is killed, in whichever moment, something right is left."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kernel.namespace import NetworkNamespace
from tests.kernel.test_transaction import listing

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
SVCC = [sys.executable, "-m", "svcc"]
SETTINGS = ["--node", "worker-1", "--cluster-cidr", "10.244.0.0/16,fd00:244::/32"]
WEB = ["apply", "-f", "examples/shop/web.yaml", *SETTINGS]
ALL = ["apply", "-f", "examples/shop", *SETTINGS]


def run(namespace: NetworkNamespace, *arguments: str) -> subprocess.CompletedProcess[str]:
    with namespace.entered():
        return subprocess.run(
            [*SVCC, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, stdin=subprocess.DEVNULL
        )


def started(
    namespace: NetworkNamespace, *arguments: str, terminal: int | None = None, stdout: int | None = None
) -> subprocess.Popen[str]:
    with namespace.entered():
        process = subprocess.Popen(
            [*SVCC, *arguments],
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("to keep the change, run within" if terminal is None else "press Enter within"):
            return process
    raise AssertionError(f"it does not wait: {process.wait()}")


def ended(process: subprocess.Popen[str]) -> int:
    with process:
        return process.wait(60)


def stable(namespace: NetworkNamespace) -> list[str]:
    """What the kernel holds, without how long records last."""
    return [re.sub(r'expires\\*": \d+', "", line) for line in listing(namespace)]


def wait_for(namespace: NetworkNamespace, wanted: list[str]) -> None:
    deadline = time.monotonic() + 60
    while stable(namespace) != wanted:
        assert time.monotonic() < deadline, "it is not rolled back"
        time.sleep(0.2)


def wait_for_nobody(namespace: NetworkNamespace) -> None:
    with namespace.entered():
        deadline = time.monotonic() + 60
        while "@svcc-confirm" in Path("/proc/thread-self/net/unix").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)


def remember_a_client(namespace: NetworkNamespace) -> None:
    """Add a record of a client of the Service cart towards one of its endpoints."""
    table = namespace.run("nft", "list", "table", "ip", "svcc").stdout
    number = re.search(r"update @affinity \{ ct original ip saddr \. numgen inc mod 1 offset (\d+)", table)
    endpoint = re.search(r"map sticky-endpoints-tcp \{[^{}]*elements = \{ \d+ \. (\S+) :", table)
    assert number is not None
    assert endpoint is not None
    record = f"{{ 192.0.2.1 . {number[1]} timeout 3h expires 1000s : {endpoint[1]} }}"
    assert namespace.run("nft", f"add element ip svcc affinity {record}").returncode == 0


def test_what_is_not_confirmed_is_rolled_back_and_records_stay(namespace: NetworkNamespace) -> None:
    assert run(namespace, *ALL).returncode == 0
    remember_a_client(namespace)
    assert namespace.run("nft", "add rule ip svcc services meta mark 7 drop").returncode == 0
    before = stable(namespace)
    assert any("192.0.2.1" in line for line in before)
    result = run(namespace, *ALL, "--masquerade-all", "--confirm-within", "1s")
    assert result.returncode == 3
    assert "rolled back" in result.stderr
    assert stable(namespace) == before


def test_a_first_change_that_is_not_confirmed_leaves_nothing(namespace: NetworkNamespace) -> None:
    assert run(namespace, *WEB, "--confirm-within", "1s").returncode == 3
    assert not [line for line in listing(namespace) if "svcc" in line]


def test_nobody_but_root_and_whoever_made_it_decides_and_they_are_told(namespace: NetworkNamespace) -> None:
    early = run(namespace, "apply", "--confirm")
    assert (early.returncode, "no change waits" in early.stderr) == (3, True)
    waiting = started(namespace, *WEB, "--confirm-within", "5m")
    with namespace.entered():
        stranger = subprocess.run(
            ["setpriv", "--reuid", "12345", "--clear-groups", *SVCC, "apply", "--confirm"],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert (stranger.returncode, "gives no answer" in stranger.stderr) == (3, True), stranger.stderr
    assert waiting.poll() is None
    assert run(namespace, "apply", "--confirm").returncode == 0
    assert ended(waiting) == 0


def test_another_session_confirms(namespace: NetworkNamespace) -> None:
    waiting = started(namespace, *WEB, "--confirm-within", "5m")
    held = listing(namespace)
    confirming = run(namespace, "apply", "--confirm")
    assert (confirming.returncode, confirming.stderr) == (0, "the change is kept\n")
    assert ended(waiting) == 0
    assert listing(namespace) == held
    assert run(namespace, "apply", "--confirm").returncode == 3


def test_without_a_terminal_nobody_is_asked_for_enter(namespace: NetworkNamespace) -> None:
    result = run(namespace, *WEB, "--confirm-within", "1s")
    assert "to keep the change, run within 1 s: svcc apply --confirm\n" in result.stderr
    assert "Enter" not in result.stderr


def test_enter_confirms(namespace: NetworkNamespace) -> None:
    ours, theirs = pty.openpty()
    try:
        waiting = started(namespace, *WEB, "--confirm-within", "5m", terminal=theirs)
        os.write(ours, b"\n")
        assert ended(waiting) == 0
    finally:
        os.close(ours)
        os.close(theirs)
    assert [line for line in listing(namespace) if "svcc" in line]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_it_is_rolled_back_when_the_process_at_the_terminal_ends(namespace: NetworkNamespace, number: int) -> None:
    assert run(namespace, *WEB).returncode == 0
    before = stable(namespace)
    waiting = started(namespace, *ALL, "--confirm-within", "2s")
    waiting.send_signal(number)
    ended(waiting)
    assert stable(namespace) != before
    wait_for(namespace, before)
    wait_for_nobody(namespace)
    assert run(namespace, *ALL).returncode == 0


def test_whoever_interrupts_the_waiting_has_it_rolled_back_at_once(namespace: NetworkNamespace) -> None:
    assert run(namespace, *WEB).returncode == 0
    before = stable(namespace)
    waiting = started(namespace, *ALL, "--confirm-within", "5m")
    waiting.send_signal(signal.SIGINT)
    _out, told = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert "the change is rolled back" in told
    assert "internal error" not in told
    assert stable(namespace) == before


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_document_says_whether_the_change_was_confirmed(namespace: NetworkNamespace, is_confirmed: bool) -> None:
    patience = "5m" if is_confirmed else "1s"
    waiting = started(namespace, *WEB, "-o", "json", "--confirm-within", patience, stdout=subprocess.PIPE)
    if is_confirmed:
        assert run(namespace, "apply", "--confirm").returncode == 0
    told, _error = waiting.communicate(timeout=60)
    document = json.loads(told)
    assert (document["confirmed"], document["changed"]) == (is_confirmed, is_confirmed)
    assert document["servicePorts"][0]["name"] == "shop/web:http"
    assert waiting.returncode == (0 if is_confirmed else 3)


def test_a_dry_run_as_a_document_has_the_transactions_and_changes_nothing(namespace: NetworkNamespace) -> None:
    before = listing(namespace)
    document = json.loads(run(namespace, *WEB, "--dry-run", "-o", "json").stdout)
    assert listing(namespace) == before
    assert document["wouldChange"]
    assert sum(document["operations"].values()) > 0
    for script in document["transactions"]:
        assert namespace.run("nft", "-f", "-", text=script).returncode == 0
    again = json.loads(run(namespace, *WEB, "--dry-run", "-o", "json").stdout)
    assert (again["wouldChange"], again["transactions"], again["servicePorts"]) == (False, [], [])


def test_what_concerns_no_service_port_is_named_all_the_same(namespace: NetworkNamespace) -> None:
    assert run(namespace, *WEB).returncode == 0
    assert (
        "changed: no Service port, but pod-cidrs, 1 operation"
        in run(namespace, *WEB, "--cluster-cidr", "10.9.0.0/16").stderr
    )


def test_whoever_comes_while_a_change_waits_whose_command_was_killed_is_told_so(namespace: NetworkNamespace) -> None:
    waiting = started(namespace, *WEB, "--confirm-within", "5m")
    waiting.kill()
    ended(waiting)
    refused = run(namespace, *ALL)
    assert refused.returncode == 3
    told = f"a change of this node waits to be confirmed; its command: process {waiting.pid} has ended"
    assert told in refused.stderr
    assert "svcc apply --confirm keeps it" in refused.stderr
    assert run(namespace, "apply", "--confirm").returncode == 0
    wait_for_nobody(namespace)
    assert run(namespace, *ALL).returncode == 0


def test_it_is_rolled_back_when_the_guard_is_killed(namespace: NetworkNamespace) -> None:
    assert run(namespace, *WEB).returncode == 0
    before = stable(namespace)
    waiting = started(namespace, *ALL, "--confirm-within", "5m")
    [guard] = Path(f"/proc/{waiting.pid}/task/{waiting.pid}/children").read_text().split()
    os.kill(int(guard), signal.SIGKILL)
    assert ended(waiting) == 3
    assert stable(namespace) == before


def test_nobody_changes_the_node_while_a_change_waits(namespace: NetworkNamespace) -> None:
    waiting = started(namespace, *WEB, "--confirm-within", "5m")
    refused = run(namespace, *ALL)
    assert refused.returncode == 3
    assert f"another svcc is changing this node: process {waiting.pid}" in refused.stderr
    assert run(namespace, "apply", "--confirm").returncode == 0
    assert ended(waiting) == 0
