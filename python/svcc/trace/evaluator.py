"""The evaluator: every base chain of every table in the order of hooks and priorities, as the kernel runs them.

The work is done in Rust. What the evaluator cannot decide comes out as ``unknown`` with the rule that asks for it; it
never guesses. A question that makes no difference to the outcome leaves no trace.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, TypeAlias, TypeVar

from attrs import frozen

from svcc import _native
from svcc.addresses import address_bytes, canonical_address
from svcc.compiler.compilation import Compilation
from svcc.errors import InputError
from svcc.fields import printable
from svcc.model.service import Protocol
from svcc.nft.objects import Ruleset
from svcc.nft.text import table_text
from svcc.trace.batch import Batch
from svcc.trace.packet import PROTOCOL_NUMBERS, Packet

__all__ = [
    "ChanceRow",
    "Evaluation",
    "Evaluator",
    "Outcome",
    "ProvedRow",
    "Step",
    "StepRow",
    "outcome_of",
    "outcome_with",
    "step_of",
]

_AddressRow: TypeAlias = tuple[str, bytes | None, int | None, str | None]
_T = TypeVar("_T")
_RowWith: TypeAlias = tuple[
    tuple[int, int],
    Literal["accept", "drop", "reject", "unknown"],
    str | None,
    _AddressRow,
    _AddressRow,
    int | None,
    list[str],
    list[_T],
]
StepRow: TypeAlias = tuple[str, str, str, str, int | None, str | None, str]
ChanceRow: TypeAlias = _RowWith[StepRow]
ProvedRow: TypeAlias = _RowWith[int]


@frozen
class Step:
    """A rule that did something to a packet.

    Attributes:
        hook: at which hook, such as ``prerouting``.
        family: of the table.
        table: its name.
        chain: its name.
        handle: of the rule, if the dump has handles.
        rule: the rule as nft prints it; empty where the policy of the chain decided.
        note: what happened, such as ``tcp . 10.96.0.1 . 80 is in services`` or ``goto pick-3``.
    """

    hook: str
    family: str
    table: str
    chain: str
    handle: int | None
    rule: str
    note: str


@frozen
class Outcome:
    """What may become of a packet.

    Attributes:
        probability: how likely that is, exactly. The chance of an ``unknown`` outcome is what no known one has.
        verdict: ``accept`` (it goes on), ``drop``, ``reject`` or ``unknown``.
        address: the new destination; None if it stays, or where the kernel chooses it (see `destination_choice`).
        port: the new port of the destination; None if it stays.
        masquerade: the source becomes the node's address on the interface where the packet leaves.
        source: the new source where a rule names one (``snat``).
        source_port: its port, where the rule names one.
        destination_choice: the rule's words where it leaves the new destination to the kernel (a range, ``redirect``).
        source_choice: the same for the new source.
        reject_with: the answer, such as ``icmp port-unreachable`` or ``tcp reset``.
        mark: the mark in the end; None if it is not known.
        reasons: of an ``unknown`` outcome, what would have to be known, and which rule asks for it.
        steps: the way to this outcome, or one of the ways; empty unless they were asked for.
    """

    probability: Fraction
    verdict: Literal["accept", "drop", "reject", "unknown"]
    address: str | None = None
    port: int | None = None
    masquerade: bool = False
    source: str | None = None
    source_port: int | None = None
    destination_choice: str | None = None
    source_choice: str | None = None
    reject_with: str | None = None
    mark: int | None = None
    reasons: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@frozen
class Evaluation:
    """Everything that may become of a packet.

    Attributes:
        outcomes: the most likely first; the probabilities sum up to 1.
    """

    outcomes: tuple[Outcome, ...]

    @property
    def is_known(self) -> bool:
        """Whether no outcome is ``unknown``."""
        return all(outcome.verdict != "unknown" for outcome in self.outcomes)


class Evaluator:
    """A ruleset, ready to be asked what it does with packets.

    Reading is linear in the size of the ruleset; a packet then costs about a microsecond for each way it can take. An
    evaluator does not change and can be used from several threads.
    """

    def __init__(
        self,
        ruleset: Compilation | Ruleset | str | bytes,
        *,
        local_addresses: Iterable[str] = (),
        big_endian: bool = False,
    ) -> None:
        """Read a ruleset.

        Args:
            ruleset: what svcc compiled, or a dump: ``nft -j list ruleset`` or ``nft list ruleset``.
            local_addresses: the addresses that are the node's own; those of the loopback interface always are.
            big_endian: the byte order of the node, which hashes depend on.

        Raises:
            InputError: the dump cannot be read.
            ValueError: a local address is none.
        """
        if isinstance(ruleset, Compilation):
            ruleset = ruleset.ruleset
        if isinstance(ruleset, Ruleset):
            document = "".join(piece for table in ruleset.tables for piece in table_text(table)).encode()
        elif isinstance(ruleset, str):
            document = ruleset.encode("utf-8", "surrogateescape")
        else:
            document = bytes(ruleset)
        packed = _packed(local_addresses)
        is_json = document.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}
        try:
            self._program = _native.Program(document, is_json, packed, big_endian)
        except ValueError as error:
            raise InputError(f"the dump cannot be read: {printable(str(error))}") from None

    def on_node(self, local_addresses: Iterable[str], *, big_endian: bool = False) -> Evaluator:
        """The same ruleset, which is not read again, on a node of which this is known.

        Raises:
            ValueError: a local address is none.
        """
        other = Evaluator.__new__(Evaluator)
        other._program = self._program.at(_packed(local_addresses), big_endian)  # noqa: SLF001  (of the same class)
        return other

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever relies on the dump should know, such as what may have gone missing in it."""
        return tuple(f"{place}: {message}" if place else message for place, message in self._program.notes())

    @property
    def native(self) -> _native.Program:
        """The same for Rust."""
        return self._program

    def evaluate(self, packet: Packet, *, steps: bool = True) -> Evaluation:
        """What may become of a packet.

        `steps` asks for the way to each outcome too, which takes about twice as long.
        """
        rows = self._program.outcomes(
            PROTOCOL_NUMBERS[packet.protocol] if isinstance(packet.protocol, Protocol) else packet.protocol,
            address_bytes(packet.source),
            address_bytes(packet.destination),
            packet.source_port,
            packet.destination_port,
            packet.hook == "output",
            packet.input_interface,
            packet.output_interface,
            packet.mark,
            packet.state,
            steps,
        )
        return Evaluation(tuple(outcome_of(row) for row in rows))

    def evaluate_many(self, packets: bytes, *, interfaces: Sequence[str] = ()) -> Batch:
        """One outcome for each of many packets; see `svcc.trace.batch` for how they are packed.

        Where the kernel would draw a number, the packet brings it along, so the answer is a function of the packet.
        Takes some hundred nanoseconds a packet, and all cores, without the lock of the interpreter. Rules that count
        (``numgen inc``) start counting with the first packet of the call, and the packets then come one by one.

        Args:
            packets: packed packets of new connections, `PACKET.size` bytes each.
            interfaces: the names of the input interfaces that packets refer to, the first by 1.

        Raises:
            ValueError: the buffer is no whole number of packets, or one of them makes no sense; says which.
        """
        verdicts, flags, addresses, ports, marks = self._program.batch(packets, interfaces)
        return Batch(
            verdicts=memoryview(verdicts),
            flags=memoryview(flags),
            addresses=memoryview(addresses),
            ports=memoryview(ports).cast("H"),
            marks=memoryview(marks).cast("I"),
        )


def _packed(addresses: Iterable[str]) -> list[bytes]:
    packed = []
    for text in addresses:
        address = canonical_address(text)
        if address is None:
            raise ValueError(f"{text!r} is no IP address")
        packed.append(address_bytes(address))
    return packed


def step_of(row: StepRow) -> Step:
    """The step in a row of Rust's."""
    hook, family, table, chain, handle, rule, note = row
    return Step(hook, family, table, chain, handle, rule or "", note)


def outcome_of(row: ChanceRow) -> Outcome:
    """The outcome in a row of Rust's."""
    return outcome_with(row, tuple(map(step_of, row[-1])))


def outcome_with(row: _RowWith[Any], steps: tuple[Step, ...]) -> Outcome:
    """The outcome in a row of Rust's with these steps: of many outcomes, each step is made once."""
    (numerator, denominator), verdict, refusal, destination, source, mark, reasons, _steps = row
    destination_kind, address, port, destination_words = destination
    source_kind, source_address, source_port, source_words = source
    return Outcome(
        probability=_chance(numerator, denominator),
        verdict=verdict,
        address=_text(address),
        port=port,
        masquerade=source_kind == "masquerade",
        source=_text(source_address),
        source_port=source_port,
        destination_choice="redirect" if destination_kind == "redirect" else destination_words,
        source_choice=source_words,
        reject_with=refusal,
        mark=mark,
        reasons=tuple(reasons),
        steps=steps,
    )


# Of thousands of outcomes few have a chance of their own, or an address.
_chance = lru_cache(maxsize=4096)(Fraction)


@lru_cache(maxsize=65536)
def _text(address: bytes | None) -> str | None:
    return None if address is None else str(ipaddress.ip_address(address))
