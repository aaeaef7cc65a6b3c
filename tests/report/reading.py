"""Reading reports back, as the programs do that they are for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

from svcc.auditing.finding import AuditReport
from svcc.report.audit import render

_ID = re.compile(r"^\W*id: +([0-9a-f]{16})$", re.IGNORECASE | re.MULTILINE)
_VOID = {"meta", "input"}


def rendered(reports: Sequence[AuditReport], output: str, *, show_suppressed: bool = False) -> str:
    """A whole report."""
    return "".join(render(reports, output, show_suppressed=show_suppressed))


class Page(HTMLParser):
    """What a browser makes of a page: the elements, each with its attributes, and the text outside of scripts.

    Raises:
        AssertionError: an element is closed that is not open, or left open.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"script", "style"}:
            self.raw[self._open[-1]] = data
        else:
            self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements with a tag."""
        return [attributes for name, attributes in self.elements if name == tag]


def _of_json(text: str) -> list[str]:
    document = json.loads(text)
    reports = document["items"] if document["kind"] == "AuditReportList" else [document]
    return [
        finding["fingerprint"]
        for report in reports
        for finding in [*report["findings"], *(item["finding"] for item in report["suppressed"])]
    ]


def _of_sarif(text: str) -> list[str]:
    return [
        result["partialFingerprints"]["svccFinding/v1"] for run in json.loads(text)["runs"] for result in run["results"]
    ]


def _of_junit(text: str) -> list[str]:
    return [found for element in ET.fromstring(text).iter() for found in _ID.findall(element.text or "")]  # noqa: S314


def _of_github(text: str) -> list[str]:
    return [found for line in text.splitlines() for found in _ID.findall(line.replace("%0A", "\n"))]


def _of_html(text: str) -> list[str]:
    return [str(article["data-fingerprint"]) for article in Page(text).named("article")]


FINGERPRINTS: Mapping[str, Callable[[str], list[str]]] = {
    "table": _ID.findall,
    "json": _of_json,
    "sarif": _of_sarif,
    "junit": _of_junit,
    "github": _of_github,
    "html": _of_html,
}
"""The fingerprints of all findings in a report, by format."""
