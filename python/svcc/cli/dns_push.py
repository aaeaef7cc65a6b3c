"""``svcc dns push``: the declared records into a name server, as a dynamic update."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from svcc.addresses import canonical_address
from svcc.cli.dns_options import dns_options
from svcc.cli.durations import Duration
from svcc.cli.inputs import loaded_input, tell_loaded
from svcc.cli.options import InputOptions, comma_separated, filename_options, talk_options
from svcc.cli.output import Talk
from svcc.dns.contract import DnsSettings, DnsZone
from svcc.dns.records import dns_records
from svcc.dns.tsig_key import TsigKey, read_tsig_key
from svcc.errors import FindingsError, TargetError
from svcc.fields import Severity

__all__ = ["push_command"]

_DNS_PORT = 53
_OTHERS_MAY_READ = 0o004


@click.command("push")
@filename_options(required=True)
@click.option("--server", required=True, metavar="ADDRESS[:PORT]", help="The name server, primary of the zones.")
@click.option(
    "--key",
    "key_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="The TSIG key, as tsig-keygen or keymgr -t prints it.",
)
@click.option("--dry-run", is_flag=True, help="Show the difference and send nothing; exit with 1 if there is one.")
@click.option(
    "--only",
    multiple=True,
    callback=comma_separated,
    metavar="DOMAIN",
    help="Push these zones alone. Repeatable, comma-separated.",
)
@click.option("--delete-foreign", is_flag=True, help="Remove records from the zones that are not svcc's, too.")
@click.option("--atomic", is_flag=True, help="Send nothing to a zone whose difference does not fit into one message.")
@click.option("--force", is_flag=True, help="Push in spite of errors, and if there is no Service at all.")
@click.option(
    "--timeout",
    type=Duration(is_positive=True),
    default="10s",
    show_default=True,
    metavar="TIME",
    help="How long to wait for each answer.",
)
@dns_options
@click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", help="A table (default), or one document."
)
@talk_options
def push_command(
    *,
    filenames: tuple[str, ...],
    server: str,
    key_file: str,
    dry_run: bool,
    only: tuple[str, ...],
    delete_foreign: bool,
    atomic: bool,
    force: bool,
    timeout: float,
    dns_settings: DnsSettings,
    output: str,
    talk: Talk,
) -> int:
    """Bring the zones of a name server to what is declared, by signed dynamic updates (RFC 2136).

    Each zone is transferred, compared, and changed by one update, which the server carries out in whole or not at all;
    then it is transferred again and compared. What svcc does not own is left alone: it owns svc.DOMAIN and pod.DOMAIN
    with all below, dns-version.DOMAIN, and PTR records that lead below svc.DOMAIN.

    A difference beyond 64 KiB takes several updates. While they are under way, and if they are interrupted, a TXT
    record _svcc-push.svc.DOMAIN says so, or _svcc-push in a reverse zone.

    \b
    svcc dns push -f cluster.json --server 192.0.2.53 --key push.key
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    for flag, value in (("--serial", dns_settings.serial), ("--nameserver-address", dns_settings.nameserver_addresses)):
        if value not in (None, ()):
            raise click.UsageError(f"{flag}: is the server's own business, which a push leaves alone")
    address, port = _address_and_port(server)
    key = _key(Path(key_file), talk)
    declared = _declared(talk, filenames, dns_settings, force=force)
    zones = _chosen(declared, only)
    # Their third party is an extra.
    from svcc.cli.dns_push_report import (  # noqa: PLC0415
        exit_code_of,
        print_report,
        tell_begun,
        tell_forsaken,
        tell_problems,
    )
    from svcc.dns.nameserver import NameServer  # noqa: PLC0415
    from svcc.dns.push import forsaken_zones, push  # noqa: PLC0415

    with talk.progress("pushing"):
        report = push(
            zones,
            NameServer(address, port, key, timeout),
            cluster_zone=dns_settings.zone,
            dry_run=dry_run,
            delete_foreign=delete_foreign,
            single_message=atomic,
            told=partial(tell_begun, talk),
        )
    print_report(report, output, dry_run=dry_run)
    if not dns_settings.reverse_zones:
        tell_forsaken(talk, forsaken_zones(report, {zone.name for zone in declared}, dns_settings.zone))
    tell_problems(talk, report)
    return exit_code_of(report)


def _declared(talk: Talk, filenames: tuple[str, ...], settings: DnsSettings, *, force: bool) -> tuple[DnsZone, ...]:
    """The declared zones.

    Raises:
        FindingsError: the manifests have errors, which would remove names that are served.
    """
    loaded = loaded_input(talk, InputOptions(filenames, namespace=None, all_namespaces=False, selector=None))
    with talk.progress("naming"):
        records = dns_records(loaded, settings)
    talk.problems(records.problems)
    tell_loaded(talk, loaded)
    errors = sum(problem.severity is Severity.ERROR for problem in records.problems)
    if errors and not force:
        raise FindingsError(
            f"nothing was sent: {errors} {'error' if errors == 1 else 'errors'} above",
            hint="what has an error would lose its names; with --force it does",
        )
    if not loaded.cluster.services and not force:
        raise FindingsError("nothing was sent: there is no Service", hint="with --force all names are removed")
    return records.zones


def _chosen(zones: Sequence[DnsZone], only: tuple[str, ...]) -> list[DnsZone]:
    """The zones to push."""
    wanted = {f"{name.lower().removesuffix('.')}." for name in only}
    unknown = sorted(wanted - {zone.name for zone in zones})
    if unknown:
        there = ", ".join(zone.name for zone in zones)
        raise click.UsageError(f"--only: there is no zone {unknown[0]}; there are {there}")
    return [zone for zone in zones if not wanted or zone.name in wanted]


def _key(path: Path, talk: Talk) -> TsigKey:
    key = read_tsig_key(path)
    if path.stat().st_mode & _OTHERS_MAY_READ:
        talk.say(f"warning: {path}: everybody on this machine can read the key")
    return key


def _address_and_port(text: str) -> tuple[str, int]:
    """The address and port of ``ADDRESS``, ``ADDRESS:PORT`` or ``[ADDRESS]:PORT``, where a name is looked up.

    Raises:
        click.UsageError: the text is of another form.
        TargetError: the name has no address.
    """
    address = canonical_address(text)
    if address is not None:
        return address, _DNS_PORT
    match = re.fullmatch(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^\[\]:\s]+))(?::(?P<port>[0-9]{1,5}))?", text)
    port = int(match["port"] or _DNS_PORT) if match else 0
    if match is None or not 0 < port < 2**16 or (match["six"] and canonical_address(match["six"]) is None):
        raise click.UsageError(f"--server: {text!r} is not ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT")
    host = match["six"] or match["host"]
    address = canonical_address(host)
    if address is not None:
        return address, port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TargetError(f"--server: {host}: {getattr(error, 'strerror', None) or error}") from None
    return str(found[0][4][0]), port
