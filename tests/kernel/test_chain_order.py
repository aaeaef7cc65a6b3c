"""Which of several base chains of one priority packets meet first, and what of it a listing tells."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from svcc.model.service import Protocol
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet
from tests.kernel.namespace import NetworkNamespace

pytestmark = pytest.mark.kernel

SEND = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))"
PACKET = Packet(Protocol.UDP, "127.0.0.1", "127.0.0.1", 40000, 9, hook="output")


@pytest.fixture
def namespace() -> Iterator[NetworkNamespace]:
    made = NetworkNamespace()
    assert made.run("ip", "link", "set", "lo", "up").returncode == 0
    yield made
    made.close()


def nft(namespace: NetworkNamespace, script: str) -> None:
    result = namespace.run("nft", "-f", "-", text=script)
    assert result.returncode == 0, result.stderr


def new(*tables: str) -> str:
    return "".join(f"add table {table}\n" for table in tables)


def chain(table: str, name: str, mark: int) -> str:
    """A chain that marks what nobody marked before it."""
    return (
        f"add chain {table} {name} {{ type filter hook output priority 0; }}\n"
        f"add rule {table} {name} meta mark 0 meta mark set {mark} counter\n"
    )


def counted(namespace: NetworkNamespace) -> tuple[str, dict[str, int]]:
    """The listing, and how many packets each chain has marked."""
    listed = namespace.run("nft", "-j", "list", "ruleset").stdout
    rules = [each["rule"] for each in json.loads(listed)["nftables"] if "rule" in each]
    return listed, {
        f"{rule['family']} {rule['table']} {rule['chain']}": expression["counter"]["packets"]
        for rule in rules
        for expression in rule["expr"]
        if "counter" in expression
    }


def first(namespace: NetworkNamespace) -> tuple[str, Outcome]:
    """The chain that a packet meets first, and what the evaluator says of the packet."""
    _, before = counted(namespace)
    assert namespace.run("python3", "-c", SEND).returncode == 0
    listed, after = counted(namespace)
    [met] = [name for name, packets in after.items() if packets > before[name]]
    [outcome] = Evaluator(listed, local_addresses=[]).evaluate(PACKET).outcomes
    return met, outcome


def test_of_two_tables_the_chain_that_was_registered_last_is_first(namespace: NetworkNamespace) -> None:
    nft(namespace, new("ip old", "inet new") + chain("ip old", "c", 1) + chain("inet new", "c", 2))
    assert first(namespace)[0] == "inet new c"


def test_no_listing_tells_of_two_tables_whose_chain_was_registered_last(namespace: NetworkNamespace) -> None:
    nft(namespace, new("ip old", "inet new") + chain("ip old", "c", 1) + chain("inet new", "c", 2))
    nft(namespace, "delete chain ip old c\n" + chain("ip old", "c", 1))
    met, outcome = first(namespace)
    # The handle of the table is still the smaller one, and handles of chains count within a table.
    assert met == "ip old c"
    assert outcome.mark is None
    nft(namespace, "add table inet new { flags dormant; }\n")
    nft(namespace, "add table inet new\n")
    met, outcome = first(namespace)
    assert met == "inet new c"
    assert outcome.mark is None


def test_of_one_table_the_chain_with_the_greatest_handle_is_first(namespace: NetworkNamespace) -> None:
    nft(namespace, new("ip one") + chain("ip one", "early", 1) + chain("ip one", "late", 2))
    met, outcome = first(namespace)
    assert (met, outcome.mark) == ("ip one late", 2)


def test_of_one_table_a_chain_that_was_made_again_has_the_greatest_handle(namespace: NetworkNamespace) -> None:
    nft(namespace, new("ip one") + chain("ip one", "early", 1) + chain("ip one", "late", 2))
    nft(namespace, "delete chain ip one early\n" + chain("ip one", "early", 1))
    met, outcome = first(namespace)
    assert (met, outcome.mark) == ("ip one early", 1)


def test_of_one_table_that_was_dormant_the_order_is_kept(namespace: NetworkNamespace) -> None:
    nft(namespace, new("ip one") + chain("ip one", "early", 1) + chain("ip one", "late", 2))
    nft(namespace, "add table ip one { flags dormant; }\n")
    nft(namespace, "add table ip one\n")
    met, outcome = first(namespace)
    assert (met, outcome.mark) == ("ip one late", 2)


def test_of_one_table_made_dormant_the_order_is_that_in_which_chains_were_made(namespace: NetworkNamespace) -> None:
    nft(namespace, "add table ip one { flags dormant; }\n" + chain("ip one", "early", 1))
    nft(namespace, chain("ip one", "late", 2))
    nft(namespace, "add table ip one\n")
    met, outcome = first(namespace)
    assert (met, outcome.mark) == ("ip one late", 2)
