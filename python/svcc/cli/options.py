"""Options that several commands share, declared once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import frozen

from svcc.cli.output import Talk
from svcc.model.cluster import DetectLocalMode

__all__ = [
    "InputOptions",
    "comma_separated",
    "filename_options",
    "fleet_options",
    "input_options",
    "selection_options",
    "settings_options",
    "talk_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])


@frozen
class InputOptions:
    """Which manifests to read, and which Services of theirs."""

    filenames: tuple[str, ...]
    namespace: str | None
    all_namespaces: bool
    selector: str | None


def _decorated(
    *decorators: Callable[[Any], Any], into: tuple[str, Callable[..., Any], tuple[str, ...]] | None = None
) -> Callable[[Command], Command]:
    """Several options as one decorator; `into` (name, class, fields) hands them to the command as one value."""

    def decorate(command: Command) -> Command:
        if into is not None:
            command = _gathering(command, *into)
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def _gathering(command: Command, name: str, build: Callable[..., Any], fields: tuple[str, ...]) -> Command:
    @functools.wraps(command)
    def gather(**values: Any) -> Any:
        built = build(**{field: values.pop(field) for field in fields})
        return command(**values, **{name: built})

    return gather  # type: ignore[return-value]  # the same command with fewer parameters


def comma_separated(_context: click.Context, _parameter: click.Parameter, values: Iterable[str]) -> tuple[str, ...]:
    """The values of an option that may be repeated and may hold commas; () when it was not given."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _list_option(name: str, metavar: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(
        name, multiple=True, callback=comma_separated, metavar=metavar, help=f"{help_text} Repeatable, comma-separated."
    )


def filename_options(*, required: bool) -> Callable[[Command], Command]:
    """Which manifests to read, as kubectl's ``-f``."""
    return _decorated(
        click.option(
            "-f",
            "--filename",
            "filenames",
            multiple=True,
            required=required,
            metavar="FILE|DIR|-",
            help="Manifests: a file, a directory (read recursively) or - for stdin. Repeatable.",
        ),
        click.option("-R", "--recursive", is_flag=True, expose_value=False, hidden=True),
    )


selection_options = _decorated(
    click.option("-n", "--namespace", metavar="NAMESPACE", help="Only the Services of this namespace."),
    click.option("-A", "--all-namespaces", is_flag=True, help="The Services of all namespaces (the default)."),
    click.option("-l", "--selector", metavar="SELECTOR", help="Only the Services whose labels match, as for kubectl."),
)

input_options = _decorated(
    filename_options(required=True),
    selection_options,
    into=("inputs", InputOptions, ("filenames", "namespace", "all_namespaces", "selector")),
)

settings_options = _decorated(
    click.option("--node", metavar="NAME", help="The node to compile for; needed when there are several."),
    click.option(
        "--config",
        type=click.Path(dir_okay=False, allow_dash=False),
        metavar="FILE",
        help="A KubeProxyConfiguration; flags win over what it says.",
    ),
    _list_option("--service-cidr", "CIDR", "Range of cluster IPs, besides ServiceCIDR objects."),
    _list_option("--cluster-cidr", "CIDR", "Range of all pods."),
    _list_option("--nodeport-addresses", "CIDR|primary", "Which local addresses serve node ports."),
    _list_option("--local-address", "IP", "Addresses of the node beyond those of its Node object."),
    click.option("--masquerade-all", is_flag=True, default=None, help="Masquerade all traffic to cluster IPs."),
    click.option(
        "--masquerade-bit",
        type=click.IntRange(0, 31),
        metavar="BIT",
        help="Bit of the packet mark that asks for masquerading (14).",
    ),
    click.option(
        "--detect-local-mode",
        type=click.Choice([mode.value for mode in DetectLocalMode]),
        help="How pods are recognised; ClusterCIDR if --cluster-cidr is given, else None.",
    ),
    click.option("--pod-bridge-interface", metavar="NAME", help="The bridge, for BridgeInterface."),
    click.option("--pod-interface-name-prefix", metavar="PREFIX", help="The prefix, for InterfaceNamePrefix."),
    click.option(
        "--allow-service-external-ips/--no-allow-service-external-ips",
        default=None,
        help="Whether spec.externalIPs are served (yes).",
    ),
    click.option("--service-proxy-name", metavar="NAME", help="Serve Services labelled with this proxy name."),
)


def _configured_talk(**options: Any) -> Talk:
    """The talk of the whole run, so that what ends the command is said in the same way."""
    talk = click.get_current_context().find_object(Talk) or Talk()
    return talk.configure(**options)


talk_options = _decorated(
    click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
    click.option("-v", "--verbose", count=True, help="Say more."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour on stderr."),
    into=("talk", _configured_talk, ("quiet", "verbose", "color")),
)


fleet_options = _decorated(
    click.option(
        "--output-dir",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Of a folder: write a report for each node there, and print one line each.",
    ),
    click.option("--scheduler", metavar="ADDRESS", help="Audit a folder on this Dask cluster: svcc[fleet]."),
)
"""Those of `svcc audit` that are for folders of dumps alone."""
