"""Audit reports as one page that needs nothing beside itself: no network, no script, no other file.

The script only filters. A policy in the page forbids everything else, so that even a flaw in escaping would have
nothing to run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib import resources

from svcc.auditing.finding import AuditReport, Verdict
from svcc.fields import Severity
from svcc.report.audit_elements import Element, element, markup
from svcc.report.audit_html_finding import finding_article
from svcc.report.audit_words import (
    EQUALITIES,
    counted,
    name_of,
    severities,
    severity_counts,
    verdict_sentence,
)

__all__ = ["audit_html"]

_WORDS = {Verdict.PROVED: "proved", Verdict.FINDINGS: "findings", Verdict.NOT_PROVED: "not proved"}
_GLOSSARY = (
    ("Service", "A Kubernetes object that gives several pods one address. Clients connect to that address."),
    ("Endpoint", "One of the pods, with its port, that a connection to the Service may be sent to."),
    ("Node", "A machine of the cluster. Its kernel rewrites the destination of packets from Service to endpoint."),
    (
        "Rule, chain, hook",
        "The kernel's nftables: rules stand in chains, and chains are run at hooks on a packet's way.",
    ),
    ("Expected", "What the declared Services, their endpoints and the settings of the node ask for."),
    ("Found", "What the rules that the node has loaded do, according to a dump of them."),
    ("Chance", "Where several endpoints are possible, the part of new connections that each of them gets."),
    ("Masqueraded", "The endpoint sees the node's address in place of the client's."),
    ("Region", "A group of packets that share one fate. All regions together are all packets there can be."),
    ("Manifest", "The file in which something is declared."),
)


def audit_html(reports: Sequence[AuditReport], *, show_suppressed: bool = False) -> Iterator[str]:
    """The page, in pieces."""
    style, script = (resources.files("svcc.report").joinpath(name).read_text("utf-8") for name in _FILES)
    title = _headline(reports)
    yield "<!DOCTYPE html>\n"
    yield '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark">\n'
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield f"{markup(element('title', f'{title} - svcc audit'))}\n"
    yield f"<style>{style}</style>\n</head>\n<body>\n"
    yield f"{markup(element('a', 'Skip to the findings', href='#findings', class_='skip'))}\n"
    yield f"{markup(_header(reports, title))}\n<main>\n"
    yield f"{markup(_tiles(reports))}\n"
    if len(reports) > 1:
        yield f"{markup(_nodes(reports))}\n"
    yield '<section id="findings">\n'
    if any(report.findings for report in reports):
        yield f"{markup(_filter())}\n"
    for number, report in enumerate(reports, start=1):
        yield from _report(report, number, alone=len(reports) == 1, show_suppressed=show_suppressed)
    yield "</section>\n"
    yield f"{markup(_glossary())}\n</main>\n"
    made_by = "Made by svcc, which compiles Kubernetes Services into nftables rules and proves what such rules do."
    yield f"{markup(element('footer', element('p', made_by)))}\n"
    yield f"<script>{script}</script>\n</body>\n</html>\n"


_FILES = ("audit.css", "audit.js")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _headline(reports: Sequence[AuditReport]) -> str:
    if len(reports) == 1:
        return _sentence(reports[0])
    proved = sum(report.verdict is Verdict.PROVED for report in reports)
    if not reports:
        return "Nothing was audited"
    return f"{proved} of {len(reports)} nodes {'does' if proved == 1 else 'do'} what was declared"


def _sentence(report: AuditReport) -> str:
    if not report.node:
        return {
            Verdict.PROVED: "The rules do what was expected",
            Verdict.FINDINGS: "The rules do not do what was expected",
            Verdict.NOT_PROVED: "The rules may do what was expected: not everything could be decided",
        }[report.verdict]
    return {
        Verdict.PROVED: f"{report.node} does what was declared",
        Verdict.FINDINGS: f"{report.node} does not do what was declared",
        Verdict.NOT_PROVED: f"{report.node} may do what was declared: not everything could be decided",
    }[report.verdict]


def _header(reports: Sequence[AuditReport], title: str) -> Element:
    verdicts = [report.verdict for report in reports]
    worst = next((item for item in (Verdict.FINDINGS, Verdict.NOT_PROVED) if item in verdicts), Verdict.PROVED)
    if all(not report.node for report in reports):
        compared = "what packet rules do with what was expected of them"
    else:
        loaded = "the node" if len(reports) == 1 else "each node"
        compared = f"the packet rules that were loaded on {loaded} with the Kubernetes Services declared for it"
    ruling = element("span", f"Verdict: {_WORDS[worst]}", class_=f"verdict {worst.value}")
    equality = reports[0].equality if len(reports) == 1 else None
    return element(
        "header",
        element("p", "svcc audit", class_="eyebrow"),
        element("h1", title),
        element("p", ruling, f" {equality.value}: {EQUALITIES[equality]}" if equality else "", class_="ruling")
        if reports
        else None,
        element("p", f"This audit compared {compared}. {_reach(reports)}", class_="lead") if reports else None,
        class_="top",
    )


def _reach(reports: Sequence[AuditReport]) -> str:
    """What was examined, and no more than that."""
    regions = sum(report.scope.regions for report in reports)
    extent = f", in {regions:,} groups of packets that share a fate" if regions else ""
    if any(report.verdict is Verdict.NOT_PROVED for report in reports):
        return (
            f"It works out, without samples, what becomes of new connections{extent}. Not everything could be decided."
        )
    return (
        f"It did not try samples: it worked out what becomes of every new connection that anybody could open{extent}."
    )


def _tiles(reports: Sequence[AuditReport]) -> Element:
    findings = [finding for report in reports for finding in report.findings]
    counts = severity_counts(findings)
    suppressed = sum(len(report.suppressed) for report in reports)
    regions = sum(report.scope.regions for report in reports)
    tiles = [
        ("Errors", counts[Severity.ERROR], "error"),
        ("Warnings", counts[Severity.WARNING], "warning"),
        ("Worth knowing", counts[Severity.INFO], "info"),
        ("Suppressed", suppressed, "plain"),
        ("Regions examined", regions, "plain"),
    ]
    return element(
        "dl",
        (
            element(
                "div", element("dt", label), element("dd", f"{count:,}"), class_=f"tile {kind if count else 'plain'}"
            )
            for label, count, kind in tiles
        ),
        class_="tiles",
    )


def _nodes(reports: Sequence[AuditReport]) -> Element:
    header = ("Node", "Verdict", "Errors", "Warnings", "Infos", "Suppressed", "Regions")
    rows = []
    for number, report in enumerate(reports, start=1):
        counts = severity_counts(report.findings)
        numbers = (*counts.values(), len(report.suppressed), report.scope.regions)
        rows.append(
            element(
                "tr",
                element("th", element("a", name_of(report), href=f"#node-{number}"), scope="row"),
                element("td", element("span", _WORDS[report.verdict], class_=f"verdict {report.verdict.value}")),
                (element("td", f"{count:,}", class_="number") for count in numbers),
            )
        )
    head = element("tr", (element("th", label, scope="col") for label in header))
    table = element("table", element("thead", head), element("tbody", rows))
    return element("div", table, class_="nodes", tabindex="0", role="region", aria_label="The nodes")


def _filter() -> Element:
    boxes = (
        element(
            "label",
            element("input", type="checkbox", name="severity", value=severity.value, checked=True),
            f" {label}",
        )
        for severity, label in (
            (Severity.ERROR, "Errors"),
            (Severity.WARNING, "Warnings"),
            (Severity.INFO, "Worth knowing"),
        )
    )
    return element(
        "form",
        element(
            "label",
            element("span", "Filter"),
            element(
                "input", type="search", name="words", placeholder="Service, address, table, rule …", autocomplete="off"
            ),
            class_="words",
        ),
        element("fieldset", element("legend", "Show"), boxes),
        element("output", aria_live="polite"),
        id="filter",
        hidden=True,
    )


def _report(report: AuditReport, number: int, *, alone: bool, show_suppressed: bool) -> Iterator[str]:
    yield f'<section class="node" id="node-{number}">\n'
    if not alone:
        heading = element(
            "h2",
            f"{name_of(report)} ",
            element("span", _WORDS[report.verdict], class_=f"verdict {report.verdict.value}"),
        )
        yield f"{markup(heading)}\n"
        yield f"{markup(element('p', f'{_sentence(report)}.', class_='lead'))}\n"
    elif report.findings:
        yield f"{markup(element('h2', f'Findings: {severities(report.findings)}'))}\n"
    for index, finding in enumerate(report.findings, start=1):
        yield f"{markup(finding_article(finding, f'node-{number}-finding-{index}'))}\n"
    yield from _suppressed(report, number, show_suppressed=show_suppressed)
    yield f"{markup(_scope(report))}\n</section>\n"


def _suppressed(report: AuditReport, number: int, *, show_suppressed: bool) -> Iterator[str]:
    if not report.suppressed:
        return
    told = counted(len(report.suppressed), "finding")
    if not show_suppressed:
        verb = "is" if len(report.suppressed) == 1 else "are"
        yield f"{markup(element('p', f'{told} {verb} accepted by a baseline and not shown.', class_='quiet'))}\n"
        return
    yield f'<details class="suppressed">\n{markup(element("summary", f"{told} accepted by a baseline"))}\n'
    for index, item in enumerate(report.suppressed, start=1):
        yield f"{markup(finding_article(item.finding, f'node-{number}-suppressed-{index}', suppressed=item))}\n"
    yield "</details>\n"


def _scope(report: AuditReport) -> Element:
    scope = report.scope
    dump = f"The rules were read from {report.dump}." if report.dump else ""
    sections = [
        ("What this verdict rests on", scope.assumptions, "Nothing but the manifests and the dump."),
        ("What it does not cover", scope.not_covered, "Nothing was left out."),
        ("Notes on the dump", scope.notes, ""),
        ("Baseline entries that match no finding", report.baseline_entries_unused, ""),
    ]
    columns = [
        element(
            "div",
            element("h3", heading),
            element("ul", (element("li", item) for item in items)) if items else element("p", otherwise),
        )
        for heading, items, otherwise in sections
        if items or otherwise
    ]
    return element(
        "section",
        element("p", f"Verdict: {verdict_sentence(report)}."),
        element("p", dump, class_="quiet") if dump else None,
        element("div", columns, class_="columns"),
        class_="scope",
    )


def _glossary() -> Element:
    words = [item for term, meaning in _GLOSSARY for item in (element("dt", term), element("dd", meaning))]
    return element("details", element("summary", "The words on this page"), element("dl", words), class_="glossary")
