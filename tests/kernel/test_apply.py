"""`svcc.apply` on the kernel: from whatever svcc's tables hold to what a cold start leaves, in the smallest steps."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings

from svcc.apply.applied import Applied
from svcc.apply.held import TABLES, held_tables
from svcc.apply.installer import Installer
from svcc.apply.library import open_library
from svcc.apply.nft import open_nft
from svcc.apply.program import Program
from svcc.apply.session import Nft
from svcc.apply.steps import NOTHING
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.incremental.contract import Update
from svcc.model.cluster import ClusterObject
from svcc.nft.transaction import transaction
from tests.declare import compiled, local, remote, service, slices
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.nft_versions import Program as Version
from tests.kernel.test_transaction import listing, loaded
from tests.strategies.scenarios import Scenario, scenarios

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
MANY = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@frozen
class Kernel:
    """A namespace to change, one that only ever sees cold starts, and the session with the first."""

    warm: NetworkNamespace
    cold: NetworkNamespace
    nft: Nft

    def cleared(self) -> Kernel:
        for namespace in (self.warm, self.cold):
            assert namespace.run("nft", "flush", "ruleset").returncode == 0
        return self

    def nft_does(self, *lines: str) -> None:
        loaded(self.warm, "\n".join(lines) + "\n")

    def synchronized(self, compilation: Compilation, nft: Nft | None = None) -> Applied:
        """Synchronize and tidy up; what the kernel holds then is what a cold start leaves, and nothing remains."""
        installer = Installer(nft or self.nft, keep_scripts=None)
        with self.warm.entered():
            applied = installer.synchronize(compilation.ruleset, compilation.dataplane)
            tidied(installer)
            assert not installer.synchronize(compilation.ruleset, compilation.dataplane), "a second run does something"
        self.cold.run("nft", "flush", "ruleset")
        loaded(self.cold, transaction(NOTHING, compilation.ruleset).script)
        assert listing(self.warm) == listing(self.cold)
        return applied


def tidied(installer: Installer) -> None:
    while (wait := installer.seconds_until_tidy) is not None:
        time.sleep(wait)
        installer.tidy()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    warm, cold = NetworkNamespace(), NetworkNamespace()
    with warm.entered():
        nft = open_nft()
    try:
        yield Kernel(warm, cold, nft)
    finally:
        warm.close()
        cold.close()


def compilation_of(scenario: Scenario) -> Compilation:
    return compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)


FULL: list[ClusterObject] = [
    service("web", ["10.96.0.1", "fd00:96::1"], session_affinity="ClientIP"),
    *slices("web", [remote("10.244.1.1"), local("10.244.0.5"), remote("fd00:10:244:1::2")]),
    service("turns", ["10.96.0.2"], annotations={"svcc.dev/load-balancing": "round-robin"}),
    *slices("turns", [remote("10.244.1.1"), remote("10.244.1.2")]),
    service("refused", ["10.96.0.3"]),
    service("plain", ["10.96.0.4"]),
    *slices("plain", [remote("10.244.1.1")]),
]


@pytest.mark.long
@MANY
@given(before=scenarios(), after=scenarios())
def test_synchronizing_leaves_what_a_cold_start_would(kernel: Kernel, before: Scenario, after: Scenario) -> None:
    kernel.cleared().synchronized(compilation_of(before))
    assert not kernel.synchronized(compilation_of(after)).is_made_anew


@pytest.mark.long
@MANY
@given(one=scenarios(), other=scenarios())
def test_advancing_back_and_forth_before_tidying_leaves_what_a_cold_start_would(
    kernel: Kernel, one: Scenario, other: Scenario
) -> None:
    first, second = compilation_of(one), compilation_of(other)
    installer = Installer(kernel.cleared().nft, keep_scripts=None)
    with kernel.warm.entered():
        installer.synchronize(first.ruleset, first.dataplane)
        for before, after in ((first, second), (second, first), (first, second)):
            installer.advance(Update(before.ruleset, after.ruleset))
        tidied(installer)
        assert not installer.synchronize(second.ruleset, second.dataplane)
    kernel.synchronized(second)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(before=scenarios(), after=scenarios())
def test_each_nft_reads_and_changes_what_another_loaded(
    kernel: Kernel, nft: Version, before: Scenario, after: Scenario
) -> None:
    kernel.cleared().synchronized(compilation_of(before))
    kernel.synchronized(compilation_of(after), Program(nft.command))


STRANGE = {
    "a rule at the end of a chain": ["add rule ip svcc services counter accept"],
    "a rule at the beginning of a chain": ["insert rule ip svcc nat-prerouting accept"],
    "a chain without rules": ["flush chain ip svcc source-nat"],
    "a chain that is gone": ["flush chain ip svcc nat-input", "delete chain ip svcc nat-input"],
    "elements that are gone": ["flush map ip svcc services", "flush set ip svcc cluster-ips"],
    "numbers that are gone": ["flush map ip svcc balanced-services", "flush map ip svcc picks"],
    "a number that leads elsewhere": [
        "delete element ip svcc picks { 0:1 }",
        "add element ip svcc picks { 0:1 : drop }",
    ],
    "an element with other data": [
        "delete element ip svcc endpoints-tcp { 10.96.0.2 . 80 . 1 }",
        "add element ip svcc endpoints-tcp { 10.96.0.2 . 80 . 1 : 192.0.2.1 . 1 }",
    ],
    "an element with another comment": [
        "delete element ip svcc services { tcp . 10.96.0.2 . 80 }",
        'add element ip svcc services { tcp . 10.96.0.2 . 80 comment "mine" : drop }',
    ],
    "an element too many": ["add element ip svcc cluster-ips { 192.0.2.7 }"],
    "a range too many": ["add element ip svcc pod-cidrs { 192.0.2.0-192.0.2.6 }"],
    "a single address among prefixes": ["add element ip svcc pod-cidrs { 192.0.2.9 }"],
    "a set, a map and a chain that use each other": [
        'add set ip svcc mine { type ipv4_addr; flags interval; comment "hello"; }',
        "add chain ip svcc mine",
        "add rule ip svcc mine ip saddr @mine counter drop",
        "add map ip svcc verdicts { type ipv4_addr : verdict; }",
        "add element ip svcc verdicts { 192.0.2.1 : goto mine }",
        "add chain ip svcc hooked { type filter hook input priority 5; policy drop; }",
        "add rule ip svcc hooked ip saddr vmap @verdicts",
        "add rule ip svcc hooked jump mine",
    ],
    "a counter and a quota that a rule uses": [
        "add counter ip svcc seen",
        "add quota ip svcc most { over 10 mbytes }",
        'add rule ip svcc services counter name "seen" quota name "most" drop',
    ],
    "a base chain at another priority": [
        "flush chain ip svcc filter-input",
        "delete chain ip svcc filter-input",
        "add chain ip svcc filter-input { type filter hook input priority 7; policy accept; }",
    ],
    "a base chain that drops": ["add chain ip svcc filter-input { policy drop; }"],
    "a table of its own making": [
        "delete table ip svcc",
        "add table ip svcc",
        "add map ip svcc services { type ipv4_addr : ipv4_addr; }",
        "add set ip svcc endpoints-tcp { type ipv4_addr; }",
        "add chain ip svcc services",
        "add rule ip svcc services ip saddr @endpoints-tcp drop",
    ],
    "a map whose data has another protocol, which JSON does not show": [
        "delete table ip svcc",
        "add table ip svcc",
        "add map ip svcc endpoints-tcp { typeof ip daddr . th dport . numgen random mod 65536 : ip daddr . th dport; }",
    ],
    "a dormant table": ["add table ip svcc { flags dormant; }"],
    "a table that is gone": ["delete table ip6 svcc"],
}


@pytest.mark.parametrize("strange", STRANGE)
def test_whatever_is_strange_in_the_tables_is_put_right(kernel: Kernel, strange: str) -> None:
    kernel.synchronized(compiled(FULL))
    kernel.nft_does(*STRANGE[strange])
    assert kernel.synchronized(compiled(FULL))


def test_a_number_that_nobody_has_is_tidied_up(kernel: Kernel) -> None:
    # A packet that is under way may have it: that is how it looks when the last frontend with a number changes.
    kernel.synchronized(compiled(FULL))
    kernel.nft_does("add element ip svcc picks { 7:7 : drop }")
    assert not kernel.synchronized(compiled(FULL))


def test_other_tables_are_never_touched(kernel: Kernel) -> None:
    kernel.nft_does(
        "add table ip mine",
        "add chain ip mine services { type nat hook prerouting priority -100; }",
        "add table inet svcc",
        "add chain inet svcc services",
    )
    before = listing(kernel.warm)
    installer = Installer(kernel.nft, keep_scripts=None)
    with kernel.warm.entered():
        for compilation in (compiled(FULL), compiled()):
            installer.synchronize(compilation.ruleset, compilation.dataplane)
    assert [line for line in listing(kernel.warm) if '"family": "ip6"' not in line and _of_others(line)] == [
        line for line in before if _of_others(line)
    ]


def _of_others(line: str) -> bool:
    return '"mine"' in line or '"inet"' in line


RECORD = "add element ip svcc affinity {{ {client} . {number} timeout 3h expires 1000s : {endpoint} }}"


def sticky_of(compilation: Compilation) -> tuple[str, str]:
    """The number of the sticky Service's clients, and that of one of its endpoints."""
    [table] = [table for table in compilation.ruleset.tables if table.family == "ip"]
    [remember] = [chain for chain in table.chains if chain.name.startswith("remember-default/web")]
    number = str(remember.rules[0].statements[0]).split("offset=")[1].split(")")[0]
    [endpoints] = [item for item in table.sets if item.name == "sticky-endpoints-tcp"]
    return number, str(endpoints.elements[0][0][1])


def records(kernel: Kernel) -> list[str]:
    with kernel.warm.entered():
        held = held_tables(kernel.nft, compiled(FULL).ruleset)
    return sorted(
        str(key[0]) for table in held.tables for item in table.table.sets if item.dynamic for key, _ in item.elements
    )


def test_records_of_affinity_survive_and_those_that_lead_nowhere_are_forgotten(kernel: Kernel) -> None:
    full = compiled(FULL)
    kernel.synchronized(full)
    number, endpoint = sticky_of(full)
    kernel.nft_does(
        RECORD.format(client="192.0.2.1", number=number, endpoint=endpoint),
        RECORD.format(client="192.0.2.2", number=number, endpoint="1:1"),
        RECORD.format(client="192.0.2.3", number="7", endpoint=endpoint),
    )
    with kernel.warm.entered():
        Installer(kernel.nft, keep_scripts=None).synchronize(full.ruleset, full.dataplane)
    assert records(kernel) == ["192.0.2.1"]


@pytest.mark.parametrize("lines", [["add table ip svcc { flags dormant; }"], STRANGE["a rule at the end of a chain"]])
def test_records_of_affinity_survive_tables_that_are_made_anew(kernel: Kernel, lines: list[str]) -> None:
    full = compiled(FULL)
    kernel.synchronized(full)
    number, endpoint = sticky_of(full)
    kernel.nft_does(RECORD.format(client="192.0.2.1", number=number, endpoint=endpoint), *lines)
    with kernel.warm.entered():
        Installer(kernel.nft, keep_scripts=None).synchronize(full.ruleset, full.dataplane)
    assert records(kernel) == ["192.0.2.1"]


def test_an_affinity_map_of_another_size_is_made_anew_with_its_records(kernel: Kernel) -> None:
    full = compiled(FULL)
    small = evolve(
        full.ruleset,
        tables=tuple(
            evolve(table, sets=tuple(evolve(item, size=99) if item.dynamic else item for item in table.sets))
            for table in full.ruleset.tables
        ),
    )
    loaded(kernel.warm, transaction(NOTHING, small).script)
    number, endpoint = sticky_of(full)
    kernel.nft_does(RECORD.format(client="192.0.2.1", number=number, endpoint=endpoint))
    with kernel.warm.entered():
        applied = Installer(kernel.nft, keep_scripts=None).synchronize(full.ruleset, full.dataplane)
    assert applied
    assert records(kernel) == ["192.0.2.1"]


def test_an_endpoint_that_is_drawn_no_more_stays_in_its_slot_until_it_is_tidied_up(kernel: Kernel) -> None:
    three, two = (
        compiled(service("web", ["10.96.0.1"]), slices("web", [remote(f"10.244.1.{n}") for n in range(1, count + 1)]))
        for count in (3, 2)
    )
    installer = Installer(kernel.nft, keep_scripts=None)
    with kernel.warm.entered():
        installer.synchronize(three.ruleset, three.dataplane)
        applied = installer.advance(Update(three.ruleset, two.ruleset))
        prepare, commit = applied.transactions
        assert "add chain ip svcc pick-2" in prepare.script
        assert prepare.script.count(" element ") == 1
        assert "0:2 : goto pick-2" in prepare.script
        assert "endpoints-tcp" not in commit.script
        assert "pick-3" not in commit.script
        assert not installer.tidy(), "it is not due"
        time.sleep(installer.seconds_until_tidy or 0)
        tidy = installer.tidy()
        assert tidy.operations == {"delete chain": 1, "delete element": 2, "flush chain": 1}
        assert installer.seconds_until_tidy is None
    kernel.synchronized(two)


def test_a_cold_start_with_many_elements_hooks_its_chains_last(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("svcc.apply.cold_start._MOST_ELEMENTS", 5)
    applied = kernel.synchronized(compiled(FULL))
    *parts, last = applied.transactions
    assert len(parts) > 3
    assert not any(" hook " in part.script for part in parts)
    assert " hook " in last.script


def test_a_cold_start_that_was_cut_short_is_completed(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("svcc.apply.cold_start._MOST_ELEMENTS", 5)
    from svcc.apply.cold_start import cold_start  # noqa: PLC0415  (with the number changed)

    parts = list(cold_start(compiled(FULL).ruleset))
    for count in range(1, len(parts)):
        kernel.cleared()
        for part in parts[:count]:
            loaded(kernel.warm, part.script)
        kernel.synchronized(compiled(FULL))


def earlier_layouts() -> list[str]:
    """The commits that changed the ruleset of an example, which is in the repository for tests."""
    command = ["git", "-C", str(ROOT), "log", "--format=%h", "--", "tests/golden/affinity/ruleset.nft"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.split()


@pytest.mark.parametrize("commit", earlier_layouts())
def test_every_earlier_layout_is_upgraded_in_place(kernel: Kernel, commit: str) -> None:
    shown = subprocess.run(
        ["git", "-C", str(ROOT), "show", f"{commit}:tests/golden/affinity/ruleset.nft"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded(kernel.warm, shown.stdout)
    kernel.synchronized(compiled(FULL))


def test_sessions_grow_neither_in_memory_nor_in_descriptors(kernel: Kernel) -> None:
    with kernel.warm.entered():
        library = open_library()
    assert library is not None
    full, less = compiled(FULL), compiled(FULL[:2])
    installer = Installer(library, keep_scripts=None)

    def size() -> tuple[int, int]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096, len(list(Path("/proc/self/fd").iterdir()))

    def churn(count: int) -> None:
        for _ in range(count):
            installer.advance(Update(full.ruleset, less.ruleset))
            installer.advance(Update(less.ruleset, full.ruleset))
            library.run("add table ip svcc-tried\n", check=True)
        library.list_table("ip", "svcc")

    with kernel.warm.entered():
        installer.synchronize(full.ruleset, full.dataplane)
        churn(100)
        memory, descriptors = size()
        churn(400)
    grown = size()
    assert grown[1] <= descriptors
    assert grown[0] - memory < 4 << 20


def test_svcc_owns_two_tables_and_those_of_counters() -> None:
    assert sorted(map(str, TABLES)) == ["ip svcc", "ip svcc-counters", "ip6 svcc", "ip6 svcc-counters"]
