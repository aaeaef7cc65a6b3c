"""Entries of conntrack as bytes, offline: read the same however the kernel writes them."""

from __future__ import annotations

import ipaddress
import random
import socket
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svcc.addresses import IPFamily
from svcc.netlink import NESTED, attribute, attributes, messages, netfilter_header
from svcc.node.udp_entries import Wire
from svcc.select import EndpointAddress

FAMILIES = {IPFamily.IPV4: socket.AF_INET, IPFamily.IPV6: socket.AF_INET6}
PORTS = st.integers(0, 0xFFFF)


def direction(
    kind: int, source: EndpointAddress, destination: EndpointAddress, *, protocol: int, shuffle: random.Random | None
) -> bytes:
    ip4 = ":" not in source.address
    number = socket.AF_INET if ip4 else socket.AF_INET6
    addresses = [
        attribute(1 if ip4 else 3, socket.inet_pton(number, source.address)),
        attribute(2 if ip4 else 4, socket.inet_pton(number, destination.address)),
    ]
    ports = [
        attribute(1, bytes([protocol])),
        attribute(2, struct.pack("!H", source.port)),
        attribute(3, struct.pack("!H", destination.port)),
    ]
    if shuffle:
        shuffle.shuffle(addresses)
        shuffle.shuffle(ports)
    parts = [attribute(1 | NESTED, b"".join(addresses)), attribute(2 | NESTED, b"".join(ports))]
    if shuffle:
        parts.append(attribute(3, b"\0\0"))
        shuffle.shuffle(parts)
    return attribute(kind | NESTED, b"".join(parts))


def entry(
    family: IPFamily,
    *places: EndpointAddress,
    protocol: int = socket.IPPROTO_UDP,
    shuffle: random.Random | None = None,
) -> bytes:
    client, destination, endpoint, reply = places
    parts = [
        direction(1, client, destination, protocol=protocol, shuffle=shuffle),
        direction(2, endpoint, reply, protocol=protocol, shuffle=shuffle),
        attribute(12, b"\x01\x02\x03\x04"),
        attribute(99, b"unknown"),
    ]
    if shuffle:
        shuffle.shuffle(parts)
    return netfilter_header(FAMILIES[family]) + b"".join(parts)


def addresses(family: IPFamily) -> st.SearchStrategy[EndpointAddress]:
    made = (st.ip_addresses(v=4) if family is IPFamily.IPV4 else st.ip_addresses(v=6)).map(
        lambda address: socket.inet_ntop(FAMILIES[family], address.packed)
    )
    return st.builds(EndpointAddress, made, PORTS)


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data(), shuffle=st.none() | st.randoms(use_true_random=False))
def test_an_entry_is_read_in_whatever_order_it_is_written(
    family: IPFamily, data: st.DataObject, shuffle: random.Random | None
) -> None:
    places = [data.draw(addresses(family)) for _ in range(4)]
    message = entry(family, *places, shuffle=shuffle)
    wire = Wire(family)
    found = wire.places(message)
    assert found is not None
    assert (wire.entry(found).destination, wire.entry(found).reply_source) == (places[1], places[2])
    deletion = wire.deletion(message)
    assert deletion is not None
    named = attributes(deletion, 4)
    assert named == {1: attributes(message, 4)[1], 12: b"\x01\x02\x03\x04"}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", [socket.IPPROTO_TCP, socket.IPPROTO_SCTP, socket.IPPROTO_ICMP])
@pytest.mark.parametrize("shuffle", [None, random.Random(1)], ids=["in order", "shuffled"])
def test_other_protocols_are_not_read(family: IPFamily, protocol: int, shuffle: random.Random | None) -> None:
    place = EndpointAddress("::1" if family is IPFamily.IPV6 else "127.0.0.1", 53)
    assert Wire(family).places(entry(family, *[place] * 4, protocol=protocol, shuffle=shuffle)) is None


def test_the_other_family_is_not_read() -> None:
    place = EndpointAddress("127.0.0.1", 53)
    for shuffle in (None, random.Random(1)):
        assert Wire(IPFamily.IPV6).places(entry(IPFamily.IPV4, *[place] * 4, shuffle=shuffle)) is None


def test_a_deletion_always_names_its_entry() -> None:
    # The kernel takes a deletion that names nothing for one of everything.
    place = EndpointAddress("127.0.0.1", 53)
    whole = entry(IPFamily.IPV4, *[place] * 4)
    wire = Wire(IPFamily.IPV4)
    for missing in (1, 2, 12):
        parts = {kind: value for kind, value in attributes(whole, 4).items() if kind != missing}
        message = whole[:4] + b"".join(attribute(kind, value) for kind, value in parts.items())
        with pytest.raises(KeyError):
            wire.deletion(message)


@pytest.mark.parametrize("family", FAMILIES)
@given(junk=st.binary(max_size=300))
@example(b"\x02\0\0\0")
def test_anything_else_is_nothing(family: IPFamily, junk: bytes) -> None:
    assert Wire(family).places(bytes([FAMILIES[family]]) + junk) is None


@given(junk=st.binary(max_size=200))
def test_attributes_and_messages_end_where_they_make_no_sense(junk: bytes) -> None:
    assert all(len(value) <= len(junk) for value in attributes(junk).values())
    assert all(len(body) <= len(junk) for _, _, body in messages(junk))


def test_an_ipv4_address_inside_ipv6_keeps_its_canonical_text() -> None:
    wire = Wire(IPFamily.IPV6)
    place = EndpointAddress("64:ff9b::102:304", 53)
    found = wire.places(entry(IPFamily.IPV6, *[place] * 4))
    assert found is not None
    assert wire.entry(found).destination == place
    assert ipaddress.ip_address(wire.entry(found).destination.address) == ipaddress.ip_address(place.address)
