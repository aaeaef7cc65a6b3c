"""Where ``svcc node`` answers questions about itself, and how it writes its log."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

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


class _Asked(NamedTuple):
    """Where something is answered: how a flag and a configuration call it, and where if neither says it."""

    flag: str
    field: str
    address: str
    port: int

    @property
    def usual(self) -> str:
        return f"{self.address}:{self.port}"


_HEALTHZ: Final = _Asked("--healthz-bind-address", "healthzBindAddress", "0.0.0.0", 10256)
_METRICS: Final = _Asked("--metrics-bind-address", "metricsBindAddress", "127.0.0.1", 10249)

_OPTIONS = (
    click.option(
        _HEALTHZ.flag,
        metavar="IP:PORT",
        help=f"Where /healthz and /livez are answered; empty for nowhere ({_HEALTHZ.usual}, or as in --config).",
    ),
    click.option(
        _METRICS.flag,
        metavar="IP:PORT",
        help=f"Where /metrics is answered; empty for nowhere ({_METRICS.usual}, or as in --config).",
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
                _place(_HEALTHZ, healthz_bind_address, configured.healthz_bind_address),
                _place(_METRICS, metrics_bind_address, configured.metrics_bind_address),
                runtime_directory,
                health_timeout,
            )

        return command(**values, server_settings=settings)

    decorated: Any = gather
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _place(asked: _Asked, given: str | None, configured: str | None) -> TcpPlace | None:
    """Where to listen: as the flag says, else the configuration, else where it is usual.

    Raises:
        SettingsError: what was given is no such place; whoever gave it is named.
    """
    from svcc.node.servers import bind_address  # noqa: PLC0415

    try:
        return bind_address(given if given is not None else configured or asked.usual, asked.port)
    except SettingsError as error:
        giver = asked.flag if given is not None else f"{asked.field} in the configuration (--config)"
        raise SettingsError(f"{giver}: {error.message}") from None
