"""From the cause of a change to the kernel."""

from __future__ import annotations

import pytest

from svcc.addresses import IPFamily
from svcc.model.endpoints import EndpointSlice
from svcc.node.trigger_times import TRIGGER_TIME_ANNOTATION, TriggerTimes, trigger_time

AT_SIX = 1_790_057_700.0  # 2026-09-22T06:15:00Z


def a_slice(time: str, name: str = "web-1", address_type: str = "IPv4") -> EndpointSlice:
    return EndpointSlice(name, address_type=address_type, annotations={TRIGGER_TIME_ANNOTATION: time})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-09-22T06:15:00Z", AT_SIX),
        ("2026-09-22T08:15:00+02:00", AT_SIX),
        ("2026-09-22T06:15:00.5Z", AT_SIX + 0.5),
        ("2026-09-22T06:15:00.123456789Z", AT_SIX + 0.123456789),
    ],
)
def test_times_are_read_as_go_writes_them(text: str, seconds: float) -> None:
    assert trigger_time({TRIGGER_TIME_ANNOTATION: text}) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-22T06:15:00Z", "2026-09-22", "2026-09-22T06:15:00"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert trigger_time({TRIGGER_TIME_ANNOTATION: text}) is None
    assert trigger_time({}) is None


def test_changes_are_measured_once_from_their_cause() -> None:
    times = TriggerTimes(started=AT_SIX)
    times.changed(None, a_slice("2026-09-22T06:15:02Z"))
    times.changed(None, a_slice("2026-09-22T06:15:03Z", "web-2", "IPv6"))
    assert times.take(AT_SIX + 5) == [(IPFamily.IPV4, 3), (IPFamily.IPV6, 2)]
    assert times.take(AT_SIX + 6) == []


def test_what_was_caused_before_the_process_began_is_not_its_delay() -> None:
    times = TriggerTimes(started=AT_SIX)
    times.changed(None, a_slice("2026-09-22T06:14:59Z"))
    assert times.take(AT_SIX + 5) == []


def test_a_slice_that_changes_for_another_reason_has_no_new_cause() -> None:
    times = TriggerTimes(started=AT_SIX)
    one = a_slice("2026-09-22T06:15:02Z")
    times.changed(one, one)
    assert times.take(AT_SIX + 5) == []


def test_of_changes_that_wait_together_the_first_cause_counts_and_deletion_ends_it() -> None:
    times = TriggerTimes(started=AT_SIX)
    first, second = a_slice("2026-09-22T06:15:02Z"), a_slice("2026-09-22T06:15:04Z")
    times.changed(None, first)
    times.changed(first, second)
    assert times.take(AT_SIX + 5) == [(IPFamily.IPV4, 3)]
    times.changed(None, first)
    times.changed(first, None)
    assert times.take(AT_SIX + 5) == []


def test_clocks_that_disagree_make_no_negative_delay() -> None:
    times = TriggerTimes(started=AT_SIX)
    times.changed(None, a_slice("2026-09-22T06:15:09Z"))
    assert times.take(AT_SIX + 5) == [(IPFamily.IPV4, 0)]


def test_slices_of_names_and_slices_that_nobody_knew_have_no_delay() -> None:
    times = TriggerTimes(started=AT_SIX)
    times.changed(None, a_slice("2026-09-22T06:15:02Z", address_type="FQDN"))
    times.changed(None, None)
    assert times.take(AT_SIX + 5) == []
