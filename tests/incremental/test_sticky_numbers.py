"""Numbers of sticky service ports, while these come and go, are those that a numbering of all from scratch gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.compiler import affinity
from svcc.compiler.affinity import sticky_ports
from svcc.dataplane.contract import ServicePortName, ServicePortPlan
from svcc.incremental.sticky_numbers import StickyNumbers
from svcc.model.service import Protocol

NAMES = [ServicePortName("default", f"web-{number}", "http", Protocol.TCP) for number in range(8)]
LAST = 2**32 - 1


def from_scratch(names: Iterable[ServicePortName]) -> Mapping[ServicePortName, tuple[int, ...]]:
    plans = [ServicePortPlan(name, (), (), (), affinity_timeout_seconds=60) for name in sorted(names)]
    ports = sticky_ports(plans, big_endian=False)
    return {name: (port.number, port.sets[False], port.sets[True]) for name, port in ports.items()}


@given(
    preferred=st.lists(
        st.lists(st.sampled_from([LAST - 2, LAST - 1, LAST, 0, 1, 5, 90]), min_size=3, max_size=3),
        min_size=len(NAMES),
        max_size=len(NAMES),
    ),
    toggled=st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), max_size=20),
)
def test_whoever_comes_and_goes(preferred: Sequence[list[int]], toggled: Sequence[list[ServicePortName]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(affinity, "preferred_numbers", dict(zip(NAMES, preferred, strict=True)).__getitem__)
        numbers, there = StickyNumbers(), dict[ServicePortName, None]()
        for names in toggled:
            before = from_scratch(there)
            for name in names:
                if name in there:
                    numbers.remove(name)
                    del there[name]
                else:
                    numbers.add(name)
                    there[name] = None
            after = from_scratch(there)
            assert {name: numbers.of(name) for name in there} == after
            assert {name: numbers.before(name) for name in before} == before
            assert {name for name in there if before.get(name) != after[name]} <= set(numbers.touched)
            numbers.settle()
            assert {name: numbers.before(name) for name in there} == after


def test_only_those_in_a_row_with_a_number_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ServicePortName] = []

    def preferred(name: ServicePortName) -> list[int]:
        asked.append(name)
        first = 10 * int(name.service.removeprefix("web-"))
        return [first, first + 4, first + 7]

    monkeypatch.setattr(affinity, "preferred_numbers", preferred)
    names = [ServicePortName("default", f"web-{number}", "", Protocol.TCP) for number in range(1000)]
    numbers = StickyNumbers()
    for name in names:
        numbers.add(name)
    numbers.settle()
    asked.clear()
    numbers.remove(names[500])
    numbers.add(names[500])
    assert set(numbers.touched) == set(asked) == {names[500]}
