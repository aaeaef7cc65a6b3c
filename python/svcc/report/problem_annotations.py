"""Problems of manifests for build servers: JUnit and GitHub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from svcc.fields import Problem, Severity, printable
from svcc.report.github import COMMANDS, command
from svcc.report.junit import count_cases, document_text, joined

__all__ = ["problem_github", "problem_junit", "told"]

_NO_FILE = "settings"


def told(problem: Problem) -> str:
    """What is wrong, and what to do about it."""
    return f"{problem.message()} ({problem.hint})" if problem.hint else problem.message()


def problem_github(problems: Sequence[Problem]) -> Iterator[str]:
    """One annotation a line, at the line of the manifest."""
    for problem in problems:
        properties = {}
        if problem.source is not None:
            properties = {"file": problem.source.file, "line": str(problem.source.line)}
        properties["title"] = f"svcc {problem.severity.value}: {problem.rule}"
        yield command(
            COMMANDS[problem.severity],
            properties,
            [f"{problem.object}: {told(problem)}" if problem.object else told(problem)],
        )


def problem_junit(problems: Sequence[Problem], files: Sequence[str]) -> Iterator[str]:
    """A suite for each file, in it a case for each object that is told about, or one where all is well.

    Errors and warnings are failures, what is merely worth knowing stands in the output of its case.
    """
    by_file: dict[str, dict[str, list[Problem]]] = {file: {} for file in sorted(files)}
    for problem in problems:
        suite = by_file.setdefault(problem.source.file if problem.source else _NO_FILE, {})
        suite.setdefault(str(problem.object) if problem.object else "text", []).append(problem)
    root = ET.Element("testsuites", name="svcc check")
    for file, objects in by_file.items():
        name = printable(file)
        suite_element = ET.SubElement(root, "testsuite", name=name)
        for subject, found in objects.items():
            _case(suite_element, name, subject, found)
        if not objects:
            ET.SubElement(suite_element, "testcase", classname=name, name="every object", time="0")
        count_cases(suite_element, suite_element.findall("testcase"))
    yield from document_text(root)


def _case(suite: ET.Element, name: str, subject: str, problems: Sequence[Problem]) -> None:
    case = ET.SubElement(suite, "testcase", classname=name, name=subject, time="0")
    failures = [problem for problem in problems if problem.severity is not Severity.INFO]
    if failures:
        worst = min(failures, key=lambda problem: problem.severity is not Severity.ERROR)
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        message = printable(f"{worst.severity.value}: {told(worst)}{more}")
        failure = ET.SubElement(case, "failure", type=worst.rule, message=message)
        failure.text = joined([f"{problem} [{problem.rule}]" for problem in failures])
    notices = [problem for problem in problems if problem.severity is Severity.INFO]
    if notices:
        ET.SubElement(case, "system-out").text = joined([f"{problem} [{problem.rule}]" for problem in notices])
