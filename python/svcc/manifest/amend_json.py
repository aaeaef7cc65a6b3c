"""Assignments written into JSON: of the usual objects into their `spec` alone, of all others into the whole object.

Either way what was written is read again, and judged again, before it counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from svcc.fields import Problem
from svcc.manifest.amend_targets import (
    NOT_AS_ALLOCATED,
    Target,
    documents_of,
    not_amended,
    rendered_anew,
    with_assignments,
)
from svcc.manifest.documents import Document
from svcc.manifest.json_members import with_new_members
from svcc.manifest.parsed import Parsed
from svcc.manifest.text_edits import Edit, applied, edits
from svcc.manifest.text_nodes import Node, NotEditableError, json_node, sparse_json_node
from svcc.validate.plain_service import is_plain_spec_of

__all__ = ["amended_json"]

_decode: Final = json.JSONDecoder().raw_decode
"""As `json.loads`, for text with nothing around its one value, and without looking for that."""


def amended_json(
    text: str, file: str, targets: Sequence[Target], namespace: str, documents: Sequence[Document]
) -> tuple[str, list[Problem]]:
    """The text with assignments, as far as they can be written; `documents` are what was read of it."""
    changes: list[Edit] = []
    problems: list[Problem] = []
    for target, index in documents_of(targets, documents, namespace):
        parsed = documents[index].parsed
        if parsed is None:
            continue
        edit = _usual_edit(text, parsed, target)
        if edit is not None:
            changes.append(edit)
            continue
        start, end = parsed.start, parsed.end
        written = text[start:end]
        old, _ = _decode(written)
        new = with_assignments(old, target.assignments)
        changed = _changed_json(written, old, new)
        if changed is None:
            changed = json.dumps(new, indent=2)
            problems.append(rendered_anew(target, file))
        if target.says(new, namespace):
            changes.append(Edit(start, end, changed))
        else:
            problems.append(not_amended(target, file, NOT_AS_ALLOCATED))
    return applied(text, changes), problems


def _usual_edit(text: str, parsed: Parsed, target: Target) -> Edit | None:
    """The change of the `spec` of an object, where that is all that changes, and is as usual.

    What the object says outside of it stays as it was read. The new text is read again: nothing in it means anything
    that is not known, it says what was assigned, and it is the Service that was allocated.
    """
    place = parsed.member_place("spec")
    if place is None:
        return None
    start, end = place
    changed = with_new_members(text, start, end, target.assignments)
    if changed is None:
        return None
    try:
        said, said_end = _decode(changed)
        for assignment in target.assignments:
            found = said
            for step in assignment.path.steps[1:]:
                found = found[step]
            if found != assignment.value:
                return None
    except (ValueError, LookupError, TypeError):
        return None
    return Edit(start, end, changed) if said_end == len(changed) and is_plain_spec_of(said, target.service) else None


def _changed_json(text: str, old: Any, new: Any) -> str | None:
    """The text of one object that says `new` instead of `old`, or None if its layout cannot be kept."""
    for node_of in (_sparse_node, json_node):
        try:
            changed = applied(text, edits(text, node_of(text, 0, old, new), old, new))
        except (NotEditableError, ValueError):
            continue
        if _says(changed, new):
            return changed
    return None


def _says(text: str, value: Any) -> bool:
    try:
        said, end = _decode(text)
    except ValueError:
        return False
    return bool(said == value) and end == len(text)


def _sparse_node(text: str, _start: int, old: Any, new: Any) -> Node:
    node = sparse_json_node(text, old, new)
    if node is None:
        raise NotEditableError("it is not known where the members are")
    return node
