"""Mutations of words: an address, a port, a mask, a mark, an operator of a rule or of an element."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from itertools import chain

from attrs import frozen

_COMMENT = re.compile(r'\s*comment "[^"]*"')
ADDRESS = re.compile(
    r"(?<![\w./:-])((?:\d+\.){3}\d+(?=[\s/,}:]|$)|[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*(?=[\s/,}\]]|$))(?:/(\d+)(?![\w.:/-]))?"
)
"""An address, or a prefix; chains may have an endpoint's address and port in their names."""
_PORT = re.compile(r"(?:(?<=port )|(?<= \. )|(?<=\d:)|(?<=\]:))(\d{1,5})(?=[\s,}]|$)")
_MARK = re.compile(r"(?<!seed )0x[0-9a-f]+\b")
_MODULUS = re.compile(r"(?<=mod )\d+")
_SEED = re.compile(r"(?<=seed )0x[0-9a-f]+")
_OFFSET = re.compile(r"(?<=offset )\d+")
_EXCHANGES = (
    ("a verdict", r"\bdrop\b", ("accept", "continue", "reject", "return")),
    ("a verdict", r"\baccept\b", ("drop",)),
    ("a verdict", r"\breturn\b", ("accept", "drop", "continue")),
    ("a verdict", r"\breject( with \S+ type \S+)?(?=\s|$)", ("drop", "accept")),
    ("a jump", r"\bgoto(?= )", ("jump",)),
    ("a jump", r"\bjump(?= )", ("goto",)),
    ("a negation", r"!= ", ("",)),
    ("an operator", r"\| (?=0x)|\bor (?=0x)", ("& ", "^ ")),
    ("an operator", r"\^ (?=0x)|\bxor (?=0x)", ("| ", "& ")),
    ("an operator", r"== ", ("!= ", "< ")),
    ("a field", r"\bsaddr\b", ("daddr",)),
    ("a field", r"\bdaddr\b", ("saddr",)),
    ("a field", r"\bdport\b", ("sport",)),
    ("a protocol", r"\btcp(?= \.|$| dport| dnat)", ("udp",)),
    ("a protocol", r"(?<=l4proto )tcp\b|\. tcp(?=$| )", ("udp",)),
    ("a protocol", r"\budp(?= \.|$| dport| dnat)", ("tcp",)),
    ("a state", r"(?<=ct state )new\b", ("established", "related")),
    ("a state", r"(?<=ct status )dnat\b", ("snat",)),
    ("a way to draw", r"\bnumgen random\b", ("numgen inc",)),
    ("a kind of address", r"(?<=type )local\b", ("unicast",)),
    ("a masquerade", r"\bmasquerade( fully-random)?", ("accept", "snat to 192.0.2.77")),
)


@frozen
class Change:
    """A text changed; `what` is its kind, `words` are what became of what."""

    what: str
    words: str
    text: str


def changed_words(text: str) -> Iterator[Change]:
    """The text with a single word changed, in every way there is; comments are left alone."""
    comments = [match.span() for match in _COMMENT.finditer(text)]
    for match, what, new in chain(_changed_places(text), _changed_numbers(text), _exchanged_words(text)):
        if not any(start <= match.start() < end for start, end in comments):
            changed = f"{text[: match.start()]}{new}{text[match.end() :]}"
            yield Change(what, f"{match[0].strip()!r} became {new.strip()!r}", changed)


def _changed_places(text: str) -> Iterator[tuple[re.Match[str], str, str]]:
    for match in ADDRESS.finditer(text):
        for what, new in _other_addresses(match[1], match[2]):
            yield match, what, new
    for match in _PORT.finditer(text):
        if int(match[1]) < 65535:
            yield match, "a port", str(int(match[1]) + 1)


def _changed_numbers(text: str) -> Iterator[tuple[re.Match[str], str, str]]:
    for match in _MARK.finditer(text):
        number = int(match[0], 16)
        for other in sorted({number * 2 % 2**32, number // 2, number | 1} - {number}):
            yield match, "a mark", f"{other:#x}"
    for match in _SEED.finditer(text):
        yield match, "a seed", f"{int(match[0], 16) ^ 1:#x}"
    for match in _MODULUS.finditer(text):
        for other in sorted({int(match[0]) - 1, int(match[0]) + 1} - {0}):
            yield match, "a modulus", str(other)
    for match in _OFFSET.finditer(text):
        for other in sorted({int(match[0]) + 1, 0} - {int(match[0])}):
            yield match, "an offset", str(other)


def _exchanged_words(text: str) -> Iterator[tuple[re.Match[str], str, str]]:
    for what, exchanged, others in _EXCHANGES:
        for match in re.finditer(exchanged, text):
            for other in others:
                yield match, what, other


def _other_addresses(address: str, length: str | None) -> Iterator[tuple[str, str]]:
    """Neighbours of an address; a prefix that is longer, shorter, or beside."""
    if length is None:
        for step in (1, -1):
            yield "an address", str(ipaddress.ip_address(address) + step)
        return
    network = ipaddress.ip_network(f"{address}/{length}")
    if network.prefixlen:
        yield "a mask", str(network.supernet())
        beside = next(each for each in network.supernet().subnets() if each != network)
        yield "an address", str(beside)
    if network.prefixlen < network.max_prefixlen:
        for half in network.subnets():
            yield "a mask", str(half)
