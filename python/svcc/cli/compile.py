"""``svcc compile``: from manifests to the ruleset of one node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from svcc.cli.inputs import cluster_settings, declared_input, node_name, tell_loaded
from svcc.cli.options import InputOptions, input_options, settings_options, talk_options
from svcc.cli.output import Talk, json_lines, write_data
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.dataplane.document import dataplane_document
from svcc.errors import FindingsError
from svcc.fields import Severity
from svcc.nft.json import commands

__all__ = ["compile_command"]


@click.command("compile")
@input_options
@settings_options
@click.option(
    "-o",
    "--output",
    type=click.Choice(["nft", "json", "dataplane"]),
    default="nft",
    help="nft text for `nft -f -` (default), libnftables JSON for nft 1.1.2 and newer, or the dataplane as JSON.",
)
@click.option("--strict", is_flag=True, help="Print nothing and exit with 1 if there are errors.")
@talk_options
def compile_command(
    *,
    inputs: InputOptions,
    output: str,
    strict: bool,
    talk: Talk,
    **settings_flags: Any,
) -> None:
    """Print the nftables ruleset that makes a node serve the Services.

    The script replaces svcc's tables in one transaction and touches nothing else; affinity records survive. Objects
    that are broken are reported and left out.

    \b
    kubectl get svc,endpointslices,nodes,servicecidrs -A -o json |
      svcc compile -f - --node worker-1 | nft -f -
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    loaded = declared_input(talk, inputs, undone="compiled", hint="to remove all rules from a node: svcc cleanup")
    settings, configured_node, problems = cluster_settings(loaded, settings_flags)
    problems = (*problems, *loaded.problems)
    node = node_name(loaded.cluster, settings_flags["node"], configured_node)
    with talk.progress("compiling"):
        compilation = compile_cluster(loaded.cluster, node=node, settings=settings, problems=problems)
    talk.problems(compilation.problems)
    tell_loaded(talk, loaded)
    wrong = [problem for problem in compilation.problems if problem.severity is Severity.ERROR]
    if strict and wrong:
        raise FindingsError(f"nothing was compiled: {len(wrong)} {'error' if len(wrong) == 1 else 'errors'} above")
    with talk.progress("writing"):
        write_data(_rendered(compilation, output))


def _rendered(compilation: Compilation, output: str) -> Iterator[str]:
    if output == "nft":
        return compilation.lines()
    if output == "json":
        return json_lines(commands(compilation.ruleset), levels=2)
    return json_lines(dataplane_document(compilation.dataplane), levels=6)
