"""Audit reports of names, rules and files that were made to break reports."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.audit.finding import (
    AuditReport,
    Equality,
    Finding,
    FindingKind,
    RulePlace,
    Scope,
    Suppressed,
    Verdict,
    Witness,
)
from svcc.fields import Severity, Source, printable
from svcc.model.service import Protocol
from svcc.report.audit import FORMATS
from svcc.select import ServicePortName
from svcc.trace.evaluator import Outcome, Step
from svcc.trace.packet import Packet
from tests.report.reading import FINGERPRINTS, Page, rendered

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
texts = st.sampled_from(POISON) | st.text(st.characters(), max_size=12)
lists = st.lists(texts, max_size=3).map(tuple)
steps = st.builds(Step, texts, texts, texts, texts, st.none() | st.integers(1, 9), texts, texts)
outcomes = st.lists(
    st.builds(
        Outcome,
        st.fractions(0, 1, max_denominator=9),
        st.sampled_from(["accept", "drop", "reject", "unknown"]),
        address=st.none() | st.just("10.1.0.1"),
        port=st.none() | st.just(8080),
        masquerade=st.booleans(),
        destination_choice=st.none() | texts,
        source_choice=st.none() | texts,
        reject_with=st.none() | texts,
        reasons=lists,
        steps=st.lists(steps, max_size=4).map(tuple),
    ),
    max_size=9,
).map(tuple)
packets = st.builds(
    Packet,
    st.just(Protocol.TCP),
    st.just("10.0.0.1"),
    st.just("10.96.0.1"),
    st.none() | st.just(40000),
    st.just(80),
    st.sampled_from(["prerouting", "output"]),
    st.none() | texts,
    st.none() | texts,
)
places = st.builds(RulePlace, texts, texts, texts, st.none() | st.integers(1, 9), texts, texts)
findings = st.builds(
    Finding,
    st.sampled_from(FindingKind),
    st.sampled_from(Severity),
    texts,
    texts,
    st.none() | st.builds(ServicePortName, texts, texts, texts, st.sampled_from(Protocol)),
    lists,
    st.none() | st.builds(Witness, packets, outcomes, outcomes, lists),
    st.lists(places, max_size=3).map(tuple),
    st.none() | st.builds(Source, texts, st.integers(0, 9)),
    texts,
    st.integers(0, 9),
    st.none() | st.just(Fraction(1, 3)),
    lists,
)
reports = st.lists(
    st.builds(
        AuditReport,
        texts,
        texts,
        st.sampled_from(Verdict),
        st.none() | st.sampled_from(Equality),
        st.lists(findings, max_size=3).map(tuple),
        st.lists(st.builds(Suppressed, findings, texts, st.none() | texts), max_size=2).map(tuple),
        st.builds(Scope, st.integers(0, 9), lists, lists, lists),
        lists,
    ),
    max_size=3,
)
ALL = pytest.mark.parametrize("output", FORMATS)


@ALL
@given(reports)
@settings(max_examples=60, deadline=None)
def test_no_report_holds_a_character_that_a_terminal_or_a_file_chokes_on(output: str, drawn: list[AuditReport]) -> None:
    text = rendered(drawn, output, show_suppressed=True)
    text.encode("utf-8")
    assert text.replace("\n", "").isprintable()


@ALL
@given(reports)
@settings(max_examples=60, deadline=None)
def test_no_text_hides_a_finding(output: str, drawn: list[AuditReport]) -> None:
    text = rendered(drawn, output, show_suppressed=True)
    expected = [finding.fingerprint for report in drawn for finding in report.findings]
    expected += [item.finding.fingerprint for report in drawn for item in report.suppressed]
    found = FINGERPRINTS[output](text)
    assert {item for item in found if item != "0" * 16} == set(expected)


@given(reports)
@settings(max_examples=60, deadline=None)
def test_no_text_becomes_markup(drawn: list[AuditReport]) -> None:
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
@settings(max_examples=60, deadline=None)
def test_no_text_becomes_an_xml_element(drawn: list[AuditReport]) -> None:
    root = ET.fromstring(rendered(drawn, "junit", show_suppressed=True))  # noqa: S314
    known = {"testsuites", "testsuite", "properties", "property", "testcase"}
    assert {element.tag for element in root.iter()} <= known | {"failure", "error", "skipped", "system-out"}
    assert len(root.findall("testsuite")) == len(drawn)


@given(reports)
@settings(max_examples=60, deadline=None)
def test_no_text_becomes_a_workflow_command(drawn: list[AuditReport]) -> None:
    lines = rendered(drawn, "github", show_suppressed=True).split("\n")
    assert lines.pop() == ""
    assert len(lines) == sum(len(report.findings) + len(report.suppressed) + 1 for report in drawn)
    for line in lines:
        assert re.match(r"::(error|warning|notice) (file=[^,:]*,line=\d+,)?title=[^,:]*::", line)
        assert re.search(r"%(?!25|0A|3A|2C)", line) is None


@given(reports)
@settings(max_examples=25, deadline=None)
def test_no_text_breaks_the_schemas(drawn: list[AuditReport]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((Path(__file__).parents[1] / "data" / "schemas" / "sarif-2.1.0.json").read_text())
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    log = json.loads(rendered(drawn, "sarif"))
    assert list(validator.iter_errors(log)) == []
