"""The audits of many nodes at a glance, and a file for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from svcc.auditing.finding import AuditReport
from svcc.fields import Severity, printable
from svcc.report.audit_formats import SUFFIXES
from svcc.report.audit_words import name_of, severity_counts
from svcc.report.tables import table

__all__ = ["audit_summary", "report_file_names", "summary_rows"]

_HEADER = ("NODE", "VERDICT", "EQUALITY", "ERRORS", "WARNINGS", "INFOS", "SUPPRESSED", "REGIONS", "DUMP")
_LONGEST_NAME = 100


def summary_rows(reports: Sequence[AuditReport]) -> tuple[Sequence[str], list[list[str]]]:
    """The header of a table with one row for each node, and the rows, safe to print."""
    return _HEADER, [[printable(cell) for cell in _row(report)] for report in reports]


def audit_summary(reports: Sequence[AuditReport]) -> Iterator[str]:
    """The table, line by line, each with its end."""
    header, rows = summary_rows(reports)
    yield from (f"{line}\n" for line in table(header, rows))


def report_file_names(reports: Sequence[AuditReport], format: str) -> list[str]:  # noqa: A002  (as the option is called)
    """For each report the name of a file of its own: that of the node, without anything a file system trips over.

    The names differ from each other even where file systems fold case, and none is hidden or leads elsewhere.

    >>> from svcc.auditing.finding import Verdict
    >>> report_file_names([AuditReport(node, "", Verdict.PROVED) for node in ("a", "A", "../etc", "")], "json")
    ['a.json', 'A-2.json', 'etc.json', 'node.json']
    """
    names: list[str] = []
    taken: set[str] = set()
    for report in reports:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", report.node).strip(".-")[:_LONGEST_NAME] or "node"
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        names.append(f"{name}{SUFFIXES[format]}")
    return names


def _row(report: AuditReport) -> list[str]:
    counts = severity_counts(report.findings)
    return [
        name_of(report),
        report.verdict.value,
        report.equality.value if report.equality else "-",
        *(str(counts[severity]) for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO)),
        str(len(report.suppressed)),
        str(report.scope.regions),
        report.dump,
    ]
