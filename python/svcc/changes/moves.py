"""Which part of new connections goes elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from svcc.changes.contract import Clients, Measure, Move
from svcc.compiler.balancing import Slots, maglev_of
from svcc.dataplane.contract import Decision, Frontend, FrontendKind, ServicePortPlan
from svcc.hashing import disruption
from svcc.select import EndpointAddress

__all__ = ["moves_of"]

_Outcome = EndpointAddress | Decision
_Pair = tuple[Decision, Decision]


def moves_of(
    before: ServicePortPlan,
    after: ServicePortPlan,
    slots_before: Slots,
    slots_after: Slots,
    *,
    big_endian: tuple[bool, bool] = (False, False),
) -> Iterator[Move]:
    """The moves between two plans of a service port, given their slots and the byte order of the node on each side."""
    shares: dict[_Pair, Move | None] = {}
    for (clients, pair), frontends in _routes(before, after).items():
        if pair not in shares:
            shares[pair] = _move(before, after, slots_before, slots_after, pair, big_endian)
        found = shares[pair]
        if found is not None:
            yield Move(
                tuple(frontends),
                clients,
                *pair,
                found.share,
                found.measure,
                found.slots_before,
                found.slots_after,
                found.slots_moved,
            )


def _routes(
    before: ServicePortPlan, after: ServicePortPlan
) -> dict[tuple[Clients, _Pair], list[tuple[FrontendKind, str | None, int]]]:
    """The frontends that are on both sides, by who comes and the decisions before and after."""
    old = {(frontend.address, frontend.port): frontend for frontend in before.frontends}
    found: dict[tuple[Clients, _Pair], list[tuple[FrontendKind, str | None, int]]] = {}
    for frontend in after.frontends:
        was = old.get((frontend.address, frontend.port))
        if was is not None:
            for clients, pair in _ways(was, frontend):
                found.setdefault((clients, pair), []).append((frontend.kind, frontend.address, frontend.port))
    return found


def _ways(was: Frontend, becomes: Frontend) -> list[tuple[Clients, _Pair]]:
    inside, outside = (was.inside, becomes.inside), (was.outside, becomes.outside)
    if inside == outside:
        return [(Clients.ALL, inside)]
    return [(Clients.INSIDE, inside), (Clients.OUTSIDE, outside)]


def _move(
    before: ServicePortPlan,
    after: ServicePortPlan,
    slots_before: Slots,
    slots_after: Slots,
    pair: _Pair,
    big_endian: tuple[bool, bool],
) -> Move | None:
    """The share that a pair of decisions moves, for no frontend yet; None where nothing does."""
    was, becomes = slots_before.get(pair[0], ()), slots_after.get(pair[1], ())
    old, new = (
        maglev_of(plan, decision, big_endian=order)
        for plan, decision, order in zip((before, after), pair, big_endian, strict=True)
    )
    measure = Measure.DISTRIBUTION
    shares = _shares(was, pair[0]), _shares(becomes, pair[1])
    if old is None or new is None:
        share = _least_moved(*shares)
    elif before.balancing.hash_key is after.balancing.hash_key and big_endian[0] is big_endian[1]:
        measure = Measure.TABLES
        # A share of 2^32 hashes, which a float holds exactly.
        share = Fraction(disruption(old, new).moved)
    else:
        measure = Measure.INDEPENDENT
        share = 1 - sum((part * shares[1].get(outcome, Fraction(0)) for outcome, part in shares[0].items()), Fraction())
    if not share:
        return None
    moved = sum(one != other for one, other in zip(was, becomes, strict=False))
    return Move((), Clients.ALL, *pair, share, measure, len(was), len(becomes), moved)


def _shares(slots: Sequence[EndpointAddress], decision: Decision) -> Mapping[_Outcome, Fraction]:
    if not slots:
        return {decision: Fraction(1)}
    return {endpoint: Fraction(count, len(slots)) for endpoint, count in Counter(slots).items()}


def _least_moved(old: Mapping[_Outcome, Fraction], new: Mapping[_Outcome, Fraction]) -> Fraction:
    """What outcomes lose in total, which others gain: the distance of the two distributions."""
    return sum((max(Fraction(0), part - new.get(outcome, Fraction(0))) for outcome, part in old.items()), Fraction())
