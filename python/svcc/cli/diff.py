"""``svcc diff``: what changes for packets, connections and rules when manifests change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from attrs import evolve

from svcc.changes.build import diff_clusters
from svcc.changes.contract import NodeChange, Sweep
from svcc.changes.sweep import sweep
from svcc.cli.inputs import cluster_settings, loaded_side, node_name, tell_loaded, want_all
from svcc.cli.options import InputOptions, settings_options, talk_options
from svcc.cli.output import Talk, json_lines, write_data
from svcc.errors import InputError
from svcc.fields import Problem, Severity
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.report.changes import change_lines, sweep_lines
from svcc.report.changes_document import change_document, sweep_document

__all__ = ["diff_command"]


@click.command("diff")
@click.option(
    "-f",
    "--filename",
    "filenames",
    multiple=True,
    required=True,
    metavar="FILE|DIR|REV:PATH|-",
    help="Manifests: a file, a directory, a file or directory of a git revision, or - for stdin; given twice, before"
    " and after.",
)
@click.option("-R", "--recursive", is_flag=True, expose_value=False, hidden=True)
@click.option("-n", "--namespace", metavar="NAMESPACE", help="Only the Services of this namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="The Services of all namespaces (the default).")
@click.option("-l", "--selector", metavar="SELECTOR", help="Only the Services whose labels match, as for kubectl.")
@settings_options
@click.option("--all-nodes", is_flag=True, help="Compare on every node, and say which of them change in what.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "nft"]),
    default="text",
    help="Text for people, one document, or the nft transaction from the ruleset before to the one after.",
)
@click.option(
    "--exit-code",
    type=click.Choice(["always", "never"]),
    default="always",
    help="Whether differences make it exit with 1 (always), or never.",
)
@talk_options
def diff_command(
    *,
    filenames: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    selector: str | None,
    all_nodes: bool,
    output: str,
    exit_code: str,
    talk: Talk,
    **settings_flags: Any,
) -> int:
    """Tell what changes for packets when manifests change.

    Told are frontends and endpoints that come, go or change, which part of new connections goes elsewhere, what happens
    to established ones, and what is touched in the ruleset; with -v every element and rule. Exits with 1 if there is a
    difference.

    The first -f is before, the second after. REV:PATH is git's notation: a revision, and a path from the root of the
    repository, or from the current folder with ./ in front.

    \b
    svcc diff -f main:manifests -f manifests --node worker-1
    svcc diff -f before.json -f after.json --all-nodes
    svcc diff -f before.json -f after.json --node worker-1 -o nft | nft -f -
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    _check_usage(filenames, settings_flags["node"], output, all_nodes=all_nodes)
    if namespace and all_namespaces:
        raise click.UsageError("-n/--namespace and -A/--all-namespaces exclude each other")
    before, after = (
        loaded_side(talk, InputOptions((name,), namespace, all_namespaces, selector)) for name in filenames
    )
    for side in (before, after):
        want_all(talk, side, undone="compared")
    old_settings, _, old_problems = cluster_settings(before, settings_flags)
    new_settings, configured_node, new_problems = cluster_settings(after, settings_flags)
    settings = old_settings, new_settings
    # What is wrong with the manifests before has been said when they were written.
    errors = [problem for problem in (*old_problems, *before.problems) if problem.severity is Severity.ERROR]
    talk.problems(errors)
    problems = (*new_problems, *after.problems)
    change = (
        _swept(talk, before.cluster, after.cluster, settings, problems)
        if all_nodes
        else _compared(
            talk,
            before.cluster,
            after.cluster,
            settings_flags["node"] or configured_node,
            settings,
            problems,
            filenames[1],
        )
    )
    tell_loaded(talk, after)
    write_data(_rendered(change, output, everything=bool(talk.verbose)))
    return 1 if change and exit_code == "always" else 0


def _check_usage(filenames: tuple[str, ...], node: str | None, output: str, *, all_nodes: bool) -> None:
    if len(filenames) != 2:
        raise click.UsageError("-f/--filename is needed twice: what is compared is before and after")
    if filenames == ("-", "-"):
        raise click.UsageError("-f/--filename: standard input can be one side only")
    if all_nodes and node:
        raise click.UsageError("--node and --all-nodes exclude each other")
    if all_nodes and output == "nft":
        raise click.UsageError("-o nft is for one node: name it by --node")


def _compared(
    talk: Talk,
    before: Cluster,
    after: Cluster,
    node: str | None,
    settings: tuple[ClusterSettings, ClusterSettings],
    problems: tuple[Problem, ...],
    after_name: str,
) -> NodeChange:
    # A node that comes or goes with the change is known on one side only.
    if node is not None and not any(item.name == node for item in before.nodes):
        node = node_name(after, node, None)
    with talk.progress("comparing"):
        change = diff_clusters(before, after, node=node, settings=settings, problems=problems)
    talk.problems(_on_its_side(problem, after_name) for problem in change.problems)
    return change


def _on_its_side(problem: Problem, after_name: str) -> Problem:
    """A problem of no object in particular, with the side on which it is."""
    if problem.rule != "cluster/no-node-object":
        return problem
    side = f"in {after_name}, the side after"
    return evolve(problem, hint=f"{side}; {problem.hint}" if problem.hint else side)


def _swept(
    talk: Talk,
    before: Cluster,
    after: Cluster,
    settings: tuple[ClusterSettings, ClusterSettings],
    problems: tuple[Problem, ...],
) -> Sweep:
    talk.problems(problems)
    if not (before.nodes or after.nodes):
        raise InputError("there is no Node to compare on", hint="name one by --node")
    with talk.progress("comparing"):
        return sweep(before, after, settings)


def _rendered(change: NodeChange | Sweep, output: str, *, everything: bool) -> Iterator[str]:
    if isinstance(change, Sweep):
        return (
            json_lines(sweep_document(change), levels=5)
            if output == "json"
            else sweep_lines(change, everything=everything)
        )
    if output == "json":
        return json_lines(change_document(change, everything=everything), levels=5)
    return change.transaction.lines() if output == "nft" else change_lines(change, everything=everything)
