"""Random rules: matches, then at most one statement that decides."""

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
    SOURCES,
    TARGET_PORTS,
    TARGETS,
    Word,
    drawn_words,
    joined,
    piece,
    word,
)
from tests.strategies.ruleset_values import Piece, Rule

Group = Literal["filter", "post", "dnat", "snat", "snat-input"]
"""Which base chains a chain may be reached from: they must all allow what it does."""

_ICMP = {
    4: ("net-unreachable", "host-unreachable", "prot-unreachable", "port-unreachable", "admin-prohibited"),
    6: ("no-route", "admin-prohibited", "addr-unreachable", "port-unreachable", "policy-fail", "reject-route"),
}
_ICMPX = ("port-unreachable", "admin-prohibited", "no-route", "host-unreachable")
_SEEDS = ("0x0", "0x1234", "0xdeadbeef")


@frozen
class Surroundings:
    """What a chain may use: its table's family, sets and maps, and the chains it may go to."""

    family: Literal["ip", "ip6", "inet"]
    group: Group
    known: tuple[Known, ...]
    targets: tuple[str, ...]


@define
class _Draft:
    """A rule while it is drawn: what it has settled on by now limits what nft lets it compare next."""

    draw: st.DrawFn
    around: Surroundings
    pieces: list[Piece] = field(factory=list)
    version: int | None = None
    protocol: str = ""

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
        self.pieces.append(piece(template, *words))  # type: ignore[arg-type]

    def known(self, data: str | None, group: str = "") -> list[Known]:
        """The named sets or maps that this rule can look up."""
        wanted = (self.version, None) if self.version is not None else (4, 6, None)
        families = (4, 6) if self.around.family == "inet" else (version_of_family(self.around.family),)
        return [
            each
            for each in self.around.known
            if each.data == data and each.group == group and each.version in wanted and each.version in families
        ]


def drawn_rule(draw: st.DrawFn, around: Surroundings) -> Rule:
    """A rule with up to three matches that nft accepts together."""
    draft = _Draft(draw, around)
    for _ in range(one_of(draw, (1, 0, 1, 2, 2, 3))):
        one_of(draw, _MATCHES)(draft)
    if rarely(draw, False, True):
        draft.add("counter")
    one_of(draw, _STATEMENTS[around.group])(draft)
    comment = one_of(draw, ("about this rule", "")) if rarely(draw, False, True) else ""
    return Rule(tuple(draft.pieces or [Piece("counter")]), comment)


# Matches.


def _address(draft: _Draft) -> None:
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


def _named(draft: _Draft, operator: str = "") -> None:
    found = draft.known(None)
    if found:
        chosen = one_of(draft.draw, found)
        draft.version = chosen.version if set(chosen.shape) & {"saddr", "daddr"} else draft.version
        version = draft.version or chosen.version
        draft.add(f"{key_text(chosen.shape, version)} {operator}{chosen.name}")


def _port(draft: _Draft) -> None:
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


def _protocol(draft: _Draft) -> None:
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


def _interface(draft: _Draft) -> None:
    operator = one_of(draft.draw, ("", "", "!= "))
    if one_of(draft.draw, (True, False)):
        draft.add(f'iifname {operator}"{{}}"', word("interface", one_of(draft.draw, INTERFACES)))
    else:
        names = joined(drawn_words(draft.draw, "interface", INTERFACES[:3]), ", ")
        draft.add(f"iifname {operator}{{{{ {{}} }}}}", names)


def _mark(draft: _Draft) -> None:
    draw = draft.draw
    mark = word("mark", one_of(draw, (*MARKS, "0x0")))
    mask = one_of(draw, ("0x4000", "0xff", "0xf010", "0xff000000"))
    form = one_of(draw, ("{}", "!= {}", f"and {mask} == {{}}", f"and {mask} != {{}}", f"& {mask} != 0x0", "set"))
    if form == "set":
        draft.add("meta mark {{ {} }}", joined(drawn_words(draw, "mark", MARKS), ", "))
    elif "{}" in form:
        draft.add(f"meta mark {form}", mark)
    else:
        draft.add(f"meta mark {form}")


def _connection(draft: _Draft) -> None:
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


def _fib(draft: _Draft) -> None:
    side, operator = one_of(draft.draw, ("daddr", "saddr")), one_of(draft.draw, ("", "", "!= "))
    draft.add(f"fib {side} type {operator}local")


def _family(draft: _Draft) -> None:
    if draft.around.family == "inet":
        version = draft.settle_version()
        draft.add(f"meta nfproto ipv{version}")
    else:
        draft.add("meta protocol {}", (draft.around.family, ()))


_MATCHES: Sequence[Callable[[_Draft], None]] = (
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


# Statements.


def _verdicts(draft: _Draft) -> tuple[str, ...]:
    chains = [f"{verb} {name}" for name in draft.around.targets for verb in ("jump", "goto")]
    return (*chains, "accept", "drop", "return", "continue")


def _verdict(draft: _Draft) -> None:
    verdicts = _verdicts(draft)
    draft.add(one_of(draft.draw, verdicts[:-4] * 2 + verdicts))


def _choice(draft: _Draft) -> tuple[str, int]:
    """Something that yields a small number, and how many there are; counting and hashing seldom start at 0."""
    draw = draft.draw
    count = one_of(draw, (2, 3, 4, 1))
    offset = one_of(draw, (0, 0, 0, 10))
    tail = f" offset {offset}" if offset else ""
    style = one_of(draw, ("random", "random", "jhash", "inc"))
    if style != "jhash":
        return f"numgen {style} mod {count}{tail}", count + offset
    version = draft.settle_version()
    shape: tuple[Part, ...] = one_of(
        draw, (("saddr",), ("saddr", "sport"), ("saddr", "sport", "daddr", "dport"), ("dport",), ("saddr", "l4proto"))
    )
    return f"jhash {key_text(shape, version)} mod {max(count, 2)} seed {one_of(draw, _SEEDS)}{tail}", count + offset


def _numbers(draft: _Draft, upto: int) -> list[str]:
    """Keys of a map of choices: nearly always all, sometimes as ranges."""
    first = max(0, upto - 4)
    every = [str(number) for number in range(first, upto)]
    if len(every) > 2 and rarely(draft.draw, False, True, True):
        return [f"{first}-{first + 1}", *every[2:]]
    return every[1:] if len(every) > 1 and rarely(draft.draw, False, True) else every


def _verdict_lookup(draft: _Draft) -> None:
    draw, verdicts = draft.draw, _verdicts(draft)
    named = draft.known("verdict", draft.around.group)
    style = one_of(draw, ("named", "choice", "anonymous"))
    if style == "named" and named:
        chosen = one_of(draw, named)
        draft.add(f"{key_text(chosen.shape, chosen.version)} vmap {chosen.name}")
    elif style == "choice":
        expression, upto = _choice(draft)
        elements = ", ".join(f"{number} : {one_of(draw, verdicts)}" for number in _numbers(draft, upto))
        draft.add(f"{expression} vmap {{{{ {elements} }}}}")
    else:
        version = draft.settle_version()
        shape = one_of(draw, SHAPES)
        intervals = len(shape) == 1 and shape[0] not in {"mark", "iifname"} and one_of(draw, (False, True))
        keys = drawn_keys(draw, shape, version, intervals=intervals)
        elements = joined([(f"{text} : {one_of(draw, verdicts)}", constants) for text, constants in keys], ", ")
        draft.add(f"{key_text(shape, version)} vmap {{{{ {{}} }}}}", elements)


def _reject(draft: _Draft) -> None:
    draw = draft.draw
    style = one_of(draw, ("plain", "icmp", "icmpx", "tcp reset"))
    if style == "plain":
        draft.add("reject")
    elif style == "tcp reset" and draft.protocol in {"", "tcp"}:
        draft.protocol = "tcp"
        draft.add("meta l4proto tcp reject with tcp reset")
    elif style == "icmpx" and draft.around.family == "inet" and draft.version is None:
        draft.add(f"reject with icmpx type {one_of(draw, _ICMPX)}")
    else:
        version = draft.settle_version()
        word_of_version = "icmp" if version == 4 else "icmpv6"
        draft.add(f"reject with {word_of_version} type {one_of(draw, _ICMP[version])}")


def _set_mark(draft: _Draft) -> None:
    draw = draft.draw
    mark = word("mark", one_of(draw, MARKS))
    forms = ("{}", "meta mark or {}", "meta mark xor {}", "meta mark and {}", "meta mark & 0xffff | {}", "lookup")
    form = one_of(draw, forms)
    if form != "lookup":
        draft.add(f"meta mark set {form}", mark)
        return
    named = draft.known("mark")
    if named and one_of(draw, (True, False)):
        chosen = one_of(draw, named)
        draft.add(f"meta mark set {key_text(chosen.shape, chosen.version)} map {chosen.name}")
    else:
        expression, upto = _choice(draft)
        elements = ", ".join(f"{number} : {one_of(draw, MARKS)}" for number in _numbers(draft, upto))
        draft.add(f"meta mark set {expression} map {{{{ {elements} }}}}")


def _mark_then_verdict(draft: _Draft) -> None:
    _set_mark(draft)
    _verdict(draft)


def _remember(draft: _Draft) -> None:
    sets = [each for each in draft.known(None) if each.collection.is_dynamic]
    if not sets:
        _verdict(draft)
        return
    chosen = one_of(draft.draw, sets)
    verb = one_of(draft.draw, ("update", "add"))
    timeout = one_of(draft.draw, ("", " timeout 10m"))
    draft.add(f"{verb} {chosen.name} {{{{ {key_text(chosen.shape, chosen.version)}{timeout} }}}}")
    if one_of(draft.draw, (False, True)):
        _verdict(draft)


def _nothing(draft: _Draft) -> None:
    draft.add("counter")


def _translate_destination(draft: _Draft) -> None:
    draw, version, family = draft.draw, draft.settle_version(), draft.around.family
    ip = "ip" if version == 4 else "ip6"
    verb = f"dnat {ip}" if family == "inet" else "dnat"
    style = one_of(draw, ("address", "port", "choice", "choice of both", "named", "redirect"))
    addresses, data = TARGETS[version], "address"
    if one_of(draw, (False, False, True)):
        addresses = (*addresses, ADDRESSES[version][-1])
    if style == "port":
        draft.settle_protocol()
        address = one_of(draw, addresses)
        shown = "{}:{}" if version == 4 else "[{}]:{}"
        draft.add(f"{verb} to {shown}", word("address", address), word("port", one_of(draw, TARGET_PORTS)))
    elif style == "choice":
        expression, upto = _choice(draft)
        elements = ", ".join(f"{number} : {one_of(draw, addresses)}" for number in _numbers(draft, upto))
        draft.add(f"{verb} to {expression} map {{{{ {elements} }}}}")
    elif style == "choice of both":
        draft.settle_protocol()
        expression, upto = _choice(draft)
        numbers = _numbers(draft, upto)
        elements = ", ".join(f"{each} : {one_of(draw, addresses)} . {one_of(draw, TARGET_PORTS)}" for each in numbers)
        draft.add(f"dnat {ip} addr . port to {expression} map {{{{ {elements} }}}}")
    elif style == "named":
        if one_of(draw, (True, False)):
            data = "address . port"
        named = draft.known(data)
        if not named:
            draft.add(f"{verb} to {{}}", word("address", one_of(draw, addresses)))
            return
        chosen = one_of(draw, named)
        if data == "address . port":
            draft.settle_protocol()
            verb = f"dnat {ip} addr . port"
        draft.add(f"{verb} to {key_text(chosen.shape, chosen.version)} map {chosen.name}")
    elif style == "redirect":
        if one_of(draw, (False, True)):
            draft.settle_protocol()
            draft.add("redirect to :{}", word("port", one_of(draw, TARGET_PORTS)))
        else:
            draft.add("redirect")
    else:
        draft.add(f"{verb} to {{}}", word("address", one_of(draw, addresses)))


def _translate_source(draft: _Draft) -> None:
    draw, version, family = draft.draw, draft.settle_version(), draft.around.family
    if draft.around.group == "snat" and one_of(draw, (True, False)):
        draft.add(one_of(draw, ("masquerade", "masquerade fully-random", "masquerade random")))
        return
    verb = "snat" if family != "inet" else f"snat {'ip' if version == 4 else 'ip6'}"
    address = one_of(draw, SOURCES[version])
    if one_of(draw, (True, False)):
        draft.add(f"{verb} to {{}}", word("address", address))
    else:
        draft.settle_protocol()
        draft.add(f"{verb} to {'{}' if version == 4 else '[{}]'}:5000", word("address", address))


_ALWAYS = (_verdict, _verdict, _verdict_lookup, _set_mark, _mark_then_verdict, _remember, _nothing)
_STATEMENTS: dict[Group, Sequence[Callable[[_Draft], None]]] = {
    "filter": (*_ALWAYS, _reject, _reject),
    "post": _ALWAYS,
    "dnat": (*_ALWAYS, *(_translate_destination,) * 6),
    "snat": (*_ALWAYS, *(_translate_source,) * 5),
    "snat-input": (*_ALWAYS, *(_translate_source,) * 4),
}
