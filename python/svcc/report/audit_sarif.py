"""Audit reports as SARIF 2.1.0; section numbers in comments are those of `svcc.report.sarif`'s document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.finding import AuditReport, Finding, FindingKind, RulePlace, Suppressed
from svcc.fields import printable
from svcc.report.audit_way import telling
from svcc.report.audit_words import arrival, entries, name_of, verdict_sentence
from svcc.report.sarif import LEVELS, artifact, physical_location, quoted, sarif_log, tool
from svcc.trace.evaluator import Step

__all__ = ["audit_sarif"]

_FINGERPRINT = "svccFinding/v1"
# All of them, so that the rules stay the same from run to run.
_KINDS = tuple(FindingKind)


def audit_sarif(reports: Sequence[AuditReport]) -> dict[str, Any]:
    """The log: a run for each report. Findings that a baseline accepts are results with a suppression."""
    return sarif_log([_run(report) for report in reports])


def _run(report: AuditReport) -> dict[str, Any]:
    results = [_result(finding, report) for finding in report.findings]
    results += [_result(item.finding, report, item) for item in report.suppressed]
    return {
        "tool": tool([_rule(kind) for kind in _KINDS]),
        # 3.14.3, 3.17.3: what comes before the last slash tells the runs of different nodes from each other.
        "automationDetails": {"id": f"svcc-audit/{quoted(name_of(report), safe='')}/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "node": printable(report.node),
            "dump": printable(report.dump),
            "verdict": report.verdict.value,
            "verdictSentence": printable(verdict_sentence(report)),
            "equality": report.equality.value if report.equality else None,
            "regions": report.scope.regions,
            "assumptions": [printable(item) for item in report.scope.assumptions],
            "notCovered": [printable(item) for item in report.scope.not_covered],
            "notes": [printable(item) for item in report.scope.notes],
            "baselineEntriesUnused": [printable(item) for item in report.baseline_entries_unused],
        },
    }


def _rule(kind: FindingKind) -> dict[str, Any]:
    entry = CATALOGUE[kind]
    return {
        "id": kind.value,
        "name": "".join(word.capitalize() for word in kind.value.split("-")),
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.explanation},
        "help": {"text": f"{entry.explanation}\n\n{entry.hint}"},
        "defaultConfiguration": {"level": LEVELS[entry.severity]},
    }


def _result(finding: Finding, report: AuditReport, suppressed: Suppressed | None = None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.kind.value,
        "ruleIndex": _KINDS.index(finding.kind),
        "level": LEVELS[finding.severity],
        "message": {"text": "\n".join(_message(finding))},
        "locations": [_location(finding, report)],
        "partialFingerprints": {_FINGERPRINT: finding.fingerprint},
        # 3.27.23: as soon as one result has suppressions, even if none, all must.
        "suppressions": [_suppression(suppressed)] if suppressed else [],
        "properties": {
            "subject": printable(finding.subject),
            "regions": finding.regions,
            "share": None if finding.share is None else str(finding.share),
            "clients": list(finding.clients),
        },
    }
    flow = list(_flow(finding))
    if flow:
        result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
    return result


def _message(finding: Finding) -> Iterator[str]:
    yield printable(finding.message)
    for label, values in entries(finding):
        yield from (printable(f"{label}: {value}") for value in values)


def _suppression(suppressed: Suppressed) -> dict[str, Any]:
    return {
        "kind": "external",
        "status": "accepted",
        "justification": printable(suppressed.reason),
        "properties": {"expires": suppressed.expires and printable(suppressed.expires)},
    }


def _location(finding: Finding, report: AuditReport) -> dict[str, Any]:
    """The manifest and the rules; where no manifest is to blame, the dump, for viewers ask for a file."""
    location: dict[str, Any] = {}
    physical = physical_location(finding.source) or (artifact(report.dump) if report.dump else None)
    if physical:
        location["physicalLocation"] = physical
    logical = [item for place in finding.rules for item in _logical(place)]
    unique = {item["fullyQualifiedName"]: item for item in logical}
    if unique:
        location["logicalLocations"] = list(unique.values())
    return location


def _logical(place: RulePlace) -> Iterator[dict[str, Any]]:
    """Table, chain and rule, or table and element, from the outside in (3.33); what is missing has no location."""
    name = f"{place.family} {place.table}"
    yield {"name": printable(place.table), "fullyQualifiedName": printable(name), "kind": "table"}
    if place.chain:
        name = f"{name}/{place.chain}"
        yield {"name": printable(place.chain), "fullyQualifiedName": printable(name), "kind": "chain"}
    what = place.rule or place.element
    if what and not place.is_missing:
        kind = "rule" if place.rule else "element"
        which = f"handle {place.handle}" if place.handle is not None else what
        yield {"name": printable(what), "fullyQualifiedName": printable(f"{name}/{which}"), "kind": kind}


def _flow(finding: Finding) -> Iterator[dict[str, Any]]:
    """The packet's way to what should not happen (3.38)."""
    outcome = telling(finding)
    if finding.witness is None or outcome is None:
        return
    for number, step in enumerate(outcome.steps):
        message = f"{step.hook}: {step.note or step.rule}"
        if not number:
            message = f"{arrival(finding.witness.packet)}; {message}"
        yield {"location": {"logicalLocations": list(_logical(_place(step))), "message": {"text": printable(message)}}}


def _place(step: Step) -> RulePlace:
    return RulePlace(step.family, step.table, step.chain, step.handle, step.rule)
