"""``svcc apply`` and ``svcc cleanup``: manifests into this node's kernel, and out again."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Any, Final

import click

from svcc.apply.applied import Applied, operations_of
from svcc.apply.held import TABLES
from svcc.apply.installer import Installer
from svcc.apply.lock import NodeLock
from svcc.apply.nft import open_nft
from svcc.apply.plan import Plan, planned
from svcc.apply.scripts import default_folder
from svcc.apply.service_changes import service_port_changes
from svcc.apply.session import Nft, NftError
from svcc.cli.inputs import cluster_settings, loaded_input, node_name, tell_loaded
from svcc.cli.options import InputOptions, input_options, settings_options, talk_options
from svcc.cli.output import Talk, json_lines, write_data
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.errors import FindingsError
from svcc.fields import Severity
from svcc.nft.commands import DeleteTable
from svcc.nft.transaction import Transaction

__all__ = ["apply_command", "cleanup_command"]

_MOST_LINES: Final = 20
"""Of what changes, so many Service ports are named without -v."""


@click.command("apply")
@input_options
@settings_options
@click.option("--dry-run", is_flag=True, help="Print what would be run as nft text, and change nothing.")
@click.option("--strict", is_flag=True, help="Change nothing and exit with 1 if there are errors.")
@click.option(
    "--keep-scripts",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where a script is kept that nft refuses ($STATE_DIRECTORY, or that for temporary files).",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to say what was done.")
@talk_options
def apply_command(
    *,
    inputs: InputOptions,
    dry_run: bool,
    strict: bool,
    keep_scripts: Path | None,
    output: str,
    talk: Talk,
    **settings_flags: Any,
) -> None:
    """Make this node serve the Services, by the smallest change of its nftables rules.

    What the kernel holds of svcc's tables is read first; running it again does nothing. Other tables are never touched,
    connections and session affinity go on, and a change that nft or the kernel refuses changes nothing. It needs the
    capability CAP_NET_ADMIN.

    \b
    kubectl get svc,endpointslices,nodes,servicecidrs -A -o json |
      svcc apply -f - --node worker-1 --cluster-cidr 10.244.0.0/16
    svcc apply -f manifests/ --node worker-1 --dry-run
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    nft = open_nft()
    compilation = _compiled(talk, inputs, settings_flags, strict=strict)
    if dry_run:
        plan = planned(nft, compilation.ruleset)
        write_data(line for each in plan.transactions for line in ("# One transaction:\n", *each.lines()))
        _tell_plan(talk, plan, compilation, "would change")
        return
    with NodeLock():
        plan = planned(nft, compilation.ruleset)
        installer = Installer(nft, keep_scripts=keep_scripts or default_folder())
        with talk.progress("applying"):
            applied = synchronized(installer, compilation)
    if output == "json":
        write_data(json_lines(_document(nft, plan, applied, compilation), levels=3))
    else:
        _tell(talk, nft, plan, applied, compilation)


def synchronized(installer: Installer, compilation: Compilation) -> Applied:
    """Synchronize, and tidy up behind it."""
    applied = installer.synchronize(compilation.ruleset, compilation.dataplane)
    while (wait := installer.seconds_until_tidy) is not None:
        time.sleep(wait)
        tidied = installer.tidy()
        transactions = (*applied.transactions, *tidied.transactions)
        applied = Applied(
            transactions,
            operations_of(transactions),
            applied.seconds + tidied.seconds,
            applied.refused,
            applied.saved,
            applied.is_made_anew,
        )
    return applied


def _compiled(talk: Talk, inputs: InputOptions, settings_flags: dict[str, Any], *, strict: bool) -> Compilation:
    loaded = loaded_input(talk, inputs)
    settings, configured_node, problems = cluster_settings(loaded, settings_flags)
    node = node_name(loaded.cluster, settings_flags["node"], configured_node)
    with talk.progress("compiling"):
        compilation = compile_cluster(
            loaded.cluster, node=node, settings=settings, problems=(*problems, *loaded.problems)
        )
    talk.problems(compilation.problems)
    tell_loaded(talk, loaded)
    wrong = [problem for problem in compilation.problems if problem.severity is Severity.ERROR]
    if strict and wrong:
        raise FindingsError(f"nothing was changed: {len(wrong)} {'error' if len(wrong) == 1 else 'errors'} above")
    return compilation


def _tell_plan(talk: Talk, plan: Plan, compilation: Compilation, verb: str) -> None:
    changes = service_port_changes(plan.transactions, plan.held, compilation.ruleset)
    count = sum(operations_of(plan.transactions).values())
    if not count:
        talk.say("nothing to do: the kernel holds what is wanted")
        return
    shown = changes if talk.verbose else changes[:_MOST_LINES]
    for change in shown:
        talk.say(change.words)
    if len(shown) < len(changes):
        talk.say(f"... and {len(changes) - len(shown)} more (-v shows them)")
    words = ", ".join(f"{kind}: {number}" for kind, number in operations_of(plan.transactions).items())
    talk.say(f"{verb}: {len(changes)} Service port{'' if len(changes) == 1 else 's'}, {count} operations ({words})")


def _tell(talk: Talk, nft: Nft, plan: Plan, applied: Applied, compilation: Compilation) -> None:
    done = Plan(plan.held, applied.transactions)
    _tell_plan(talk, done, compilation, "changed")
    if applied.is_made_anew:
        talk.say("the tables were made anew: what was there could not be changed")
    for refusal in applied.refused:
        place = f" ({refusal.place})" if refusal.place else ""
        talk.error(f"{refusal.service} was left out: nft refused: {refusal.words}{place}")
    if applied.saved is not None:
        talk.always(f"for a bug report, the script that was refused is kept in {applied.saved}")
    talk.detail(f"{nft.name}, {applied.seconds:.2f} s")


def _document(nft: Nft, plan: Plan, applied: Applied, compilation: Compilation) -> dict[str, Any]:
    changes = service_port_changes(applied.transactions, plan.held, compilation.ruleset)
    return {
        "node": compilation.dataplane.node,
        "nft": nft.name,
        "changed": bool(applied),
        "operations": dict(applied.operations),
        "servicePorts": [
            {
                "name": change.name,
                "change": change.kind,
                "frontends": sorted(change.after or change.before),
                "endpointsGained": len(change.gained),
                "endpointsLost": len(change.lost),
            }
            for change in changes
        ],
        "refused": [
            {"namespace": each.service.namespace, "name": each.service.name, "reason": each.words, "place": each.place}
            for each in applied.refused
        ],
        "refusedScript": None if applied.saved is None else str(applied.saved),
        "madeAnew": applied.is_made_anew,
        "seconds": round(applied.seconds, 6),
    }


@click.command("cleanup")
@click.option("--dry-run", is_flag=True, help="Print what would be run as nft text, and change nothing.")
@talk_options
def cleanup_command(*, dry_run: bool, talk: Talk) -> None:
    """Remove svcc's tables from this node's kernel, and nothing else.

    Services are no longer served from then on. Connections that exist go on as long as conntrack knows them. It needs
    the capability CAP_NET_ADMIN.
    """
    nft = open_nft()
    if dry_run:
        write_data(_removal(nft).lines())
        return
    with NodeLock():
        removal = _removal(nft)
        if not removal:
            talk.say(f"nothing to do: there is no table {' and no table '.join(map(str, TABLES))}")
            return
        nft.run(removal.script)
    talk.say(f"removed: {', '.join(f'table {each.table}' for each in removal.commands)}")


def _removal(nft: Nft) -> Transaction:
    """What removes the tables that there are, found out without listing what they hold."""
    found = []
    for name in TABLES:
        command = DeleteTable(name)
        try:
            nft.run(Transaction((command,)).script, check=True)
        except NftError as error:
            if error.errno != errno.ENOENT:
                raise
        else:
            found.append(command)
    return Transaction(tuple(found))
