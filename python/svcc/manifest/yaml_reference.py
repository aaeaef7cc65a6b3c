"""YAML read with PyYAML: slow, and what the tests compare `svcc.manifest.yaml_reader` to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from svcc.fields import Problem
from svcc.manifest.parsed import Limits, Parsed, problem_at
from svcc.manifest.yaml_builder import DocumentBuilder, UnusableDocumentError
from svcc.manifest.yaml_places import Loader, line_counter

__all__ = ["read_yaml"]

_MARKER: Final = re.compile(r"^\ufeff?---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_CONTENT: Final = re.compile(r"^(?!%)[ \t]*[^ \t\r\n#]", re.MULTILINE)
_NOT_YAML: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_yaml(text: str, file: str, limits: Limits, loader: Any = Loader) -> tuple[list[Parsed], list[Problem]]:
    """See `svcc.manifest.yaml_reader.read_yaml`; `loader` is the class of PyYAML that makes the events."""
    parsed: list[Parsed] = []
    problems: list[Problem] = []
    for line, chunk in _chunks(text):
        control = _NOT_YAML.search(chunk)
        if control is not None:
            detail = f"not valid YAML: the control character U+{ord(control[0]):04X} is not allowed"
            problems.append(problem_at("yaml-syntax", file, line + chunk.count("\n", 0, control.start()), detail))
            continue
        try:
            _read_chunk(loader(chunk), DocumentBuilder(chunk, line, file, limits, parsed, problems))
        except UnusableDocumentError as error:
            problems.append(error.problem)
        except yaml.YAMLError as error:
            problems.append(_syntax_problem(error, chunk, line, file))
    return parsed, problems


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Parts of the text that parse on their own, so that an error in one leaves the others alone, with first lines.

    A line that begins with ``---`` starts a document wherever it stands, even inside a quoted scalar. Directives
    (``%YAML``) belong to the document after them.
    """
    starts = [0, *(match.start() for match in _MARKER.finditer(text) if match.start())]
    line = pending_line = 1
    pending = ""
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        if not pending:
            pending_line = line
        line += part.count("\n")
        pending += part.lstrip("\ufeff")
        if end == len(text) or _CONTENT.search(pending) or not _DIRECTIVE.search(pending):
            yield pending_line, pending
            pending = ""


def _read_chunk(loader: Any, builder: DocumentBuilder) -> None:
    try:
        while not loader.check_event(yaml.StreamEndEvent):
            if type(loader.get_event()) is yaml.DocumentStartEvent:
                builder.build(loader)
    finally:
        loader.dispose()


def _syntax_problem(error: yaml.YAMLError, text: str, base: int, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = [getattr(error, name, None) for name in ("context", "problem")]
    said = ", ".join(word for word in words if word) or str(error)
    # The end of the text may be the start of a line that does not exist: the last line is where to look.
    line = min(line_counter(text)(mark) if mark is not None else 0, text.rstrip("\n").count("\n"))
    return problem_at("yaml-syntax", file, base + line, f"not valid YAML: {said}")
