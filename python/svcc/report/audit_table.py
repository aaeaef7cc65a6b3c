"""Audit reports as text for people."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from svcc.auditing.finding import AuditReport, Finding, FindingKind, Verdict
from svcc.fields import Severity, printable
from svcc.report.audit_summary import summary_rows
from svcc.report.audit_words import entries, name_of, scope_sections, verdict_sentence
from svcc.report.tables import table
from svcc.report.trace import percentage

__all__ = ["audit_table"]

# Of ANSI terminals; the word that is painted says the same.
_RED, _YELLOW, _GREEN, _CYAN, _BOLD, _PLAIN = (
    "\x1b[31;1m",
    "\x1b[33;1m",
    "\x1b[32;1m",
    "\x1b[36;1m",
    "\x1b[1m",
    "\x1b[0m",
)
_SEVERITIES = {Severity.ERROR: _RED, Severity.WARNING: _YELLOW, Severity.INFO: _CYAN}
_VERDICTS = {Verdict.FINDINGS: _RED, Verdict.NOT_PROVED: _YELLOW, Verdict.PROVED: _GREEN}
_NODES = {Verdict.FINDINGS: "with findings", Verdict.NOT_PROVED: "not proved", Verdict.PROVED: "proved"}
_LABEL = 10
_NARROWEST = 40
_MOST_INFOS = 3
"""Of one kind: what is right and may surprise must not bury what is wrong."""


class _Page:
    """Lines of text, each with its end, escaped, wrapped between words and painted."""

    def __init__(self, width: int | None, *, color: bool) -> None:
        self._width = max(width, _NARROWEST) if width else None
        self._color = color

    def painted(self, text: str, escape: str) -> str:
        return f"{escape}{text}{_PLAIN}" if self._color else text

    def lines(self, text: str, *, first: str = "", rest: str | None = None) -> Iterator[str]:
        """A paragraph; its lines start with `first`, and then with `rest`."""
        safe = printable(text)
        if self._width is None:
            yield f"{first}{safe}\n"
            return
        wrapped = textwrap.wrap(
            safe,
            self._width,
            initial_indent=first,
            subsequent_indent=" " * len(first) if rest is None else rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (f"{line}\n" for line in wrapped or [first.rstrip()])


def audit_table(
    reports: Sequence[AuditReport], *, color: bool = False, show_suppressed: bool = False, width: int | None = None
) -> Iterator[str]:
    """The reports one after the other, each closed by its verdict; then, of several, a table of the nodes."""
    page = _Page(width, color=color)
    for number, report in enumerate(reports):
        if number:
            yield "\n"
        yield from _report(report, page, show_suppressed=show_suppressed)
    if len(reports) != 1:
        yield "\n" if reports else ""
        header, rows = summary_rows(reports)
        yield from (f"{line}\n" for line in table(header, rows))
        verdicts = [report.verdict for report in reports]
        told = ", ".join(
            f"{verdicts.count(verdict)} {words}" for verdict, words in _NODES.items() if verdict in verdicts
        )
        yield f"{page.painted('VERDICT', _BOLD)} of {len(reports)} nodes: {told or 'nothing was audited'}\n"


def _report(report: AuditReport, page: _Page, *, show_suppressed: bool) -> Iterator[str]:
    dump = f" ({report.dump})" if report.dump and report.dump != name_of(report) else ""
    yield page.painted(printable(f"AUDIT of {name_of(report)}{dump}"), _BOLD) + "\n\n"
    told, left_out = _told(report.findings)
    rows = [_row(finding) for finding in told]
    rows += [[Severity.INFO.value, kind.value, f"{count} more", "", "", ""] for kind, count in left_out.items()]
    if rows:
        header = ["SEVERITY", "FINDING", "SUBJECT", "CLIENTS", "SHARE", "ID"]
        yield from (f"{line}\n" for line in table(header, rows))
        yield "\n"
    for finding in told:
        yield from _finding(finding, page)
        yield "\n"
    for kind, count in left_out.items():
        yield from page.lines(
            f"INFO {kind.value}: {count} more like these; every other format, such as -o json, tells all"
        )
        yield "\n"
    if show_suppressed:
        for item in report.suppressed:
            until = f", until {item.expires}" if item.expires else ""
            yield from _finding(item.finding, page, note=f"suppressed{until}: {item.reason}")
            yield "\n"
    for heading, sentences in scope_sections(report.scope):
        yield from _listed(heading, sentences, page)
    if report.baseline_entries_unused:
        yield from _listed("Baseline entries that match no finding", report.baseline_entries_unused, page)
    verdict = page.painted("VERDICT", _BOLD)
    sentence = printable(verdict_sentence(report))
    word = report.verdict.value.replace("-", " ")
    yield f"{verdict} of {printable(name_of(report))}: {page.painted(word, _VERDICTS[report.verdict])}"
    yield f"{sentence.removeprefix(word)}\n"


def _told(findings: Sequence[Finding]) -> tuple[list[Finding], Counter[FindingKind]]:
    """All findings that are wrong, and a few of each kind of information; how many of these are left out."""
    seen: Counter[FindingKind] = Counter()
    told = []
    for finding in findings:
        if finding.severity is Severity.INFO:
            seen[finding.kind] += 1
        if finding.severity is not Severity.INFO or seen[finding.kind] <= _MOST_INFOS:
            told.append(finding)
    return told, Counter({kind: count - _MOST_INFOS for kind, count in seen.items() if count > _MOST_INFOS})


def _listed(heading: str, sentences: Sequence[str], page: _Page) -> Iterator[str]:
    yield f"{heading}:\n"
    for sentence in sentences:
        yield from page.lines(sentence, first="  - ", rest="    ")


def _row(finding: Finding) -> list[str]:
    share = percentage(finding.share).split(" ", maxsplit=1)[0] if finding.share else ""
    cells = (
        finding.severity.value,
        finding.kind.value,
        finding.subject,
        ", ".join(finding.clients),
        share,
        finding.fingerprint,
    )
    return [printable(cell) for cell in cells]


def _finding(finding: Finding, page: _Page, *, note: str = "") -> Iterator[str]:
    word = finding.severity.value.upper()
    heading = f"{word} {finding.kind.value}: {finding.message}"
    first, *rest = page.lines(heading, rest="  ")
    yield page.painted(word, _SEVERITIES[finding.severity]) + first.removeprefix(word)
    yield from rest
    if note:
        yield from page.lines(note, first=_label("baseline"))
    for label, values in entries(finding):
        for number, value in enumerate(values):
            yield from page.lines(value, first=_label(label) if not number else _label(""))


def _label(word: str) -> str:
    shown = f"{word.capitalize()}:" if word else ""
    return f"  {shown.ljust(_LABEL)} "
