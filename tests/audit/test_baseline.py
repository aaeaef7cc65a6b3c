"""Baselines: what they accept, until when, and what is told of entries that are no use."""

from __future__ import annotations

import datetime as dt

import pytest
from attrs import evolve

from svcc.auditing.baseline import Baseline, BaselineEntry, apply_baseline, baseline_lines, read_baseline
from svcc.auditing.finding import Finding, FindingKind
from svcc.errors import InputError
from svcc.fields import Severity

TODAY = dt.date(2026, 6, 15)
STALE = Finding(FindingKind.ENDPOINT_STALE, Severity.ERROR, "a message", "shop/web:http", details=("10.244.1.9:80",))
MISSING = Finding(FindingKind.SERVICE_MISSING, Severity.ERROR, "another", 'shop/"odd"\n')


def entry(finding: Finding, expires: dt.date | None = None) -> BaselineEntry:
    return BaselineEntry(finding.fingerprint, finding.kind, finding.subject, "known", expires)


def text_of(*lines: str) -> str:
    return "\n".join(["apiVersion: svcc/v1", "kind: AuditBaseline", "accepted:", *lines, ""])


def one(fingerprint: str = "00112233445566aa", kind: str = "endpoint-stale", **more: str) -> str:
    fields = {"fingerprint": fingerprint, "kind": kind, "subject": "shop/web", "reason": "known", **more}
    return text_of("- " + "\n  ".join(f"{key}: {value}" for key, value in fields.items()))


def test_a_finding_that_is_in_it_is_suppressed_and_others_are_left() -> None:
    accepted = apply_baseline(Baseline((entry(STALE),)), [STALE, MISSING], TODAY)
    assert accepted.findings == (MISSING,)
    [suppressed] = accepted.suppressed
    assert (suppressed.finding, suppressed.reason, suppressed.expires) == (STALE, "known", None)
    assert accepted.unused == accepted.expired == ()


def test_the_message_and_the_counts_of_a_finding_may_change() -> None:
    changed = evolve(STALE, message="other words", regions=9, hint="do it")
    assert apply_baseline(Baseline((entry(STALE),)), [changed], TODAY).findings == ()


def test_an_entry_still_accepts_on_its_last_day() -> None:
    accepted = apply_baseline(Baseline((entry(STALE, TODAY),)), [STALE], TODAY)
    assert accepted.findings == ()
    assert accepted.suppressed[0].expires == "2026-06-15"


def test_an_expired_entry_accepts_no_more_and_says_so() -> None:
    accepted = apply_baseline(Baseline((entry(STALE, TODAY - dt.timedelta(1)),)), [STALE], TODAY)
    assert accepted.findings == (STALE,)
    assert not accepted.suppressed
    assert not accepted.unused
    [sentence] = accepted.expired
    assert "shop/web:http" in sentence
    assert "until 2026-06-14" in sentence


def test_an_entry_that_matches_nothing_is_told() -> None:
    accepted = apply_baseline(Baseline((entry(STALE), entry(MISSING, TODAY - dt.timedelta(1)))), [], TODAY)
    assert [text.split()[0] for text in accepted.unused] == ["endpoint-stale", "service-missing"]
    assert accepted.expired == ()


def test_what_is_written_reads_as_the_same_findings() -> None:
    read = read_baseline("".join(baseline_lines([STALE, MISSING, STALE])), "b.yaml")
    assert {each.fingerprint for each in read.entries} == {STALE.fingerprint, MISSING.fingerprint}
    assert apply_baseline(read, [STALE, MISSING], TODAY).findings == ()
    assert [each.subject for each in read.entries] == [STALE.subject, MISSING.subject]


def test_writing_again_keeps_reasons_and_days_that_are_not_over() -> None:
    previous = Baseline((entry(STALE, TODAY), entry(MISSING, TODAY - dt.timedelta(1))))
    read = read_baseline("".join(baseline_lines([STALE, MISSING], previous, TODAY)), "b.yaml")
    assert {each.kind: (each.reason, each.expires) for each in read.entries} == {
        STALE.kind: ("known", TODAY),
        MISSING.kind: ("known", None),
    }


def test_a_reason_is_to_be_filled_in_and_stays_then() -> None:
    written = "".join(baseline_lines([STALE, MISSING], Baseline((entry(STALE),))))
    assert {each.kind: each.is_unreasoned for each in read_baseline(written, "b.yaml").entries} == {
        STALE.kind: False,
        MISSING.kind: True,
    }
    filled = read_baseline(written.replace("TODO: why is this accepted?", "a ticket"), "b.yaml")
    again = read_baseline("".join(baseline_lines([STALE, MISSING], filled)), "b.yaml")
    assert {each.reason for each in again.entries} == {"known", "a ticket"}


def test_a_baseline_without_findings_reads_as_empty() -> None:
    assert read_baseline("".join(baseline_lines([])), "b.yaml") == Baseline()


def test_a_fingerprint_of_digits_needs_no_quotes() -> None:
    assert read_baseline(one("0123456789012345"), "b.yaml").entries[0].fingerprint == "0123456789012345"


def test_the_day_needs_no_quotes() -> None:
    assert read_baseline(one(expires="2026-12-31"), "b.yaml").entries[0].expires == dt.date(2026, 12, 31)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no baseline"),
        ("[1, 2", "it is not YAML"),
        ("[" * 20_000, "it is "),
        ("kind: Service\n", "it is no baseline"),
        ("kind: AuditBaseline\n", "apiVersion is not svcc/v1"),
        (text_of().replace("accepted:", "accepted: yes"), "accepted is not a list"),
        (text_of("- 5"), r"accepted\[0\] is not a map"),
        (one("00112233445566AA"), "is not 16 hexadecimal digits"),
        (one(kind="endpoint-old"), "endpoint-old"),
        (one(reason='""'), "the reason is missing"),
        (one(expires="soon"), '"soon" is not a date'),
        (one(until="2026-12-31"), "unknown until"),
        (one(subject="[a]"), "subject is not text"),
        (one() + one().partition("accepted:\n")[2], "is there twice"),
    ],
)
def test_what_is_no_baseline_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_baseline(text, "b.yaml")
