"""Random rules: matches, then at most one statement that decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from tests.strategies.plan import one_of, rarely
from tests.strategies.ruleset_keys import (
    SHAPES,
    Part,
    drawn_keys,
    key_text,
)
from tests.strategies.ruleset_matches import MATCHES, Draft, Group, Surroundings
from tests.strategies.ruleset_plan import (
    ADDRESSES,
    MARKS,
    SOURCES,
    TARGET_PORTS,
    TARGETS,
    joined,
    word,
)
from tests.strategies.ruleset_values import Piece, Rule

_ICMP = {
    4: ("net-unreachable", "host-unreachable", "prot-unreachable", "port-unreachable", "admin-prohibited"),
    6: ("no-route", "admin-prohibited", "addr-unreachable", "port-unreachable", "policy-fail", "reject-route"),
}
_ICMPX = ("port-unreachable", "admin-prohibited", "no-route", "host-unreachable")
_SEEDS = ("0x0", "0x1234", "0xdeadbeef")


def drawn_rule(draw: st.DrawFn, around: Surroundings) -> Rule:
    """A rule with up to three matches that nft accepts together."""
    draft = Draft(draw, around)
    for _ in range(one_of(draw, (1, 0, 1, 2, 2, 3))):
        one_of(draw, MATCHES)(draft)
    if rarely(draw, False, True):
        draft.add("counter")
    one_of(draw, _STATEMENTS[around.group])(draft)
    comment = one_of(draw, ("about this rule", "")) if rarely(draw, False, True) else ""
    return Rule(tuple(draft.pieces or [Piece("counter")]), comment)


def _verdicts(draft: Draft) -> tuple[str, ...]:
    chains = [f"{verb} {name}" for name in draft.around.targets for verb in ("jump", "goto")]
    return (*chains, "accept", "drop", "return", "continue")


def _verdict(draft: Draft) -> None:
    verdicts = _verdicts(draft)
    draft.add(one_of(draft.draw, verdicts[:-4] * 2 + verdicts))


def _choice(draft: Draft) -> tuple[str, int]:
    """Something that yields a small number, and how many there are; counting and hashing seldom start at 0."""
    draw = draft.draw
    count = one_of(draw, (2, 3, 4, 1))
    offset = one_of(draw, (0, 0, 0, 10))
    tail = f" offset {offset}" if offset else ""
    style = rarely(draw, one_of(draw, ("random", "jhash")), "inc")
    if style != "jhash":
        return f"numgen {style} mod {count}{tail}", count + offset
    version = draft.settle_version()
    shape: tuple[Part, ...] = one_of(
        draw, (("saddr",), ("saddr", "sport"), ("saddr", "sport", "daddr", "dport"), ("dport",), ("saddr", "l4proto"))
    )
    return f"jhash {key_text(shape, version)} mod {max(count, 2)} seed {one_of(draw, _SEEDS)}{tail}", count + offset


def _numbers(draft: Draft, upto: int) -> list[str]:
    """Keys of a map of choices: nearly always all, sometimes as ranges."""
    first = max(0, upto - 4)
    every = [str(number) for number in range(first, upto)]
    if len(every) > 2 and rarely(draft.draw, False, True, True):
        return [f"{first}-{first + 1}", *every[2:]]
    return every[1:] if len(every) > 1 and rarely(draft.draw, False, True) else every


def _verdict_lookup(draft: Draft) -> None:
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
        entries = joined([(f"{text} : {one_of(draw, verdicts)}", constants) for text, constants in keys], ", ")
        draft.add(f"{key_text(shape, version)} vmap {{{{ {{}} }}}}", entries)


def _reject(draft: Draft) -> None:
    draw = draft.draw
    style = one_of(draw, ("plain", "icmp", "icmpx", "tcp reset"))
    if style == "plain":
        draft.add("reject")
    elif style == "tcp reset" and draft.protocol in {"", "tcp"} and not draft.names_family:
        # Behind `meta nfproto`, which no nft lists again, this would be listed as another rule.
        draft.protocol = "tcp"
        # In tables of one family nft adds the condition, and leaves it out of listings.
        condition = "meta l4proto tcp " if draft.around.family == "inet" else one_of(draw, ("meta l4proto tcp ", ""))
        draft.add(f"{condition}reject with tcp reset")
    elif style == "icmpx" and draft.around.family == "inet" and draft.version is None:
        draft.add(f"reject with icmpx type {one_of(draw, _ICMPX)}")
    else:
        version = draft.settle_version()
        word_of_version = "icmp" if version == 4 else "icmpv6"
        draft.add(f"reject with {word_of_version} type {one_of(draw, _ICMP[version])}")


def _set_mark(draft: Draft) -> None:
    draw = draft.draw
    mark = word("mark", one_of(draw, MARKS))
    forms = ("{}", "meta mark or {}", "meta mark xor {}", "meta mark and {}", "meta mark & 0xffff | {}", "lookup")
    form = one_of(draw, forms)
    if form != "lookup":
        draft.add(f"meta mark set {form}", mark)
        return
    named = draft.known("mark")
    if one_of(draw, (True, False)) and named:
        chosen = one_of(draw, named)
        draft.add(f"meta mark set {key_text(chosen.shape, chosen.version)} map {chosen.name}")
    else:
        expression, upto = _choice(draft)
        elements = ", ".join(f"{number} : {one_of(draw, MARKS)}" for number in _numbers(draft, upto))
        draft.add(f"meta mark set {expression} map {{{{ {elements} }}}}")


def _mark_then_verdict(draft: Draft) -> None:
    _set_mark(draft)
    _verdict(draft)


def _remember(draft: Draft) -> None:
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


def _nothing(draft: Draft) -> None:
    draft.add("counter")


def _translate_destination(draft: Draft) -> None:
    draw, version, family = draft.draw, draft.settle_version(), draft.around.family
    ip = "ip" if version == 4 else "ip6"
    verb = f"dnat {ip}" if family == "inet" else "dnat"
    style = one_of(draw, ("address", "port", "choice", "choice of both", "named", "redirect"))
    addresses: tuple[str, ...] = TARGETS[version]
    if one_of(draw, (False, False, True)):
        addresses = (*addresses, ADDRESSES[version][-1])
    if style == "port":
        draft.settle_protocol()
        shown = "{}:{}" if version == 4 else "[{}]:{}"
        target = word("address", one_of(draw, addresses))
        draft.add(f"{verb} to {shown}", target, word("port", one_of(draw, TARGET_PORTS)))
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
        data = one_of(draw, ("address . port", "address"))
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


def _translate_source(draft: Draft) -> None:
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
_STATEMENTS: dict[Group, Sequence[Callable[[Draft], None]]] = {
    "filter": (*_ALWAYS, _reject, _reject),
    "post": _ALWAYS,
    "dnat": (*_ALWAYS, *(_translate_destination,) * 6),
    "snat": (*_ALWAYS, *(_translate_source,) * 5),
    "snat-input": (*_ALWAYS, *(_translate_source,) * 4),
}
