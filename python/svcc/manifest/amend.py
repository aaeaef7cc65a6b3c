"""Assignments written into the manifests they are for: comments, order, quotation marks and layout stay.

The text is changed by position, then read again: if it does not say exactly what was meant, the whole document is
rendered anew, which is told, and if that fails, too, it stays as it was.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml
from attrs import define, frozen

from svcc.allocation.contract import Assignment
from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity, Source
from svcc.manifest.documents import Document, begins_with_bracket, read_text
from svcc.manifest.json_members import with_new_members
from svcc.manifest.parsed import Language, Limits, Parsed
from svcc.manifest.text_edits import Edit, applied, edits
from svcc.manifest.text_nodes import Node, NotEditableError, json_node, sparse_json_node, yaml_nodes
from svcc.manifest.text_values import rendered_document
from svcc.manifest.yaml_reader import read_yaml
from svcc.model.service import Service
from svcc.validate.admission import admit
from svcc.validate.plain_service import with_plain_spec

__all__ = ["Amended", "amend", "values_of", "with_assignments"]

_MARKER: Final = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_decode: Final = json.JSONDecoder().raw_decode
"""As `json.loads`, for text with nothing around its one value, and without looking for that."""
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
    targets = _targets(file, assignments, services)
    if not targets:
        return Amended(text)
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    if not begins_with_bracket(text):
        documents = ()
    elif documents is None:
        documents = read_text(text, file=file).documents
    if any(document.parsed is not None and document.parsed.language is Language.JSON for document in documents):
        amended = _amended_json(text, file, targets, namespace, documents)
    else:
        amended = _amended_yaml(text, file, targets, namespace)
    return Amended(mark + amended.text, amended.problems)


def values_of(
    text: str, file: str, assignments: Sequence[Assignment], services: Sequence[Service], namespace: str
) -> dict[ObjectReference, tuple[Mapping[str, Any], list[Assignment]]]:
    """The objects of a text that are assigned something, as they are written, with their assignments; see `amend`."""
    targets = _targets(file, assignments, services)
    documents = read_text(text, file=file).documents if targets else ()
    found = _documents_of(targets, documents, namespace)
    return {target.service.reference: (documents[index].value, target.assignments) for target, index in found}


def _targets(file: str, assignments: Sequence[Assignment], services: Sequence[Service]) -> list[_Target]:
    wanted: dict[tuple[str, str], list[Assignment]] = {}
    of_last: list[Assignment] = []
    last: ObjectReference | None = None
    for assignment in assignments:
        if assignment.object is not last:  # those of a Service follow each other
            last = assignment.object
            of_last = wanted.setdefault((last.namespace, last.name), [])
        of_last.append(assignment)
    return [
        _Target(service, own, service.source.line)
        for service in services
        if service.source is not None
        and service.source.file == file
        and (own := wanted.get((service.namespace, service.name)))
    ]


def with_assignments(value: Mapping[str, Any], assignments: Sequence[Assignment]) -> dict[str, Any]:
    """A copy of the value of an object with the assignments made; objects on the way to a field are added.

    The index behind the last one of a list adds an entry.
    """
    copies: dict[tuple[Any, ...], Any] = {(): dict(value)}
    for assignment in assignments:
        steps = assignment.path.steps
        last, place = steps[-1], copies.get(steps[:-1])
        if place is None:
            place = _copied(copies, steps[:-1])
        if isinstance(place, list) and last == len(place):
            place.append(assignment.value)
        else:
            place[last[0] if isinstance(last, tuple) else last] = assignment.value
            if steps in copies:
                copies = {(): copies[()]}
    result: dict[str, Any] = copies[()]
    return result


def _copied(copies: dict[tuple[Any, ...], Any], way: tuple[Any, ...]) -> Any:
    """The copy of what is at the end of a way, which is made, and put in its place, if there is none yet."""
    place = copies[()]
    for depth, step in enumerate(way, 1):
        copied = copies.get(way[:depth])
        if copied is None:
            key = step[0] if isinstance(step, tuple) else step
            inner = place.get(key) if isinstance(place, dict) else place[key]
            copied = copies[way[:depth]] = list(inner) if isinstance(inner, list) else dict(inner or {})
            place[key] = copied
        place = copied
    return place


@define
class _Target:
    """A Service to be amended, and the line where it starts."""

    service: Service
    assignments: list[Assignment]
    line: int

    @property
    def name(self) -> tuple[str, str]:
        """The namespace and name of the Service."""
        return self.service.namespace, self.service.name

    def says(self, value: Mapping[str, Any], namespace: str) -> bool:
        """Whether a value is read as the Service that was allocated."""
        return admit("Service", value, namespace).item == self.service

    def problem(self, file: str, rule: str, detail: str, severity: Severity) -> Problem:
        source = Source(file, self.line)
        reference = self.service.reference
        return Problem(f"manifest/{rule}", ProblemKind.NOTICE, FieldPath(), detail, None, reference, source, severity)


def _documents_of(
    targets: Sequence[_Target], documents: Sequence[Document], namespace: str, base: int = 1
) -> Iterator[tuple[_Target, int]]:
    """Each target with the index of its document: of two on one line the last, which is the one that counts."""
    places: dict[int, list[int]] = {}
    for index, document in enumerate(documents):
        places.setdefault(document.source.line + base - 1, []).append(index)
    for target in targets:
        for index in reversed(places.get(target.line, ())):
            document = documents[index]
            # Whoever read these documents has made the Service of one of them, else it is told by its name.
            if document.source is target.service.source or _service_name(document.value, namespace) == target.name:
                yield target, index
                break


def _service_name(value: Mapping[str, Any], namespace: str) -> tuple[str, str] | None:
    """The namespace and name of a Service as it is written; None for anything else."""
    metadata = value.get("metadata")
    if value.get("kind", "Service") != "Service" or not isinstance(metadata, Mapping):
        return None
    where, name = metadata.get("namespace") or namespace, metadata.get("name")
    return (where, name) if isinstance(where, str) and isinstance(name, str) else None


def _amended_json(
    text: str, file: str, targets: Sequence[_Target], namespace: str, documents: Sequence[Document]
) -> Amended:
    changes: list[Edit] = []
    problems: list[Problem] = []
    for target, index in _documents_of(targets, documents, namespace):
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
            problems.append(_rendered_anew(target, file))
        if target.says(new, namespace):
            changes.append(Edit(start, end, changed))
        else:
            problems.append(_not_amended(target, file, _NOT_AS_ALLOCATED))
    return Amended(applied(text, changes), tuple(problems))


def _usual_edit(text: str, parsed: Parsed, target: _Target) -> Edit | None:
    """The change of the `spec` of an object, where that is all that changes, and is as usual.

    What the object says outside of it stays as it was read; its new text is read again.
    """
    place = parsed.member_place("spec")
    if place is None:
        return None
    start, end = place
    spec, _ = _decode(text, start)
    changed = with_new_members(text, start, end, spec, target.assignments) if type(spec) is dict else None
    if changed is None:
        return None
    said = _read_again(changed, with_assignments({"spec": spec}, target.assignments)["spec"])
    is_as_meant = said is not None and with_plain_spec(target.service, said) == target.service
    return Edit(start, end, changed) if is_as_meant else None


def _changed_json(text: str, old: Any, new: Any) -> str | None:
    """The text of one object that says `new` instead of `old`, or None if its layout cannot be kept."""
    for node_of in (_sparse_node, json_node):
        try:
            changed = applied(text, edits(text, node_of(text, 0, old, new), old, new))
        except (NotEditableError, ValueError):
            continue
        if _read_again(changed, new) is not None:
            return changed
    return None


def _read_again(text: str, meant: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the text of an object says; None unless that is what was meant."""
    try:
        said, end = _decode(text)
    except ValueError:
        return None
    return said if said == meant and end == len(text) else None


def _sparse_node(text: str, _start: int, old: Any, new: Any) -> Node:
    node = sparse_json_node(text, old, new)
    if node is None:
        raise NotEditableError("it is not known where the members are")
    return node


def _amended_yaml(text: str, file: str, targets: Sequence[_Target], namespace: str) -> Amended:
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
    return Amended("".join(pieces), tuple(problems))


def _amended_chunk(
    chunk: str, base: int, file: str, targets: Sequence[_Target], namespace: str
) -> tuple[str, list[Problem]]:
    """A part of a YAML text between two markers, whose first line is line `base` of the file, with assignments."""
    documents = read_text(chunk, file=file, language=Language.YAML).documents
    meant = [document.value for document in documents]
    found = list(_documents_of(targets, documents, namespace, base))
    for target, index in found:
        meant[index] = with_assignments(meant[index], target.assignments)
    problems = [
        _not_amended(target, file, _NOT_AS_ALLOCATED)
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
        return changed, [_rendered_anew(target, file) for target, _ in found]
    why = "the document cannot be written so that it is read as it was meant"
    return chunk, [_not_amended(target, file, why) for target, _ in found]


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


def _rendered_chunk(chunk: str, file: str, targets: Sequence[_Target], namespace: str) -> str:
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
    name = _service_name(value, namespace)
    if name is not None and name in assigned:
        return with_assignments(value, assigned[name])
    inside = {key: _replaced(value[key], assigned, namespace) for key in ("items", "object") if key in value}
    return {**value, **inside}


_NOT_AS_ALLOCATED: Final = "it would not be read as the Service that was allocated"


def _not_amended(target: _Target, file: str, why: str) -> Problem:
    return target.problem(file, "not-amended", f"nothing was written: {why}", Severity.ERROR)


def _rendered_anew(target: _Target, file: str) -> Problem:
    detail = "its text cannot be changed in place: the document was rendered anew, without its comments"
    return target.problem(file, "rendered-anew", detail, Severity.WARNING)
