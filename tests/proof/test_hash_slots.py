"""Slots of hashed tables: whether a known client can reach one with any of its ports is found out, not left open."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import pytest

from svcc.auditing.proof import prove
from svcc.kernel_hash import nft_hashes
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from svcc.nft.text import table_text
from svcc.trace.evaluator import Evaluator
from tests.declare import NODE, compiled, remote, slices


def slots_of_a_client(size: int) -> dict[int, list[int]]:
    """The source ports of a client outside by the slots of a table of flows that they lead to."""
    client = bytes([203, 0, 113, 5])
    found: dict[int, list[int]] = {slot: [] for slot in range(size)}
    keys = [client + port.to_bytes(2, "big") + bytes(2) for port in range(65_536)]
    for port, slot in enumerate(nft_hashes(keys, modulus=size, seed=0x73766363)):
        found[slot].append(port)
    return found


@pytest.mark.parametrize("ports", ["of clients", "odd", "none"])
def test_all_source_ports_are_tried_for_a_slot_of_a_hash(ports: str) -> None:
    size = 16_381
    slots = slots_of_a_client(size)
    wanted: Callable[[Collection[int]], bool] = {
        "of clients": lambda found: any(40_000 <= port < 56_000 for port in found),
        "odd": lambda found: bool(found) and not any(40_000 <= port < 57_000 for port in found),
        "none": lambda found: not found,
    }[ports]
    slot = next(slot for slot, found in slots.items() if wanted(found))
    web = Service(
        "web",
        type="LoadBalancer",
        cluster_ips=["10.96.0.10"],
        ports=[ServicePort(80, "http")],
        load_balancer_ingress=[LoadBalancerIngress("198.51.100.1")],
        load_balancer_source_ranges=["203.0.113.5/32"],
        annotations={
            "svcc.dev/load-balancing": "maglev",
            "svcc.dev/hash-key": "flow",
            "svcc.dev/table-size": str(size),
        },
    )
    made = compiled(web, slices("web", [remote(f"10.244.1.1{number}") for number in range(3)]))
    text = "".join(piece for table in made.ruleset.tables for piece in table_text(table))
    element = re.compile(rf"(198\.51\.100\.1 \. 80 \. {slot} : )[\d.]+ \.")
    found, changes = element.subn(r"\g<1>10.244.1.99 .", text)
    assert changes == 1
    comparison = prove(
        Evaluator(found, local_addresses=[each.address for each in NODE.addresses]),
        made.dataplane,
        local_addresses_complete=False,
    )
    assert comparison.unattainable == ()
    assert comparison.is_equal == (not slots[slot])
    assert all(each.packet.source_port in slots[slot] for each in comparison.differences)
    assert {each.packet.destination for each in comparison.differences} <= {"198.51.100.1"}
