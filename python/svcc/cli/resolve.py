"""``svcc resolve``: what a pod asks for when it looks a name up, and what it gets."""

from __future__ import annotations

import click

from svcc.cli.dns_options import dns_options
from svcc.cli.inputs import loaded_input, tell_loaded
from svcc.cli.options import InputOptions, comma_separated, filename_options, talk_options
from svcc.cli.output import Talk, json_lines, write_data
from svcc.dns.contract import DnsSettings
from svcc.dns.lookup import NameIndex
from svcc.dns.records import dns_records
from svcc.dns.resolve import ADDRESS_TYPES, resolve
from svcc.dns.resolve_hints import resolution_hints
from svcc.dns.resolver import DnsPolicy, Libc, PodResolver
from svcc.errors import SettingsError
from svcc.report.resolution import resolution_document, resolution_lines

__all__ = ["resolve_command"]

_TYPES = ["A", "AAAA", "ANY", "CNAME", "NS", "PTR", "SOA", "SRV", "TXT"]


@click.command("resolve")
@click.argument("name", metavar="NAME")
@filename_options(required=True)
@click.option("--from", "namespace", required=True, metavar="NAMESPACE", help="The namespace of the pod that asks.")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(_TYPES, case_sensitive=False),
    help="Ask for these records, not for addresses (A and AAAA). Repeatable.",
)
@click.option(
    "--search",
    multiple=True,
    callback=comma_separated,
    metavar="DOMAIN",
    help="Search domains of the node, then of the pod's dnsConfig. Repeatable, comma-separated.",
)
@click.option(
    "--ndots",
    type=click.IntRange(min=0),
    metavar="NUMBER",
    help="Names with fewer dots are tried with the search path first (5; 1 where kubelet writes none).",
)
@click.option(
    "--libc",
    type=click.Choice([libc.value for libc in Libc]),
    default=Libc.GLIBC.value,
    show_default=True,
    help="Whose resolver the pod has.",
)
@click.option(
    "--dns-policy",
    type=click.Choice([policy.value for policy in DnsPolicy]),
    default=DnsPolicy.CLUSTER_FIRST.value,
    show_default=True,
    help="The pod's spec.dnsPolicy; with None its dnsConfig is taken to name the cluster's server.",
)
@click.option("--host-network", is_flag=True, help="The pod has the node's network: ClusterFirst means Default.")
@dns_options
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    help="A table of the queries (default), or one document.",
)
@talk_options
def resolve_command(
    *,
    name: str,
    filenames: tuple[str, ...],
    namespace: str,
    types: tuple[str, ...],
    search: tuple[str, ...],
    ndots: int | None,
    libc: str,
    dns_policy: str,
    host_network: bool,
    dns_settings: DnsSettings,
    output: str,
    talk: Talk,
) -> int:
    """Show which queries a pod sends for a name, in order, and their answers.

    Exits with 1 if the declared records answer none of them: a name that leaves the cluster may be answered there.

    \b
    svcc resolve -f cluster.json --from shop web
    svcc resolve -f cluster.json --from default --type SRV _http._tcp.web.shop
    svcc resolve -f cluster.json --from default --type PTR 10.96.0.10
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    try:
        resolver = PodResolver(
            namespace=namespace,
            zone=dns_settings.zone,
            policy=DnsPolicy(dns_policy),
            host_network=host_network,
            search=search,
            ndots=ndots,
            libc=Libc(libc),
        )
    except SettingsError as error:
        field, colon, rest = error.message.partition(":")
        raise SettingsError(f"--{'from' if field == 'namespace' else field}{colon}{rest}") from None
    loaded = loaded_input(talk, InputOptions(filenames, namespace=None, all_namespaces=False, selector=None))
    with talk.progress("naming"):
        records = dns_records(loaded, dns_settings)
        index = NameIndex(records)
    talk.problems(records.problems)
    tell_loaded(talk, loaded)
    resolution = resolve(index, name, resolver, types=types or ADDRESS_TYPES)
    hints = resolution_hints(resolution, index, loaded.cluster.services)
    if output == "json":
        write_data(json_lines(resolution_document(resolution, hints), levels=3))
    else:
        write_data(resolution_lines(resolution, hints))
    return 0 if resolution.is_answered else 1
