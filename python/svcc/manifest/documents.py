"""Files, directories and standard input become documents: one per Kubernetes object, each with its place.

Nobody has to say what a file contains: JSON and YAML, one object or many, lists and watch events are told apart by
looking. What is wrong inside a text is a `Problem` and leaves the rest alone; only what cannot be opened is an error.
"""

from __future__ import annotations

import gc
import re
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from attrs import frozen

from svcc.errors import InputError
from svcc.fields import Problem
from svcc.manifest.envelopes import Document, latest_states, unwrap
from svcc.manifest.files import find_files, read_at_most, read_file
from svcc.manifest.json_reader import read_json
from svcc.manifest.parsed import Language, Limits, Parsed, problem_at

__all__ = [
    "STANDARD_INPUT_NAME",
    "UNREAD_RULES",
    "Document",
    "Limits",
    "Reading",
    "begins_with_bracket",
    "language_of",
    "raw_contents",
    "read_bytes",
    "read_contents",
    "read_documents",
    "read_json_piece",
    "read_text",
]

_STANDARD_INPUT: Final = "-"
STANDARD_INPUT_NAME: Final = "<stdin>"
UNREAD_RULES: Final = frozenset(
    f"manifest/{rule}" for rule in ("json-syntax", "yaml-syntax", "not-utf8", "too-large", "too-deep")
)
"""The rules whose errors leave it open what a file declares, since all or a part of its text could not be read."""
_YAML_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_JSON_SUFFIX: Final = ".json"
_BRACKETS: Final = ("{", "[")
_DOCUMENT_MARKER: Final = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_WIDE_ENCODINGS: Final = (
    (BOM_UTF32_LE, "UTF-32"),
    (BOM_UTF32_BE, "UTF-32"),
    (BOM_UTF16_LE, "UTF-16"),
    (BOM_UTF16_BE, "UTF-16"),
)


@frozen
class Reading:
    """What was read: the documents in order, what is wrong with the texts, and the files as the user named them.

    A file found in a named directory is named by the directory and the path inside; standard input is ``<stdin>``.
    """

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]
    files: tuple[str, ...]


def read_documents(
    filenames: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> Reading:
    """Read files, directories (recursively: ``.yaml``, ``.yml``, ``.json``, sorted by name) and ``-``, standard input.

    Watch events are applied over all of the input in order, so events on standard input can follow a dump in a file.
    A file that is named twice is read once. `stdin` is `sys.stdin.buffer` unless given.

    Raises `InputError` for a file that is missing or unreadable, a directory without manifests, and standard input
    that is empty.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    files: list[str] = []
    stdin_was_read = False
    for filename in filenames:
        if filename == _STANDARD_INPUT:
            if not stdin_was_read:
                stdin_was_read = True
                data = _standard_input(stdin if stdin is not None else sys.stdin.buffer, limits)
                _read_bytes(data, STANDARD_INPUT_NAME, limits, documents, problems)
                files.append(STANDARD_INPUT_NAME)
            continue
        for name in find_files(filename):
            if name not in files:
                _read_bytes(read_file(name, limits.file_bytes), name, limits, documents, problems)
                files.append(name)
    return Reading(latest_states(documents), tuple(problems), tuple(files))


def raw_contents(
    filenames: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> list[tuple[str, bytes]]:
    """The names and bytes of what `read_documents` would read, for those who also need the texts.

    Raises `InputError` as `read_documents` does.
    """
    contents: dict[str, bytes] = {}
    for filename in filenames:
        if filename == _STANDARD_INPUT:
            if STANDARD_INPUT_NAME not in contents:
                stream = stdin if stdin is not None else sys.stdin.buffer
                contents[STANDARD_INPUT_NAME] = _standard_input(stream, limits)
            continue
        for name in find_files(filename):
            if name not in contents:
                contents[name] = read_file(name, limits.file_bytes)
    return list(contents.items())


def read_contents(
    contents: Iterable[tuple[str, str | bytes]],
    *,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> Reading:
    """Read manifests that somebody else has read, as files in this order.

    They are pairs of a name and bytes in UTF-8, or the text that these were.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    files: list[str] = []
    for name, data in contents:
        if isinstance(data, str):
            _read_characters(data, name, limits, documents, problems)
        else:
            _read_bytes(data, name, limits, documents, problems)
        files.append(name)
    return Reading(latest_states(documents), tuple(problems), tuple(files))


def read_text(
    text: str | bytes,
    *,
    file: str = "<string>",
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    language: Language | None = None,
) -> Reading:
    """Read manifests out of a string or out of bytes in UTF-8; `file` is the name that problems and sources carry.

    `language` is for who knows what a string is, as where it is a part of something larger.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    if isinstance(text, bytes):
        _read_bytes(text, file, limits, documents, problems)
    else:
        _read_characters(text, file, limits, documents, problems, language)
    return Reading(latest_states(documents), tuple(problems), (file,))


def read_bytes(
    data: bytes,
    file: str,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> tuple[list[Document], list[Problem]]:
    """Read a text in UTF-8 and keep every document, watch events as well; what is wrong is in the order of lines."""
    documents: list[Document] = []
    problems: list[Problem] = []
    _read_bytes(data, file, limits, documents, problems)
    return documents, problems


def read_json_piece(
    data: bytes,
    file: str,
    line: int,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> tuple[list[Document], list[Problem]]:
    """Read JSON that begins at `line` of a stream and keep every document, watch events as well."""
    documents: list[Document] = []
    problems: list[Problem] = []
    text = _decoded(data, file, line, problems)
    if text is not None:
        parsed, found = read_json(text, file, limits, line)
        _unwrap_all(parsed, found, file, limits, documents, problems)
    return documents, problems


def begins_with_bracket(text: str) -> bool:
    """Whether a text may be JSON; it may be YAML as well."""
    return text.lstrip("\ufeff \t\r\n").startswith(_BRACKETS)


def language_of(text: str, file: str) -> Language:
    """What `read_text` reads a text as; one that begins with a bracket and has no suffix is read to know it."""
    if not begins_with_bracket(text):
        return Language.YAML
    return Language.JSON if Path(file).suffix == _JSON_SUFFIX else _parse(text, file, Limits(), None)[0]


def _standard_input(stream: BinaryIO, limits: Limits) -> bytes:
    try:
        data = read_at_most(stream, limits.file_bytes)
    except OSError as error:
        raise InputError(f"cannot read standard input: {error.strerror or error}") from error
    if not data.strip():
        raise InputError("standard input is empty", hint="a command in front of the pipe probably failed")
    return data


def _read_bytes(data: bytes, file: str, limits: Limits, documents: list[Document], problems: list[Problem]) -> None:
    for mark, encoding in _WIDE_ENCODINGS:
        if data.startswith(mark):
            detail = f"the text is encoded in {encoding}; manifests must be UTF-8 (PowerShell: Out-File -Encoding utf8)"
            problems.append(problem_at("not-utf8", file, 1, detail))
            return
    if len(data) > limits.file_bytes:
        problems.append(problem_at("too-large", file, 1, f"the text is larger than {limits.file_bytes} bytes"))
        return
    text = _decoded(data, file, 1, problems)
    del data  # It may be large, and nobody needs it any more.
    if text is not None:
        _read_characters(text, file, limits, documents, problems)


def _decoded(data: bytes, file: str, first_line: int, problems: list[Problem]) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start)
        detail = f"the byte 0x{data[error.start]:02x} is not UTF-8: {error.reason}"
        problems.append(problem_at("not-utf8", file, line, detail))
        return None


def _read_characters(
    text: str,
    file: str,
    limits: Limits,
    documents: list[Document],
    problems: list[Problem],
    language: Language | None = None,
) -> None:
    with _without_cycle_detection():
        _, parsed, found = _parse(text.removeprefix("\ufeff"), file, limits, language)
        _unwrap_all(parsed, found, file, limits, documents, problems)


def _unwrap_all(
    parsed: list[Parsed],
    found: list[Problem],
    file: str,
    limits: Limits,
    documents: list[Document],
    problems: list[Problem],
) -> None:
    for value in parsed:
        for unwrapped in unwrap(value, file, limits):
            if isinstance(unwrapped, Document):
                documents.append(unwrapped)
            else:
                found.append(unwrapped)
    problems.extend(sorted(found, key=_line))


def _line(problem: Problem) -> int:
    return problem.source.line if problem.source is not None else 0


def _parse(
    text: str, file: str, limits: Limits, language: Language | None
) -> tuple[Language, list[Parsed], list[Problem]]:
    """JSON when the first character that is not blank says so, unless it turns out to be YAML in braces."""
    if language is Language.YAML or not begins_with_bracket(text):
        return Language.YAML, *_parse_yaml(text, file, limits)
    parsed, problems = read_json(text, file, limits)
    suffix = Path(file).suffix
    if suffix == _JSON_SUFFIX or all(problem.rule != "manifest/json-syntax" for problem in problems):
        return Language.JSON, parsed, problems
    has_marker = _DOCUMENT_MARKER.search(text) is not None
    # A large text that has neither marker nor suffix comes from a program that writes JSON, and was cut off.
    if suffix in _YAML_SUFFIXES or has_marker or len(text) <= limits.strict_characters:
        parsed_yaml, problems_yaml = _parse_yaml(text, file, limits)
        is_yaml = bool(parsed_yaml) and not any(p.rule == "manifest/yaml-syntax" for p in problems_yaml)
        # Of two failures the one of the language that the name promises is told.
        if suffix in _YAML_SUFFIXES or (is_yaml and (has_marker or not parsed or not problems_yaml)):
            return Language.YAML, parsed_yaml, problems_yaml
    return Language.JSON, parsed, problems


def _parse_yaml(text: str, file: str, limits: Limits) -> tuple[list[Parsed], list[Problem]]:
    if len(text) > limits.yaml_characters:
        detail = f"the YAML is larger than {limits.yaml_characters} characters; JSON (kubectl -o json) may be larger"
        return [], [problem_at("too-large", file, 1, detail)]
    # Only here: large inputs are JSON, and this is a part of what every command would import.
    from svcc.manifest.yaml_reader import read_yaml  # noqa: PLC0415

    return read_yaml(text, file, limits)


@contextmanager
def _without_cycle_detection() -> Iterator[None]:
    """Keep the cycle collector from walking, again and again, millions of new values in which there is no cycle.

    It makes reading large JSON about a third faster. Nested and concurrent use leave the collector on in the end.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                # Together they make the new values old without looking at them one by one.
                gc.freeze()
                gc.unfreeze()
            gc.enable()
