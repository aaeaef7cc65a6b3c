"""What goes wrong while rules are changed: nothing is lost, nothing is half done, and who is to blame is named."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from svcc.apply.held import held_tables
from svcc.apply.installer import Installer
from svcc.apply.lock import NodeLock
from svcc.apply.nft import open_nft
from svcc.apply.program import Program
from svcc.apply.session import Nft, NftError
from svcc.compiler.compilation import Compilation
from svcc.compiler.ruleset import build_ruleset
from svcc.errors import TargetError
from svcc.fields import ObjectReference
from svcc.incremental.contract import Update
from svcc.model.cluster import ClusterObject
from tests.declare import compiled, remote, service, slices
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.test_node_crashes import kill_around_a_commit
from tests.kernel.test_transaction import listing

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
APPLY = ["apply", "--node", "worker-1", "--cluster-cidr", "10.244.0.0/16,fd00:244::/32", "-f"]


def cluster(*numbers: int) -> Compilation:
    objects: list[ClusterObject] = []
    for n in numbers:
        objects.append(service(f"s{n}", [f"10.96.0.{n}"]))
        objects += slices(f"s{n}", [remote(f"10.244.1.{n}"), remote("10.244.1.99")])
    return compiled(objects)


def nothing() -> None:
    """What happens before a script is run, unless a test says otherwise."""


class Wrapped:
    """A session to which something happens; a script with one of `refused` in it is refused."""

    def __init__(self, nft: Nft, *, refused: Collection[str] = (), tells_line: bool = True) -> None:
        self._nft = nft
        self.name = nft.name
        self.refused = refused
        self.tells_line = tells_line
        self.lost: list[int] = []
        self.failing: list[int] = []
        self.before_run: Callable[[], None] = nothing

    @property
    def process_ids(self) -> Collection[int]:
        return self._nft.process_ids

    def run(self, script: str, *, check: bool = False) -> None:
        for number, line in enumerate(script.splitlines(), 1):
            if any(word in line for word in self.refused):
                raise NftError(
                    "No, thanks", script=script, line=number if self.tells_line else None, errno=errno.EINVAL
                )
        if not check:
            self.before_run()
            if self.failing:
                raise NftError("later", script=script, errno=self.failing.pop())
        self._nft.run(script, check=check)
        if self.lost and not check:
            raise NftError("lost", script=script, errno=self.lost.pop(), uncertain=True)

    def list_table(self, family: str, name: str) -> list[dict[str, Any]] | None:
        return self._nft.list_table(family, name)

    def list_text(self, family: str, name: str) -> str | None:
        return self._nft.list_text(family, name)

    def close(self) -> None:
        self._nft.close()


@pytest.fixture
def session(namespace: NetworkNamespace) -> Iterator[Wrapped]:
    with namespace.entered():
        nft = open_nft()
        yield Wrapped(nft)
        nft.close()


def holds(nft: Nft, compilation: Compilation) -> bool:
    return not Installer(nft, keep_scripts=None).synchronize(compilation.ruleset, compilation.dataplane)


def settled(installer: Installer) -> None:
    while (wait := installer.seconds_until_tidy) is not None:
        time.sleep(wait)
        installer.tidy()


@pytest.mark.parametrize("tells_line", [True, False])
@pytest.mark.parametrize("before", [(), (1, 2)])
def test_a_service_that_is_refused_is_named_and_the_rest_goes_in(
    session: Wrapped, tmp_path: Path, *, tells_line: bool, before: tuple[int, ...]
) -> None:
    if before:
        Installer(session, keep_scripts=None).synchronize(cluster(*before).ruleset, cluster(*before).dataplane)
    session.tells_line = tells_line
    session.refused = ["10.96.0.3 . 80"]
    wanted = cluster(1, 2, 3, 4, 5)
    installer = Installer(session, keep_scripts=tmp_path)
    applied = installer.synchronize(wanted.ruleset, wanted.dataplane)
    [refusal] = applied.refused
    assert refusal.service == ObjectReference("Service", "s3", "default")
    assert refusal.words == "No, thanks"
    assert ("10.96.0.3" in refusal.place) is tells_line
    [kept] = tmp_path.iterdir()
    assert applied.saved == kept
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "10.96.0.3 . 80" in kept.read_text()
    settled(installer)
    held = {
        key
        for table in held_tables(session, wanted.ruleset).ruleset.tables
        for s in table.sets
        if s.name == "balanced-services"
        for key, _ in s.elements
    }
    assert held == {("tcp", f"10.96.0.{n}", 80) for n in (1, 2, 4, 5)}


@pytest.mark.parametrize("tells_line", [True, False])
def test_a_service_whose_counters_are_refused_is_named_and_the_rest_is_counted(
    session: Wrapped, *, tells_line: bool
) -> None:
    wanted = cluster(1, 2, 3, 4)
    ruleset = build_ruleset(wanted.dataplane, service_counters=True)
    session.tells_line = tells_line
    session.refused = ['10.96.0.3 . 80 comment "default/s3:http",']
    applied = Installer(session, keep_scripts=None).synchronize(ruleset, wanted.dataplane)
    assert [refusal.service.name for refusal in applied.refused] == ["s3"]
    counted = {
        key
        for table in held_tables(session, ruleset).ruleset.tables
        for s in table.sets
        if s.name == "counted-frontends"
        for key, _ in s.elements
    }
    assert counted == {("tcp", f"10.96.0.{n}", 80) for n in (1, 2, 4)}


def test_several_services_that_are_refused_are_all_named(session: Wrapped) -> None:
    session.refused = ["10.96.0.3 . 80", "10.96.0.5 . 80"]
    wanted = cluster(1, 2, 3, 4, 5)
    applied = Installer(session, keep_scripts=None).synchronize(wanted.ruleset, wanted.dataplane)
    assert {refusal.service.name for refusal in applied.refused} == {"s3", "s5"}
    assert applied.saved is None


def test_what_is_no_fault_of_a_service_is_refused_as_a_whole_and_changes_nothing(
    namespace: NetworkNamespace, session: Wrapped
) -> None:
    Installer(session, keep_scripts=None).synchronize(cluster(1).ruleset, cluster(1).dataplane)
    before = listing(namespace)
    session.refused = ["svcc"]
    with pytest.raises(NftError, match="No, thanks"):
        Installer(session, keep_scripts=None).synchronize(cluster(1, 2).ruleset, cluster(1, 2).dataplane)
    assert listing(namespace) == before


def test_a_full_disk_does_not_hide_what_is_wrong(session: Wrapped) -> None:
    session.refused = ["svcc"]
    with pytest.raises(NftError, match="No, thanks") as caught:
        Installer(session, keep_scripts=Path("/dev/full")).synchronize(cluster(1).ruleset, cluster(1).dataplane)
    assert "kept in" not in (caught.value.hint or "")


def test_scripts_that_are_refused_do_not_fill_the_disk(session: Wrapped, tmp_path: Path) -> None:
    session.refused = ["svcc"]
    installer = Installer(session, keep_scripts=tmp_path)
    for _ in range(12):
        with pytest.raises(NftError, match=r"No, thanks"):
            installer.synchronize(cluster(1).ruleset, cluster(1).dataplane)
    assert len(list(tmp_path.iterdir())) == 8


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.EINTR, errno.EAGAIN])
def test_a_commit_whose_answer_is_lost_is_no_failure(session: Wrapped, number: int) -> None:
    first, second = cluster(1, 2), cluster(2, 3)
    installer = Installer(session, keep_scripts=None)
    session.lost = [number]
    assert not installer.synchronize(first.ruleset, first.dataplane).refused
    session.lost = [number]
    assert installer.advance(Update(first.ruleset, second.ruleset))
    session.lost = []
    settled(installer)
    assert holds(session, second)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.ENOENT, errno.EEXIST, errno.EAGAIN])
def test_what_fails_once_is_tried_again_from_what_is_there_then(session: Wrapped, number: int) -> None:
    session.failing = [number]
    applied = Installer(session, keep_scripts=None).synchronize(cluster(1).ruleset, cluster(1).dataplane)
    assert not applied.refused
    assert not applied.is_made_anew
    session.failing = [number]
    installer = Installer(session, keep_scripts=None)
    assert not installer.synchronize(cluster(2).ruleset, cluster(2).dataplane).is_made_anew
    settled(installer)
    assert holds(session, cluster(2))


def test_an_update_onto_tables_that_somebody_flushed_is_refused_and_healed_by_synchronizing(
    namespace: NetworkNamespace, session: Wrapped
) -> None:
    installer = Installer(session, keep_scripts=None)
    installer.synchronize(cluster(1, 2).ruleset, cluster(1, 2).dataplane)
    namespace.run("nft", "flush", "ruleset")
    with pytest.raises(NftError) as caught:
        installer.advance(Update(cluster(1, 2).ruleset, cluster(2).ruleset))
    assert caught.value.errno == errno.ENOENT
    assert listing(namespace) == [line for line in listing(namespace) if "metainfo" in line]
    installer.synchronize(cluster(2).ruleset, cluster(2).dataplane)
    settled(installer)
    assert holds(session, cluster(2))


def test_somebody_who_takes_an_element_away_between_reading_and_writing_is_no_obstacle(
    namespace: NetworkNamespace, session: Wrapped
) -> None:
    installer = Installer(session, keep_scripts=None)
    installer.synchronize(cluster(1, 2).ruleset, cluster(1, 2).dataplane)
    once = iter([True])

    def interfere() -> None:
        if next(once, False):
            namespace.run("nft", "delete element ip svcc balanced-services { tcp . 10.96.0.1 . 80 }")

    session.before_run = interfere
    assert not installer.synchronize(cluster(2).ruleset, cluster(2).dataplane).is_made_anew
    settled(installer)
    assert holds(session, cluster(2))


def test_a_cold_start_that_is_refused_half_way_leaves_nothing(
    namespace: NetworkNamespace, session: Wrapped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svcc.apply.cold_start._MOST_ELEMENTS", 3)
    session.refused = ["hook prerouting"]
    with pytest.raises(NftError):
        Installer(session, keep_scripts=None).synchronize(cluster(1, 2, 3).ruleset, cluster(1, 2, 3).dataplane)
    assert not [line for line in listing(namespace) if "svcc" in line]


def svcc(
    namespace: NetworkNamespace, *arguments: str, before: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    with namespace.entered():
        return subprocess.run(
            [*before, sys.executable, "-m", "svcc", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, **environment},
        )


@pytest.mark.parametrize("command", [[*APPLY, "examples/shop"], ["cleanup"], [*APPLY, "examples/shop", "--dry-run"]])
def test_without_the_capability_it_says_so_and_how_to_get_it(namespace: NetworkNamespace, command: list[str]) -> None:
    without = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
    result = svcc(namespace, *command, before=without)
    assert result.returncode == 3
    assert "CAP_NET_ADMIN" in result.stderr
    assert "AmbientCapabilities" in result.stderr


def test_the_capability_alone_is_enough(namespace: NetworkNamespace) -> None:
    only = ("setpriv", "--bounding-set", "-all,+net_admin")
    assert svcc(namespace, *APPLY, "examples/shop", before=only).returncode == 0
    assert svcc(namespace, "cleanup", before=only).stderr == "removed: table ip svcc, table ip6 svcc\n"
    for dry in ((), ("--dry-run",)):
        again = svcc(namespace, "cleanup", *dry, before=only)
        assert (again.stdout, again.stderr) == ("", "nothing to do: there are no tables of svcc\n")


def test_applying_twice_does_nothing_and_cleaning_up_leaves_what_is_others(namespace: NetworkNamespace) -> None:
    namespace.run("nft", "add table ip mine")
    before = listing(namespace)
    first = svcc(namespace, *APPLY, "examples/shop")
    assert "shop/cart:http: added" in first.stderr
    held = listing(namespace)
    assert "nothing to do" in svcc(namespace, *APPLY, "examples/shop").stderr
    dry = svcc(namespace, *APPLY, "examples/shop/web.yaml", "--dry-run")
    assert "delete element ip svcc balanced-services" in dry.stdout
    assert listing(namespace) == held
    assert svcc(namespace, "cleanup").returncode == 0
    assert listing(namespace) == before


def test_dormant_tables_of_others_are_no_obstacle(namespace: NetworkNamespace) -> None:
    """Of their flags nft 1.0.6 prints, as JSON, whatever is in memory, which may be no JSON."""
    for number in range(5):
        assert namespace.run("nft", f"add table ip dormant-{number} {{ flags dormant; }}").returncode == 0
    first = svcc(namespace, *APPLY, "examples/shop")
    assert first.returncode == 0, first.stderr
    assert "nothing to do" in svcc(namespace, *APPLY, "examples/shop").stderr
    assert svcc(namespace, "cleanup").stderr == "removed: table ip svcc, table ip6 svcc\n"


def test_two_at_once_are_refused_and_the_other_is_named(namespace: NetworkNamespace) -> None:
    with namespace.entered(), NodeLock():
        with pytest.raises(TargetError, match=f"another svcc is changing this node: process {os.getpid()}"):
            NodeLock().acquire()
        other = NetworkNamespace()
        try:
            with other.entered(), NodeLock():
                pass
        finally:
            other.close()
    with namespace.entered(), NodeLock():
        pass


def failing_nft(folder: Path, script: str) -> Program:
    path = folder / "nft"
    path.write_text(f"#!/bin/sh\ncase $1 in --version) echo 'nftables v1.0.6 (fake)'; exit;; esac\n{script}\n")
    path.chmod(0o755)
    return Program((str(path),))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 7", "nft failed with 7"),
        ("kill -SEGV $$", "nft was ended by signal 11"),
        ("echo nonsense", "is no JSON"),
        ("echo '{\"nftables\": 7}'", "not in libnftables' JSON form"),
    ],
)
def test_a_program_that_fails_is_told_as_it_fails(
    namespace: NetworkNamespace, tmp_path: Path, script: str, words: str
) -> None:
    nft = failing_nft(tmp_path, script)
    with namespace.entered(), pytest.raises(NftError, match=words):
        Installer(nft, keep_scripts=None).synchronize(cluster(1).ruleset, cluster(1).dataplane)


def test_a_program_that_is_gone_is_named(namespace: NetworkNamespace, tmp_path: Path) -> None:
    nft = failing_nft(tmp_path, "exit 0")
    (tmp_path / "nft").unlink()
    with namespace.entered(), pytest.raises(TargetError, match="cannot be run: No such file or directory"):
        nft.list_table("ip", "svcc")


def test_without_nftables_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, namespace: NetworkNamespace) -> None:
    monkeypatch.setattr("svcc.apply.nft.open_library", lambda: None)
    monkeypatch.setattr("svcc.apply.nft.open_program", lambda: None)
    with namespace.entered(), pytest.raises(TargetError, match="nftables is not installed") as caught:
        open_nft()
    assert "python3-nftables" in (caught.value.hint or "")


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_the_old_state_or_the_new_one(namespace: NetworkNamespace) -> None:
    states = {name: tuple(_applied(namespace, name)) for name in ("examples/shop", "examples/shop/web.yaml")}
    first, second = states
    seen = set()
    for turn in range(24):
        name = (first, second)[turn % 2]
        with namespace.entered():
            process = subprocess.Popen(
                [sys.executable, "-m", "svcc", *APPLY, name], cwd=ROOT, stderr=subprocess.DEVNULL
            )
        # Fixed moments would lie before the first commit on a slow machine, and after the last on a fast one.
        kill_around_a_commit(process, namespace, commits=random.choice((1, 2, 3)))
        held = _without_leftovers(listing(namespace))
        matching = [name for name, state in states.items() if held == _without_leftovers(list(state))]
        assert len(matching) == 1, f"turn {turn}: neither the one nor the other"
        seen.add((turn % 2, matching[0]))
    assert tuple(_applied(namespace, first)) == states[first]
    assert len(seen) > 1


def _applied(namespace: NetworkNamespace, name: str) -> list[str]:
    assert svcc(namespace, *APPLY, name).returncode == 0
    return listing(namespace)


def _without_leftovers(lines: list[str]) -> list[str]:
    """A listing without what is only prepared or not yet tidied up: pick chains, sticky chains, endpoints in slots."""
    return [
        line
        for line in lines
        if not any(word in line for word in ('"pick-', '"sticky-', '"remember-', "endpoints-tcp", "endpoints-udp"))
        or '"services"' in line
    ]
