"""``svcc dns``: the records of the cluster's DNS."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click
from click.core import ParameterSource

from svcc.cli.dns_options import dns_options
from svcc.cli.inputs import declared_input, tell_loaded
from svcc.cli.lazy_commands import LazyCommands
from svcc.cli.options import InputOptions, filename_options, talk_options
from svcc.cli.output import Talk, json_lines, make_folder, write_data, write_file
from svcc.dns.contract import DnsRecords, DnsSettings, DnsZone
from svcc.dns.document import records_document
from svcc.dns.hosts import hosts_lines
from svcc.dns.records import dns_records
from svcc.errors import FindingsError
from svcc.fields import Severity

__all__ = ["dns_command"]


@click.group("dns", commands=LazyCommands({"push": "svcc.cli.dns_push:push_command"}), invoke_without_command=True)
@filename_options(required=False)
@click.option("-n", "--namespace", metavar="NAMESPACE", help="Only the Services of this namespace.")
@click.option("-A", "--all-namespaces", is_flag=True, help="The Services of all namespaces (the default).")
@click.option("-l", "--selector", metavar="SELECTOR", help="Only the Services whose labels match, as for kubectl.")
@dns_options
@click.option(
    "-o",
    "--output",
    type=click.Choice(["zone", "hosts", "json"]),
    default="zone",
    help="Zone files for a name server (default), a hosts file, or one document.",
)
@click.option("--print", "printed", metavar="DOMAIN", help="The zone to print, if not the cluster's own.")
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write every zone to a file DOMAIN.zone in this folder, and print their names.",
)
@click.option("--verify", is_flag=True, help="Read each zone file back with dnspython before it is written.")
@click.option("--strict", is_flag=True, help="Write nothing and exit with 1 if there are errors.")
@talk_options
@click.pass_context
def dns_command(
    context: click.Context,
    *,
    filenames: tuple[str, ...],
    namespace: str | None,
    all_namespaces: bool,
    selector: str | None,
    dns_settings: DnsSettings,
    output: str,
    printed: str | None,
    output_dir: str | None,
    verify: bool,
    strict: bool,
    talk: Talk,
) -> None:
    """Print the records that the cluster's DNS has for the Services.

    They are those of Kubernetes' DNS specification 1.1.0, as a zone file of the cluster's domain; with --output-dir as
    files of it and of the zones in which its addresses have names.

    \b
    svcc dns -f cluster.json --output-dir /var/lib/bind
    svcc dns -f cluster.json --print 96.10.in-addr.arpa
    svcc dns -f cluster.json -o hosts >> /etc/hosts
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    if not filenames:
        raise click.UsageError("Missing option '-f' / '--filename'.", context)
    if output != "zone" and (printed or output_dir or verify):
        raise click.UsageError(f"--print, --output-dir and --verify are for zones, not for -o {output}")
    if printed and output_dir:
        raise click.UsageError("--print and --output-dir exclude each other")
    inputs = InputOptions(filenames, namespace, all_namespaces, selector)
    loaded = declared_input(talk, inputs, undone="written")
    with talk.progress("naming"):
        records = dns_records(loaded, dns_settings)
    talk.problems(records.problems)
    tell_loaded(talk, loaded)
    errors = sum(problem.severity is Severity.ERROR for problem in records.problems)
    if strict and errors:
        raise FindingsError(f"nothing was written: {errors} {'error' if errors == 1 else 'errors'} above")
    with talk.progress("writing"):
        if output_dir is not None:
            _write_zones(records, Path(output_dir), verify=verify)
        else:
            write_data(_rendered(records, output, printed, verify=verify))


def _refuse_options(context: click.Context) -> None:
    """Options before the name of a subcommand would have no effect."""
    for parameter in context.command.params:
        if parameter.name and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"options go after {context.invoked_subcommand}, not before it", context)


def _rendered(records: DnsRecords, output: str, printed: str | None, *, verify: bool) -> Iterable[str]:
    if output == "hosts":
        return hosts_lines(records)
    if output == "json":
        return json_lines(records_document(records), levels=4)
    return [_zone_text(_chosen(records, printed) if printed else records.zones[0], verify=verify)]


def _chosen(records: DnsRecords, name: str) -> DnsZone:
    wanted = f"{name.lower().removesuffix('.')}."
    for zone in records.zones:
        if zone.name == wanted:
            return zone
    there = ", ".join(zone.name.removesuffix(".") for zone in records.zones[:5])
    more = ", ..." if len(records.zones) > 5 else ""
    raise click.UsageError(f"--print: there is no zone {name}; there are {there}{more}")


def _write_zones(records: DnsRecords, folder: Path, *, verify: bool) -> None:
    """Write every zone, and print the names of the files.

    Raises:
        OSError: one cannot be written.
    """
    texts = {folder / f"{zone.name}zone": _zone_text(zone, verify=verify) for zone in records.zones}
    make_folder(folder)
    for path, text in texts.items():
        write_file(path, text)
    write_data(f"{path}\n" for path in texts)


def _zone_text(zone: DnsZone, *, verify: bool) -> str:
    from svcc.dns.dnspython import verify_zone  # noqa: PLC0415  (its third party is an extra)
    from svcc.dns.zone import zone_lines  # noqa: PLC0415

    text = "".join(zone_lines(zone))
    if verify:
        verify_zone(zone, text)
    return text
