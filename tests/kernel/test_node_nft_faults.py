"""nftables that is missing or fails, and disks that are full."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define

from tests.kernel.node_process import NODE, Machine, endpoints, service
from tests.kernel.node_tables import Tables

pytestmark = pytest.mark.kernel

WEB = service("web", "10.96.0.10")
ADDRESSES = [f"10.244.1.{number}" for number in range(5, 12)]
REFUSED_ADDRESS = "10.96.0.66"
REFUSED = (service("refused", REFUSED_ADDRESS), endpoints("refused", ADDRESSES[:2]))

_PROGRAM = """#!/bin/sh
# nft as it is, unless a file beside it says what goes wrong: with scripts (run), or with listings (list).
real=/usr/sbin/nft
unset LD_LIBRARY_PATH
folder="${0%/*}"
case "$*" in
  *"-f -"*) what=run ;;
  *list*) what=list ;;
  *) exec "$real" "$@" ;;
esac
script="$folder/script-$$"
if [ "$what" = run ]; then cat > "$script"; else : > "$script"; fi
trap 'rm -f "$script"' EXIT
case "$(cat "$folder/$what" 2> /dev/null)" in
  "") "$real" "$@" < "$script"; exit ;;
  refused) echo "/dev/stdin:1:1-1: Error: Could not process rule: Device or resource busy" >&2; exit 1 ;;
  unanswered) echo "netlink: Error: cache initialization failed: No buffer space available" >&2; exit 1 ;;
  lost) "$real" "$@" < "$script" > /dev/null 2>&1
    echo "/dev/stdin:1:1-1: Error: Could not process rule: No buffer space available" >&2; exit 1 ;;
  killed) rm -f "$script"; kill -9 $$ ;;
  killed-late) "$real" "$@" < "$script"; rm -f "$script"; kill -9 $$ ;;
  garbage) echo '{"nftables": [{"metainfo": {}}, {"table": '; exit 0 ;;
  wordless) exit 1 ;;
  element) line=$(grep -n "REFUSED [.] 80" "$script" | head -n 1 | cut -d: -f1)
    [ -n "$line" ] || { "$real" "$@" < "$script"; exit; }
    echo "/dev/stdin:$line:1-9: Error: Could not process rule: Operation not supported" >&2; exit 1 ;;
esac
""".replace("REFUSED", REFUSED_ADDRESS)


@define
class FaultyNft:
    """An nft program whose faults are chosen, and a library that cannot be loaded."""

    folder: Path

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir()
        self.program.write_text(_PROGRAM)
        self.program.chmod(0o755)
        (self.folder / "libnftables.so.1").touch()

    @property
    def program(self) -> Path:
        return self.folder / "nft"

    @property
    def environment(self) -> dict[str, str]:
        """With which svcc finds this."""
        return {"PATH": f"{self.folder}:/usr/bin:/bin", "LD_LIBRARY_PATH": str(self.folder)}

    def fail(self, what: str, how: str) -> None:
        """From now on; not at all with an empty text."""
        new = self.folder / "new"
        new.write_text(how)
        new.replace(self.folder / what)


DISTRIBUTION = Path("/usr/lib/python3/dist-packages/nftables")

_MODULE = """
import pathlib
import importlib.util
import sys

spec = importlib.util.spec_from_file_location("nftables_as_it_is", "REAL/nftables.py")
real = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = real
spec.loader.exec_module(real)


class Nftables(real.Nftables):
    def cmd(self, script):
        if script == "list flowtables":
            return super().cmd(script)
        what = "list" if script.startswith("list table ") else "run"
        fault = pathlib.Path("FOLDER", what)
        how = fault.read_text() if fault.exists() else ""
        lost = "netlink: Error: Could not process rule: No buffer space available"
        if how == "unanswered":
            return -1, "", lost
        if how == "garbage":
            return 0, '{"nftables": [{"metainfo": {}}, {"table": ', ""
        told = super().cmd(script)
        return (-1, "", lost) if how == "lost" else told
"""


@pytest.fixture
def module(tmp_path: Path, nft: FaultyNft) -> tuple[str, ...]:
    """The distribution's module with the faults of the program, as a command that has svcc find it."""
    if not (DISTRIBUTION / "nftables.py").is_file():
        pytest.skip("python3-nftables is not installed")
    real, fake = tmp_path / "real", tmp_path / "fake"
    shutil.copytree(DISTRIBUTION, real)
    fake.mkdir()
    (fake / "__init__.py").write_text(_MODULE.replace("REAL", str(real)).replace("FOLDER", str(nft.folder)))
    return ("unshare", "--mount", "sh", "-c", f'mount --bind {fake} {DISTRIBUTION} && exec "$@"', "-")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with one Service."""
    with Machine(tmp_path) as made:
        made.declare(NODE, WEB, endpoints("web", ADDRESSES[:3]))
        yield made


@pytest.fixture
def nft(tmp_path: Path) -> FaultyNft:
    """The program, with nothing wrong yet."""
    return FaultyNft(tmp_path / "bin")


def _without_nft() -> tuple[str, ...]:
    return ("unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$(command -v nft)" && exec "$@"', "-")


def test_without_nftables_svcc_says_what_to_install(machine: Machine, nft: FaultyNft) -> None:
    environment = {"LD_LIBRARY_PATH": str(nft.folder)}
    node = machine.start(wrapper=_without_nft(), environment=environment)
    applied = machine.apply(wrapper=_without_nft(), environment=environment)
    for code, told in ((node.process.wait(60), node.log), (applied.returncode, applied.stderr)):
        assert code == 3, told
        assert "nftables is not installed" in told
        assert "apt install python3-nftables" in told
    assert not machine.tables().bodies


def test_apply_that_fails_changes_nothing_and_once_its_answer_is_lost_it_looks(
    machine: Machine, nft: FaultyNft
) -> None:
    for what, how in (("run", "killed"), ("list", "garbage")):
        nft.fail(what, how)
        applied = machine.apply(environment=nft.environment)
        assert applied.returncode == 3
        assert applied.stderr.startswith("error: ")
        assert "Traceback" not in applied.stderr
        assert not machine.tables().bodies
        nft.fail(what, "")
    nft.fail("run", "lost")
    applied = machine.apply(environment=nft.environment)
    assert applied.returncode == 0, applied.stderr
    assert machine.holds(machine.wanted())


def test_a_node_goes_on_where_nft_fails_for_a_while_and_nothing_is_lost(machine: Machine, nft: FaultyNft) -> None:
    nft.fail("run", "refused")
    node = machine.start(environment=nft.environment)
    node.wait_for(lambda status: (status["lastSync"] or {}).get("error"))
    assert not machine.tables().bodies
    nft.fail("run", "")
    right = machine.wait_until_right()
    faults = [("run", how) for how in ("refused", "killed", "unanswered", "wordless")]
    faults += [("list", how) for how in ("garbage", "unanswered", "killed", "wordless")]
    for number, (what, how) in enumerate(faults):
        nft.fail(what, how)
        if what == "list":
            # Changes read nothing, so give it a reason to.
            node.process.send_signal(signal.SIGHUP)
        machine.declare(NODE, WEB, endpoints("web", ADDRESSES[: 1 + (number + 3) % 6]))
        status = node.wait_for(lambda status: status["lastSync"]["error"])
        assert status["troubles"], how
        if what == "run":
            assert machine.holds(right), how
        nft.fail(what, "")
        right = machine.wait_until_right()
        node.wait_for(lambda status: status["healthy"])
    for how in ("lost", "killed-late"):
        nft.fail("run", how)
        machine.declare(NODE, WEB, endpoints("web", ADDRESSES[:2]), endpoints(how, []))
        machine.declare(NODE, WEB, endpoints("web", ADDRESSES[1:6] if how == "lost" else ADDRESSES[:1]))
        machine.wait_until_right()
        assert node.wait_for(lambda status: not status["waiting"]["seconds"])["healthy"], how
        nft.fail("run", "")
    nft.program.rename(nft.folder / "away")
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES))
    node.wait_for(lambda status: "cannot be run" in (status["lastSync"]["error"] or ""))
    (nft.folder / "away").rename(nft.program)
    machine.wait_until_right()
    assert "Traceback" not in node.log


def test_a_library_whose_answers_are_lost_or_garbage_for_a_while_loses_nothing(
    machine: Machine, nft: FaultyNft, module: tuple[str, ...]
) -> None:
    nft.fail("run", "lost")
    node = machine.start(wrapper=module)
    node.wait_until_ready()
    right = machine.wait_until_right()
    for number, (what, how) in enumerate([("run", "unanswered"), ("list", "unanswered"), ("list", "garbage")], 4):
        nft.fail("run", "")
        nft.fail(what, how)
        if what == "list":
            node.process.send_signal(signal.SIGHUP)
        machine.declare(NODE, WEB, endpoints("web", ADDRESSES[:number]))
        node.wait_for(lambda status: status["lastSync"]["error"])
        if what == "run":
            assert machine.holds(right)
        nft.fail(what, "")
        machine.wait_until_right()
        node.wait_for(lambda status: status["healthy"])
    nft.fail("run", "lost")
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES[2:4]))
    machine.wait_until_right()
    assert node.wait_for(lambda status: not status["waiting"]["seconds"])["healthy"]
    assert "Traceback" not in node.log


def test_a_service_that_is_refused_alone_is_left_out_until_it_is_taken(machine: Machine, nft: FaultyNft) -> None:
    nft.fail("run", "element")
    node = machine.start(environment=nft.environment)
    node.wait_until_ready()
    others = machine.wait_until_right()
    machine.declare(*REFUSED, file="refused.json")
    status = node.wait_for(lambda status: status["refused"])
    assert [(each["namespace"], each["service"]) for each in status["refused"]] == [("default", "refused")]
    assert "Operation not supported" in status["refused"][0]["reason"]
    assert REFUSED_ADDRESS in Path(status["refused"][0]["script"]).read_text()
    machine.wait_until_right(_beside_refused(others))
    # Changes of the others go on.
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES[2:6]))
    machine.wait_until_right(_without_refused(machine))
    nft.fail("run", "")
    node.process.send_signal(signal.SIGHUP)
    machine.wait_until_right()
    assert node.wait_for(lambda status: not status["refused"])["healthy"]


def test_a_full_disk_stops_nothing(machine: Machine, nft: FaultyNft) -> None:
    full = machine.folder / "full"
    full.mkdir()
    mount = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o nr_inodes=1 none {full} && exec "$@"', "-")
    nft.fail("run", "element")
    node = machine.start(
        *("--keep-scripts", str(full / "scripts")),
        wrapper=mount,
        environment=nft.environment,
        runtime_directory=full / "run",
    )
    others = machine.wait_until_right()
    machine.declare(*REFUSED, file="refused.json")
    node.wait_for_log("Operation not supported")
    machine.wait_until_right(_beside_refused(others))
    machine.declare(NODE, WEB, endpoints("web", ADDRESSES[2:6]))
    machine.wait_until_right(_without_refused(machine))
    node.wait_for_log("No space left on device")
    assert "Traceback" not in node.log
    assert node.terminate() == 0


def _without_refused(machine: Machine) -> Tables:
    """What the tables are to be without the Service that is refused."""
    with Machine(machine.folder / "other") as other:
        (other.manifests / "all.json").write_text((machine.manifests / "all.json").read_text())
        return _beside_refused(other.wanted())


def _beside_refused(others: Tables) -> Tables:
    """The tables of other Services, and that the address is a cluster IP at which nothing is served."""
    return Tables(others.bodies, others.elements | {("ip", "cluster-ips", REFUSED_ADDRESS)})
