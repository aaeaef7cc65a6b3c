"""What goes into a compiler that keeps its state, and what comes out."""

from __future__ import annotations

from attrs import frozen

from svcc.fields import ObjectReference
from svcc.model.cluster import ClusterObject

__all__ = ["Change"]


@frozen
class Change:
    """What a source says of one object; `object` is None if it is gone."""

    reference: ObjectReference
    object: ClusterObject | None

    @classmethod
    def to(cls, item: ClusterObject) -> Change:
        """The object is there, in this state."""
        return cls(item.reference, item)
