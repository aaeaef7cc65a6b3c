"""Assignments written into the manifests they are for: comments, order, quotation marks and layout stay.

The text is changed by position, then read again: if it does not say exactly what was meant, the whole document is
rendered anew, which is told, and if that fails, too, it stays as it was.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml
from attrs import frozen

from svcc.allocation.contract import Assignment
from svcc.fields import ObjectReference, Problem
from svcc.manifest.amend_json import amended_json
from svcc.manifest.amend_targets import (
    NOT_AS_ALLOCATED,
    Target,
    documents_of,
    not_amended,
    rendered_anew,
    service_name,
    targets_of,
    with_assignments,
)
from svcc.manifest.documents import Document, begins_with_bracket, read_text
from svcc.manifest.parsed import Language, Limits
from svcc.manifest.text_edits import Edit, applied, edits
from svcc.manifest.text_nodes import Node, NotEditableError, yaml_nodes
from svcc.manifest.text_values import rendered_document
from svcc.manifest.yaml_reader import read_yaml
from svcc.model.service import Service

__all__ = ["Amended", "amend", "values_of"]

_MARKER: Final = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_CONTENT: Final = re.compile(r"^(?!%|---[ \t]*(?:#.*)?\r?$)[ \t]*[^ \t\r\n#]", re.MULTILINE)


@frozen
class Amended:
    """A text with its assignments; `problems` tell of documents that lost their layout, or that stayed as they were."""

    text: str
    problems: tuple[Problem, ...] = ()


def amend(
    text: str,
    file: str,
    assignments: Sequence[Assignment],
    services: Sequence[Service],
    namespace: str,
    *,
    documents: Sequence[Document] | None = None,
) -> Amended:
    """Write assignments into the text of the file `file`, as far as their Services were read out of it.

    `services` are what the Services are after it, with their sources; `namespace` is for objects that name none.
    `documents` are what was read of this very text, to save reading it again.
    Rules: ``manifest/rendered-anew`` (a warning), ``manifest/not-amended``.
    """
    targets = targets_of(file, assignments, services)
    if not targets:
        return Amended(text)
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    if not begins_with_bracket(text):
        documents = ()
    elif documents is None:
        documents = read_text(text, file=file).documents
    if any(document.parsed is not None and document.parsed.language is Language.JSON for document in documents):
        text, problems = amended_json(text, file, targets, namespace, documents)
    else:
        text, problems = _amended_yaml(text, file, targets, namespace)
    return Amended(mark + text, tuple(problems))


def values_of(
    text: str, file: str, assignments: Sequence[Assignment], services: Sequence[Service], namespace: str
) -> dict[ObjectReference, tuple[Mapping[str, Any], list[Assignment]]]:
    """The objects of a text that are assigned something, as they are written, with their assignments; see `amend`."""
    targets = targets_of(file, assignments, services)
    documents = read_text(text, file=file).documents if targets else ()
    found = documents_of(targets, documents, namespace)
    return {target.service.reference: (documents[index].value, target.assignments) for target, index in found}


def _amended_yaml(text: str, file: str, targets: Sequence[Target], namespace: str) -> tuple[str, list[Problem]]:
    starts = [0, *(match.start() for match in _MARKER.finditer(text) if match.start()), len(text)]
    waiting = sorted(targets, key=lambda target: target.line)
    pieces: list[str] = []
    problems: list[Problem] = []
    line = 1
    for start, end in itertools.pairwise(starts):
        chunk = text[start:end]
        following = line + chunk.count("\n")
        own = list(itertools.takewhile(lambda target: target.line < following or end == len(text), waiting))  # noqa: B023  (at once)
        del waiting[: len(own)]
        if own:
            chunk, found = _amended_chunk(chunk, line, file, own, namespace)
            problems += found
        pieces.append(chunk)
        line = following
    return "".join(pieces), problems


def _amended_chunk(
    chunk: str, base: int, file: str, targets: Sequence[Target], namespace: str
) -> tuple[str, list[Problem]]:
    """A part of a YAML text between two markers, whose first line is line `base` of the file, with assignments."""
    documents = read_text(chunk, file=file, language=Language.YAML).documents
    meant = [document.value for document in documents]
    found = list(documents_of(targets, documents, namespace, base))
    for target, index in found:
        meant[index] = with_assignments(meant[index], target.assignments)
    problems = [
        not_amended(target, file, NOT_AS_ALLOCATED)
        for target, index in found
        if not target.says(meant[index], namespace)
    ]
    if problems:
        return chunk, problems
    try:
        changed = _edited_chunk(chunk, documents, meant, [index for _, index in found])
        if _values(changed, file) == meant:
            return changed, []
    except (NotEditableError, yaml.YAMLError):
        pass
    changed = _rendered_chunk(chunk, file, targets, namespace)
    if _values(changed, file) == meant:
        return changed, [rendered_anew(target, file) for target, _ in found]
    why = "the document cannot be written so that it is read as it was meant"
    return chunk, [not_amended(target, file, why) for target, _ in found]


def _values(chunk: str, file: str) -> list[Mapping[str, Any]]:
    return [document.value for document in read_text(chunk, file=file, language=Language.YAML).documents]


def _edited_chunk(
    chunk: str, documents: Sequence[Document], meant: Sequence[Mapping[str, Any]], indices: Sequence[int]
) -> str:
    """Raises `NotEditableError` where an object is not found in the text, or cannot be changed in place."""
    nodes: dict[int, list[Node]] = {}
    for line, node in yaml_nodes(chunk, {documents[index].source.line for index in indices}):
        nodes.setdefault(line, []).append(node)
    changes: list[Edit] = []
    for index in indices:
        document = documents[index]
        candidates = [node for node in nodes.get(document.source.line, ()) if _may_be(node, document.value)]
        if not candidates:
            raise NotEditableError("the object is not where it seems to be")
        changes += edits(chunk, candidates[-1], document.value, meant[index])
    return applied(chunk, changes)


def _may_be(node: Node, value: Mapping[str, Any]) -> bool:
    """Whether an object is at a node: as far as its name is written there."""
    metadata = node.entry("metadata")
    spec = node.entry("spec")
    if metadata is None or spec is None:
        return False
    written = {name: entry.value.text for name in ("name", "namespace") if (entry := metadata.value.entry(name))}
    declared = value.get("metadata") or {}
    return all(declared.get(name) == text for name, text in written.items())


def _rendered_chunk(chunk: str, file: str, targets: Sequence[Target], namespace: str) -> str:
    """The documents in block style; what stands in front of the first of them stays."""
    content = _CONTENT.search(chunk)
    head = chunk[: content.start()] if content is not None else ""
    if chunk.startswith("---") and not head.startswith("---"):
        head = f"---\n{head}"
    assigned = {target.name: target.assignments for target in reversed(targets)}
    values = [_replaced(parsed.value, assigned, namespace) for parsed in read_yaml(chunk, file, Limits())[0]]
    return head + "---\n".join(map(rendered_document, values))


def _replaced(value: Any, assigned: Mapping[tuple[str, str], Sequence[Assignment]], namespace: str) -> Any:
    """A document with the assignments in the objects in it."""
    if isinstance(value, list):
        return [_replaced(item, assigned, namespace) for item in value]
    if not isinstance(value, dict):
        return value
    name = service_name(value, namespace)
    if name is not None and name in assigned:
        return with_assignments(value, assigned[name])
    inside = {key: _replaced(value[key], assigned, namespace) for key in ("items", "object") if key in value}
    return {**value, **inside}
