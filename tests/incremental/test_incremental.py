"""The compiler that keeps its state says at every moment what a compilation from scratch says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.compiler import affinity
from svcc.compiler.ruleset import build_ruleset
from svcc.dataplane.conntrack import StaleEntries, UdpFrontends, passed_by_at, stale_udp_entries, still_stale
from svcc.dataplane.contract import Dataplane, ServicePortName
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change, Update
from svcc.nft.commands import AddElements, Command, DeleteElements
from svcc.nft.objects import Ruleset
from svcc.nft.transaction import transaction
from tests.changes.nft_model import Model
from tests.incremental.histories import Declared, History, histories
from tests.strategies import NODE


def operations(before: Ruleset, after: Ruleset) -> set[object]:
    """All that a transaction does, element by element, in no order."""
    return {part for command in transaction(before, after).commands for part in _parts(command)}


def _parts(command: Command) -> Iterator[object]:
    if isinstance(command, AddElements | DeleteElements):
        for key, data in command.elements.elements:
            yield type(command), command.table, command.elements.name, key, data, command.elements.comments.get(key)
    else:
        yield command


FEWER = settings(max_examples=max(settings().max_examples // 4, 1))
"""A history is many examples in one."""


def passed_by(before: Dataplane, after: Dataplane) -> list[StaleEntries]:
    """What `passed_by_at` says of all frontends, changed or not."""
    pairs = [(UdpFrontends(old), UdpFrontends(new)) for old, new in zip(before.families, after.families, strict=True)]
    return [entry for old, new in pairs for entry in passed_by_at(new.plans, old.serving, new)]


class Follower:
    """A compiler, the objects it was told of, and a model of the tables to which its updates are applied."""

    def __init__(self, history: History, *, service_counters: bool = False) -> None:
        self.compiler = IncrementalCompiler(NODE, history.settings, service_counters=service_counters)
        self.declared = Declared(history.settings)
        self.compilation = self.declared.compilation()
        self._service_counters = service_counters
        self.model = Model.holding(self.expected_ruleset())
        self._stale: list[StaleEntries] = []

    def expected_ruleset(self) -> Ruleset:
        return build_ruleset(self.compilation.dataplane, service_counters=self._service_counters)

    def check(self) -> None:
        """All that can be asked at any moment."""
        assert self.compiler.dataplane() == self.compilation.dataplane
        assert self.compiler.problems == self.compilation.problems
        assert self.compiler.health_checks == self.declared.health_checks()

    def follow(self, batch: Sequence[Change]) -> Update:
        before, old_ruleset = self.compilation, self.expected_ruleset()
        self.declared.apply(batch)
        after = self.compilation = self.declared.compilation()
        new_ruleset = self.expected_ruleset()
        update = self.compiler.update(batch)
        self.check()
        expected = operations(old_ruleset, new_ruleset)
        assert operations(update.before, update.after) == expected
        assert bool(update) is bool(expected)
        self.model.run(*transaction(update.before, update.after).commands)
        assert self.model.content == Model.holding(new_ruleset).content
        assert sorted(update.stale_entries, key=str) == sorted(
            [*stale_udp_entries(before.dataplane, after.dataplane), *passed_by(before.dataplane, after.dataplane)],
            key=str,
        )
        assert self.compiler.still_stale(self._stale) == tuple(
            each
            for family in after.dataplane.families
            for each in still_stale(
                [item for item in self._stale if item.family is family.family], UdpFrontends(family)
            )
        )
        self._stale += update.stale_entries
        assert set(update.problems) == set(after.problems) - set(before.problems)
        assert set(update.resolved) == set(before.problems) - set(after.problems)
        return update


@pytest.mark.parametrize("service_counters", [False, True], ids=["plain", "with counters"])
@FEWER
@given(history=histories())
def test_after_each_batch_of_changes_all_is_as_from_scratch(service_counters: bool, history: History) -> None:
    follower = Follower(history, service_counters=service_counters)
    follower.check()
    for batch in history.batches:
        follower.follow(batch)
    assert follower.compiler.ruleset() == follower.expected_ruleset()
    # What has been done is done: the same once more changes nothing.
    assert not follower.follow(history.batches[-1])


def crowded(name: ServicePortName) -> list[int]:
    """A few numbers at the end of all, so that they collide and go round."""
    return [(2**32 - 5 + sum(map(ord, f"{word}{name}")) % 7) % 2**32 for word in ("clients", "cluster", "local")]


@FEWER
@given(history=histories())
def test_numbers_of_sticky_service_ports_that_collide_are_as_from_scratch(history: History) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(affinity, "preferred_numbers", crowded)
        follower = Follower(history)
        for batch in history.batches:
            follower.follow(batch)


@FEWER
@given(history=histories(), data=st.data())
def test_the_order_and_the_grouping_of_changes_do_not_matter(history: History, data: st.DataObject) -> None:
    last = {change.reference: change for batch in history.batches for change in batch}
    expected = IncrementalCompiler(NODE, history.settings)
    expected.update(change for batch in history.batches for change in batch)
    compiler = IncrementalCompiler(NODE, history.settings)
    for change in data.draw(st.permutations(list(last.values()))):
        compiler.update([change])
    assert compiler.ruleset() == expected.ruleset()
    assert compiler.problems == expected.problems
    assert compiler.health_checks == expected.health_checks
