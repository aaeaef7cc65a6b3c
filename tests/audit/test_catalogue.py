"""The catalogue of findings: complete, and in words that people can use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from svcc.auditing.catalogue import CATALOGUE, Entry
from svcc.auditing.finding import FindingKind
from svcc.fields import Severity

SOURCE = re.compile(r"\bS\d+\b|CVE-\d{4}-\d+|[\w.-]+/[\w.-]+#\d+|KEP-\d+|nft\(8\)")
RULES = Path(__file__).parents[1] / "rules.md"


def test_every_kind_has_an_entry_and_no_other_has_one() -> None:
    assert set(CATALOGUE) == set(FindingKind)
    assert all(entry.kind is kind for kind, entry in CATALOGUE.items())


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=str)
def test_an_entry_says_what_it_is_why_it_matters_and_what_to_do(entry: Entry) -> None:
    assert isinstance(entry.severity, Severity)
    assert 0 < len(entry.title) <= 50
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")
    assert entry.explanation.endswith(".")
    assert SOURCE.search(entry.explanation), "no source"
    assert entry.hint
    assert not entry.hint.endswith(".")


def test_titles_tell_kinds_apart() -> None:
    assert len({entry.title for entry in CATALOGUE.values()}) == len(CATALOGUE)


def test_the_rules_that_are_cited_exist() -> None:
    known = set(re.findall(r"^- \*\*(S\d+)\*\*", RULES.read_text(), re.MULTILINE))
    cited = {number for entry in CATALOGUE.values() for number in re.findall(r"\bS\d+\b", entry.explanation)}
    assert cited
    assert cited <= known


def test_lost_packets_are_worse_than_rules_without_effect() -> None:
    assert CATALOGUE[FindingKind.SERVICE_MISSING].severity is Severity.ERROR
    assert CATALOGUE[FindingKind.CHAIN_DEAD].severity is Severity.INFO
