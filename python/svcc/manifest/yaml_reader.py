"""YAML as kubectl reads it: one or more documents into plain data, with the place of every object.

The reading is done by Rust, `rust/core/src/yaml`; `svcc.manifest.yaml_reference` does the same with PyYAML.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from svcc import _native
from svcc.fields import Problem, ProblemKind
from svcc.manifest import yaml_reference
from svcc.manifest.parsed import Limits, Parsed, problem_at
from svcc.manifest.yaml_places import Step, YamlParsed

__all__ = ["read_yaml"]

Loader: Any = None
"""A class of PyYAML: then the reference reads, with its events."""

_ALL = 1 << 62
"""More than there can be of anything."""


@frozen(eq=False)
class _NativeParsed(YamlParsed):
    def _row_of(self, text: str, steps: tuple[Step, ...]) -> int:
        return _native.yaml_row(text, [step[0] if isinstance(step, tuple) else step for step in steps])

    def _elements_in(self, text: str, steps: tuple[Step, ...]) -> Sequence[tuple[int, int, int, int]]:
        return _native.yaml_elements(text, [step[0] if isinstance(step, tuple) else step for step in steps])


def read_yaml(text: str, file: str, limits: Limits) -> tuple[list[Parsed], list[Problem]]:
    """All documents of `text` that are not empty, in order, and what is wrong with the text.

    Rules: ``manifest/yaml-syntax``, ``duplicate-key``, ``yaml-value``, ``too-deep``, ``too-large``.
    """
    if Loader is not None:
        return yaml_reference.read_yaml(text, file, limits, Loader)
    # Half a surrogate pair is refused like a control character, and so must get there.
    data = text.encode("utf-8", "surrogatepass")
    chunks, rows = _native.read_yaml(data, min(limits.depth, _ALL), min(limits.aliased_nodes, _ALL))
    parsed: list[Parsed] = [
        _NativeParsed(value, line, start, end, flaws, text if chunk is None else chunk, base, column, spans, changed)
        for chunk, base, flaws, changed, spans, documents in chunks
        for value, line, start, end, column in documents
    ]
    problems = [
        problem_at(
            rule,
            file,
            line,
            detail,
            kind=ProblemKind.DUPLICATE if rule == "duplicate-key" else ProblemKind.NOTICE,
            path=path,
            value=value,
        )
        for rule, line, detail, path, value in rows
    ]
    return parsed, problems
