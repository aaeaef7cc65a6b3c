"""Problems of manifests for programs: svcc's own document, and SARIF for code scanning."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from svcc.dataplane.document import API_VERSION
from svcc.fields import ObjectReference, Problem, printable
from svcc.report.problem_annotations import told
from svcc.report.sarif import LEVELS, physical_location, sarif_log, tool
from svcc.validate.cluster_rules import ALL_RULES
from svcc.validate.rules import Rule

__all__ = ["problem_document", "problem_sarif"]

_FINGERPRINT = "svccProblem/v1"
_RULES = tuple(sorted(ALL_RULES))


def problem_document(problems: Sequence[Problem]) -> dict[str, Any]:
    """A ProblemList; the same fields for every problem, null where there is nothing to say."""
    return {"apiVersion": API_VERSION, "kind": "ProblemList", "items": [_item(problem) for problem in problems]}


def _item(problem: Problem) -> dict[str, Any]:
    reference = problem.object
    return {
        "rule": problem.rule,
        "severity": problem.severity.value,
        "message": problem.message(),
        "hint": problem.hint or None,
        "path": str(problem.path),
        "object": {"kind": reference.kind, "namespace": reference.namespace, "name": reference.name}
        if reference
        else None,
        "file": problem.source.file if problem.source else None,
        "line": problem.source.line if problem.source else None,
    }


def problem_sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """A log of one run, with all rules there are, so that these stay the same from run to run."""
    places = {rule: place for place, rule in enumerate(_RULES)}
    seen: Counter[tuple[str, ObjectReference | None, str]] = Counter()
    results = []
    for problem in problems:
        what = problem.rule, problem.object, str(problem.path)
        results.append(_result(problem, places[problem.rule], _fingerprint(*what, seen[what])))
        seen[what] += 1
    run = {
        "tool": tool([_rule(ALL_RULES[rule]) for rule in _RULES]),
        "automationDetails": {"id": "svcc-check/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return sarif_log([run])


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.replace("/", "-").split("-")),
        "shortDescription": {"text": rule.meaning},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }


def _result(problem: Problem, place: int, fingerprint: str) -> dict[str, Any]:
    location: dict[str, Any] = {}
    physical = physical_location(problem.source)
    if physical is not None:
        location["physicalLocation"] = physical
    if problem.object is not None:
        name = str(problem.object)
        path = str(problem.path)
        # 3.33: viewers show the last part, and tell objects apart by all of it.
        full = f"{name} {path}" if path else name
        location["logicalLocations"] = [{"name": path or name, "fullyQualifiedName": full, "kind": "object"}]
    subject = f"{problem.object}: " if problem.object else ""
    return {
        "ruleId": problem.rule,
        "ruleIndex": place,
        "level": LEVELS[problem.severity],
        "message": {"text": printable(f"{subject}{told(problem)}")},
        "locations": [location] if location else [],
        "partialFingerprints": {_FINGERPRINT: fingerprint},
    }


def _fingerprint(rule: str, subject: ObjectReference | None, path: str, before: int) -> str:
    """The same as long as the rule is broken at this field, wherever it stands in whichever file."""
    words = "\0".join([rule, str(subject or ""), path, str(before)])
    return hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
