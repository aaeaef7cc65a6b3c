"""Balance and disruption, against counts by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.hashing import Maglev, Random, Rendezvous, Ring, balance, disruption
from tests.unit.hashing.choices import ALGORITHMS, Algorithm, groups, weighted


@given(weighted)
def test_the_balance_of_a_table_is_that_of_its_slots(group: dict[str, int]) -> None:
    maglev = Maglev(group, size=251)
    report = balance(maglev)
    assert report.exact
    for index, name in enumerate(maglev.endpoints):
        assert report.shares[name] == pytest.approx(maglev.table.tolist().count(index) / 251, abs=1e-6)
        assert report.weight_shares[name] == group[name] / sum(group.values())
    loads = [report.shares[name] / asked for name, asked in report.weight_shares.items() if asked]
    assert (report.max_over_mean, report.min_over_mean) == (max(loads), min(loads))


def test_loads_count_by_weight() -> None:
    report = balance(Maglev({"a": 3, "b": 1, "idle": 0}, size=7))
    assert list(report.shares.values()) == pytest.approx([5 / 7, 2 / 7, 0])
    assert report.max_over_mean == pytest.approx(8 / 7)
    assert report.min_over_mean == pytest.approx(20 / 21)
    assert report.standard_deviation == pytest.approx((0.75 / 21**2 + 0.25 / 7**2) ** 0.5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(group=groups)
def test_shares_sum_up_to_one_and_nothing_moves_without_a_change(algorithm: Algorithm, group: list[str]) -> None:
    choice = algorithm(group)
    assert sum(balance(choice, samples=100).shares.values()) == pytest.approx(1)
    same = disruption(choice, algorithm(group), samples=100)
    assert (same.moved, same.necessary, same.excess) == (0, 0, 0)


@given(groups, groups, st.sampled_from([31, 127]))
def test_the_disruption_of_a_table_is_that_of_its_slots(one: list[str], other: list[str], size: int) -> None:
    before, after = Maglev(one, size=size), Maglev(other, size=size)
    report = disruption(before, after)
    pairs = [
        (before.endpoints[was], after.endpoints[becomes])
        for was, becomes in zip(before.table, after.table, strict=True)
    ]
    moved = sum(was != becomes for was, becomes in pairs)
    lost = [
        sum(was == name for was, _ in pairs) - sum(becomes == name for _, becomes in pairs) for name in {*one, *other}
    ]
    assert report.exact
    assert report.moved == pytest.approx(moved / size, abs=1e-6)
    assert report.necessary == pytest.approx(sum(loss for loss in lost if loss > 0) / size, abs=1e-6)
    assert report.excess == pytest.approx(report.moved - report.necessary)


def test_all_keys_of_an_endpoint_that_vanishes_move_by_necessity() -> None:
    report = disruption(Maglev(["a"]), Maglev(["b"]))
    assert (report.moved, report.necessary, report.excess) == (1, 1, 0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Maglev(list("abcdef"), size=251), Maglev(list("abcde"), size=509)),
        (Ring(list("abcdef")), Ring(list("abcde"))),
    ],
    ids=["Maglev", "Ring"],
)
def test_exact_figures_are_close_to_those_of_sampled_keys(before: Maglev | Ring, after: Maglev | Ring) -> None:
    keys = b"".join((7 * number).to_bytes(8, "big") for number in range(50_000))
    found = [
        (before.endpoints[was], after.endpoints[becomes])
        for was, becomes in zip(before.lookup_many(keys, key_size=8), after.lookup_many(keys, key_size=8), strict=True)
    ]
    report = disruption(before, after)
    assert report.exact
    assert sum(was != becomes for was, becomes in found) / 50_000 == pytest.approx(report.moved, abs=0.015)
    shares = balance(before).shares
    for name, share in shares.items():
        assert sum(was == name for was, _ in found) / 50_000 == pytest.approx(share, abs=0.015)


def test_choices_that_hash_keys_differently_are_compared_by_samples() -> None:
    for before, after in (
        (Maglev(["a", "b"], hash_seed=1), Maglev(["a", "b"], hash_seed=2)),
        (Maglev(["a", "b"]), Ring(["a", "b"])),
    ):
        report = disruption(before, after)
        assert not report.exact
        assert report.moved == pytest.approx(0.5, abs=0.1)
        assert report.necessary < 0.1


def test_rendezvous_has_no_excess_and_a_draw_has_much() -> None:
    names = [f"10.0.0.{number} 80" for number in range(20)]
    assert disruption(Rendezvous(names), Rendezvous(names[1:])).excess == 0
    assert disruption(Random(names), Random(names[1:])).excess > 0.3


def test_no_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="samples must be at least 1, not 0"):
        balance(Random(["a"]), samples=0)
    with pytest.raises(ValueError, match="samples must be at least 1, not 0"):
        disruption(Random(["a"]), Random(["b"]), samples=0)
