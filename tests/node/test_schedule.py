"""Changes go at once or together, failures are tried again ever later, and nothing that is due is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from svcc.node.schedule import Intervals, Schedule, Task

INTERVALS = Intervals(least=1.0, verification=100.0, tidying=5.0, first_retry=2.0, last_retry=16.0)


def test_a_change_after_a_quiet_time_goes_at_once() -> None:
    schedule = Schedule(INTERVALS)
    assert schedule.wait(0.0) is None
    schedule.changed(10.0)
    assert schedule.next(10.0) is Task.ADVANCE
    assert schedule.wait(10.0) == 0.0


def test_changes_right_after_a_transaction_wait_and_go_together_s58() -> None:
    schedule = Schedule(INTERVALS)
    schedule.done(Task.ADVANCE, 10.0)
    for now in (10.1, 10.5, 10.9):
        schedule.changed(now)
        assert schedule.next(now) is None
    assert schedule.next(11.0) is Task.ADVANCE
    schedule.done(Task.ADVANCE, 11.0)
    assert schedule.next(11.9) is None


def test_a_stream_of_changes_never_puts_off_those_that_wait() -> None:
    schedule = Schedule(INTERVALS)
    schedule.done(Task.ADVANCE, 0.0)
    times = [number / 10 for number in range(100)]
    run = 0
    for now in times:
        schedule.changed(now)
        if schedule.next(now) is Task.ADVANCE:
            schedule.done(Task.ADVANCE, now)
            run += 1
    assert run == 9


def test_reading_the_kernel_brings_the_changes_with_it() -> None:
    schedule = Schedule(INTERVALS)
    schedule.changed(0.0)
    schedule.suspect(0.0)
    assert schedule.next(0.0) is Task.SYNCHRONIZE
    schedule.done(Task.SYNCHRONIZE, 0.0)
    assert schedule.next(50.0) is None
    assert schedule.wait(50.0) == 50.0
    assert schedule.next(100.0) is Task.SYNCHRONIZE


def test_failures_are_tried_again_ever_later_and_the_next_try_reads_the_kernel() -> None:
    schedule = Schedule(INTERVALS)
    schedule.changed(0.0)
    now, waits = 0.0, []
    for _ in range(5):
        schedule.failed(now)
        schedule.changed(now)
        wait = schedule.wait(now)
        assert wait is not None
        assert schedule.next(now + wait - 0.001) is None
        now += wait
        assert schedule.next(now) is Task.SYNCHRONIZE
        waits.append(wait)
    assert waits == [2.0, 4.0, 8.0, 16.0, 16.0]
    schedule.done(Task.SYNCHRONIZE, now)
    schedule.failed(now)
    assert schedule.wait(now) == 2.0


def test_what_is_left_behind_goes_later_and_after_everything_else() -> None:
    schedule = Schedule(INTERVALS)
    schedule.done(Task.ADVANCE, 0.0)
    schedule.left_behind(0.0)
    assert schedule.next(4.9) is None
    schedule.changed(5.0)
    assert schedule.next(5.0) is Task.ADVANCE
    schedule.done(Task.ADVANCE, 5.0)
    assert schedule.next(6.0) is Task.TIDY
    schedule.done(Task.TIDY, 6.0)
    assert schedule.wait(6.0) is None


def test_changes_that_never_end_do_not_put_off_tidying_for_ever() -> None:
    schedule = Schedule(INTERVALS)
    schedule.left_behind(0.0)
    tasks = []
    for now in range(1, 12):
        schedule.changed(now)
        task = schedule.next(now)
        assert task is not None
        schedule.done(task, now)
        tasks.append(task)
    assert tasks.index(Task.TIDY) == 9


def test_tidying_that_is_unfinished_goes_on_after_the_changes_that_wait() -> None:
    schedule = Schedule(INTERVALS)
    schedule.done(Task.TIDY, 0.0)
    schedule.unfinished(0.0)
    schedule.changed(0.5)
    assert schedule.next(1.0) is Task.ADVANCE
    schedule.done(Task.ADVANCE, 1.0)
    assert schedule.next(2.0) is Task.TIDY
    schedule.done(Task.TIDY, 2.0)
    assert schedule.wait(2.0) is None


def test_services_that_were_refused_are_tried_again() -> None:
    schedule = Schedule(INTERVALS)
    schedule.done(Task.ADVANCE, 0.0)
    schedule.refused(0.0)
    assert schedule.next(15.9) is None
    assert schedule.next(16.0) is Task.SYNCHRONIZE


PAUSES = st.integers(1, 5 * 64).map(lambda number: number / 64)
"""Seconds that add up without rounding, as a bound is to hold exactly."""


@given(st.lists(st.tuples(st.sampled_from(["changed", "suspect", "left_behind", "failed", "run"]), PAUSES)))
def test_whatever_was_asked_for_is_done_within_bounds(events: list[tuple[str, float]]) -> None:
    schedule, now = Schedule(INTERVALS), 0.0
    asked = False
    for event, pause in events:
        now += pause
        if event == "run":
            if (task := schedule.next(now)) is not None:
                schedule.done(task, now)
                asked = asked and task is Task.TIDY
        else:
            getattr(schedule, event)(now)
            asked = asked or event != "left_behind"
    if asked:
        wait = schedule.wait(now)
        assert wait is not None
        assert wait <= INTERVALS.last_retry


def test_reading_that_takes_long_is_rarer_than_it_was_asked_for() -> None:
    """A configuration of kube-proxy may say 30 s, and reading 30 000 Services takes most of that."""
    schedule = Schedule(INTERVALS)
    schedule.done(Task.SYNCHRONIZE, 0.0, 4.0)
    assert schedule.wait(0.0) == INTERVALS.verification
    schedule.done(Task.SYNCHRONIZE, 100.0, 20.0)
    assert schedule.wait(100.0) == 380.0
    schedule.suspect(101.0)
    assert schedule.next(101.0) is Task.SYNCHRONIZE, "a reason to read is none to wait"
