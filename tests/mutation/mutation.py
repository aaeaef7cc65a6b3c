"""What a mutation is."""

from __future__ import annotations

from attrs import frozen

from tests.mutation.document import Document


@frozen
class Mutation:
    """One change of a ruleset.

    Attributes:
        kind: of the change, a few words; figures are told by it.
        sentence: what was changed.
        document: the ruleset afterwards.
    """

    kind: str
    sentence: str
    document: Document
