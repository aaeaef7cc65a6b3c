"""The installer: from what the kernel holds to what it should hold, in the smallest steps, verified.

`synchronize` reads the kernel and is right from any state; `advance` trusts that the kernel holds what was installed
last, and costs as much as the change. Whoever gets an error from `advance` synchronizes next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from svcc.apply.applied import Applied, Refusal, operations_of
from svcc.apply.cold_start import cold_start
from svcc.apply.departing_records import departing_records
from svcc.apply.forgetting import Forgetting
from svcc.apply.held import Held, held_tables
from svcc.apply.leftovers import Leftovers
from svcc.apply.losses import gone_service_ports, lost_service_ports
from svcc.apply.refusals import ServiceName, is_of_a_service, named_service, refused_service, service_reference, without
from svcc.apply.scripts import save_script
from svcc.apply.session import Nft, NftError
from svcc.apply.steps import NOTHING, steps_of, tidying, tidyings
from svcc.apply.transitions import forgetting_commands, is_done, made_anew, steps_from
from svcc.compiler.affinity_records import RememberedEndpoint
from svcc.compiler.layout import COUNTERS_TABLE
from svcc.compiler.ruleset import build_ruleset
from svcc.dataplane.contract import Dataplane
from svcc.errors import TargetError
from svcc.incremental.contract import Update
from svcc.nft.commands import (
    DeleteElements,
    DeleteTable,
    TableName,
)
from svcc.nft.objects import Ruleset
from svcc.nft.transaction import Transaction

__all__ = ["TIDY_AFTER_SECONDS", "Installer"]

TIDY_AFTER_SECONDS: Final = 0.1
"""Packets that began before a commit are through within microseconds; a CPU that is stolen for longer is idle.

They go with the next change, or before long where there is none.
"""

_FORGETTING_SECONDS: Final = 0.03
"""How long `tidy` forgets records of session affinity before it lets others go first."""

_MOST_READINGS: Final = 3
"""How often the kernel is read again where somebody changes svcc's tables while they are being changed."""
_MOST_REFUSED: Final = 16


class Installer:
    """Puts rulesets into the kernel; for one thread at a time.

    Args:
        nft: the session to do it with.
        keep_scripts: where scripts are kept that are refused; None keeps none.
        keep_pick_chains: whether pick chains stay that nobody uses any more; see `svcc.apply.steps.set_aside`.
        clock: counts seconds, and never jumps back.
    """

    def __init__(
        self,
        nft: Nft,
        *,
        keep_scripts: Path | None,
        keep_pick_chains: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nft = nft
        self._keep_scripts = keep_scripts
        self._clock = clock
        self._leftovers = Leftovers(TIDY_AFTER_SECONDS, keep_pick_chains=keep_pick_chains)
        self._forgetting = Forgetting(TIDY_AFTER_SECONDS)

    @property
    def seconds_until_tidy(self) -> float | None:
        """How long until `tidy` will do something; None where nothing is left."""
        waits = []
        if (due := self._leftovers.due) is not None:
            waits.append(due - self._clock())
        if (due := self._forgetting.due) is not None:
            waits.append(due - time.monotonic())
        return max(0.0, min(waits)) if waits else None

    def synchronize(self, wanted: Ruleset, dataplane: Dataplane) -> Applied:
        """Take the kernel from whatever it holds of svcc's tables to `wanted`, the ruleset of `dataplane`.

        Does nothing where the kernel holds it. Services that nft or the kernel refuses are left out, one by one. What
        is left behind by purpose is deleted by `tidy`.

        Raises:
            NftError: it is refused as a whole; nothing has changed.
            TargetError: the kernel holds something else afterwards.
        """
        begun = time.monotonic()
        refused: dict[ServiceName, Refusal] = {}
        saved: Path | None = None
        done: list[Transaction] = []
        is_anew = False
        readings = 0
        remaining, target = dataplane, wanted
        gone: list[str] | None = None
        while True:
            held = held_tables(self._nft, target)
            if gone is None:
                gone = gone_service_ports(held.ruleset, wanted)
            try:
                is_anew |= self._reach(held, target, remaining, done, may_make_anew=readings > 0)
                # A cold start is not read again: the kernel has said yes to each part, and nothing was there before.
                if not done or not held.tables or self._is_reached(target):
                    break
                if readings >= _MOST_READINGS:
                    raise TargetError(
                        "the kernel holds something else than was installed",
                        hint="somebody else keeps changing the tables ip svcc and ip6 svcc",
                    )
            except NftError as error:
                # What was read may have changed since: what is refused twice is refused for good.
                if readings and not error.is_uncertain:
                    saved = saved or self._save(error)
                    name = self._blamed(held, target, remaining, error)
                    if name is None or len(refused) >= _MOST_REFUSED:
                        raise _telling(error, saved) from None
                    refused[name] = Refusal(service_reference(name), error.words, error.place)
                    remaining = without(remaining, {name})
                    target = build_ruleset(remaining, service_counters=_has_counters(wanted))
                    continue
                if readings >= _MOST_READINGS:
                    raise
            readings += 1
        return Applied(
            tuple(done),
            operations_of(done),
            time.monotonic() - begun,
            tuple(refused.values()),
            saved,
            is_anew,
            gone=tuple(gone),
        )

    def losses(self, wanted: Ruleset) -> list[str]:
        """The Service ports that the kernel serves, or has endpoints for, and would not any more with `wanted`.

        Raises:
            NftError: the tables cannot be listed.
        """
        return lost_service_ports(held_tables(self._nft, wanted).ruleset, wanted)

    def advance(self, update: Update) -> Applied:
        """Change what the kernel holds by an update; reads nothing, and costs as much as the update.

        The kernel must hold what was installed last. What earlier changes have left behind goes in the same transaction
        once it may, so that it does not pile up where changes never end.

        Where a sticky service port loses an endpoint, records of session affinity towards it go in the same transaction
        (S35), as far as `departing_records` finds them. The rest is not honoured, and `tidy` forgets it, even if the
        endpoint is back by then, with its old address. Only a client of that rest that makes a connection between these
        two, and has made none while the endpoint was gone, returns to it and stays.

        Raises:
            NftError: it is refused, and at most chains have been added that nothing leads to; synchronize next.
        """
        begun = time.monotonic()
        steps = steps_of(self._leftovers.merged(update.before, update.after), update.after)
        commit = steps.commit
        if (due := self._leftovers.take_due(self._clock())).tables:
            tidied, later = tidying(due)
            commit = Transaction((*commit.commands, *tidied.commands))
            self._leftovers.add_overdue(later, self._clock())
        done: list[Transaction] = []
        if steps.prepare:
            self._run_certainly(steps.prepare)
            done.append(steps.prepare)
        forgotten = 0
        if commit:
            forgotten = self._commit(commit, update.departed)
            done.append(commit)
        self._leftovers.add(steps.leftovers, self._clock())
        self._forgetting.departed(update.departed)
        return Applied(tuple(done), operations_of(done), time.monotonic() - begun, records_forgotten=forgotten)

    def tidy(self) -> Applied:
        """Delete what the last changes left behind, if packets that might still need it are through.

        Records of session affinity towards endpoints that have gone are a part of it. Where there are so many that it
        takes long, this is a piece of the work: `seconds_until_tidy` is 0 until all is done. The map is read while
        packets change it, and of hundreds of thousands of records only a part is read, so some may be missed; the next
        `synchronize` finds them if their endpoint is still gone.

        Raises:
            NftError: it is refused, since somebody else was there; synchronize next.
            TargetError: the records cannot be read; synchronize next.
        """
        begun = time.monotonic()
        done: list[Transaction] = []
        for step in tidyings(self._leftovers.take_due(self._clock())):
            self._run_certainly(step)
            done.append(step)
        forgotten = 0
        if (due := self._forgetting.due) is not None and begun >= due:
            forgotten = self._forgetting.forget(_FORGETTING_SECONDS)
        return Applied(tuple(done), operations_of(done), time.monotonic() - begun, records_forgotten=forgotten)

    def _reach(
        self, held: Held, target: Ruleset, dataplane: Dataplane, done: list[Transaction], *, may_make_anew: bool
    ) -> bool:
        """Run what leads from `held` to `target`; whether tables had to be made anew."""
        if not held.tables:
            self._start_cold(target, done)
            return False
        steps = steps_from(held, target)
        if all(table.is_usable for table in held.tables):
            forgetting = forgetting_commands(held, target, dataplane)
            try:
                if steps.prepare:
                    self._run(steps.prepare, done)
                try:
                    self._run(Transaction((*steps.commit.commands, *forgetting)), done)
                except NftError:
                    # A record that has been made anew since it was read is no stale one.
                    if not forgetting:
                        raise
                    self._run(steps.commit, done)
            except NftError as error:
                # JSON does not tell all about a map: one that looks like ours may still be declared otherwise.
                if error.is_uncertain or not may_make_anew or not self._is_taken(anew := made_anew(held, target)):
                    raise
                self._run(anew, done)
                self._leftovers.replace(NOTHING, self._clock())
                return True
            self._leftovers.replace(steps.leftovers, self._clock())
            return False
        self._run(steps.commit, done)
        self._leftovers.replace(NOTHING, self._clock())
        return True

    def _start_cold(self, target: Ruleset, done: list[Transaction]) -> None:
        """Make the tables where there are none, with what hooks them into the kernel last."""
        self._leftovers.replace(NOTHING, self._clock())
        begun: list[Transaction] = []
        try:
            for part in cold_start(target):
                self._run(part, begun)
        except NftError:
            if begun:
                # What is there does nothing yet, but whoever fails leaves nothing.
                names = [TableName(table.family, table.name) for table in target.tables]
                self._nft.run(Transaction(tuple(DeleteTable(name) for name in names)).script)
            raise
        done += begun

    def _is_reached(self, target: Ruleset) -> bool:
        """Whether the kernel holds what is wanted, and nothing else but what is to be tidied up."""
        held = held_tables(self._nft, target)
        steps = steps_from(held, target)
        return not steps.prepare and not steps.commit

    def _run(self, step: Transaction, done: list[Transaction]) -> None:
        if step:
            self._nft.run(step.script)
            done.append(step)

    def _commit(self, commit: Transaction, departed: Iterable[RememberedEndpoint]) -> int:
        """Run a transaction, with the removal of records towards endpoints that go in it; return how many go."""
        records = departing_records(departed)
        if records:
            try:
                self._nft.run(Transaction((*commit.commands, *records)).script)
            except NftError as error:
                # A record that has been made anew since it was read may be in the way: without them, then.
                if error.is_uncertain:
                    raise
            else:
                return sum(len(each.elements.elements) for each in records if isinstance(each, DeleteElements))
        self._run_certainly(commit)
        return 0

    def _run_certainly(self, step: Transaction) -> None:
        """Run a step; where the answer is lost, look whether it was done."""
        try:
            self._nft.run(step.script)
        except NftError as error:
            if not error.is_uncertain or not is_done(step, held_tables(self._nft, NOTHING)):
                raise

    def _is_taken(self, step: Transaction) -> bool:
        try:
            self._nft.run(step.script, check=True)
        except NftError:
            return False
        return True

    def _blamed(self, held: Held, target: Ruleset, dataplane: Dataplane, error: NftError) -> ServiceName | None:
        """The Service of `dataplane` that is to blame for an error on the way to `target`."""
        if not is_of_a_service(error):
            return None
        service_counters = _has_counters(target)

        def is_taken(tried: Dataplane) -> bool:
            return self._is_taken(made_anew(held, build_ruleset(tried, service_counters=service_counters)))

        name = named_service(dataplane, error)
        if name is not None and is_taken(without(dataplane, {name})):
            return name
        return refused_service(dataplane, is_taken) or name

    def _save(self, error: NftError) -> Path | None:
        if self._keep_scripts is None or not error.script:
            return None
        try:
            return save_script(self._keep_scripts, error.script)
        except OSError:
            # Whatever is wrong with the disk must not hide what is wrong with the rules.
            return None


def _has_counters(ruleset: Ruleset) -> bool:
    return any(table.name == COUNTERS_TABLE for table in ruleset.tables)


def _telling(error: NftError, saved: Path | None) -> NftError:
    """The error with where its script lies."""
    if saved is not None:
        error.hint = f"{f'{error.hint}; ' if error.hint else ''}for a bug report, the script is kept in {saved}"
    return error
