"""Slots as Python sees them; the Rust crate tests the assignment itself."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.select import EndpointAddress
from svcc.slots import assign_slots

endpoints = st.builds(
    EndpointAddress, st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str), st.integers(1, 65535)
)


@given(st.lists(st.lists(endpoints, unique=True, max_size=12), max_size=4))
def test_each_group_keeps_its_endpoints_and_is_answered_by_itself(groups: list[list[EndpointAddress]]) -> None:
    found = assign_slots(groups)
    assert [sorted(slots) for slots in found] == [sorted(group) for group in groups]
    assert found == [assign_slots([group])[0] for group in groups]


@given(st.lists(endpoints, unique=True, max_size=30), st.randoms())
def test_the_order_of_the_endpoints_does_not_matter(group: list[EndpointAddress], chance: random.Random) -> None:
    shuffled = chance.sample(group, len(group))
    assert assign_slots([group]) == assign_slots([shuffled])


def test_an_endpoint_cannot_stand_in_a_group_twice() -> None:
    with pytest.raises(ValueError, match="duplicate"):
        assign_slots([[EndpointAddress("10.0.0.1", 80)] * 2])
