"""``svcc check``: report what is wrong with manifests, without compiling."""

from __future__ import annotations

import sys
from typing import Any

import click

from svcc.cli.inputs import loaded_input, tell_loaded
from svcc.cli.options import InputOptions, input_options, talk_options
from svcc.cli.output import Talk, json_lines, write_data
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.document import API_VERSION
from svcc.fields import Problem, Severity
from svcc.model.cluster import ClusterSettings

__all__ = ["check"]


@click.command("check")
@input_options
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Lines for people, or one document."
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@talk_options
def check(
    *,
    inputs: InputOptions,
    output: str,
    strict: bool,
    talk: Talk,
) -> int:
    """Report problems in manifests, in the API server's words.

    Exits with 1 when there are errors; with --strict, warnings count too.
    """
    loaded = loaded_input(talk, inputs)
    built = build_dataplane(loaded.cluster, "", ClusterSettings())
    found = [*loaded.problems, *built.problems]
    shown = [problem for problem in found if problem.severity is not Severity.INFO or talk.verbose]
    if output == "json":
        document = {"apiVersion": API_VERSION, "kind": "ProblemList", "items": [_item(problem) for problem in shown]}
        write_data(json_lines(document, levels=3))
    else:
        write_data(f"{talk.painted(problem, sys.stdout)}\n" for problem in shown)
    tell_loaded(talk, loaded)
    errors = sum(problem.severity is Severity.ERROR for problem in found)
    warnings = sum(problem.severity is Severity.WARNING for problem in found)
    talk.say(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    return 1 if errors or (strict and warnings) else 0


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _item(problem: Problem) -> dict[str, Any]:
    reference = problem.object
    return {
        "rule": problem.rule,
        "severity": problem.severity.value,
        "message": problem.message(),
        "path": str(problem.path),
        "object": {"kind": reference.kind, "namespace": reference.namespace, "name": reference.name}
        if reference
        else None,
        "file": problem.source.file if problem.source else None,
        "line": problem.source.line if problem.source else None,
    }
