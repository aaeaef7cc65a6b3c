"""The matches of random rules, and what a rule has settled on while it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from attrs import define, field, frozen
from hypothesis import strategies as st

from tests.strategies.plan import one_of, rarely
from tests.strategies.ruleset_keys import (
    SHAPES,
    Known,
    Part,
    drawn_keys,
    key_text,
    version_of_family,
)
from tests.strategies.ruleset_plan import (
    ADDRESSES,
    BLOCKS,
    INTERFACES,
    MARKS,
    PORT_BLOCKS,
    PORTS,
    Word,
    drawn_words,
    joined,
    piece,
    word,
)
from tests.strategies.ruleset_values import Piece

Group = Literal["filter", "post", "dnat", "snat", "snat-input"]
"""Which base chains a chain may be reached from: they must all allow what it does."""


@frozen
class Surroundings:
    """What a chain may use: its table's family, sets and maps, and the chains it may go to."""

    family: Literal["ip", "ip6", "inet"]
    group: Group
    known: tuple[Known, ...]
    targets: tuple[str, ...]


@define
class Draft:
    """A rule while it is drawn: what it has settled on by now limits what nft lets it compare next."""

    draw: st.DrawFn
    around: Surroundings
    pieces: list[Piece] = field(factory=list)
    version: int | None = None
    protocol: str = ""

    @property
    def names_family(self) -> bool:
        """Whether it compares the family by itself."""
        return any(each.text.startswith("meta nfproto") for each in self.pieces)

    def settle_version(self) -> int:
        """The version of IP that this rule is about."""
        if self.version is None:
            family = self.around.family
            self.version = one_of(self.draw, (4, 6)) if family == "inet" else version_of_family(family)
        return self.version

    def settle_protocol(self) -> str:
        """Make sure that the rule is about a protocol with ports, and which."""
        if not self.protocol:
            self.protocol = one_of(self.draw, ("tcp", "udp"))
            self.add("meta l4proto {}", word("protocol", self.protocol))
        return self.protocol

    def add(self, template: str, *words: Word) -> None:
        """Add a piece."""
        self.pieces.append(piece(template, *words))

    def known(self, data: str | None, group: str = "") -> list[Known]:
        """The named sets or maps that this rule can look up."""
        wanted = (self.version, None) if self.version is not None else (4, 6, None)
        families = (4, 6) if self.around.family == "inet" else (version_of_family(self.around.family),)
        return [
            each
            for each in self.around.known
            if each.data == data and each.group == group and each.version in wanted and each.version in families
        ]


def _address(draft: Draft) -> None:
    version, draw = draft.settle_version(), draft.draw
    part: Part = one_of(draw, ("daddr", "saddr"))
    key = key_text([part], version)
    operator = one_of(draw, ("", "", "!= "))
    style = one_of(draw, ("equal", "block", "set", "named", "concatenation"))
    if style == "equal":
        draft.add(f"{key} {operator}{{}}", word("address", one_of(draw, ADDRESSES[version])))
    elif style == "block":
        draft.add(f"{key} {operator}{{}}", word("address", one_of(draw, BLOCKS[version])))
    elif style == "set":
        pool = one_of(draw, (ADDRESSES[version], BLOCKS[version]))
        values = joined(drawn_words(draw, "address", pool, 4), ", ")
        draft.add(f"{key} {operator}{{{{ {{}} }}}}", values)
    elif style == "named":
        _named(draft, operator)
    else:
        shape = one_of(draw, SHAPES[3:7])
        keys = joined(drawn_keys(draw, shape, version, intervals=False), ", ")
        draft.add(f"{key_text(shape, version)} {operator}{{{{ {{}} }}}}", keys)


def _named(draft: Draft, operator: str = "") -> None:
    found = draft.known(None)
    if found:
        chosen = one_of(draft.draw, found)
        draft.version = chosen.version if set(chosen.shape) & {"saddr", "daddr"} else draft.version
        version = draft.version or chosen.version
        draft.add(f"{key_text(chosen.shape, version)} {operator}{chosen.name}")


def _port(draft: Draft) -> None:
    draw = draft.draw
    protocol = draft.protocol or one_of(draw, ("tcp", "udp", "th", "tcp"))
    if protocol != "th":
        draft.protocol = protocol
    key = f"{protocol} {one_of(draw, ('dport', 'dport', 'sport'))}"
    operator = one_of(draw, ("", "", "!= "))
    if one_of(draw, (True, False)):
        draft.add(f"{key} {operator}{{}}", word("port", one_of(draw, (*PORTS, *PORT_BLOCKS))))
    else:
        pool = one_of(draw, (PORTS, PORT_BLOCKS))
        draft.add(f"{key} {operator}{{{{ {{}} }}}}", joined(drawn_words(draw, "port", pool), ", "))


def _protocol(draft: Draft) -> None:
    draw = draft.draw
    if draft.protocol:
        return
    if one_of(draw, (True, False)):
        draft.protocol = one_of(draw, ("tcp", "udp"))
        key = "meta l4proto"
        if draft.around.family != "inet" and rarely(draw, False, True, True):
            key = "ip protocol" if draft.around.family == "ip" else "ip6 nexthdr"
        draft.add(f"{key} {{}}", word("protocol", draft.protocol))
    elif one_of(draw, (True, False)):
        # After this nft takes the ports of either protocol, but not those of one of them by name.
        draft.protocol = "th"
        draft.add("meta l4proto {{ tcp, udp }}")
    else:
        draft.add(one_of(draw, ("meta l4proto != udp", "meta l4proto != sctp")))


def _interface(draft: Draft) -> None:
    operator = one_of(draft.draw, ("", "", "!= "))
    if one_of(draft.draw, (True, False)):
        draft.add(f'iifname {operator}"{{}}"', word("interface", one_of(draft.draw, INTERFACES)))
    else:
        names = joined(drawn_words(draft.draw, "interface", INTERFACES[:3]), ", ")
        draft.add(f"iifname {operator}{{{{ {{}} }}}}", names)


def _mark(draft: Draft) -> None:
    draw = draft.draw
    mark = one_of(draw, (*MARKS, "0x0"))
    # nft 1.0.6 lists a comparison that can never be true, of bits outside of the mask, as another one.
    mask = one_of(draw, [each for each in ("0x4000", "0xff", "0xf010", "0xff000000") if _covers(each, mark)])
    form = one_of(draw, ("{}", "!= {}", f"and {mask} == {{}}", f"and {mask} != {{}}", f"& {mask} != 0x0", "set"))
    if form == "set":
        draft.add("meta mark {{ {} }}", joined(drawn_words(draw, "mark", MARKS), ", "))
    elif "{}" in form:
        draft.add(f"meta mark {form}", word("mark", mark))
    else:
        draft.add(f"meta mark {form}")


def _covers(mask: str, mark: str) -> bool:
    return int(mark, 16) & ~int(mask, 16) == 0


def _connection(draft: Draft) -> None:
    draw = draft.draw
    texts = (
        "ct state new",
        "ct status dnat",
        "ct state {{ new, established }}",
        "ct state != new",
        "ct state established,related",
        "ct state invalid",
        "ct state untracked,new",
        "ct status & dnat == dnat",
        "ct status & snat == 0",
        "ct direction original",
        "ct mark 0x0",
    )
    if rarely(draw, True, False, False):
        draft.add(one_of(draw, texts))
        return
    version = draft.settle_version()
    if one_of(draw, (True, False)):
        address = word("address", one_of(draw, (*ADDRESSES[version], *BLOCKS[version][:1])))
        side = one_of(draw, ("daddr", "saddr"))
        draft.add(f"ct original {'ip' if version == 4 else 'ip6'} {side} {{}}", address)
    else:
        draft.settle_protocol()
        draft.add("ct original proto-dst {}", word("port", one_of(draw, PORTS)))


def _fib(draft: Draft) -> None:
    side, operator = one_of(draft.draw, ("daddr", "saddr")), one_of(draft.draw, ("", "", "!= "))
    draft.add(f"fib {side} type {operator}local")


def _family(draft: Draft) -> None:
    if draft.around.family == "inet":
        version = draft.settle_version()
        draft.add(f"meta nfproto ipv{version}")
    else:
        draft.add("meta protocol {}", (draft.around.family, ()))


MATCHES: Sequence[Callable[[Draft], None]] = (
    _address,
    _address,
    _port,
    _port,
    _protocol,
    _mark,
    _interface,
    _connection,
    _fib,
    _named,
    _family,
)
