"""Why a question by datagram has no answer: what the pods heard, and what conntrack did, as far as the kernel tells.

An answer is translated back by its connection's entry. Where the endpoint goes while an answer is under way, the entry
goes as well (S49), and the answer arrives at the node as what it is, a datagram from a pod to an address that knows of
no such conversation: conntrack begins to track it as a connection of its own. That, and nothing else, is owed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import define, field, frozen

from tests.kernel.conntrack import TrackedConnection
from tests.kernel.servers import Address

WasGone = Callable[[str, float], str]
"""Tells which change an endpoint's address was missing from at a time of day; empty where it was declared."""


@frozen
class Heard:
    """A question that came to a pod, when, and from whom as the pod sees it."""

    endpoint: Address
    asker: Address
    at: float


@frozen
class Loss:
    """What is known of a question that has no answer, with times of day.

    Attributes:
        heard: by whom; None where no pod got it.
        ended: when the entry that led there was gone; None while it is there, or where there was none.
        untranslated: when it was known that the answer had met no entry; None where it did meet one, or never came.
        gone: the change that had taken the endpoint away when the entry ended; empty where it was declared then.
    """

    question: bytes
    client: Address
    frontend: Address
    asked: float
    heard: Heard | None
    ended: float | None
    untranslated: float | None
    gone: str

    @property
    def is_owed(self) -> bool:
        """Whether the answer was lost because its endpoint went while it was under way."""
        return self.untranslated is not None and bool(self.gone)

    def __str__(self) -> str:
        said = [f"{self.question.decode()} from {self.client} to {self.frontend} without an answer"]
        if self.heard is None:
            said.append("no pod heard it")
        else:
            said.append(f"{self.heard.endpoint} heard it {self._after(self.heard.at)} from {self.heard.asker}")
        if self.ended is None:
            said.append("no entry that led there has ended")
        else:
            said.append(f"its entry ended {self._after(self.ended)}, {self.gone or 'and the endpoint was declared'}")
        if self.untranslated is None:
            said.append("its answer was not seen without an entry")
        else:
            said.append(f"its answer had met none {self._after(self.untranslated)}")
        return f"{time.strftime('%H:%M:%S', time.gmtime(self.asked))} {'; '.join(said)}"

    def _after(self, at: float) -> str:
        return f"{at - self.asked:.6f} s later"


@define
class Witness:
    """Remembers what pods and conntrack tell."""

    _heard: dict[bytes, Heard] = field(factory=dict)
    _ended: dict[tuple[Address, Address, Address], float] = field(factory=dict)
    """By client, frontend and endpoint."""
    _begun: dict[tuple[Address, Address], float] = field(factory=dict)
    """By from whom to whom the first datagram went."""

    def hear(self, question: bytes, endpoint: Address, asker: Address) -> None:
        """A pod got a question."""
        self._heard[question] = Heard(endpoint, asker, time.time())

    def begun(self, connection: TrackedConnection) -> None:
        """Conntrack has a new entry."""
        if connection.protocol == "UDP":
            original = connection.original
            sender, receiver = (
                (original.source, original.source_port),
                (original.destination, original.destination_port),
            )
            self._begun[sender, receiver] = time.time()

    def ended(self, connection: TrackedConnection, at: float) -> None:
        """Conntrack has one less."""
        if connection.protocol == "UDP":
            original, reply = connection.original, connection.reply
            self._ended[
                (original.source, original.source_port),
                (original.destination, original.destination_port),
                (reply.source, reply.source_port),
            ] = at

    def judge(self, question: bytes, client: Address, frontend: Address, asked: float, was_gone: WasGone) -> Loss:
        """What is known by now of a question that only one client asked, to one frontend and once."""
        heard = self._heard.get(question)
        ended = None if heard is None else self._ended.get((client, frontend, heard.endpoint))
        untranslated = None if heard is None else self._begun.get((heard.endpoint, heard.asker))
        gone = "" if heard is None or ended is None or ended < asked else was_gone(heard.endpoint[0], ended)
        return Loss(question, client, frontend, asked, heard, ended, untranslated, gone)
