"""Audit reports of names, rules and files that were made to break reports."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.auditing.finding import AuditReport
from svcc.fields import printable
from svcc.report.audit import FORMATS
from svcc.select import ServicePortName
from svcc.trace.evaluator import Outcome
from svcc.trace.packet import Packet
from tests.report.reading import FINGERPRINTS, Page, rendered
from tests.report.samples import fleet

POISON = (
    "]]>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "<!--",
    "--><svg/onload=alert(1)>",
    "&lt;&#0;&bogus;",
    "\" onmouseover='alert(1)",
    "javascript:alert(1)",
    "a\nb\r\n::error::owned",
    "%0A::set-output name=x::y",
    "::stop-commands::x",
    "\x1b[31mred\x1b]0;title\x07",
    "\x00\x08\x7f\x9b",
    "\u202egnp.exe\u2066",
    "\u2028\u2029\ufeff\ufffe\uffff",
    "\ud800",
    "\udce9",
    "\U000e0001\U0010ffff",
    "file:///etc/passwd",
    "../../x",
    "  id: 0000000000000000",
    "",
    " ",
    "x" * 500,
    "${{ secrets }} $(reboot) `reboot`",
)
REPORTS = fleet()


def poisoned(value: Any, words: Iterator[str]) -> Any:
    """A value with every text that anybody may choose replaced by the next of some words."""
    if isinstance(value, str):
        return value if isinstance(value, enum.Enum) else next(words)
    if isinstance(value, ServicePortName):
        return ServicePortName(next(words), next(words), next(words), value.protocol)
    if isinstance(value, tuple):
        return tuple(poisoned(item, words) for item in value)
    return _poisoned_fields(value, words) if attrs.has(type(value)) else value


def _poisoned_fields(value: Any, words: Iterator[str]) -> Any:
    if isinstance(value, Packet):
        return evolve(value, input_interface=next(words), output_interface=next(words))
    kept = {"verdict", "address"} if isinstance(value, Outcome) else {"line_of"}
    names = [field.name for field in attrs.fields(type(value)) if field.name not in kept]
    return evolve(value, **{name: poisoned(getattr(value, name), words) for name in names})


def test_everything_that_anybody_may_choose_is_poisoned() -> None:
    before, after = (str(reports) for reports in (REPORTS, poisoned(REPORTS, cycle(["POISON"]))))
    for told in ("worker-1", "shop", "DOCKER", "nat-prerouting", "numgen", "tcp dport", "0123456789abcdef"):
        assert told not in after
        assert told in before


words = st.lists(st.sampled_from(POISON) | st.text(max_size=12), min_size=1, max_size=7)
reports = words.map(lambda drawn: poisoned(REPORTS, cycle(drawn)))
ALL = pytest.mark.parametrize("output", FORMATS)


@ALL
@given(reports)
@settings(max_examples=30, deadline=None)
def test_no_report_holds_a_character_that_a_terminal_or_a_file_chokes_on(
    output: str, drawn: tuple[AuditReport, ...]
) -> None:
    text = rendered(drawn, output, show_suppressed=True)
    text.encode("utf-8")
    assert text.replace("\n", "").isprintable()


@ALL
@given(reports)
@settings(max_examples=30, deadline=None)
def test_no_text_hides_a_finding(output: str, drawn: tuple[AuditReport, ...]) -> None:
    text = rendered(drawn, output, show_suppressed=True)
    expected = [finding.fingerprint for report in drawn for finding in report.findings]
    expected += [item.finding.fingerprint for report in drawn for item in report.suppressed]
    found = FINGERPRINTS[output](text)
    assert {item for item in found if item != "0" * 16} == set(expected)


@given(reports)
@settings(max_examples=30, deadline=None)
def test_no_text_becomes_markup(drawn: tuple[AuditReport, ...]) -> None:
    text = rendered(drawn, "html", show_suppressed=True)
    page = Page(text)
    empty = Page(rendered([], "html"))
    assert len(page.named("script")) == len(page.named("style")) == 1
    assert page.raw == empty.raw
    assert "<!--" not in text
    allowed = {"class", "id", "href", "title", "hidden", "lang", "charset", "name", "content", "http-equiv", "type"}
    allowed |= {"value", "checked", "placeholder", "autocomplete", "scope", "tabindex", "role", "width", "height"}
    allowed |= {"viewbox", "preserveaspectratio"}
    for tag, attributes in page.elements:
        assert tag != "img"
        odd = {key for key in attributes if key not in allowed and not key.startswith(("data-", "aria-"))}
        assert odd == set()
        assert str(attributes.get("href", "#")).startswith("#")
    shown = "".join(page.texts)
    for report in drawn:
        for finding in report.findings:
            assert printable(finding.message) in shown


@given(reports)
@settings(max_examples=30, deadline=None)
def test_no_text_becomes_an_xml_element(drawn: tuple[AuditReport, ...]) -> None:
    root = ET.fromstring(rendered(drawn, "junit", show_suppressed=True))  # noqa: S314
    known = {"testsuites", "testsuite", "properties", "property", "testcase"}
    assert {element.tag for element in root.iter()} <= known | {"failure", "error", "skipped", "system-out"}
    assert len(root.findall("testsuite")) == len(drawn)


@given(reports)
@settings(max_examples=30, deadline=None)
def test_no_text_becomes_a_workflow_command(drawn: tuple[AuditReport, ...]) -> None:
    lines = rendered(drawn, "github", show_suppressed=True).split("\n")
    assert lines.pop() == ""
    assert len(lines) == sum(len(report.findings) + len(report.suppressed) + 1 for report in drawn)
    for line in lines:
        assert re.match(r"::(error|warning|notice) (file=[^,:]*,line=\d+,)?title=[^,:]*::", line)
        assert re.search(r"%(?!25|0A|3A|2C)", line) is None


@given(reports)
@settings(max_examples=5, deadline=None)
def test_no_text_breaks_the_schemas(drawn: tuple[AuditReport, ...]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((Path(__file__).parents[1] / "data" / "schemas" / "sarif-2.1.0.json").read_text())
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    log = json.loads(rendered(drawn, "sarif"))
    assert list(validator.iter_errors(log)) == []
