"""Where ``svcc node`` answers questions about itself, and how it writes its log."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from svcc.cli.durations import Duration
from svcc.errors import SettingsError

if TYPE_CHECKING:
    from svcc.manifest.kube_proxy_process import ProcessSettings
    from svcc.node.listeners import TcpPlace
    from svcc.node.servers import ServerSettings

__all__ = ["runtime_directory_option", "server_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

runtime_directory_option = click.option(
    "--runtime-directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/run/svcc"),
    show_default=True,
    metavar="DIR",
    help="Where the node keeps its socket.",
)

_HEALTHZ: Final = "0.0.0.0:10256"
_METRICS: Final = "127.0.0.1:10249"
_PORTS: Final = {"--healthz-bind-address": 10256, "--metrics-bind-address": 10249}
"""Where none is said."""

_OPTIONS = (
    click.option(
        "--healthz-bind-address",
        metavar="IP:PORT",
        help=f"Where /healthz and /livez are answered; empty for nowhere ({_HEALTHZ}, or as in --config).",
    ),
    click.option(
        "--metrics-bind-address",
        metavar="IP:PORT",
        help=f"Where /metrics is answered; empty for nowhere ({_METRICS}, or as in --config).",
    ),
    click.option(
        "--health-timeout",
        type=Duration(),
        default="60s",
        show_default=True,
        metavar="TIME",
        help="How long a change may wait before the node counts as unhealthy.",
    ),
    runtime_directory_option,
)


def server_options(command: Command) -> Command:
    """Give a command the options; it takes `server_settings`, which gives `ServerSettings`.

    That is a function of what a configuration says, over which flags win.
    """

    @functools.wraps(command)
    def gather(
        *,
        healthz_bind_address: str | None,
        metrics_bind_address: str | None,
        health_timeout: float,
        runtime_directory: Path,
        **values: Any,
    ) -> Any:
        def settings(configured: ProcessSettings) -> ServerSettings:
            # Their third party is an extra, which whoever only asks for the status does not need.
            from svcc.node.servers import ServerSettings  # noqa: PLC0415

            return ServerSettings(
                _place("--healthz-bind-address", healthz_bind_address, configured.healthz_bind_address or _HEALTHZ),
                _place("--metrics-bind-address", metrics_bind_address, configured.metrics_bind_address or _METRICS),
                runtime_directory,
                health_timeout,
            )

        return command(**values, server_settings=settings)

    decorated: Any = gather
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _place(flag: str, text: str | None, otherwise: str) -> TcpPlace | None:
    """Where to listen: as a flag says, else otherwise.

    Raises:
        SettingsError: the flag says no such place, and is named.
    """
    from svcc.node.servers import bind_address  # noqa: PLC0415

    try:
        return bind_address(otherwise if text is None else text, _PORTS[flag])
    except SettingsError as error:
        raise SettingsError(f"{flag}: {error.message}") from None
