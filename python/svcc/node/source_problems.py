"""What is wrong with a node's source now, and since when parts of it cannot be read."""

from __future__ import annotations

from attrs import define

from svcc.fields import Problem
from svcc.node.state import SourceFault
from svcc.sources.contract import Batch
from svcc.sources.unread import is_unread

__all__ = ["SourceProblems"]


@define
class SourceProblems:
    """The problems that a source has told and that hold, and the files and directories among them, by name."""

    lasting: tuple[Problem, ...] = ()
    faults: tuple[SourceFault, ...] = ()

    def take(self, batch: Batch, now: float) -> list[Problem]:
        """Add what a batch says at a moment, in Unix seconds; those of its problems that are not over at once.

        A file is unread for as long as there is any reason for it: another reason is no other fault.
        """
        over = set(map(id, batch.over))
        new = [problem for problem in batch.problems if id(problem) not in over]
        # What came up and was over in one batch is among both.
        self.lasting = tuple(problem for problem in (*self.lasting, *new) if problem not in batch.resolved)
        since = {fault.name: fault.since for fault in self.faults}
        found: dict[str, SourceFault] = {}
        for problem in filter(is_unread, self.lasting):
            fault = SourceFault(problem, now)
            found.setdefault(fault.name, SourceFault(problem, since.get(fault.name, now)))
        self.faults = tuple(found.values())
        return new
