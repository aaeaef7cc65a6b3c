"""The options of all commands about the cluster's DNS."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from svcc.cli.options import comma_separated
from svcc.dns.contract import DnsFlavour, DnsSettings, PodNames
from svcc.errors import SettingsError

__all__ = ["dns_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

_FIELD_OF_FLAG = {
    "zone": "zone",
    "ttl": "ttl",
    "flavour": "flavour",
    "reverse_zone": "reverse_zones",
    "nameserver_address": "nameserver_addresses",
    "serial": "serial",
    "pods": "pods",
    "endpoint_pod_names": "endpoint_pod_names",
    "ignore_empty_service": "ignore_empty_services",
    "noendpoints": "without_endpoints",
}

_OPTIONS = (
    click.option(
        "--zone",
        "--cluster-domain",
        "zone",
        default="cluster.local",
        show_default=True,
        metavar="DOMAIN",
        help="The domain of the cluster's DNS names.",
    ),
    click.option("--ttl", type=int, default=5, show_default=True, metavar="SECONDS", help="How long answers are kept."),
    click.option(
        "--flavour",
        type=click.Choice([flavour.value for flavour in DnsFlavour]),
        default=DnsFlavour.SPECIFICATION.value,
        help="The records of the specification (default), or what CoreDNS adds to them.",
    ),
    click.option(
        "--reverse-zone",
        multiple=True,
        callback=comma_separated,
        metavar="DOMAIN",
        help="Zones for PTR records, such as 10.in-addr.arpa; without it one a /16 of IPv4 and a /48 of IPv6."
        " Repeatable, comma-separated.",
    ),
    click.option(
        "--nameserver-address",
        multiple=True,
        callback=comma_separated,
        metavar="IP",
        help="Addresses of ns.dns.DOMAIN; without it those of Service kube-system/kube-dns, else 127.0.0.1. Repeatable,"
        " comma-separated.",
    ),
    click.option(
        "--serial", type=int, metavar="NUMBER", help="Of all zones; without it a checksum of the zone's records."
    ),
    click.option(
        "--pods",
        type=click.Choice([names.value for names in PodNames]),
        default=PodNames.DISABLED.value,
        help="CoreDNS: names of pods.",
    ),
    click.option(
        "--endpoint-pod-names", is_flag=True, help="CoreDNS: name endpoints without hostname after their pod."
    ),
    click.option("--ignore-empty-service", is_flag=True, help="CoreDNS: no records for Services without endpoints."),
    click.option("--noendpoints", is_flag=True, help="CoreDNS: no records for endpoints."),
)


def dns_options(command: Command) -> Command:
    """Give a command the options, whose values it takes as `dns_settings`."""

    @functools.wraps(command)
    def gather(**values: Any) -> Any:
        fields = {name: values.pop(flag) for flag, name in _FIELD_OF_FLAG.items()}
        return command(**values, dns_settings=_settings(fields))

    decorated: Any = gather
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _settings(fields: dict[str, Any]) -> DnsSettings:
    """The settings; a message about a field of them becomes one about its flag.

    Raises:
        SettingsError: a value makes no sense.
    """
    try:
        return DnsSettings(**fields)
    except SettingsError as error:
        name, colon, rest = error.message.partition(":")
        flags = {field: f"--{flag.replace('_', '-')}" for flag, field in _FIELD_OF_FLAG.items()}
        raise SettingsError(f"{flags.get(name, name)}{colon}{rest}") from None
