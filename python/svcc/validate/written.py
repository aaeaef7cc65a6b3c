"""Scalars that YAML takes for something else than people mean: ``on``, ``0123``, ``1e3``, ``1.10``.

Only what svcc reads is looked at: texts (names, labels, selectors, annotations, addresses) and numbers. A field that is
true or false means the same in every spelling.
"""

from __future__ import annotations

import json
import re

from svcc.fields import Rewritten, Source, printable
from svcc.validate.findings import Findings, Path
from svcc.wire.structure import Fields, Items, Scalar, Shape

__all__ = ["check_written"]

_OTHER_BASE = re.compile(r"[-+]?0[xXbBoO]?[0-9a-fA-F_]+")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_NUMBERS = frozenset({Scalar.INTEGER, Scalar.INTEGER_OR_STRING})


def check_written(shape: Fields, source: Source | None, findings: Findings) -> None:
    """Point out such scalars in the object that was written at `source`, in the order of its text."""
    if source is None or source.rewritten is None:
        return
    for item in source.rewritten():
        place = _place(shape, item)
        if place is not None:
            _check_scalar(item, *place, findings)


def _place(shape: Shape, item: Rewritten) -> tuple[Scalar, Path] | None:
    """The type of the scalar's field and its path, with the keys of maps told apart; None where svcc reads none."""
    found: Shape | None = shape
    path: Path = ()
    for step in item.path.steps:
        if isinstance(found, Fields) and isinstance(step, str):
            found = found.shapes.get(step)
            path = (*path, step)
        elif isinstance(found, Items) and isinstance(step, int):
            found = found.shape
            path = (*path, step)
        elif found is Scalar.STRING_MAP and isinstance(step, str):
            found = Scalar.STRING
            path = (*path, (step,))
        else:
            return None
    is_name = item.is_key and not (path and isinstance(path[-1], tuple))  # of a field, which is unknown then
    return (found, path) if isinstance(found, Scalar) and found is not Scalar.STRING_MAP and not is_name else None


def _check_scalar(item: Rewritten, wanted: Scalar, path: Path, findings: Findings) -> None:
    value = item.became
    in_map = bool(path) and isinstance(path[-1], tuple)
    if wanted is Scalar.BOOLEAN or (value is None and not in_map):
        return
    written = printable(item.written)
    sentence = f"written {written}, which YAML reads as {json.dumps(value)}"
    if item.is_key:
        sentence = f"the key is {sentence}"
    quoted = f'put it in quotes: "{written}"'
    if value is None:
        findings.notice("yaml/null-word", path, sentence, quoted)
    elif isinstance(value, bool) or (item.is_key and value in ("true", "false")):
        findings.notice("yaml/boolean-word", path, sentence, quoted)
    elif wanted in _NUMBERS:
        if isinstance(value, int) and not _says_the_same(item.written, value):
            findings.notice(_number_rule(item.written), path, sentence, _number_hint(item.written, value))
    else:
        findings.notice(_number_rule(item.written), path, sentence, quoted)


def _says_the_same(written: str, value: int) -> bool:
    """Whether people read the number as YAML does: ``+80`` and ``80.0`` are 80, and ``0123`` is not 83 to them."""
    whole, _, fraction = written.partition(".")
    return _DECIMAL.fullmatch(whole) is not None and int(whole) == value and not fraction.strip("0")


def _number_rule(written: str) -> str:
    return "yaml/number-base" if _OTHER_BASE.fullmatch(written) else "yaml/number-spelling"


def _number_hint(written: str, value: int) -> str:
    decimal = _DECIMAL.fullmatch(written)
    return f"write {value}, or {int(written)} if that is meant" if decimal is not None else f"write {value}"
