"""Proofs: whether a ruleset does what was declared, or what another ruleset does, with every packet.

The work is done in Rust: both sides become functions from packets to outcomes, and the functions are compared, not
packets. Every difference comes with a packet that was sent through both sides before it is told.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from svcc import _native
from svcc.addresses import IPFamily
from svcc.auditing.declaration import FamilyDeclaration, declarations
from svcc.auditing.difference import Comparison, Difference, Side
from svcc.dataplane.build import NodeAndServices
from svcc.dataplane.contract import Dataplane
from svcc.model.service import Protocol
from svcc.trace.evaluator import Evaluator, ProvedRow, Step, outcome_with, step_of
from svcc.trace.packet import PROTOCOL_NUMBERS, Packet

__all__ = [
    "BegunProof",
    "Unreached",
    "UnreachedElement",
    "UnreachedRule",
    "begin",
    "compare_rulesets",
    "prove",
    "supposition",
    "unreached",
]

if TYPE_CHECKING:
    from svcc._native import _DifferenceRow, _PacketRow, _ReportRow

LIMIT = 50_000_000
"""The parts of a function, and the pairs of them, beyond which a proof is given up: some gigabytes."""

TOLD = 10_000
"""The differences told of each kind of packet (by hook, family and state)."""

_PROTOCOLS = {number: protocol for protocol, number in PROTOCOL_NUMBERS.items()}
_EQUALITIES = ("exact", "distribution", "support")


@frozen
class UnreachedRule:
    """A rule that no packet meets; `handle` is None where the dump has none."""

    family: str
    table: str
    chain: str
    handle: int | None
    rule: str


@frozen
class UnreachedElement:
    """An element that no packet finds, as nft writes its key."""

    family: str
    table: str
    set: str
    element: str


@frozen
class Unreached:
    """What of a ruleset no packet meets.

    Attributes:
        rules: rules that would do something.
        elements: elements of sets and maps with names, but for those that rules fill.
    """

    rules: tuple[UnreachedRule, ...]
    elements: tuple[UnreachedElement, ...]


@frozen
class BegunProof:
    """What a ruleset does with every packet, where certain addresses are supposed to be the node's and Services'."""

    native: _native.Begun


def supposition(evaluator: Evaluator, supposed: NodeAndServices | None = None) -> _native.Supposition:
    """What is supposed of addresses when a proof is begun: what is known of them, or what the ruleset itself says.

    A ruleset that is right says the same as what was declared. `withdraw` ends what was begun with it.
    """
    if supposed is None:
        return _native.Supposition.of(evaluator.native)
    known = evaluator.on_node(supposed.node_addresses, big_endian=supposed.big_endian)
    elsewhere = [
        (4 if family is IPFamily.IPV4 else 6, list(services), list(supposed.service_cidrs[family]))
        for family, services in supposed.services.items()
    ]
    return _native.Supposition(known.native, elsewhere)


def begin(evaluator: Evaluator, supposed: NodeAndServices | _native.Supposition, *, limit: int = LIMIT) -> BegunProof:
    """Run a ruleset for every packet before it is known what was declared; other threads can run meanwhile.

    That is the larger part of `prove`, which uses it if what was supposed is so, and the ruleset and limit are these.
    """
    if not isinstance(supposed, _native.Supposition):
        supposed = supposition(evaluator, supposed)
    return BegunProof(_native.Begun(evaluator.native, supposed, limit))


def prove(
    evaluator: Evaluator | _native.Program,
    declared: Dataplane | Iterable[FamilyDeclaration],
    *,
    local_addresses_complete: bool | None = None,
    support: bool = False,
    limit: int = LIMIT,
    told: int = TOLD,
    begun: BegunProof | None = None,
) -> Comparison:
    """Compare what a ruleset does with the first packets of connections with what was declared, for every packet.

    Packets come without a mark. Where the node remembers clients (S34, S35), it is asked twice: as if it remembered
    nothing, and then the same endpoints must be as likely and the client be remembered; and as if it remembered
    anything, and then the endpoint must be one that a record may lead to, and some record must lead to each for sure.
    Then connections are sent one after the other, to every frontend and endpoint by a client of each kind: the second
    one must reach the endpoint of the first, and a client of another address must fare as if it was the first. Records
    in the dump are not looked at.

    Chances may differ by what rounding weights to slots takes: by one connection in 256 at most, or less with many
    endpoints; but each endpoint must be possible.

    Args:
        evaluator: the ruleset.
        declared: what the node owes.
        local_addresses_complete: the local addresses of the evaluator are all the node has. None believes so where
            every family's declaration knows at least one address of the node.
        support: a hash here and chance there are equal (``support``) if the same endpoints are possible.
        limit: the parts of functions beyond which the proof is given up.
        told: the differences told of each kind of packet.
        begun: what `begin` made of the ruleset; it can be used once.
    """
    families = declarations(declared) if isinstance(declared, Dataplane) else tuple(declared)
    if local_addresses_complete is None:
        local_addresses_complete = all(family.node_addresses for family in families)
    natives = [family.native for family in families]
    before = None if begun is None else begun.native
    reports = _native.prove(_native_of(evaluator), natives, local_addresses_complete, support, limit, told, before)
    return _comparison(reports)


def compare_rulesets(
    left: Evaluator | _native.Program,
    right: Evaluator | _native.Program,
    *,
    local_addresses_complete: bool = False,
    support: bool = False,
    limit: int = LIMIT,
    told: int = TOLD,
) -> Comparison:
    """Compare what two rulesets do with every packet, whatever its mark and the state of its connection.

    It is as if nothing was remembered in sets that rules fill. Marks in the end do not matter. The arguments are those
    of `prove`.

    Raises:
        ValueError: the local addresses or the byte orders of the two differ, so they are not of one node.
    """
    here, there = _native_of(left), _native_of(right)
    return _comparison(_native.compare_programs(here, there, local_addresses_complete, support, limit, told))


def unreached(
    evaluator: Evaluator | _native.Program, *, local_addresses_complete: bool = False, limit: int = LIMIT
) -> Unreached | None:
    """What no packet meets, whatever its mark, its connection's state and what is remembered; None if it is too large.

    A rule counts as met if a packet that gets so far could pass its matches. How far one gets is not asked of whole
    packets: what other chains have sorted out before, on which nothing later on the way depends, may still count as
    getting there. So a rule that no packet meets may be left out here, and one that is told is never met.
    """
    found = _native.unreached(_native_of(evaluator), local_addresses_complete, limit)
    if found is None:
        return None
    rules, elements = found
    return Unreached(tuple(UnreachedRule(*row) for row in rules), tuple(UnreachedElement(*row) for row in elements))


def _native_of(evaluator: Evaluator | _native.Program) -> _native.Program:
    return evaluator.native if isinstance(evaluator, Evaluator) else evaluator


def _comparison(reports: Sequence[_ReportRow] | None) -> Comparison:
    if reports is None:
        return Comparison(regions=0, differences=(), equality="exact", too_large=True)
    equalities = [equality for _, equality, *_ in reports if equality is not None]
    return Comparison(
        regions=sum(regions for regions, *_ in reports),
        differences=tuple(each for report in reports for each in _differences(report)),
        equality=max(equalities, key=_EQUALITIES.index, default="exact"),
        unattainable=tuple(words for report in reports for words in report[4]),
        untold=sum(report[3] for report in reports),
        contradictions=tuple(words for report in reports for words in report[5]),
    )


def _differences(report: _ReportRow) -> Iterator[Difference]:
    steps = tuple(map(step_of, report[6]))
    for row in report[2]:
        yield _difference(row, steps)


def _difference(row: _DifferenceRow, steps: Sequence[Step]) -> Difference:
    packet, local, frontend, expected, any_of, found, undecided, remembered, regions, words, (refused, aside) = row
    return Difference(
        packet=_packet(packet),
        frontend=frontend,
        expected=_side(expected, steps),
        found=_side(found, steps),
        undecided=undecided,
        regions=regions,
        words=words,
        local_addresses=tuple(str(ipaddress.ip_address(address)) for address in local),
        any_of=any_of,
        remembered=remembered,
        refused=refused,
        aside=aside,
    )


def _side(rows: Sequence[ProvedRow], steps: Sequence[Step]) -> Side:
    return Side(tuple(outcome_with(row, tuple([steps[place] for place in row[-1]])) for row in rows))


def _packet(row: _PacketRow) -> Packet:
    number, source, destination, source_port, destination_port, output, entry, leaving, mark, state = row
    protocol: Protocol | int = _PROTOCOLS.get(number, number)
    return Packet(
        protocol=protocol,
        source=str(ipaddress.ip_address(source)),
        destination=str(ipaddress.ip_address(destination)),
        source_port=source_port,
        destination_port=destination_port,
        hook="output" if output else "prerouting",
        input_interface=entry,
        output_interface=leaving,
        mark=mark,
        state=state,
    )
