"""Audit reports as JUnit XML, which build servers read.

A suite for each node, in it a case for each Service port and each table that findings are about, and one for the
verdict: an error where the audit could not decide everything, for then nobody knows whether the test would fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from svcc.auditing.finding import AuditReport, Finding, Suppressed, Verdict
from svcc.fields import Severity, printable
from svcc.report.audit_words import (
    entries,
    more_severe_first,
    name_of,
    scope_sections,
    severities,
    verdict_sentence,
)
from svcc.report.junit import count_cases, document_text, joined

__all__ = ["audit_junit"]

_Subject = tuple[str, str]


def audit_junit(reports: Sequence[AuditReport], *, show_suppressed: bool = False) -> Iterator[str]:
    """The document; errors and warnings are failures, what is merely worth knowing stands in the output of its case."""
    root = ET.Element("testsuites", name="svcc audit")
    for report in reports:
        _suite(root, report, show_suppressed=show_suppressed)
    yield from document_text(root)


def _suite(root: ET.Element, report: AuditReport, *, show_suppressed: bool) -> None:
    name = printable(f"svcc audit of {name_of(report)}")
    suite = ET.SubElement(root, "testsuite", name=name)
    properties = ET.SubElement(suite, "properties")
    equality = report.equality.value if report.equality else ""
    for key, value in (
        ("node", report.node),
        ("dump", report.dump),
        ("verdict", report.verdict.value),
        ("equality", equality),
        ("regions", str(report.scope.regions)),
    ):
        ET.SubElement(properties, "property", name=key, value=printable(value))
    subjects: dict[_Subject, list[Finding]] = {}
    for finding in report.findings:
        subjects.setdefault(_subject(finding), []).append(finding)
    accepted: dict[_Subject, list[Suppressed]] = {}
    for item in report.suppressed if show_suppressed else ():
        accepted.setdefault(_subject(item.finding), []).append(item)
    for subject in sorted(subjects.keys() | accepted.keys()):
        _case(suite, name, subject, subjects.get(subject, []), accepted.get(subject, []))
    _verdict(suite, name, report)
    count_cases(suite, suite.findall("testcase"))


def _subject(finding: Finding) -> _Subject:
    port = finding.service_port
    return ("service port", str(port)) if port is not None else ("ruleset", finding.subject)


def _case(
    suite: ET.Element, name: str, subject: _Subject, findings: Sequence[Finding], accepted: Sequence[Suppressed]
) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"{name}: {subject[0]}", name=printable(subject[1]), time="0")
    failures = [finding for finding in more_severe_first(findings) if finding.severity is not Severity.INFO]
    if failures:
        worst = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        failure = ET.SubElement(
            case,
            "failure",
            type=worst.kind.value,
            message=printable(f"{worst.severity.value}: {worst.message}{more}"),
        )
        failure.text = joined([line for finding in failures for line in (*_told(finding), "")])
    elif accepted and not findings:
        ET.SubElement(case, "skipped", message=printable(f"suppressed: {accepted[0].reason}"))
    notices = [finding for finding in findings if finding.severity is Severity.INFO]
    told = [line for finding in notices for line in (*_told(finding), "")]
    for item in accepted:
        until = f" until {item.expires}" if item.expires else ""
        told += [f"suppressed{until}: {item.reason}", *_told(item.finding), ""]
    if told:
        ET.SubElement(case, "system-out").text = joined(told)


def _verdict(suite: ET.Element, name: str, report: AuditReport) -> None:
    case = ET.SubElement(suite, "testcase", classname=f"{name}: verdict", name="every packet", time="0")
    sentence = printable(verdict_sentence(report))
    if report.verdict is Verdict.NOT_PROVED:
        ET.SubElement(case, "error", type="not-proved", message=sentence)
    elif report.verdict is Verdict.FINDINGS:
        ET.SubElement(case, "failure", type="findings", message=f"{severities(report.findings)}: see the other cases")
    lines = [sentence]
    for heading, sentences in scope_sections(report.scope):
        lines += [f"{heading}:", *(f"  - {item}" for item in sentences)]
    unused = report.baseline_entries_unused
    lines += [f"Baseline entries that match no finding: {', '.join(unused)}"] if unused else []
    ET.SubElement(case, "system-out").text = joined(lines)


def _told(finding: Finding) -> Iterator[str]:
    yield f"{finding.severity.value} {finding.kind.value}: {finding.message}"
    for label, values in entries(finding):
        yield from (f"  {label}: {value}" for value in values)
