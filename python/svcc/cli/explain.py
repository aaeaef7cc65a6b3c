"""``svcc explain``: what a Service exposes and to whom, and why not."""

from __future__ import annotations

from typing import Any

import click

from svcc.cli.inputs import cluster_settings, loaded_input, node_name, tell_loaded
from svcc.cli.options import InputOptions, filename_options, settings_options, talk_options
from svcc.cli.output import Talk, json_lines, write_data
from svcc.explanation.build import explain_cluster
from svcc.report.explanation import explanation_lines
from svcc.report.explanation_document import explanation_document

__all__ = ["explain_command"]


@click.command("explain")
@click.argument("service", metavar="SERVICE")
@filename_options(required=True)
@click.option("-n", "--namespace", metavar="NAMESPACE", help="The Service's namespace.")
@settings_options
@click.option(
    "--cluster-domain",
    default="cluster.local",
    show_default=True,
    metavar="DOMAIN",
    help="The domain of the cluster's DNS names.",
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Text for people, or one document."
)
@talk_options
def explain_command(
    *,
    service: str,
    filenames: tuple[str, ...],
    namespace: str | None,
    cluster_domain: str,
    output: str,
    talk: Talk,
    **settings_flags: Any,
) -> int:
    """Explain what a Service exposes on a node, to whom, and what does not answer.

    SERVICE is NAME, svc/NAME, service/NAME, NAME.NAMESPACE or NAMESPACE/NAME. Shown are its addresses and DNS names,
    where each leads for pods, nodes and others, by which map and chain of the ruleset, and every endpoint with the
    reason if it is not used. Exits with 1 if errors keep the Service out of the ruleset.

    \b
    svcc explain svc/web -n shop -f cluster.json --node worker-1
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    inputs = InputOptions(filenames, namespace=None, all_namespaces=False, selector=None)
    loaded = loaded_input(talk, inputs, default_namespace=namespace)
    settings, configured_node, problems = cluster_settings(loaded, settings_flags)
    talk.problems(problems)
    node = node_name(loaded.cluster, settings_flags["node"], configured_node)
    with talk.progress("explaining"):
        explanation = explain_cluster(
            loaded.cluster,
            service,
            namespace=namespace,
            node=node,
            settings=settings,
            cluster_domain=cluster_domain,
            problems=loaded.problems,
        )
    tell_loaded(talk, loaded)
    if output == "json":
        write_data(json_lines(explanation_document(explanation), levels=5))
    else:
        write_data(explanation_lines(explanation, everything=bool(talk.verbose)))
    return 0 if explanation.declared else 1
