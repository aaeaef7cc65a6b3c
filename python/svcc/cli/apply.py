"""``svcc apply``: manifests into this node's kernel."""

from __future__ import annotations

import contextlib
import select
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import click

from svcc.apply.applied import Applied, operations_of
from svcc.apply.confirmation import KEPT, Guard, answered
from svcc.apply.installer import Installer
from svcc.apply.lock import NodeLock
from svcc.apply.nft import open_nft
from svcc.apply.plan import Plan, planned
from svcc.apply.rollback import remembered
from svcc.apply.scripts import default_folder
from svcc.apply.session import Nft
from svcc.cli.apply_report import applied_document, planned_document, tell_applied, tell_plan
from svcc.cli.durations import Duration
from svcc.cli.inputs import cluster_settings, declared_input, node_name, tell_loaded
from svcc.cli.options import InputOptions, input_options, settings_options, talk_options
from svcc.cli.output import Talk, json_lines, write_data
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.errors import FindingsError, TargetError
from svcc.fields import Severity

__all__ = ["apply_command"]


def _confirm(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(answered("confirm"), err=True)
        context.exit()


@click.command("apply")
@input_options
@settings_options
@click.option("--dry-run", is_flag=True, help="Print what would be run as nft text, and change nothing.")
@click.option(
    "--confirm-within",
    type=Duration(is_positive=True, most="24h"),
    metavar="TIME",
    help="Roll back unless the change is confirmed in time: by Enter, or by svcc apply --confirm (30s, 1m30s).",
)
@click.option(
    "--confirm",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_confirm,
    help="Keep the change that waits to be confirmed on this node; needs no other option.",
)
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
    confirm_within: float | None,
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
    svcc apply -f manifests/ --node worker-1 --confirm-within 30s
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    nft = open_nft()
    compilation = _compiled(talk, inputs, settings_flags, strict=strict)
    if dry_run:
        _print_plan(talk, nft, compilation, output)
        return
    with NodeLock():
        plan = planned(nft, compilation.ruleset)
        installer = Installer(nft, keep_scripts=keep_scripts or default_folder())
        if confirm_within is not None and plan.transactions:
            guard = Guard(remembered(nft), confirm_within)
            applied = _guarded(talk, nft, guard, installer, compilation)
            _confirmed(talk, nft, guard, plan, applied, compilation, output, confirm_within)
            return
        applied = _applied(talk, installer, compilation)
    if output == "json":
        write_data(json_lines(applied_document(nft, plan, applied, compilation), levels=3))
    else:
        tell_applied(talk, nft, plan, applied, compilation)


def _print_plan(talk: Talk, nft: Nft, compilation: Compilation, output: str) -> None:
    plan = planned(nft, compilation.ruleset)
    if output == "json":
        write_data(json_lines(planned_document(nft, plan, compilation), levels=3))
        return
    write_data(line for each in plan.transactions for line in ("# One transaction:\n", *each.lines()))
    tell_plan(talk, plan, compilation, "would change")


def _applied(talk: Talk, installer: Installer, compilation: Compilation) -> Applied:
    with talk.progress("applying"):
        return synchronized(installer, compilation)


def _guarded(talk: Talk, nft: Nft, guard: Guard, installer: Installer, compilation: Compilation) -> Applied:
    """As `_applied`; where that fails there is nothing to confirm."""
    try:
        applied = _applied(talk, installer, compilation)
    except BaseException:
        talk.always(guard.abandon(nft))
        raise
    return applied


def _confirmed(
    talk: Talk,
    nft: Nft,
    guard: Guard,
    plan: Plan,
    applied: Applied,
    compilation: Compilation,
    output: str,
    seconds: float,
) -> None:
    """Tell what was done, and wait until it is confirmed.

    Raises:
        TargetError: it is not, and was rolled back.
    """
    try:
        guard.done()
        if output != "json":
            tell_applied(talk, nft, plan, applied, compilation)
        told = _awaited(talk, guard, nft, seconds)
    except KeyboardInterrupt:
        # Somebody does not want to wait.
        with contextlib.suppress(TargetError):
            answered("reject")
        talk.always(guard.result(nft))
        raise
    if output == "json":
        write_data(json_lines(applied_document(nft, plan, applied, compilation, is_kept=told == KEPT), levels=3))
    if told != KEPT:
        raise TargetError(f"{told}: it was not confirmed")
    talk.say(told)


def _awaited(talk: Talk, guard: Guard, nft: Nft, seconds: float) -> str:
    """Wait until the change is confirmed, by Enter or by others, or rolled back; what came of it."""
    stdin = sys.stdin if sys.stdin is not None and sys.stdin.isatty() else None
    if stdin is None:
        # What comes by a pipe may be manifests, or meant for another command.
        talk.always(f"to keep the change, run within {seconds:g} s: svcc apply --confirm")
    else:
        talk.always(f"press Enter within {seconds:g} s to keep the change, or run: svcc apply --confirm")
    while stdin is not None:
        readable, _, _ = select.select([stdin, guard.result_descriptor], [], [])
        if guard.result_descriptor in readable:
            break
        if stdin.readline():
            # Too late, or in time: the answer comes by the other way, too.
            with contextlib.suppress(TargetError):
                answered("confirm")
        stdin = None
    return guard.result(nft)


def synchronized(installer: Installer, compilation: Compilation) -> Applied:
    """Synchronize, and tidy up behind it."""
    applied = installer.synchronize(compilation.ruleset, compilation.dataplane)
    while (wait := installer.seconds_until_tidy) is not None:
        time.sleep(wait)
        tidied = installer.tidy()
        transactions = (*applied.transactions, *tidied.transactions)
        applied = attrs.evolve(
            applied,
            transactions=transactions,
            operations=operations_of(transactions),
            seconds=applied.seconds + tidied.seconds,
        )
    return applied


def _compiled(talk: Talk, inputs: InputOptions, settings_flags: dict[str, Any], *, strict: bool) -> Compilation:
    loaded = declared_input(talk, inputs, undone="changed", hint="to remove all rules: svcc cleanup")
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
