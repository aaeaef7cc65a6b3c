"""``svcc node status``: what the node on this machine serves, and how it fares."""

from __future__ import annotations

from pathlib import Path

import click

from svcc.cli.durations import Duration
from svcc.cli.node_server_options import runtime_directory_option
from svcc.cli.options import talk_options
from svcc.cli.output import Talk, json_lines, write_data

__all__ = ["status_command"]


@click.command("status")
@runtime_directory_option
@click.option(
    "--timeout",
    type=Duration(is_positive=True),
    default="5s",
    show_default=True,
    metavar="TIME",
    help="How long to wait for the answer.",
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people (default), or a document."
)
@talk_options
def status_command(*, runtime_directory: Path, timeout: float, output: str, talk: Talk) -> int:  # noqa: ARG001  (as all commands)
    """Show what the svcc node on this machine serves, its last changes, drift and problems.

    Exits with 0 if the node is healthy, 1 if it is not, 3 if none is running. Root is not needed.

    \b
    svcc node status -o json | jq .troubles
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    # The node's third parties are an extra, which whoever only asks does not need.
    from svcc.node.status_socket import read_connections, read_status  # noqa: PLC0415
    from svcc.node.status_text import status_lines  # noqa: PLC0415

    status = read_status(runtime_directory, timeout_seconds=timeout)
    if output == "json":
        # As large as there are Services, so nobody else gets it.
        status["serviceConnections"] = read_connections(runtime_directory, timeout_seconds=timeout)
        write_data(json_lines(status, levels=3))
    else:
        write_data(f"{line}\n" for line in status_lines(status))
    return 0 if status["healthy"] else 1
