"""Packets as people and programs write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc import InputError, Protocol
from svcc.report.trace import packet_text
from svcc.trace.notation import packet_from_json, packet_from_text
from svcc.trace.packet import Packet


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("tcp 10.0.0.2:40000 > 10.96.0.1:80", Packet(Protocol.TCP, "10.0.0.2", "10.96.0.1", 40000, 80)),
        ("UDP 10.0.0.2 -> 10.96.0.1:53", Packet(Protocol.UDP, "10.0.0.2", "10.96.0.1", None, 53)),
        (" sctp  010.0.0.2>10.96.0.1:80 ", Packet(Protocol.SCTP, "10.0.0.2", "10.96.0.1", None, 80)),
        ("tcp [fd00::2]:4 > [FD00:96::0a]:80", Packet(Protocol.TCP, "fd00::2", "fd00:96::a", 4, 80)),
        ("tcp fd00::2 → [fd00:96::a]:80", Packet(Protocol.TCP, "fd00::2", "fd00:96::a", None, 80)),
        ("icmp 10.0.0.2 > 10.96.0.1", Packet(1, "10.0.0.2", "10.96.0.1")),
        ("ICMP fd00::2 > [fd00:96::a]", Packet(58, "fd00::2", "fd00:96::a")),
        ("tcp [fd00::2] > [fd00:96::a]:80", Packet(Protocol.TCP, "fd00::2", "fd00:96::a", None, 80)),
    ],
)
def test_a_packet_is_read_as_people_write_it(text: str, packet: Packet) -> None:
    assert packet_from_text(text) == packet


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is not a protocol, a source, > and a destination"),
        ("tcp", "it is not a protocol"),
        ("tcp 10.0.0.2 10.96.0.1:80", "it is not a protocol"),
        ("tcp 10.0.0.2 > 10.96.0.1 > 10.96.0.1:80", "it is not a protocol"),
        ("gre 10.0.0.2 > 10.96.0.1:80", 'the protocol "gre" is none of tcp, udp, sctp, icmp'),
        ("icmp 10.0.0.2 > 10.96.0.1:80", "icmp has no ports"),
        ("tcp 10.0.0.2 > 10.96.0.1", "the destination needs a port"),
        ("tcp fd00::2 > fd00::1", "the destination needs a port"),
        ("tcp 10.0.0.256 > 10.96.0.1:80", 'the source "10.0.0.256" is no IP address'),
        ("tcp 10.0.0.2 > web:80", 'the destination "web" is no IP address'),
        ("tcp 10.0.0.2 > 10.96.0.1:0", "the port of the destination is not a number from 1 to 65535"),
        ("tcp 10.0.0.2 > 10.96.0.1:65536", "the port of the destination is not a number from 1 to 65535"),
        ("tcp 10.0.0.2:x > 10.96.0.1:80", 'the port "x" of the source is not a number from 1 to 65535'),
        ("tcp 10.0.0.2 > 10.96.0.1:٨٠", "is not a number from 1 to 65535"),
        ("tcp 10.0.0.2 > [fd00::1]:80", "10.0.0.2 and fd00::1 are of different families"),
        ("tcp 10.0.0.2 > svc/web:80", "Services can be named only where there are manifests"),
        ("tcp \x1b[31m > 10.96.0.1:80", "\\u001b[31m"),
    ],
)
def test_what_is_no_packet_is_told_why(text: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        packet_from_text(text)
    assert words in raised.value.message
    assert raised.value.message.isprintable()
    assert raised.value.hint


def test_a_service_is_a_destination_where_somebody_knows_it() -> None:
    asked: list[tuple[str, str, str]] = []

    def resolve(target: str, family: str, protocol: str) -> tuple[str, int]:
        asked.append((target, family, protocol))
        return "10.96.0.9", 81

    packet = packet_from_text("tcp 10.0.0.2 > svc/web.shop:http", resolve=resolve)
    assert (packet.destination, packet.destination_port) == ("10.96.0.9", 81)
    assert asked == [("web.shop:http", "IPv4", "TCP")]


addresses = st.one_of(st.ip_addresses(v=4).map(str), st.just("fd00::2"), st.just("2001:db8::1:0:0:1"))
ports = st.integers(1, 65535)


@given(
    protocol=st.sampled_from(list(Protocol)),
    ends=st.tuples(addresses, addresses).filter(lambda ends: (":" in ends[0]) == (":" in ends[1])),
    source_port=st.none() | ports,
    destination_port=ports,
)
def test_what_is_printed_is_read_again(
    protocol: Protocol, ends: tuple[str, str], source_port: int | None, destination_port: int
) -> None:
    packet = Packet(protocol, *ends, source_port, destination_port)
    assert packet_from_text(packet_text(packet)) == packet


LINE = {"protocol": "TCP", "source": "10.0.0.2", "destination": "10.96.0.1", "destination_port": 80}


def read(**changes: Any) -> Packet:
    return packet_from_json(json.dumps({**LINE, **changes}))


def test_a_line_of_json_is_a_packet() -> None:
    assert read() == Packet(Protocol.TCP, "10.0.0.2", "10.96.0.1", None, 80)
    everything = read(source_port=4, hook="prerouting", interface="eth0", mark=7)
    assert everything == Packet(Protocol.TCP, "10.0.0.2", "10.96.0.1", 4, 80, "prerouting", "eth0", None, 7)
    assert read(hook="output").hook == "output"
    assert packet_from_json('{"protocol": "ICMP", "source": "10.0.0.2", "destination": "10.96.0.1"}').protocol == 1
    assert read(source_port=None, hook=None, interface=None, mark=None) == read()


def test_what_a_line_does_not_say_is_what_the_options_say() -> None:
    packet = packet_from_json(json.dumps(LINE), interface="eth0", mark=7)
    assert (packet.input_interface, packet.mark) == ("eth0", 7)
    assert packet_from_json(json.dumps(LINE), hook="output").hook == "output"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": "GRE"}, "none of tcp, udp, sctp"),
        ({"protocol": "ICMP"}, "icmp has no ports"),
        ({"interface": "eth 0"}, "is not an interface name"),
        ({"interface": "a" * 16}, "is not an interface name"),
        ({"protocol": 6}, "protocol is not a string"),
        ({"source": "x"}, "is no IP address"),
        ({"source": None}, "source missing"),
        ({"destination": 10}, "destination is not a string"),
        ({"destination_port": "80"}, "destination_port is not a number from 1 to 65535"),
        ({"destination_port": True}, "destination_port is not a number from 1 to 65535"),
        ({"destination_port": 0}, "destination_port is not a number from 1 to 65535"),
        ({"source_port": 70000}, "source_port is not a number from 1 to 65535"),
        ({"hook": "input"}, 'the hook "input" is none of prerouting, output'),
        ({"hook": "output", "interface": "eth0"}, "comes in by no interface"),
        ({"mark": -1}, "number of 32 bits"),
        ({"mark": True}, "mark is not a number"),
        ({"sourceport": 1}, "unknown sourceport; known are"),
        ({"destination": "fd00::1"}, "of different families"),
    ],
)
def test_a_line_that_is_no_packet_is_told_why(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(**changes)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "nested too deeply|not JSON"),
        ("9" * 5000, "not a JSON object|it is not JSON|digits"),
        ('{"protocol": "TCP", "protocol": "UDP"}', "protocol given twice"),
    ],
)
def test_a_line_that_is_no_json_object_is_told_so(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        packet_from_json(line)
