"""Problems of manifests in every format there is; all formats tell the same problems, in the same order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from svcc.fields import Problem, printable
from svcc.report.problem_annotations import problem_github, problem_junit, told
from svcc.report.problem_documents import problem_document, problem_sarif
from svcc.report.tables import table
from svcc.validate.cluster_rules import ALL_RULES

__all__ = ["PROBLEM_FORMATS", "render_problems", "rule_table"]

PROBLEM_FORMATS = ("table", "text", "json", "sarif", "junit", "github")
_NONE = "<none>"


def render_problems(
    problems: Sequence[Problem],
    format: str,  # noqa: A002  (as the option is called)
    *,
    files: Sequence[str] = (),
    paint: Callable[[Problem], str] = str,
) -> Iterator[str]:
    """Problems, in the order in which they are told, in one of `PROBLEM_FORMATS`.

    Args:
        problems: what is told.
        format: one of `PROBLEM_FORMATS`.
        files: the files that were read, so that those without problems can be told to be in order.
        paint: makes a line of a problem, for the format ``text``.

    Raises:
        ValueError: there is no such format.
    """
    renderers: Mapping[str, Callable[[], Iterator[str]]] = {
        "table": lambda: (f"{line}\n" for line in _table(problems)),
        "text": lambda: (f"{paint(problem)}\n" for problem in problems),
        "json": lambda: _json(problem_document(problems)),
        "sarif": lambda: _json(problem_sarif(problems)),
        "junit": lambda: problem_junit(problems, files),
        "github": lambda: problem_github(problems),
    }
    if format not in renderers:
        raise ValueError(f"the format must be one of {', '.join(PROBLEM_FORMATS)}, not {format!r}")
    return renderers[format]()


def rule_table() -> Iterator[str]:
    """The lines of a table of all rules."""
    rows = (
        [rule.id, rule.severity.value, rule.meaning] for rule in sorted(ALL_RULES.values(), key=lambda rule: rule.id)
    )
    return table(["RULE", "SEVERITY", "WHAT IS TRUE OF MANIFESTS IN ORDER"], rows)


def _table(problems: Sequence[Problem]) -> Iterator[str]:
    header = ["SEVERITY", "PLACE", "OBJECT", "MESSAGE", "RULE"]
    rows = (
        [
            problem.severity.value.upper(),
            printable(str(problem.source)) if problem.source else _NONE,
            str(problem.object) if problem.object else _NONE,
            told(problem),
            problem.rule,
        ]
        for problem in problems
    )
    return table(header, rows)


def _json(document: object) -> Iterator[str]:
    yield f"{json.dumps(document, indent=2)}\n"
