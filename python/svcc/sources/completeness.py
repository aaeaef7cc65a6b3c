"""When the list of streams is complete, which nothing in a stream itself needs to say."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["Completeness", "ListProgress", "Listing"]


@frozen
class Completeness:
    """When what streams have said is all that there is.

    A stream of watch events begins with an ``ADDED`` for each object, and goes on with changes. The border is told by
    a ``BOOKMARK`` with the annotation ``k8s.io/initial-events-end`` for each kind, where the server was asked for it;
    kubectl does not ask. So the list is complete

    - when every kind in `kinds`, and in each stream every kind that it has, has such a bookmark; or
    - when there was at least one object of every kind in `kinds`, every stream has said something, and then nothing
      came from any of them for `quiet` seconds between two documents; or
    - when all streams have ended, and there was at least one object of every kind in `kinds`.

    Attributes:
        kinds: without them nothing is ever complete. Services and EndpointSlices by default (S53): where one of several
            kubectls is late or has failed, that must not look like a cluster without endpoints.
        quiet: seconds.
    """

    kinds: frozenset[str] = field(default=frozenset({"Service", "EndpointSlice"}), converter=frozenset)
    quiet: float = 1.0


class ListProgress:
    """What a stream has listed so far."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.ended: set[str] = set()

    def see(self, kind: str) -> None:
        """There is an object of this kind."""
        self.seen.add(kind)

    def end(self, kind: str) -> None:
        """All objects of this kind have been listed."""
        self.ended.add(kind)

    @property
    def is_told(self) -> bool:
        """Whether bookmarks say that all has been listed that comes in this stream."""
        return bool(self.ended) and self.seen <= self.ended


@frozen
class Listing:
    """What all streams of a source have listed so far."""

    wanted: Completeness
    streams: tuple[ListProgress, ...]

    @property
    def is_told(self) -> bool:
        """Whether bookmarks say that all has been listed."""
        ended = set[str]().union(*(each.ended for each in self.streams))
        return self.wanted.kinds <= ended and all(each.is_told for each in self.streams)

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds that nothing is known of, sorted."""
        return tuple(sorted(self.wanted.kinds.difference(*(each.seen | each.ended for each in self.streams))))
