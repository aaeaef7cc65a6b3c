"""``svcc audit``: whether a node's rules do what was declared, for every packet."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from svcc.auditing.audit import audit_against, audit_dataplane, read_ruleset
from svcc.auditing.baseline import Baseline, baseline_lines, read_baseline
from svcc.auditing.dump import live_dump, unpacked
from svcc.auditing.early import EarlyProof
from svcc.auditing.finding import AuditReport, FindingKind
from svcc.auditing.verdict import exit_code, is_at_least, rejudged
from svcc.cli.audit_printing import Printing
from svcc.cli.inputs import cluster_settings, loaded_input, node_name, tell_loaded, want_all, want_any
from svcc.cli.options import InputOptions, filename_options, fleet_options, settings_options, talk_options
from svcc.cli.output import Talk, write_file
from svcc.compiler.compilation import chosen_node
from svcc.dataplane.build import BuiltDataplane, NodeAndServices, build_dataplane, node_and_services
from svcc.errors import InputError, SvccError
from svcc.fields import Severity
from svcc.manifest.load import Loaded
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.report.audit_formats import SUFFIXES

__all__ = ["audit_command"]

_KEPT: list[object] = []
"""What the last audit was of: to free a large cluster object by object takes longer than to prove what it is owed."""


@frozen
class _Dump:
    """A dump, and how messages name it."""

    name: str
    data: bytes


@click.command("audit")
@click.argument("dump", required=False, metavar="[DUMP|FOLDER|-]")
@filename_options(required=False)
@click.option("--live", is_flag=True, help="Audit the rules of this machine, as nft lists them, instead of DUMP.")
@click.option(
    "--against",
    metavar="FILE|-",
    help="Compare with what this dump does, instead of what manifests declare.",
)
@settings_options
@click.option(
    "-o",
    "--output",
    type=click.Choice(list(SUFFIXES)),
    default="table",
    show_default=True,
    help="How to print the report.",
)
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.WARNING.value,
    show_default=True,
    help="Exit with 1 for findings of this severity, and worse ones.",
)
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, allow_dash=False),
    metavar="FILE",
    help="Findings that are accepted; they do not count.",
)
@click.option(
    "--write-baseline",
    type=click.Path(dir_okay=False, allow_dash=False),
    metavar="FILE",
    help="Write a baseline that accepts what is found now.",
)
@click.option("--unreachable", is_flag=True, help="Tell rules that no packet meets, too; takes about twice as long.")
@click.option("--show-suppressed", is_flag=True, help="Show findings that the baseline accepts, too.")
@fleet_options
@talk_options
def audit_command(
    *,
    dump: str | None,
    filenames: tuple[str, ...],
    live: bool,
    against: str | None,
    output: str,
    fail_on: str,
    baseline: str | None,
    write_baseline: str | None,
    show_suppressed: bool,
    unreachable: bool,
    output_dir: Path | None,
    scheduler: str | None,
    talk: Talk,
    **settings_flags: Any,
) -> int:
    """Prove that a node's rules do what was declared.

    That is for every packet; or packets are shown for which they do not.

    DUMP is the ruleset of the node: nft -j list ruleset, or nft list ruleset; packed by gzip or not; - is stdin. A
    FOLDER holds dumps of several nodes, NODE.json or NODE.nft (.gz if packed), which are audited side by side.

    \b
    svcc audit node.json -f cluster.json --node worker-1 --cluster-cidr 10.244.0.0/16
    ssh worker-1 nft -j list ruleset | svcc audit - -f cluster.json --node worker-1
    svcc audit after.json --against before.json
    svcc audit dumps/ -f cluster.json --output-dir reports -o html

    Not only svcc's rules are understood, but kube-proxy's and firewalls', too. Findings name a packet, the rule to
    blame and the line of the manifest. What cannot be decided is told, and is never taken for right.

    \b
    Exit codes:
      0  proved: nothing at or above --fail-on is wrong, and everything was decided
      1  findings at or above --fail-on (warning, unless it is given)
      2  usage error, or a dump, manifest or baseline that cannot be used (the rest of a folder is)
      3  --live: nft is missing or refuses
      5  nothing wrong was found, but not everything could be decided
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    _check_usage(dump, filenames, live=live, against=against, unreachable=unreachable)
    folder = Path(dump) if dump is not None and dump != "-" and Path(dump).is_dir() else None
    _check_folder(
        is_folder=folder is not None,
        of_one={"--against": against, "--write-baseline": write_baseline, "--node": settings_flags["node"]},
        of_many={"--output-dir": output_dir, "--scheduler": scheduler},
    )
    accepted = _baseline(talk, baseline)
    printing = Printing(output, output == "table" and talk.wants_color(sys.stdout), show_suppressed)
    if folder is not None:
        from svcc.cli.audit_fleet import audit_folder  # noqa: PLC0415  (only here: one dump needs no other processes)

        return audit_folder(
            talk,
            folder,
            filenames,
            settings_flags,
            printing,
            baseline=accepted,
            output_dir=output_dir,
            scheduler=scheduler,
            fail_on=Severity(fail_on),
            unreachable=unreachable,
        )
    found = _Dump("this machine", live_dump()) if live else _read(dump or "-")
    if against is None:
        report = _audited(talk, found, filenames, settings_flags, accepted, unreachable=unreachable)
    else:
        report = _compared(talk, found, _read(against), settings_flags["local_address"], accepted)
    if write_baseline is not None:
        report = _accept(talk, Path(write_baseline), report, accepted, Severity(fail_on))
    printing.write([report])
    return exit_code([report], Severity(fail_on))


def _check_usage(
    dump: str | None, filenames: tuple[str, ...], *, live: bool, against: str | None, unreachable: bool
) -> None:
    if live == (dump is not None):
        raise click.UsageError("give a DUMP, or --live")
    if not filenames and against is None:
        raise click.UsageError("give manifests (-f), or a dump to compare with (--against)")
    if filenames and against is not None:
        raise click.UsageError("-f and --against exclude each other: a ruleset is compared with one of the two")
    if unreachable and against is not None:
        raise click.UsageError("--unreachable asks about rules of one dump, not of two (--against)")
    if [dump, *filenames, against].count("-") > 1:
        raise click.UsageError("standard input (-) can be read only once")


def _check_folder(*, is_folder: bool, of_one: Mapping[str, object], of_many: Mapping[str, object]) -> None:
    for name, value in (of_one if is_folder else of_many).items():
        if value is not None:
            raise click.UsageError(f"{name} is for {'one dump, not for ' if is_folder else ''}a folder of dumps")


def _read(name: str) -> _Dump:
    """Read a dump, packed or not."""
    if name != "-":
        return _Dump(name, unpacked(Path(name).read_bytes(), name))
    if sys.stdin is None:
        raise InputError("standard input is closed")
    return _Dump("<stdin>", unpacked(sys.stdin.buffer.read(), "<stdin>"))


def _baseline(talk: Talk, name: str | None) -> Baseline | None:
    if name is None:
        return None
    try:
        found = read_baseline(Path(name).read_text(encoding="utf-8"), name)
    except UnicodeDecodeError:
        raise InputError(f"{name}: it is not UTF-8") from None
    lacking = sum(entry.is_unreasoned for entry in found.entries)
    if lacking:
        talk.say(f"{name}: {lacking} of {len(found.entries)} entries give no reason yet")
    return found


def _compared(
    talk: Talk, dump: _Dump, other: _Dump, local_addresses: Iterable[str], baseline: Baseline | None
) -> AuditReport:
    with talk.progress("comparing the rulesets"):
        return audit_against(
            dump.data,
            other.data,
            local_addresses=local_addresses,
            baseline=baseline,
            dump=dump.name,
            other_dump=other.name,
        )


def _audited(
    talk: Talk,
    dump: _Dump,
    filenames: tuple[str, ...],
    flags: dict[str, Any],
    baseline: Baseline | None,
    *,
    unreachable: bool,
) -> AuditReport:
    # Rust reads the dump without Python's lock, so the manifests are read at the same time.
    with EarlyProof(lambda: read_ruleset(dump.data, dump.name)) as early:
        loaded, settings, built = _declared(talk, early, filenames, flags)
        _KEPT[:] = [loaded, built, early]
        with talk.progress("auditing"):
            return audit_dataplane(
                early.ruleset.result(),
                built.dataplane,
                loaded.cluster,
                settings=settings,
                baseline=baseline,
                dump=dump.name,
                unreachable=unreachable,
                begun=early.begun,
            )


def _declared(
    talk: Talk, early: EarlyProof, filenames: tuple[str, ...], flags: dict[str, Any]
) -> tuple[Loaded, ClusterSettings, BuiltDataplane]:
    """The manifests, and what the node owes by them; what is known of it before all is read goes to the proof."""

    def announce(cluster: Cluster) -> None:
        # Whatever is wrong is told when everything is read.
        with contextlib.suppress(SvccError):
            early.learn(_supposed(cluster, flags))

    loaded = loaded_input(
        talk,
        InputOptions(filenames, namespace=None, all_namespaces=False, selector=None),
        # A file that can be read but once must not be read here.
        announce=None if flags["config"] else announce,
    )
    want_all(talk, loaded, undone="audited")
    want_any(talk, loaded, undone="audited", hint="if the node is to serve nothing, let the manifests hold its Node")
    settings, configured_node, problems = cluster_settings(loaded, flags)
    node = chosen_node(loaded.cluster, node_name(loaded.cluster, flags["node"], configured_node))
    built = build_dataplane(loaded.cluster, node, settings)
    talk.problems((*problems, *loaded.problems, *built.problems))
    tell_loaded(talk, loaded)
    if not loaded.cluster.services:
        talk.say("warning: the manifests hold no Service: whatever the node serves counts as not declared")
    return loaded, settings, built


def _supposed(cluster: Cluster, flags: Mapping[str, Any]) -> NodeAndServices:
    """The addresses of the node and of Services, where only a configuration among the manifests could say otherwise."""
    settings, _node, _problems = cluster_settings(Loaded(cluster), flags)
    return node_and_services(cluster, chosen_node(cluster, node_name(cluster, flags["node"], None)), settings)


def _accept(talk: Talk, path: Path, report: AuditReport, baseline: Baseline | None, fail_on: Severity) -> AuditReport:
    """Write a baseline that accepts what would fail, beside what was accepted already; the report with it."""
    everything = [*report.findings, *(item.finding for item in report.suppressed)]
    failing = [each for each in everything if each.kind is FindingKind.NOT_DECIDABLE or is_at_least(each, fail_on)]
    text = "".join(baseline_lines(failing, baseline))
    write_file(path, text)
    written = read_baseline(text, str(path))
    lacking = sum(entry.is_unreasoned for entry in written.entries)
    count = len(written.entries)
    told = f"{path}: written, and accepts {count} finding{'s' if count != 1 else ''}"
    talk.say(f"{told}; {lacking} without a reason yet, where it says TODO" if lacking else told)
    return rejudged(report, written)
