"""``svcc node``: the ruleset of this machine, kept right for as long as the process runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svcc.cli.durations import Duration
from svcc.cli.inputs import cluster_settings, configuration, node_name
from svcc.cli.node_server_options import server_options
from svcc.cli.node_status import status_command
from svcc.cli.options import filename_options, selection_options, settings_options, talk_options
from svcc.cli.output import Talk, version
from svcc.errors import InputError
from svcc.manifest.kube_proxy_process import ProcessSettings
from svcc.manifest.load import Loaded
from svcc.model.cluster import Cluster

if TYPE_CHECKING:
    from svcc.incremental.compiler import IncrementalCompiler
    from svcc.manifest.kube_proxy import KubeProxySettings
    from svcc.node.schedule import Intervals
    from svcc.node.servers import ServerSettings
    from svcc.sources.contract import Batch

__all__ = ["node_command"]


@click.group("node", invoke_without_command=True, subcommand_metavar="[status]")
@filename_options(required=False)
@selection_options
@settings_options
@click.option(
    "--list-quiet",
    type=Duration(),
    default="1s",
    show_default=True,
    metavar="TIME",
    help="The list of streams is complete after such a pause, or with the bookmarks that say so.",
)
@click.option(
    "--min-sync-period",
    type=Duration(),
    metavar="TIME",
    help="From one transaction to the next; a change after a longer quiet goes at once (100ms, or as in --config).",
)
@click.option(
    "--sync-period",
    type=Duration(),
    metavar="TIME",
    help="How often the kernel is read and compared without a reason (1h, or as in --config); less often where that"
    " takes more than a twentieth of the time.",
)
@click.option(
    "--service-counters",
    is_flag=True,
    help="Count the connections to each frontend of each Service, for /metrics and the status as JSON.",
)
@server_options
@click.option(
    "--keep-scripts",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/var/lib/svcc"),
    show_default=True,
    metavar="DIR",
    help="Where scripts are kept that the kernel refuses, for a bug report.",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="Lines on stderr.")
@talk_options
@click.pass_context
def node_command(
    context: click.Context,
    /,
    *,
    filenames: tuple[str, ...],
    log_format: str,
    server_settings: Callable[[ProcessSettings], ServerSettings],
    talk: Talk,
    **options: Any,
) -> None:
    """Keep this node's rules right while objects change.

    Objects come from files that are watched, or from streams of events: -f - is standard input, and named pipes,
    /dev/fd/N, character devices and sockets are streams, too. kubectl watches one kind of objects at a time, so take
    one stream for each; several kubectls in one pipe may tear each other's words. Nothing is written before the source
    is complete: Services and EndpointSlices have come, something of each stream, and then a pause of --list-quiet.
    Then every change costs one small transaction. When a stream ends, so does svcc; whoever starts it again starts
    kubectl again. What others do to svcc's tables is noticed and repaired. The rules stay when the process ends.
    SIGHUP has them read and compared.

    \b
    svcc node --node worker-1 -f /etc/svcc/manifests
    watch="-A -o json --watch --output-watch-events"
    svcc node --node worker-1 -f <(kubectl get services $watch) \\
      -f <(kubectl get endpointslices $watch)
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    if context.invoked_subcommand is not None:
        return
    if options["namespace"] and options["all_namespaces"]:
        raise click.UsageError("-n/--namespace and -A/--all-namespaces exclude each other")
    if not filenames:
        raise click.UsageError("Missing option '-f' / '--filename'.", ctx=context)
    # What the extra `node` brings is needed by this command alone.
    from svcc.node.log_lines import NodeLog, configure_logging  # noqa: PLC0415
    from svcc.node.running import NodeOptions, run_node  # noqa: PLC0415
    from svcc.sources.completeness import Completeness  # noqa: PLC0415
    from svcc.sources.opening import open_source  # noqa: PLC0415

    if sys.stdin is None:
        raise InputError("standard input is closed")
    configured, problems = configuration(options["config"]) if options["config"] else (None, ())
    process = configured.process if configured is not None else ProcessSettings()
    servers = server_settings(process)
    configure_logging(log_format, verbose=bool(talk.verbose), quiet=talk.quiet)
    NodeLog().problems("configuration", problems)
    source = open_source(
        filenames,
        stdin=sys.stdin.buffer,
        namespace=options["namespace"],
        selector=options["selector"],
        completeness=Completeness(quiet=options["list_quiet"]),
    )
    run_node(
        source,
        NodeOptions(
            name=options["node"] or "",
            version=version(),
            intervals=_intervals(options, process),
            servers=servers,
            keep_scripts=options["keep_scripts"],
            service_counters=options["service_counters"],
        ),
        lambda batch: _compiler(batch, configured, options),
    )


def _intervals(options: Mapping[str, Any], configured: ProcessSettings) -> Intervals:
    """The periods that flags say, else the configuration."""
    from svcc.node.schedule import Intervals  # noqa: PLC0415

    wanted = {
        "least": (options["min_sync_period"], configured.min_sync_period),
        "verification": (options["sync_period"], configured.sync_period),
    }
    said = {name: [value for value in values if value is not None] for name, values in wanted.items()}
    return Intervals(**{name: values[0] for name, values in said.items() if values})


def _compiler(batch: Batch, configured: KubeProxySettings | None, options: Mapping[str, Any]) -> IncrementalCompiler:
    """The compiler for what the source has listed, with what is configured, else with the settings in it."""
    from svcc.incremental.compiler import IncrementalCompiler  # noqa: PLC0415

    cluster = Cluster.of(change.object for change in batch.changes if change.object is not None)
    loaded = Loaded(cluster, kube_proxy=configured or batch.kube_proxy)
    settings, hostname, _problems = cluster_settings(loaded, {**options, "config": None})
    name = node_name(cluster, options["node"], hostname)
    if name is None:
        name = _only_node(cluster)
    return IncrementalCompiler(name, settings, service_counters=options["service_counters"])


def _only_node(cluster: Cluster) -> str:
    if len(cluster.nodes) > 1:
        raise InputError(f"there are {len(cluster.nodes)} nodes, and a ruleset is for one", hint="name it: --node NAME")
    return cluster.nodes[0].name if cluster.nodes else ""


node_command.add_command(status_command)
