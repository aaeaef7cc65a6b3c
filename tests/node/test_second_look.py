"""A second look comes when what was under way is through: never before, not much later, and it takes little time."""

from __future__ import annotations

from svcc.addresses import IPFamily
from svcc.dataplane.conntrack import StaleEntries
from svcc.node.second_look import SecondLook
from svcc.select import EndpointAddress


def stale(number: int) -> StaleEntries:
    return StaleEntries(IPFamily.IPV4, "10.96.0.1", 53, EndpointAddress(f"10.244.0.{number}", 53))


def test_where_nothing_is_taken_away_nothing_is_looked_for() -> None:
    second = SecondLook(1.0)
    second.add(0.0, [])
    assert not second
    assert not second.take(10.0)


def test_what_a_change_takes_away_is_looked_for_once_when_it_is_old_enough() -> None:
    second = SecondLook(1.0)
    second.add(10.0, [stale(1), stale(2)])
    assert not second.take(10.9)
    assert second
    assert second.take(11.0).stale == {stale(1), stale(2)}
    assert not second
    assert not second.take(20.0)


def test_rules_that_changed_by_more_than_filters_tell_are_looked_at_as_a_whole() -> None:
    second = SecondLook(1.0)
    second.add(10.0, [], is_for_all=True)
    second.add(10.1, [stale(1)])
    assert not second.take(11.0)
    look = second.take(11.1)
    assert (look.stale, look.is_for_all) == ({stale(1)}, True)
    second.add(12.0, [stale(1)])
    assert not second.take(13.0).is_for_all


def test_while_changes_never_end_each_is_looked_for_between_one_interval_and_two_and_a_tick() -> None:
    second = SecondLook(1.0)
    added: dict[StaleEntries, float] = {}
    looks = 0
    for tick in range(250):
        now = tick / 10
        if look := second.take(now):
            looks += 1
            ages = [now - added.pop(item) for item in look.stale]
            assert min(ages) + 1e-9 >= 1.0
            assert max(ages) <= 2.0 + 1e-9
        added[stale(tick)] = now
        second.add(now, [stale(tick)])
    assert 20 < looks <= 25
    assert len(added) <= 20


def test_looks_that_take_long_take_no_more_than_a_tenth_of_the_time_and_lose_nothing() -> None:
    second = SecondLook(1.0)
    looked, seconds, now = set(), 0.0, 0.0
    for number in range(200):
        second.add(now, [stale(number)])
        if look := second.take(now):
            looked |= look.stale
            seconds += 0.7
            now += 0.7
            second.took(now, 0.7)
        now += 0.5
    assert 0.0 < seconds <= now / 10 + 0.7
    looked |= second.take(now + 10.0).stale
    assert looked == {stale(number) for number in range(200)}
