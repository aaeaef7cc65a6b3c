"""Audit reports as a page."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from attrs import evolve

from svcc.auditing.finding import AuditReport, Verdict, Witness
from svcc.report.audit_way import telling, way
from tests.report.reading import Page, rendered
from tests.report.samples import DECLARED, FOUND, blamed, findings, fleet, with_findings


def page(*reports: AuditReport, show_suppressed: bool = False) -> Page:
    return Page(rendered(reports, "html", show_suppressed=show_suppressed))


def test_the_page_needs_nothing_beside_itself() -> None:
    read = page(*fleet(), show_suppressed=True)
    assert {tag for tag, _attributes in read.elements}.isdisjoint({"link", "img", "iframe", "object", "base", "embed"})
    for _tag, attributes in read.elements:
        assert attributes.keys().isdisjoint({"src", "srcset", "style", "action", "background"})
        assert str(attributes.get("href", "#")).startswith("#")
    assert not re.search(r"url\(|@import|https?:", read.raw["style"])
    assert not re.search(r"fetch|XMLHttpRequest|innerHTML|eval|https?:", read.raw["script"])


def test_the_policy_of_the_page_allows_its_own_style_and_script_only() -> None:
    read = page(with_findings())
    (policy,) = [item["content"] for item in read.named("meta") if item.get("http-equiv") == "Content-Security-Policy"]
    hashes = {
        kind: base64.b64encode(hashlib.sha256(read.raw[kind].encode()).digest()).decode()
        for kind in ("style", "script")
    }
    style, script = (f"'sha256-{hashes[kind]}'" for kind in ("style", "script"))
    assert policy == f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'"


def test_links_lead_to_something_on_the_page_and_no_two_elements_share_a_name() -> None:
    read = page(*fleet(), show_suppressed=True)
    names = [str(attributes["id"]) for _tag, attributes in read.elements if "id" in attributes]
    assert len(names) == len(set(names))
    assert {str(link["href"]) for link in read.named("a")} <= {f"#{name}" for name in names}


def test_without_a_script_everything_is_there_but_the_filter() -> None:
    read = page(with_findings())
    hidden = [(tag, attributes.get("id")) for tag, attributes in read.elements if "hidden" in attributes]
    assert hidden == [("form", "filter")]


def test_the_way_of_a_packet_goes_from_hook_to_hook_and_ends_at_the_rule_that_decided() -> None:
    finding = findings()[1]
    outcome = telling(finding)
    assert finding.witness is not None
    assert outcome is not None
    assert outcome.verdict == "drop"
    hooks = list(way(finding, finding.witness, outcome))
    assert [(hook.name, [chain.name for chain in hook.chains]) for hook in hooks] == [
        ("prerouting", ["nat-prerouting", "services", "pick-3"]),
        ("forward", ["filter-forward", "forward"]),
    ]
    decided = [
        (chain.table, passage.rule)
        for hook in hooks
        for chain in hook.chains
        for passage in chain.passages
        if passage.decided
    ]
    assert decided == [("firewall", "ip daddr 10.244.2.0/24 tcp dport 8080 drop")]


@pytest.mark.parametrize("number", [1, 2])
def test_the_last_rule_decides_what_goes_no_further_whatever_rule_is_to_blame(number: int) -> None:
    finding = evolve(findings()[1], rules=findings()[number].rules)
    assert finding.witness is not None
    dropped = next(outcome for outcome in finding.witness.found if outcome.verdict == "drop")
    *_rest, last = [
        passage
        for hook in way(finding, finding.witness, dropped)
        for chain in hook.chains
        for passage in chain.passages
    ]
    assert last.decided


def test_without_a_rule_to_blame_the_translation_decides_where_a_packet_goes() -> None:
    finding = evolve(findings()[2], rules=())
    assert finding.witness is not None
    outcome = next(item for item in finding.witness.found if item.address == "10.244.1.99")
    decided = [
        chain.name
        for hook in way(finding, finding.witness, outcome)
        for chain in hook.chains
        if any(passage.decided for passage in chain.passages)
    ]
    assert decided == ["pick-nodeport-3"]


def test_a_rule_to_blame_decides_where_a_packet_goes() -> None:
    finding = findings()[2]
    assert finding.witness is not None
    marking = blamed(finding.witness.found, "meta mark set")
    finding = evolve(finding, rules=marking)
    assert finding.witness is not None
    outcome = next(item for item in finding.witness.found if item.address == "10.244.1.99")
    decided = [
        passage.rule
        for hook in way(finding, finding.witness, outcome)
        for chain in hook.chains
        for passage in chain.passages
        if passage.decided
    ]
    assert decided == [marking[0].rule]


def test_what_was_expected_stands_next_to_what_was_found() -> None:
    text = " ".join("".join(page(with_findings()).texts).split())
    assert "instead of: goes to 10.244.2.21:8080, client address kept, or 1 other outcome" in text
    assert "decided here" in text


def test_two_rulesets_are_shown_with_both_ways() -> None:
    packet = findings()[1].witness
    assert packet is not None
    both = Witness(packet.packet, DECLARED.evaluate(packet.packet).outcomes, FOUND.evaluate(packet.packet).outcomes)
    report = AuditReport("", "new.json", Verdict.FINDINGS, findings=(evolve(findings()[1], witness=both),))
    text = "".join(page(report).texts)
    assert "The rules do not do what was expected" in text
    assert "The expected way" in text
    assert "The way of the packet" in text
