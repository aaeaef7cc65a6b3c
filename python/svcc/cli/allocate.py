"""``svcc allocate``: fill in what an API server and a cloud would, in the manifests themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from svcc.allocation.complete import allocate
from svcc.allocation.contract import DEFAULT_NODE_PORT_RANGE, Allocation, AllocationSettings
from svcc.allocation.reservation import Reservation
from svcc.allocation.reservation_file import read_reservation
from svcc.cli.inputs import tell_loaded
from svcc.cli.options import comma_separated, filename_options, talk_options
from svcc.cli.output import Talk, json_lines, replace_file, replace_files, write_data
from svcc.errors import InputError, SettingsError
from svcc.fields import Problem, Severity
from svcc.manifest.amend import Amended, amend
from svcc.manifest.documents import Document, Limits, Reading, language_of, raw_contents, read_contents
from svcc.manifest.files import read_file
from svcc.manifest.load import Loaded, load_reading
from svcc.manifest.parsed import Language
from svcc.manifest.patches import patches
from svcc.model.address_pool import AddressPool
from svcc.model.service import ServiceType
from svcc.report.allocation import allocation_document, assignment_lines, patch_document, usage_lines
from svcc.validate.admission import DEFAULT_NAMESPACE

__all__ = ["allocate_command"]

_STANDARD_INPUT = "<stdin>"


@click.command("allocate")
@filename_options(required=True)
@click.option("-n", "--namespace", metavar="NAMESPACE", help="Where objects without a namespace belong (default).")
@click.option(
    "--service-cidr",
    "service_cidrs",
    multiple=True,
    callback=comma_separated,
    metavar="CIDR",
    help="Range of cluster IPs, before those of ServiceCIDR objects. Repeatable, comma-separated.",
)
@click.option(
    "--service-node-port-range",
    metavar="FIRST-LAST",
    default=DEFAULT_NODE_PORT_RANGE,
    help=f"Range of node ports ({DEFAULT_NODE_PORT_RANGE}).",
)
@click.option(
    "--pool",
    "pools",
    multiple=True,
    metavar="NAME=CIDR|FIRST-LAST,...",
    help="Pool of load balancer addresses, besides IPAddressPool objects. Repeatable.",
)
@click.option(
    "--load-balancer-class", metavar="CLASS", help="Serve the LoadBalancer Services of this class; else those of none."
)
@click.option("--reservation", metavar="FILE", help="Numbers that belong to somebody, whether in the manifests or not.")
@click.option("--update-reservation", is_flag=True, help="Write back to that file who holds what now.")
@click.option("--in-place", is_flag=True, help="Write the files that change, each as a whole, instead of printing.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["manifests", "patch", "merge-patch", "json", "table"]),
    default="manifests",
    help="The completed manifests (default), patches (RFC 6902 or 7396), or what was assigned.",
)
@click.option("--report", is_flag=True, help="Say how full each range, band and pool is.")
@talk_options
def allocate_command(
    *, filenames: tuple[str, ...], output: str, in_place: bool, report: bool, talk: Talk, **flags: Any
) -> int:
    """Fill in cluster IPs, node ports and load balancer addresses.

    Prints the manifests with the fields that an API server and MetalLB would fill in; comments, order and layout stay.
    What is written, or reserved, is kept, and the same input gives the same numbers. Exits with 1 if a Service gets
    nothing.

    \b
    svcc allocate -f manifests/ --service-cidr 10.96.0.0/12 --pool web=192.0.2.0/24 --in-place
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    _check_flags(filenames, output, in_place=in_place, flags=flags)
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None and "-" in filenames:
        raise InputError("standard input is closed")
    with talk.progress("reading manifests"):
        contents = [(name, _text_or_bytes(data)) for name, data in raw_contents(filenames, stdin=stdin)]
        reading = read_contents(contents)
        loaded = load_reading(reading, namespace=flags["namespace"])
    pools = (*loaded.address_pools, *_pools(flags["pools"], loaded.address_pools))
    settings = AllocationSettings(
        service_cidrs=flags["service_cidrs"],
        service_node_port_range=flags["service_node_port_range"],
        pools=pools,
        reservation=_reservation(flags["reservation"], may_lack=flags["update_reservation"]),
        held=loaded.held,
    )
    with talk.progress("allocating"):
        allocation = allocate(
            loaded.cluster,
            settings,
            namespaces=loaded.namespaces,
            load_balancer_class=flags["load_balancer_class"],
        )
    problems = [*loaded.problems, *allocation.problems]
    with talk.progress("writing"):
        if output == "manifests":
            amended = _amended(contents, reading, allocation, flags["namespace"] or DEFAULT_NAMESPACE)
            problems += (problem for each in amended.values() for problem in each.problems)
        talk.problems(problems)
        tell_loaded(talk, loaded)
        if output != "manifests":
            write_data(_rendered(output, contents, allocation, problems, flags["namespace"] or DEFAULT_NAMESPACE))
        elif in_place:
            problems += _written(amended, contents, talk)
        else:
            write_data(_joined({name: each.text for name, each in amended.items()}))
    if flags["update_reservation"]:
        replace_file(Path(flags["reservation"]), allocation.reservation.text().encode())
    _tell(allocation, loaded, pools, talk, report=report)
    return 1 if any(problem.severity is Severity.ERROR for problem in problems) else 0


def _check_flags(filenames: Sequence[str], output: str, *, in_place: bool, flags: Mapping[str, Any]) -> None:
    if in_place and "-" in filenames:
        raise click.UsageError("--in-place cannot write to standard input: name files")
    if in_place and output != "manifests":
        raise click.UsageError(f"--in-place writes manifests, not -o {output}")
    if flags["update_reservation"] and not flags["reservation"]:
        raise click.UsageError("--update-reservation needs --reservation FILE")


def _pools(texts: Iterable[str], declared: Sequence[AddressPool]) -> list[AddressPool]:
    pools = {pool.name: pool for pool in declared}
    found: list[AddressPool] = []
    for text in texts:
        name, equals, addresses = text.partition("=")
        listed = [part.strip() for part in addresses.split(",") if part.strip()]
        if not name or not equals or not listed:
            raise SettingsError(f'pool "{text}" is not NAME=CIDR or NAME=FIRST-LAST')
        if name in pools:
            raise SettingsError(f"there are two pools named {name}")
        try:
            pools[name] = AddressPool(name, listed)
        except ValueError as error:
            raise SettingsError(f'pool "{text}": {error}') from None
        found.append(pools[name])
    return found


def _reservation(filename: str | None, *, may_lack: bool) -> Reservation | None:
    if filename is None or (may_lack and not Path(filename).exists()):
        return None
    data = read_file(filename, Limits().file_bytes)
    try:
        return read_reservation(data.decode(), filename)
    except UnicodeDecodeError as error:
        raise InputError(f"{filename}: it is not UTF-8: {error.reason}") from None


def _text_or_bytes(data: bytes) -> str | bytes:
    """The text; the bytes where they are no UTF-8, or too many, so that nothing will be read of them."""
    try:
        return data.decode() if len(data) <= Limits().file_bytes else data
    except UnicodeDecodeError:
        return data


def _printable(content: str | bytes) -> str:
    return content if isinstance(content, str) else content.decode("utf-8", "backslashreplace")


def _amended(
    contents: Iterable[tuple[str, str | bytes]], reading: Reading, allocation: Allocation, namespace: str
) -> dict[str, Amended]:
    """The texts by file; what is no UTF-8 has been told."""
    services = allocation.cluster.services
    documents: dict[str, list[Document]] = {name: [] for name, _ in contents}
    for document in reading.documents:
        documents[document.source.file].append(document)
    return {
        name: amend(
            _printable(content),
            name,
            allocation.assignments,
            services,
            namespace,
            documents=documents[name],
        )
        for name, content in contents
    }


def _joined(texts: Mapping[str, str]) -> Iterable[str]:
    """Several texts as one: with a marker between them, except between JSON and JSON."""
    are_json = len(texts) > 1 and all(language_of(text, name) is Language.JSON for name, text in texts.items())
    for index, text in enumerate(texts.values()):
        if index and not are_json and not text.startswith("---"):
            yield "---\n"
        yield text if text.endswith("\n") else f"{text}\n"


def _written(amended: Mapping[str, Amended], contents: Iterable[tuple[str, str | bytes]], talk: Talk) -> list[Problem]:
    """Write the files that change; one that would lose its comments stays, which is an error."""
    problems: list[Problem] = []
    changed: dict[Path, bytes] = {}
    for name, content in contents:
        each = amended[name]
        lost = [problem for problem in each.problems if problem.rule == "manifest/rendered-anew"]
        if lost:
            talk.error(f"{name} was not written: it would lose its comments", hint="print it, without --in-place")
            problems += (_as_error(problem) for problem in lost)
        elif isinstance(content, str) and each.text != content:
            changed[Path(name)] = each.text.encode()
    replace_files(changed)
    for path in changed:
        talk.detail(f"wrote {path}")
    return problems


def _as_error(problem: Problem) -> Problem:
    return Problem(problem.rule, problem.kind, problem.path, problem.detail, None, problem.object, problem.source)


def _rendered(
    output: str,
    contents: Iterable[tuple[str, str | bytes]],
    allocation: Allocation,
    problems: Sequence[Problem],
    namespace: str,
) -> Iterable[str]:
    if output == "json":
        return json_lines(allocation_document(allocation, problems), levels=3)
    if output == "table":
        return (f"{line}\n" for line in assignment_lines(allocation.assignments))
    found = (
        patch
        for name, content in contents
        for patch in patches(
            _printable(content),
            name,
            allocation.assignments,
            allocation.cluster.services,
            namespace,
        )
    )
    return json_lines(patch_document(found, is_merge=output == "merge-patch"), levels=3)


def _tell(allocation: Allocation, loaded: Loaded, pools: Sequence[AddressPool], talk: Talk, *, report: bool) -> None:
    services = len({assignment.object for assignment in allocation.assignments})
    fields = len(allocation.assignments)
    talk.say(
        f"{fields} {'field' if fields == 1 else 'fields'} of {services}"
        f" {'Service' if services == 1 else 'Services'} filled in"
    )
    waiting = [service for service in loaded.cluster.services if service.type is ServiceType.LOAD_BALANCER]
    if not pools and any(not service.load_balancer_ingress for service in waiting):
        talk.say("load balancers get no addresses: there is no IPAddressPool, and no --pool")
    if report:
        for line in usage_lines(allocation.usage):
            talk.always(line)
