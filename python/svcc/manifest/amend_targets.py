"""Which Services are to be amended where, with what, and what is told if that does not work out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import define

from svcc.allocation.contract import Assignment
from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity, Source
from svcc.manifest.documents import Document
from svcc.model.service import Service
from svcc.validate.admission import admit

__all__ = [
    "NOT_AS_ALLOCATED",
    "Target",
    "documents_of",
    "not_amended",
    "rendered_anew",
    "service_name",
    "targets_of",
    "with_assignments",
]

NOT_AS_ALLOCATED: Final = "it would not be read as the Service that was allocated"


@define
class Target:
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
        """What is told of the Service; `rule` is the end of the rule's name."""
        source = Source(file, self.line)
        reference = self.service.reference
        return Problem(f"manifest/{rule}", ProblemKind.NOTICE, FieldPath(), detail, None, reference, source, severity)


def targets_of(file: str, assignments: Sequence[Assignment], services: Sequence[Service]) -> list[Target]:
    """The Services that were read out of a file and are assigned something."""
    wanted: dict[tuple[str, str], list[Assignment]] = {}
    of_last: list[Assignment] = []
    last: ObjectReference | None = None
    for assignment in assignments:
        if assignment.object is not last:  # those of a Service follow each other
            last = assignment.object
            of_last = wanted.setdefault((last.namespace, last.name), [])
        of_last.append(assignment)
    return [
        Target(service, own, service.source.line)
        for service in services
        if service.source is not None
        and service.source.file == file
        and (own := wanted.get((service.namespace, service.name)))
    ]


def documents_of(
    targets: Sequence[Target], documents: Sequence[Document], namespace: str, base: int = 1
) -> Iterator[tuple[Target, int]]:
    """Each target with the index of its document: of two on one line the last, which is the one that counts."""
    # Services that were made of these very documents have their sources; what is read again is known by its name.
    of_sources = {id(document.source): index for index, document in enumerate(documents)}
    of_names: dict[tuple[int, tuple[str, str] | None], int] | None = None
    for target in targets:
        index = of_sources.get(id(target.service.source))
        if index is None:
            if of_names is None:
                lines = {target.line for target in targets}
                of_names = {
                    (line, service_name(document.value, namespace)): index
                    for index, document in enumerate(documents)
                    if (line := document.source.line + base - 1) in lines
                }
            index = of_names.get((target.line, target.name))
        if index is not None:
            yield target, index


def service_name(value: Mapping[str, Any], namespace: str) -> tuple[str, str] | None:
    """The namespace and name of a Service as it is written; None for anything else."""
    metadata = value.get("metadata")
    if value.get("kind", "Service") != "Service" or not isinstance(metadata, Mapping):
        return None
    where, name = metadata.get("namespace") or namespace, metadata.get("name")
    return (where, name) if isinstance(where, str) and isinstance(name, str) else None


def with_assignments(value: Mapping[str, Any], assignments: Sequence[Assignment]) -> dict[str, Any]:
    """A copy of the value of an object with the assignments made; objects on the way to a field are added.

    The index behind the last one of a list adds an entry.
    """
    result = dict(value)
    copies: dict[tuple[Any, ...], Any] = {(): result}
    for assignment in assignments:
        steps = assignment.path.steps
        last, place = steps[-1], copies.get(steps[:-1]) or _copied(copies, steps[:-1])
        if isinstance(place, list) and last == len(place):
            place.append(assignment.value)
        else:
            place[last[0] if isinstance(last, tuple) else last] = assignment.value
            if steps in copies:
                copies = {(): result}
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


def not_amended(target: Target, file: str, why: str) -> Problem:
    """That an object stays as it is."""
    return target.problem(file, "not-amended", f"nothing was written: {why}", Severity.ERROR)


def rendered_anew(target: Target, file: str) -> Problem:
    """That an object has lost its layout."""
    detail = "its text cannot be changed in place: the document was rendered anew, without its comments"
    return target.problem(file, "rendered-anew", detail, Severity.WARNING)
