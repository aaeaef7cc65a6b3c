"""Elements that are read over netlink are those that libnftables lists, whatever they are."""

from __future__ import annotations

from typing import Any

import pytest

from svcc.apply.held_elements import HeldElement, elements_of
from svcc.apply.kernel_elements import PlainElements, plain_elements
from svcc.apply.library import Library, open_library
from tests.kernel.namespace import NetworkNamespace

ADDRESSES = {"ip": ("ipv4_addr", "10.0.0.1", "203.0.113.255"), "ip6": ("ipv6_addr", "fd00::1", "::ffff:1.2.3.4")}
PLAIN = """
    chain c {{ }}
    map verdicts {{
        type inet_proto . {type} . inet_service : verdict
        elements = {{
            tcp . {one} . 80 comment "shop/web:http" : goto c, udp . {one} . 53 : jump c, sctp . {one} . 1 : drop,
            tcp . {other} . 65535 comment "é" : accept, udp . {other} . 0 : return
        }}
    }}
    map slots {{
        typeof {family} daddr . tcp dport . numgen random mod 70000 : {family} daddr . tcp dport
        elements = {{
            {one} . 80 . 0 : {one} . 8080, {one} . 80 . 258 : {other} . 65535, {other} . 1 . 66051 : {one} . 2
        }}
    }}
    set addresses {{ type {type}; elements = {{ {one}, {other} comment "other" }}; }}
    set ports {{ type inet_service; elements = {{ 80, 443 }}; }}
    set protocols {{ type inet_proto; elements = {{ tcp, udp }}; }}
    set empty {{ type {type}; flags interval; }}
    map numbers {{ type {type} : classid; elements = {{ {one} : 0:3, {other} : 1000:ffff }}; }}
    map picks {{ type classid : verdict; elements = {{ 0:3 : accept, none : drop, root : return }}; }}
"""
OTHERS = """
    set protocols {{ type inet_proto; elements = {{ icmp, 200 }}; }}
    set prefixes {{ type {type}; flags interval; elements = {{ {one}, {other} comment "other" }}; }}
    set concatenated {{ type inet_service . {type}; flags interval; elements = {{ 1-5 . {one} }}; }}
    map records {{
        type {type} : classid; size 100; flags dynamic,timeout; timeout 1h
        elements = {{ {one} : 0:1, {other} timeout 30m : 1:2 }}
    }}
    set counted {{ type inet_service; counter; elements = {{ 80 }}; }}
    set timed {{ type inet_service; flags timeout; elements = {{ 80, 443 timeout 1h }}; }}
    set marks {{ type mark; elements = {{ 5 }}; }}
"""


@pytest.fixture
def library(namespace: NetworkNamespace) -> Library:
    with namespace.entered():
        found = open_library()
    assert found is not None
    # Whatever the version here: it is right with all, and saves nothing with old ones.
    found._skips_elements = True
    return found


def tables(text: str) -> str:
    filled = (
        f"table {family} svcc {{{text.format(family=family, type=kind, one=one, other=other)}}}\n"
        for family, (kind, one, other) in ADDRESSES.items()
    )
    return "".join(filled)


def sets(listed: list[dict[str, Any]] | None) -> dict[str, dict[str, Any]]:
    assert listed is not None
    return {body["name"]: body for item in listed for kind, body in item.items() if kind in {"set", "map"}}


def elements(body: dict[str, Any], bits: int) -> list[HeldElement]:
    types = body["type"] if isinstance(body["type"], list) else [body["type"]]
    # Time goes on between two readings.
    found = (
        HeldElement(each.key, each.data, each.comment, each.timeout_seconds, None)
        for each in elements_of(body, tuple(types), bits)
    )
    return sorted(found, key=str)


@pytest.mark.parametrize("family", ADDRESSES)
@pytest.mark.parametrize(("text", "is_plain"), [(PLAIN, True), (OTHERS, False)])
def test_elements_are_those_that_are_listed(
    namespace: NetworkNamespace, library: Library, family: str, text: str, is_plain: bool
) -> None:
    with namespace.entered():
        library.run(tables(text))
        read, listed = sets(library.read_table(family, "svcc")), sets(library.list_table(family, "svcc"))
        assert read.keys() == listed.keys()
        for name, body in listed.items():
            bits = 32 if family == "ip" else 128
            assert elements(read[name], bits) == elements(body, bits), name
            if "elem" in body:
                assert isinstance(read[name]["elem"], PlainElements) is is_plain, name


def test_an_element_with_more_than_a_key_is_left_to_libnftables_whatever_its_set_is_like(
    namespace: NetworkNamespace, library: Library
) -> None:
    with namespace.entered():
        library.run(
            "table ip svcc { set s { type inet_service; flags timeout; elements = { 80, 81 timeout 1h }; }; }\n"
        )
        [body] = sets(library.list_table("ip", "svcc")).values()
        bare = {key: value for key, value in body.items() if key not in {"flags", "elem"}}
        assert plain_elements("ip", "svcc", bare) is None


def test_many_elements_are_all_read(namespace: NetworkNamespace, library: Library) -> None:
    with namespace.entered():
        ports = ", ".join(f'{port} comment "number {port}"' for port in range(20_000))
        library.run(f"table ip svcc {{ set s {{ type inet_service; elements = {{ {ports} }}; }}; }}\n")
        [body] = sets(library.read_table("ip", "svcc")).values()
        assert {(key[0], comment) for key, _, comment in body["elem"]} == {(n, f"number {n}") for n in range(20_000)}
        assert len(body["elem"]) == 20_000


def test_libraries_that_read_elements_in_any_case_list_them(namespace: NetworkNamespace, library: Library) -> None:
    library._skips_elements = False
    with namespace.entered():
        library.run(tables(PLAIN))
        read = library.read_table("ip", "svcc")
        assert read == library.list_table("ip", "svcc")
        assert not any(isinstance(body.get("elem"), PlainElements) for body in sets(read).values())


def test_a_table_or_set_that_is_not_there_is_none(namespace: NetworkNamespace, library: Library) -> None:
    with namespace.entered():
        assert library.read_table("ip", "svcc") is None
        with pytest.raises(FileNotFoundError):
            plain_elements("ip", "svcc", {"family": "ip", "table": "svcc", "name": "s", "type": "inet_service"})
