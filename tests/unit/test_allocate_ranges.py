"""The ranges that numbers are taken from, and their bands (KEP-3070, KEP-3668)."""

from __future__ import annotations

import ipaddress

import pytest

from svcc.addresses import IPFamily
from svcc.allocation.contract import Band
from svcc.allocation.ranges import address_number, address_range, address_text, node_port_range, service_cidr_flaw
from svcc.errors import SettingsError

BANDS = [
    ("10.96.0.0/12", "10.96.0.1", "10.96.1.0", "10.96.1.1", "10.111.255.254"),
    ("192.168.0.0/22", "192.168.0.1", "192.168.0.64", "192.168.0.65", "192.168.3.254"),
    ("10.0.0.0/24", "10.0.0.1", "10.0.0.16", "10.0.0.17", "10.0.0.254"),
    ("192.168.0.0/26", "192.168.0.1", "192.168.0.16", "192.168.0.17", "192.168.0.62"),
    ("10.0.0.0/27", "10.0.0.1", "10.0.0.16", "10.0.0.17", "10.0.0.30"),
    ("10.0.0.0/28", None, None, "10.0.0.1", "10.0.0.14"),
    ("10.0.0.0/30", None, None, "10.0.0.1", "10.0.0.2"),
    ("10.0.0.0/31", None, None, None, None),
    ("10.0.0.0/32", None, None, None, None),
    ("fd00:96::/112", "fd00:96::1", "fd00:96::100", "fd00:96::101", "fd00:96::ffff"),
    ("fd00:96::/64", "fd00:96::1", "fd00:96::100", "fd00:96::101", "fd00:96::ffff:ffff:ffff:ffff"),
    ("fd00:96::/122", "fd00:96::1", "fd00:96::10", "fd00:96::11", "fd00:96::3f"),
    ("fd00:96::/124", None, None, "fd00:96::1", "fd00:96::f"),
    ("fd00:96::/128", None, None, None, None),
]


@pytest.mark.parametrize(("prefix", "static_first", "static_last", "first", "last"), BANDS)
def test_the_bands_of_a_service_cidr_are_those_of_the_server(
    prefix: str, static_first: str | None, static_last: str | None, first: str | None, last: str | None
) -> None:
    found = address_range(prefix)
    for band, ends in ((Band.STATIC, (static_first, static_last)), (Band.DYNAMIC, (first, last))):
        if ends[0] is None:
            assert found.size(band) == 0
        else:
            assert tuple(map(found.text, found.limits(band))) == ends
    assert found.size(Band.ALL) == found.size(Band.STATIC) + found.size(Band.DYNAMIC)


@pytest.mark.parametrize(
    ("text", "static", "dynamic"),
    [
        ("30000-32767", (30000, 30085), (30086, 32767)),
        ("20000-32767", (20000, 20127), (20128, 32767)),
        ("32567-32767", (32567, 32582), (32583, 32767)),
        ("30000+2767", (30000, 30085), (30086, 32767)),
        ("30000-30015", None, (30000, 30015)),
        ("30000-30016", (30000, 30015), (30016, 30016)),
        ("30080", None, (30080, 30080)),
        ("1-65535", (1, 128), (129, 65535)),
    ],
)
def test_the_bands_of_the_node_ports_are_those_of_the_server(
    text: str, static: tuple[int, int] | None, dynamic: tuple[int, int]
) -> None:
    found = node_port_range(text)
    assert found.limits(Band.DYNAMIC) == dynamic
    if static is None:
        assert found.size(Band.STATIC) == 0
    else:
        assert found.limits(Band.STATIC) == static


@pytest.mark.parametrize("band", [Band.STATIC, Band.DYNAMIC])
def test_a_number_is_in_the_band_that_has_it(band: Band) -> None:
    found = node_port_range("30000-32767")
    assert {found.band_of(number) for number in found.limits(band)} == {band}


@pytest.mark.parametrize(
    "text", ["", "0-100", "30000-29999", "30000-65536", "30000+65535", "a-b", "1-2-3", "-5", "30000 - 32767", "٣٠٠٠٠"]
)
def test_what_is_no_range_of_ports_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="range of node ports"):
        node_port_range(text)


@pytest.mark.parametrize(
    ("prefix", "flaw"),
    [
        ("10.96.0.0/12", None),
        ("fd00::/64", None),
        ("fd00::/63", "shortest allowed prefix length for service CIDR is 64, got 63"),
        ("10.96.0.0", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
        ("web", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
    ],
)
def test_a_service_cidr_is_judged_as_the_server_judges_it(prefix: str, flaw: str | None) -> None:
    assert service_cidr_flaw(prefix) == flaw


@pytest.mark.parametrize("address", ["0.0.0.1", "10.96.0.1", "255.255.255.255", "::1", "::102:304", "fd00::1", "::"])
def test_an_address_becomes_a_number_and_the_same_address_again(address: str) -> None:
    family = IPFamily.IPV6 if ":" in address else IPFamily.IPV4
    assert address_number(address) == int(ipaddress.ip_address(address))
    assert address_text(family, address_number(address)) == address
