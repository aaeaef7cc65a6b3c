"""``svcc audit FOLDER``: the dumps of many nodes at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from svcc.auditing.baseline import Baseline
from svcc.auditing.declared_nodes import DeclaredNodes
from svcc.auditing.finding import AuditReport
from svcc.auditing.fleet import audit_fleet
from svcc.auditing.node_dump import dumps_in, report_of
from svcc.auditing.verdict import exit_code
from svcc.cli.audit_printing import Printing
from svcc.cli.inputs import cluster_settings, loaded_input, tell_loaded, want_all, want_any
from svcc.cli.options import InputOptions
from svcc.cli.output import Talk, make_folder, write_data, write_file
from svcc.fields import Severity, printable

__all__ = ["audit_folder"]

_UNUSABLE = 2


def audit_folder(
    talk: Talk,
    folder: Path,
    filenames: tuple[str, ...],
    flags: dict[str, Any],
    printing: Printing,
    *,
    baseline: Baseline | None,
    output_dir: Path | None,
    scheduler: str | None,
    fail_on: Severity,
    unreachable: bool,
) -> int:
    """Audit every dump in a folder, print the reports or write them, and return the exit code.

    Raises:
        SvccError: nothing can be audited; what is wrong with single dumps is told, and they count as unusable.
        OSError: a report cannot be written, which is told before anything is audited if it can be known by then.
    """
    if "-" in filenames:
        raise click.UsageError("manifests come from files for a folder of dumps: every process reads them")
    dumps = dumps_in(folder)
    if output_dir is not None:
        make_folder(output_dir)
    loaded = loaded_input(talk, InputOptions(filenames, namespace=None, all_namespaces=False, selector=None))
    want_all(talk, loaded, undone="audited")
    want_any(talk, loaded, undone="audited", hint="if the nodes are to serve nothing, let the manifests hold Nodes")
    settings, _node, problems = cluster_settings(loaded, flags)
    talk.problems((*problems, *loaded.problems))
    tell_loaded(talk, loaded)
    with talk.counted_progress("auditing nodes") as progress:
        results = audit_fleet(
            dumps,
            DeclaredNodes(_names_for(filenames, scheduler), settings, baseline, unreachable),
            scheduler=scheduler,
            progress=progress,
        )
    reports = [report_of(result) for result in results]
    if output_dir is None:
        printing.write(reports)
    else:
        _write_each(output_dir, reports, printing)
    unusable = [result for result in results if result.report is None]
    for result in unusable:
        talk.error(printable(result.error))
    if unusable:
        talk.say(f"{len(unusable)} of {len(results)} nodes were not audited")
        return _UNUSABLE
    return exit_code(reports, fail_on)


def _names_for(filenames: tuple[str, ...], scheduler: str | None) -> tuple[str, ...]:
    """Of manifests, for those who read them: workers of a cluster were started in some other folder."""
    return filenames if scheduler is None else tuple(map(os.path.abspath, filenames))


def _write_each(folder: Path, reports: list[AuditReport], printing: Printing) -> None:
    # Only here: other commands do not need the formats.
    from svcc.report.audit_summary import audit_summary, report_file_names  # noqa: PLC0415

    for report, name in zip(reports, report_file_names(reports, printing.output), strict=True):
        write_file(folder / name, "".join(printing.of_file(report)))
    write_data(audit_summary(reports))
