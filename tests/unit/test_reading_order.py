"""Problems in the order of files and lines."""

from __future__ import annotations

import pytest

from svcc.cli.output import Talk
from svcc.fields import FieldPath, Problem, ProblemKind, Severity, Source, reading_order
from svcc.manifest.load import load_text

TEXT = """\
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    service.kubernetes.io/topology-aware-hints: Auto
spec:
  sesionAffinity: ClientIP
  type: Odd
  ports:
  - {port: 0, name: A, protocol: tcp}
"""


def test_problems_are_sorted_by_line_and_stay_in_the_servers_order_where_lines_tie() -> None:
    problems = sorted(load_text(TEXT).problems, key=reading_order)
    assert [(problem.source and problem.source.line, problem.rule) for problem in problems] == [
        (6, "service/topology-hints-annotation-deprecated"),
        (8, "manifest/unknown-field"),
        (9, "service/type-unsupported"),
        (11, "service/port-name-invalid"),
        (11, "service/port-out-of-range"),
        (11, "service/protocol-unsupported"),
    ]


def test_files_are_sorted_by_name_and_problems_without_a_place_come_first() -> None:
    places = [Source("b", 1), None, Source("a", 9), Source("a", 10)]
    problems = [Problem("x", ProblemKind.NOTICE, FieldPath(), "", source=place) for place in places]
    assert [problem.source for problem in sorted(problems, key=reading_order)] == [
        None,
        Source("a", 9),
        Source("a", 10),
        Source("b", 1),
    ]


def test_people_see_the_order_of_lines_and_the_hints(capsys: pytest.CaptureFixture[str]) -> None:
    Talk(color="never").problems(load_text(TEXT, file="web.yaml").problems)
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1] for line in told] == ["6", "8", "9", "11", "11", "11"]
    assert told[1] == (
        'web.yaml:8: warning: Service default/web: unknown field "spec.sesionAffinity" '
        '(did you mean "sessionAffinity"?)'
    )


def test_a_hint_is_no_part_of_the_message() -> None:
    problem = Problem(
        "x", ProblemKind.NOTICE, FieldPath.of("spec"), "is odd", severity=Severity.WARNING, hint="mend it"
    )
    assert (problem.message(), str(problem)) == ("spec: is odd", "warning: spec: is odd (mend it)")


def test_a_sentence_that_names_its_field_itself_is_printed_alone() -> None:
    problem = Problem("x", ProblemKind.SENTENCE, FieldPath.of("spec"), "spec is odd")
    assert problem.message() == "spec is odd"
