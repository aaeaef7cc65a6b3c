"""Differences for tests: a packet, what a good ruleset does with it, and what a spoilt one does."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from svcc.auditing.classify import classify
from svcc.auditing.classify_declared import Declared
from svcc.auditing.classify_observation import HasEndpoint
from svcc.auditing.difference import Difference, Side
from svcc.auditing.finding import Finding
from svcc.compiler.compilation import Compilation
from svcc.model.cluster import Cluster
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.notation import packet_from_text

LOCAL_ADDRESSES = ("192.168.0.10", "192.168.7.7", "fd00:1::10")


def spoilt(script: str, *changes: tuple[str, str]) -> str:
    """A script with texts replaced, each of which must occur."""
    for old, new in changes:
        assert old in script, old
        script = script.replace(old, new)
    return script


def difference(
    packet: str,
    expected: Compilation | str | Sequence[Outcome],
    found: Compilation | str | Sequence[Outcome],
    *,
    frontend: int = 0,
    hook: str = "prerouting",
    undecided: bool = False,
) -> Difference:
    """What two rulesets, or outcomes, do with one packet."""
    read = packet_from_text(packet, hook=hook)

    def side(what: Compilation | str | Sequence[Outcome], *, steps: bool) -> Side:
        if isinstance(what, Compilation | str):
            return Side(Evaluator(what, local_addresses=LOCAL_ADDRESSES).evaluate(read, steps=steps).outcomes)
        return Side(tuple(what))

    return Difference(
        read, frontend, side(expected, steps=False), side(found, steps=True), undecided, 1, f"to {read.destination}"
    )


@define
class Case:
    """A cluster that was compiled, and what became of its ruleset."""

    compilation: Compilation
    cluster: Cluster | None = None

    def findings(
        self,
        found: str,
        *packets: str,
        frontend: int = 0,
        hook: str = "prerouting",
        has_endpoint: HasEndpoint | None = None,
    ) -> tuple[Finding, ...]:
        """The findings for packets that the ruleset treats otherwise than the good one does."""
        differences = [difference(packet, self.compilation, found, frontend=frontend, hook=hook) for packet in packets]
        return self.of(*differences, has_endpoint=has_endpoint)

    def of(self, *differences: Difference, has_endpoint: HasEndpoint | None = None) -> tuple[Finding, ...]:
        """The findings for differences."""
        return classify(differences, Declared(self.compilation.dataplane, self.cluster), has_endpoint)

    def only(self, found: str, *packets: str, frontend: int = 0, hook: str = "prerouting") -> Finding:
        """The one finding."""
        findings = self.findings(found, *packets, frontend=frontend, hook=hook)
        assert len(findings) == 1, [(each.kind, each.message) for each in findings]
        return findings[0]
