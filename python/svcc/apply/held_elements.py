"""Elements of a listing as svcc has them: keys and data as tuples, prefixes with their length, verdicts as values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import frozen

from svcc.addresses import canonical_address
from svcc.apply.kernel_elements import PlainElements
from svcc.nft.objects import Data, Key, Value
from svcc.nft.statements import Verdict

__all__ = ["FOREIGN_COMMENT", "HeldElement", "elements_of"]

FOREIGN_COMMENT: Final = "<with more than svcc writes>"
"""Stands for the comment of an element with something svcc never gives any, such as a counter: it is no element of
ours, and is written anew."""

_PROTOCOLS: Final = {6: "tcp", 17: "udp", 132: "sctp"}
"""What nft prints where there is no /etc/protocols, as in containers."""
_ELEMENT_KEYS: Final = frozenset({"val", "comment", "timeout", "expires"})


@frozen
class HeldElement:
    """An element: its key, its data if it is of a map, its comment, and the seconds it was given and has left."""

    key: Key
    data: Data | None
    comment: str = ""
    timeout_seconds: int | None = None
    seconds_left: int | None = None


def elements_of(
    listed: dict[str, Any], types: tuple[str, ...], bits: int, *, with_counters: bool = False
) -> Iterator[HeldElement]:
    """The elements of a set or map in a listing.

    Args:
        listed: the set or map in nft's JSON form.
        types: of the parts of its key.
        bits: the width of addresses; in sets of intervals a single address is a prefix of that length.
        with_counters: whether elements are meant to have one.
    """
    found = listed.get("elem", [])
    if isinstance(found, PlainElements):
        yield from (HeldElement(key, data, comment) for key, data, comment in found)
        return
    has_data = "map" in listed
    with_protocol = types[:1] == ("inet_proto",)
    suffix = f"/{bits}" if "interval" in _words(listed.get("flags")) and types and types[-1].startswith("ipv") else ""
    known = _ELEMENT_KEYS | {"counter"} if with_counters else _ELEMENT_KEYS
    verdicts: dict[str, Verdict] = {}
    for item in found if isinstance(found, list) else [found]:
        raw, data = item if has_data else (item, None)
        comment, timeout, left = "", None, None
        if isinstance(raw, dict) and "elem" in raw:
            body = raw["elem"]
            raw, timeout, left = body["val"], body.get("timeout"), body.get("expires")
            comment = body.get("comment", "") if body.keys() <= known else FOREIGN_COMMENT
        key = _parts(raw)
        if with_protocol and isinstance(key[0], int):
            key = (_PROTOCOLS.get(key[0], key[0]), *key[1:])
        if suffix and isinstance(last := key[-1], str) and not _is_range(last):
            key = (*key[:-1], last + suffix)
        yield HeldElement(key, _data(data, verdicts) if has_data else None, comment, timeout, left)


def _is_range(text: str) -> bool:
    return "/" in text or "-" in text or text == "*"


def _words(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _parts(raw: Any) -> tuple[Value, ...]:
    if isinstance(raw, dict) and "concat" in raw:
        return tuple([part if type(part) is int else _value(part) for part in raw["concat"]])
    return (_value(raw),)


def _value(raw: Any) -> Value:
    if isinstance(raw, str):
        # glibc writes IPv4-compatible addresses as "::1.2.3.4", which is not their canonical text.
        if raw.startswith("::") and "." in raw and not raw.startswith("::ffff:"):
            return canonical_address(raw) or raw
        return raw
    if isinstance(raw, dict):
        if "prefix" in raw:
            return f"{_value(raw['prefix']['addr'])}/{raw['prefix']['len']}"
        if "range" in raw:
            first, last = raw["range"]
            return f"{_value(first)}-{_value(last)}"
    return raw if isinstance(raw, int) else str(raw)


def _data(raw: Any, verdicts: dict[str, Verdict]) -> Data:
    if isinstance(raw, dict) and "concat" not in raw:
        [(kind, body)] = raw.items()
        target = body["target"] if body else None
        name = f"{kind} {target}"
        if name not in verdicts:
            verdicts[name] = Verdict(kind, target)
        return verdicts[name]
    return _parts(raw)
