"""Forgets records of session affinity towards endpoints that have gone, a while after the change that took them (S35).

There may be millions of records, and a change must not wait for them. So the map `affinity` is read when there is
nothing else to do, as netlink's bytes and in turns, and what leads to an endpoint that has gone is deleted. If the
endpoint is back by then, the age of a record tells on which side of its absence it was made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from svcc.apply.affinity_map import AffinityMap
from svcc.compiler.affinity_records import RememberedEndpoint
from svcc.errors import TargetError
from svcc.nft.commands import TableName

__all__ = ["Forgetting"]


class Forgetting:
    """Endpoints that have gone, and how far the search for records that lead to them has come; for one thread.

    Args:
        delay_seconds: how long packets may be under way that still record an endpoint that has gone.
        clock: never jumps.
    """

    def __init__(self, delay_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._departed: dict[RememberedEndpoint, float] = {}
        self._work: Iterator[int] | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to forget."""
        return self._work is not None or bool(self._departed)

    @property
    def due(self) -> float | None:
        """When `forget` has something to do, in the past where it has begun; None if never."""
        if self._work is not None:
            return float("-inf")
        return min(self._departed.values()) + self._delay_seconds if self._departed else None

    def departed(self, endpoints: Iterable[RememberedEndpoint]) -> None:
        """Endpoints have just gone. What was said before of the same ones is void, for they came back in between."""
        now = self._clock()
        self._departed.update(dict.fromkeys(endpoints, now))

    def forget(self, seconds: float) -> int:
        """Search and delete for about so long; `due` tells when to go on. Return how many records were deleted.

        In the network namespace of the calling thread, the same one each time.

        Raises:
            TargetError: the kernel does not answer, or has no such map. What had gone must be found by reading all.
        """
        now = self._clock()
        forgotten = 0
        if self._work is None:
            gone = {each: at for each, at in self._departed.items() if at + self._delay_seconds <= now}
            for each in gone:
                del self._departed[each]
            self._work = self._run(gone)
        try:
            for count in self._work:
                forgotten += count
                if self._clock() - now >= seconds:
                    return forgotten
        except OSError as error:
            self._work = None
            raise TargetError(f"records of session affinity cannot be read or deleted: {_reason(error)}") from error
        self._work = None
        return forgotten

    def _run(self, gone: Mapping[RememberedEndpoint, float]) -> Iterator[int]:
        """Do the work in small parts, each of which says how many records it has deleted."""
        by_table: dict[TableName, dict[RememberedEndpoint, float]] = {}
        for each, at in gone.items():
            by_table.setdefault(each.table, {})[each] = at
        for table, endpoints in by_table.items():
            yield from AffinityMap(table, endpoints, self._clock).forget()


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
