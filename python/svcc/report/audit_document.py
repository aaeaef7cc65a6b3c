"""Audit reports as a JSON document for programs; `audit_report.schema.json` beside this file describes it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from svcc.auditing.finding import AuditReport, Finding, RulePlace, Scope, Witness
from svcc.dataplane.document import API_VERSION
from svcc.fields import Source
from svcc.model.service import Protocol
from svcc.report.audit_words import hint_of, severity_counts, title_of
from svcc.report.trace import packet_text
from svcc.report.trace_document import outcome_document
from svcc.select import ServicePortName
from svcc.trace.packet import Packet

__all__ = ["audit_document"]


def audit_document(reports: Sequence[AuditReport]) -> dict[str, Any]:
    """One ``AuditReport``, or an ``AuditReportList`` of none or several; keys are attributes in camel case.

    A chance is told twice: as a number, and as a fraction, which is exact.
    """
    if len(reports) == 1:
        return _report(reports[0])
    return {"apiVersion": API_VERSION, "kind": "AuditReportList", "items": [_report(report) for report in reports]}


def _report(report: AuditReport) -> dict[str, Any]:
    counts = severity_counts(report.findings)
    return {
        "apiVersion": API_VERSION,
        "kind": "AuditReport",
        "node": report.node,
        "dump": report.dump,
        "verdict": report.verdict.value,
        "equality": report.equality.value if report.equality else None,
        "counts": {
            **{severity.value: count for severity, count in counts.items()},
            "suppressed": len(report.suppressed),
        },
        "findings": [_finding(finding) for finding in report.findings],
        "suppressed": [
            {"reason": item.reason, "expires": item.expires, "finding": _finding(item.finding)}
            for item in report.suppressed
        ],
        "scope": _scope(report.scope),
        "baselineEntriesUnused": list(report.baseline_entries_unused),
    }


def _scope(scope: Scope) -> dict[str, Any]:
    return {
        "regions": scope.regions,
        "assumptions": list(scope.assumptions),
        "notCovered": list(scope.not_covered),
        "notes": list(scope.notes),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "fingerprint": finding.fingerprint,
        "kind": finding.kind.value,
        "severity": finding.severity.value,
        "title": title_of(finding.kind),
        "message": finding.message,
        "subject": finding.subject,
        "servicePort": _service_port(finding.service_port),
        "details": list(finding.details),
        "clients": list(finding.clients),
        "share": _share(finding.share),
        "regions": finding.regions,
        "witness": _witness(finding.witness),
        "rules": [_rule(place) for place in finding.rules],
        "source": _source(finding.source),
        "hint": hint_of(finding),
    }


def _service_port(name: ServicePortName | None) -> dict[str, str] | None:
    if name is None:
        return None
    return {"namespace": name.namespace, "service": name.service, "port": name.port, "protocol": name.protocol.value}


def _share(share: Fraction | None) -> dict[str, Any] | None:
    return None if share is None else {"probability": float(share), "share": str(share)}


def _witness(witness: Witness | None) -> dict[str, Any] | None:
    if witness is None:
        return None
    return {
        "packet": _packet(witness.packet),
        "localAddresses": list(witness.local_addresses),
        "expected": [outcome_document(witness.packet, outcome) for outcome in witness.expected],
        "found": [outcome_document(witness.packet, outcome) for outcome in witness.found],
    }


def _packet(packet: Packet) -> dict[str, Any]:
    protocol = packet.protocol
    return {
        "text": packet_text(packet),
        "protocol": protocol.value if isinstance(protocol, Protocol) else protocol,
        "source": packet.source,
        "sourcePort": packet.source_port,
        "destination": packet.destination,
        "destinationPort": packet.destination_port,
        "hook": packet.hook,
        "inputInterface": packet.input_interface,
        "outputInterface": packet.output_interface,
        "mark": packet.mark,
        "state": packet.state,
    }


def _rule(place: RulePlace) -> dict[str, Any]:
    return {
        "family": place.family,
        "table": place.table,
        "chain": place.chain,
        "handle": place.handle,
        "rule": place.rule,
        "element": place.element,
        "missing": place.is_missing,
    }


def _source(source: Source | None) -> dict[str, Any] | None:
    return {"file": source.file, "line": source.line} if source else None
