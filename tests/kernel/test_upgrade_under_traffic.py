"""Upgrades in place under traffic: no packet meets a table that does not serve it, or serves it otherwise."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from attrs import evolve

from svcc.apply.installer import Installer
from svcc.apply.nft import Nft, open_nft
from svcc.apply.steps import NOTHING
from svcc.compiler.compilation import Compilation
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import EndpointPort
from svcc.model.service import ServicePort
from svcc.nft.expressions import Constant, Payload
from svcc.nft.objects import Rule, Ruleset
from svcc.nft.statements import Match, Verdict
from svcc.nft.transaction import transaction
from tests.declare import compiled, remote, service, slices
from tests.earlier import with_verdicts
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.topology import Topology

pytestmark = pytest.mark.kernel

ROUNDS = 8
SERVICES = 20
BEFORE_SECONDS = 0.02
PADDING = 2000
"""Rules in front of the jump to `services`, so that packets are often under way there while a transaction commits."""
STEADY = "198.51.100.254"
"""A client that has one connection to each Service, all the time."""
OWN_ENDPOINTS = ", ".join(f"10.96.0.{number} . 10.244.{number}.0/24" for number in range(1, SERVICES + 1))
WATCH = f"""table ip watch {{
    set own-endpoints {{
        type ipv4_addr . ipv4_addr; flags interval
        elements = {{ {OWN_ENDPOINTS} }}
    }}
    chain arrived {{
        type filter hook prerouting priority -400;
        ip saddr {STEADY} ip daddr 10.96.0.0/16 counter comment "steady arrived"
        ip saddr != {STEADY} ip daddr 10.96.0.0/16 counter comment "first arrived"
    }}
    chain forwarded {{
        type filter hook forward priority -200;
        ip saddr {STEADY} ct original ip daddr . ip daddr @own-endpoints counter comment "steady delivered"
        ip saddr != {STEADY} ct original ip daddr . ip daddr @own-endpoints counter comment "first delivered"
    }}
}}
"""
"""Counts each packet where it comes in, and again if it leaves to an endpoint of the Service that it was sent to."""
THIEF = """table ip thief {{
    chain prerouting {{
        type {hook}
        ip daddr {daddr} limit rate 1/day burst 1 packets counter {what}
    }}
}}
"""


@pytest.fixture
def topology() -> Iterator[Topology]:
    made = Topology(
        {"outside": "eth0", "pod": "cni0"},
        {"outside": ["192.168.0.10"], "pod": ["10.244.0.1"]},
        ["10.244.0.0/16"],
        route_localnet=False,
    )
    yield made
    made.close()


def udp(source: bytes, port: int, destination: bytes) -> bytes:
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 32, 0, 0, 64, 17, 0, source, destination)
    # Without a checksum, as UDP over IPv4 may be (RFC 768).
    return header + struct.pack(">HHHH", port, 80, 12, 0) + b"ping"


@contextmanager
def traffic(namespace: NetworkNamespace, numbers: Iterator[int]) -> Iterator[None]:
    """UDP packets to all Services without end, most of them from another address and port each, by their numbers.

    A number that came again soon would be a packet of a connection that conntrack still has.
    """
    with namespace.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    over, steady = threading.Event(), socket.inet_aton(STEADY)

    def send() -> None:
        while not over.is_set():
            for number in itertools.islice(numbers, 100):
                source = bytes((198, 51, 100, 1 + number // 50_000 % 250))
                destination = bytes((10, 96, 0, 1 + number % SERVICES))
                sender.sendto(udp(source, 10_000 + number % 50_000, destination), (socket.inet_ntoa(destination), 0))
                if number % 5 == 0:
                    destination = bytes((10, 96, 0, 1 + number // 5 % SERVICES))
                    sender.sendto(udp(steady, 9_000, destination), (socket.inet_ntoa(destination), 0))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sender.close()


def counted(node: NetworkNamespace) -> dict[str, int]:
    listed = json.loads(node.run("nft", "-j", "list", "table", "ip", "watch").stdout)["nftables"]
    rules = [item["rule"] for item in listed if "rule" in item]
    return {rule["comment"]: each["counter"]["packets"] for rule in rules for each in rule["expr"] if "counter" in each}


def padded(ruleset: Ruleset) -> Ruleset:
    """A ruleset whose packets take long to get to `services`."""
    nobody = Rule((Match(Payload("ip", "daddr"), Constant("192.0.2.1")), Verdict("return")))
    tables = []
    for table in ruleset.tables:
        chains = (
            evolve(chain, rules=(nobody,) * PADDING + chain.rules)
            if table.family == "ip" and chain.name == "nat-prerouting"
            else chain
            for chain in table.chains
        )
        tables.append(evolve(table, chains=tuple(chains)))
    return Ruleset(tuple(tables))


Upgrade = Callable[[Nft, Ruleset, Compilation], None]


def upgraded(nft: Nft, _older: Ruleset, wanted: Compilation) -> None:
    """As svcc does it."""
    installer = Installer(nft, keep_scripts=None)
    applied = installer.synchronize(wanted.ruleset, wanted.dataplane)
    assert [step.commands[0].table.name for step in applied.transactions] == ["svcc"]
    while (wait := installer.seconds_until_tidy) is not None:
        time.sleep(wait)
        installer.tidy()
    assert not installer.synchronize(wanted.ruleset, wanted.dataplane)


def in_two_transactions(nft: Nft, older: Ruleset, wanted: Compilation) -> None:
    """Between them nobody serves."""
    nft.run(transaction(older, NOTHING).script)
    nft.run(transaction(NOTHING, wanted.ruleset).script)


def with_a_thief(hook: str, daddr: str, what: str) -> Upgrade:
    """As svcc does it, but one packet is lost or goes elsewhere."""

    def upgrade(nft: Nft, older: Ruleset, wanted: Compilation) -> None:
        nft.run(THIEF.format(hook=hook, daddr=daddr, what=what))
        upgraded(nft, older, wanted)
        nft.run("delete table ip thief")

    return upgrade


def lost(topology: Topology, upgrade: Upgrade, rounds: int = ROUNDS) -> dict[str, int]:
    """How many packets were lost while tables of before there were numbers were upgraded, and how many there were."""
    node = topology.node
    node.run("sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=1")
    assert node.run("nft", "-f", "-", text=WATCH).returncode == 0
    declared: list[ClusterObject] = []
    for number in range(1, SERVICES + 1):
        endpoints = [remote(f"10.244.{number}.{each}") for each in range(1, 2 + number % 3)]
        declared.append(service(f"web-{number}", [f"10.96.0.{number}"], ServicePort(80, "dns", protocol="UDP")))
        declared += slices(f"web-{number}", endpoints, EndpointPort(53, "dns", "UDP"))
    wanted = compiled(declared)
    older = padded(with_verdicts(wanted.ruleset))
    numbers = itertools.count(1)
    with node.entered():
        nft = open_nft()
        for _ in range(rounds):
            nft.run(transaction(NOTHING, older).script)
            with traffic(topology.far["outside"], numbers):
                time.sleep(BEFORE_SECONDS)
                upgrade(nft, older, wanted)
            nft.run(transaction(wanted.ruleset, NOTHING).script)
        nft.close()
    found = counted(node)
    return {
        "first": found["first arrived"] - found["first delivered"],
        "steady": found["steady arrived"] - found["steady delivered"],
        "of all": found["first arrived"] + found["steady arrived"],
    }


def test_a_table_of_before_there_were_numbers_is_upgraded_in_one_transaction_without_losing_a_packet(
    topology: Topology,
) -> None:
    found = lost(topology, upgraded)
    assert found["of all"] > 100 * ROUNDS
    assert (found["first"], found["steady"]) == (0, 0)


def test_an_upgrade_that_serves_nobody_for_a_moment_is_seen_to_lose_packets(topology: Topology) -> None:
    """Otherwise the test above would prove nothing."""
    found = lost(topology, in_two_transactions)
    assert found["first"] > 0, found
    assert found["steady"] > 0, found


@pytest.mark.parametrize(
    ("thief", "packets"),
    [
        (with_a_thief("filter hook prerouting priority -50;", f"10.244.0.0/16 ip saddr != {STEADY}", "drop"), "first"),
        (with_a_thief("filter hook prerouting priority -50;", f"10.244.0.0/16 ip saddr {STEADY}", "drop"), "steady"),
        (
            with_a_thief("nat hook prerouting priority -101;", f"10.96.0.7 ip saddr != {STEADY}", "dnat to 10.244.8.1"),
            "first",
        ),
    ],
    ids=["a first packet is dropped", "a packet of a connection is dropped", "a first packet goes to another Service"],
)
def test_a_single_packet_that_an_upgrade_loses_is_seen(topology: Topology, thief: Upgrade, packets: str) -> None:
    found = lost(topology, thief, rounds=2)
    assert found[packets] == 2, found
    assert found["first"] + found["steady"] == 2, found
