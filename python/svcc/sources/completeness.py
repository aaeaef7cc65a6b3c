"""When the list of a stream is complete, which nothing in the stream itself needs to say."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["Completeness", "ListProgress"]


@frozen
class Completeness:
    """When what a stream has said is all that there is.

    A stream of watch events begins with an ``ADDED`` for each object, and goes on with changes. The border is told by
    a ``BOOKMARK`` with the annotation ``k8s.io/initial-events-end`` for each kind, where the server was asked for it;
    kubectl does not ask. So the list is complete

    - when every kind in `kinds`, and every other one seen so far, has such a bookmark; or
    - when there was at least one object of every kind in `kinds`, and then nothing came for `quiet` seconds between
      two documents; or
    - when the stream has ended, and there was at least one object of every kind in `kinds`.

    Attributes:
        kinds: without them nothing is ever complete. Services and EndpointSlices by default (S53): a pipe of several
            kubectls, of which one is late or has failed, must not look like a cluster without endpoints.
        quiet: seconds.
    """

    kinds: frozenset[str] = field(default=frozenset({"Service", "EndpointSlice"}), converter=frozenset)
    quiet: float = 1.0


class ListProgress:
    """What a stream has listed so far."""

    def __init__(self, completeness: Completeness) -> None:
        self._wanted = completeness
        self._seen: set[str] = set()
        self._ended: set[str] = set()

    def see(self, kind: str) -> None:
        """There is an object of this kind."""
        self._seen.add(kind)

    def end(self, kind: str) -> None:
        """All objects of this kind have been listed."""
        self._ended.add(kind)

    @property
    def is_told(self) -> bool:
        """Whether bookmarks say that all has been listed."""
        return bool(self._ended) and self._wanted.kinds | self._seen <= self._ended

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds that nothing is known of, sorted."""
        return tuple(sorted(self._wanted.kinds - self._seen - self._ended))
