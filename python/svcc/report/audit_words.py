"""What an audit came to, in the words that all its formats share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from attrs import frozen

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.finding import AuditReport, Equality, Finding, FindingKind, RulePlace, Scope, Verdict, Witness
from svcc.fields import Severity
from svcc.report.trace import outcome_text, packet_text, percentage
from svcc.trace.evaluator import Outcome
from svcc.trace.packet import Packet

__all__ = [
    "EQUALITIES",
    "Fate",
    "arrival",
    "counted",
    "entries",
    "extent",
    "fates",
    "hint_of",
    "more_severe_first",
    "name_of",
    "rule_lines",
    "rule_text",
    "scope_sections",
    "severities",
    "severity_counts",
    "title_of",
    "verdict_sentence",
]

EQUALITIES = {
    Equality.EXACT: "the same endpoint for every packet",
    Equality.DISTRIBUTION: "the same endpoints with the same chances for every packet",
    Equality.SUPPORT: "the same endpoints are possible for every packet",
}
_CLIENTS = {"external": "clients from outside", "pod": "pods", "node": "the node itself"}
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@frozen
class Fate:
    """What may become of a packet, with its chance on either side; 0 is never.

    Attributes:
        text: in a few words.
        reasons: what would have to be known, where it is unknown.
    """

    text: str
    expected: Fraction
    found: Fraction
    reasons: tuple[str, ...] = ()

    @property
    def difference(self) -> str:
        """``as expected``, ``missing``, ``not expected`` or ``another chance``."""
        if self.expected == self.found:
            return "as expected"
        if not self.found:
            return "missing"
        return "another chance" if self.expected else "not expected"


def fates(witness: Witness) -> tuple[Fate, ...]:
    """Everything that was expected of a packet or may become of it: what differs first, then the most likely."""
    chances: dict[str, list[Fraction]] = {}
    reasons: dict[str, dict[str, None]] = {}
    for side, outcomes in enumerate((witness.expected, witness.found)):
        for outcome in outcomes:
            text = outcome_text(outcome, witness.packet)
            chances.setdefault(text, [Fraction(0), Fraction(0)])[side] += outcome.probability
            reasons.setdefault(text, {}).update(dict.fromkeys(outcome.reasons))
    found = [Fate(text, expected, got, tuple(reasons[text])) for text, (expected, got) in chances.items()]
    return tuple(sorted(found, key=lambda fate: (fate.expected == fate.found, -max(fate.found, fate.expected))))


def counted(count: int, what: str) -> str:
    """A number of things: ``1 error``, ``2 errors``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def severity_counts(findings: Iterable[Finding]) -> dict[Severity, int]:
    """How many findings of each severity, the worst first."""
    listed = [finding.severity for finding in findings]
    return {severity: listed.count(severity) for severity in _ORDER}


def severities(findings: Iterable[Finding]) -> str:
    """The same in words, such as ``2 errors, 1 warning``; empty without findings."""
    counts = severity_counts(findings)
    names = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "info"}
    return ", ".join(
        f"{count} {name}" if severity is Severity.INFO else counted(count, name)
        for (severity, count), name in zip(counts.items(), names.values(), strict=True)
        if count
    )


def more_severe_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by severity, else in the order they have."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.severity))


def name_of(report: AuditReport) -> str:
    """What was audited: the node, else the dump."""
    return report.node or report.dump or "a nameless node"


def title_of(kind: FindingKind) -> str:
    """What findings of a kind are called."""
    return CATALOGUE[kind].title


def hint_of(finding: Finding) -> str:
    """What to do about a finding."""
    return finding.hint or CATALOGUE[finding.kind].hint


def verdict_sentence(report: AuditReport) -> str:
    """The verdict with what belongs to it on one line: how equal, what was found, how much was examined."""
    found = severities(report.findings)
    suppressed = f"{len(report.suppressed)} suppressed" if report.suppressed else ""
    told = "; ".join(filter(None, (found, suppressed)))
    if report.verdict is Verdict.PROVED:
        equality = f", {report.equality.value}: {EQUALITIES[report.equality]}" if report.equality else ""
        but = " but for what the baseline accepts" if report.suppressed and not equality else ""
        words = f"proved{but}{equality}{f' ({told})' if told else ''}"
    elif report.verdict is Verdict.NOT_PROVED:
        words = (
            f"not proved: nothing wrong was found, and not everything could be decided{f' ({told})' if told else ''}"
        )
    else:
        words = f"findings: {told or 'none'}"
    return f"{words}; {counted(report.scope.regions, 'region')} of packets examined"


def scope_sections(scope: Scope) -> Iterator[tuple[str, Sequence[str]]]:
    """What a verdict rests on and does not cover, with headings; nothing is left out because it is empty."""
    yield "Rests on", scope.assumptions or ("nothing but the manifests and the dump",)
    yield "Does not cover", scope.not_covered or ("nothing was left out",)
    if scope.notes:
        yield "Notes on the dump", scope.notes


def arrival(packet: Packet) -> str:
    """A packet in people's notation, and how it comes to the node."""
    way = "sent by the node itself" if packet.hook == "output" else "arriving at the node"
    comes = f" by {packet.input_interface}" if packet.input_interface else ""
    leaves = f", leaving by {packet.output_interface}" if packet.output_interface else ""
    mark = f", with mark {packet.mark:#x}" if packet.mark else ""
    state = f", of a connection that is {packet.state}" if packet.state != "new" else ""
    return f"{packet_text(packet)}, {way}{comes}{leaves}{mark}{state}"


def rule_text(place: RulePlace) -> str:
    """A rule, chain, element or table to blame, on one line."""
    chain = f", chain {place.chain}" if place.chain else ""
    handle = f", handle {place.handle}" if place.handle is not None else ""
    what = place.rule or place.element
    missing = " (missing)" if place.is_missing else ""
    return f"table {place.family} {place.table}{chain}{handle}{f': {what}' if what else ''}{missing}"


def rule_lines(places: Iterable[RulePlace]) -> list[str]:
    """The rules to blame, each once, however many of its elements are; the element, too, where it is one alone."""
    elements: dict[str, list[str]] = {}
    for place in places:
        elements.setdefault(rule_text(place), []).append(place.element if place.rule else "")
    return [f"{text}  ({found[0]})" if len(found) == 1 and found[0] else text for text, found in elements.items()]


def extent(finding: Finding) -> str:
    """Whom a finding touches and how much, such as ``pods; at least 33.33% (1/3) of new connections; 3 regions``."""
    clients = ", ".join(_CLIENTS.get(client, client) for client in finding.clients)
    share = ""
    if finding.share:
        least = "" if finding.share == 1 else "at least "
        share = f"{least}{percentage(finding.share)} of new connections"
    regions = f"{counted(finding.regions, 'region')} of packets" if finding.regions else ""
    return "; ".join(filter(None, (clients, share, regions)))


def entries(finding: Finding, *, outcomes: int = 8) -> Iterator[tuple[str, list[str]]]:
    """All there is to say of a finding but its message, as labels with one value or more, each on one line.

    At most so many `outcomes` are told of either side.
    """
    witness = finding.witness
    if finding.details:
        yield "detail", [*finding.details]
    if witness is not None:
        yield "packet", [arrival(witness.packet)]
        if witness.local_addresses:
            yield "if local", [f"{', '.join(witness.local_addresses)} must be the node's own"]
        differences = {fate.text: fate.difference for fate in fates(witness)}
        yield "expected", _side(witness.expected, witness.packet, outcomes, differences) or ["nothing in particular"]
        yield "found", _side(witness.found, witness.packet, outcomes, differences) or ["nothing"]
    if finding.rules:
        yield "rule", rule_lines(finding.rules)
    if finding.source is not None:
        yield "manifest", [str(finding.source)]
    yield "hint", [hint_of(finding)]
    if touched := extent(finding):
        yield "extent", [touched]
    yield "id", [finding.fingerprint]


def _side(outcomes: Sequence[Outcome], packet: Packet, most: int, differences: Mapping[str, str]) -> list[str]:
    lines = []
    for item in outcomes[:most]:
        text = outcome_text(item, packet)
        reasons = f": {'; '.join(item.reasons)}" if item.reasons else ""
        difference = differences[text]
        mark = f"  ({difference})" if difference != "as expected" else ""
        lines.append(f"{percentage(item.probability)} {text}{reasons}{mark}")
    rest = outcomes[most:]
    if rest:
        share = percentage(sum((item.probability for item in rest), Fraction(0)))
        lines.append(f"{share} {counted(len(rest), 'other outcome')}")
    return lines
