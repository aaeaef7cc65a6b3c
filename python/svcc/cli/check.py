"""``svcc check``: report what is wrong with manifests, without compiling."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial

import attrs
import click

from svcc.cli.inputs import loaded_input, loaded_side, tell_loaded
from svcc.cli.options import InputOptions, comma_separated, input_options, talk_options
from svcc.cli.output import Talk, write_data
from svcc.cli.rule_options import RuleId, list_rules_option
from svcc.dataplane.judgement import judge_cluster
from svcc.errors import InputError, SettingsError
from svcc.fields import Problem, Severity, printable, reading_order
from svcc.manifest.load import Loaded
from svcc.model.port_range import PortRange
from svcc.report.problems import PROBLEM_FORMATS, render_problems
from svcc.validate.cluster import ClusterRuleSettings
from svcc.validate.cluster_settings import LOCAL_PORTS, NODE_PORTS
from svcc.validate.update import update_problems

__all__ = ["check"]

_SEVERITIES = tuple(Severity)


def _port_range(_context: click.Context, parameter: click.Parameter, value: str) -> PortRange:
    try:
        return PortRange.of(value)
    except SettingsError as error:
        raise click.BadParameter(error.message, param=parameter) from None


def _range_option(name: str, default: PortRange, help_text: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(
        name, default=str(default), show_default=True, callback=_port_range, metavar="FIRST-LAST", help=help_text
    )


@click.command("check")
@input_options
@click.option(
    "-o",
    "--output",
    type=click.Choice(PROBLEM_FORMATS),
    default="text",
    show_default=True,
    help="Lines, a table, a document, or what code scanning (sarif) and build servers read.",
)
@click.option(
    "--update-from",
    metavar="FILE|DIR|REV:PATH",
    help="Judge changes, too: the manifests as they are in the cluster, or in a git revision.",
)
@click.option("--ignore", multiple=True, type=RuleId(), metavar="RULE", help="Do not tell this rule. Repeatable.")
@list_rules_option
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in _SEVERITIES]),
    default=Severity.ERROR.value,
    show_default=True,
    help="Exit with 1 for problems of this severity, and worse ones.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
@click.option(
    "--service-cidr",
    multiple=True,
    callback=comma_separated,
    metavar="CIDR",
    help="Range of cluster IPs, besides ServiceCIDR objects. Repeatable, comma-separated.",
)
@_range_option("--service-node-port-range", NODE_PORTS, "The API server's range of node ports.")
@_range_option("--ip-local-port-range", LOCAL_PORTS, "The ports that nodes give to clients, as sysctl has it.")
@talk_options
def check(
    *,
    inputs: InputOptions,
    output: str,
    update_from: str | None,
    ignore: tuple[str, ...],
    fail_on: str,
    strict: bool,
    service_cidr: tuple[str, ...],
    service_node_port_range: PortRange,
    ip_local_port_range: PortRange,
    talk: Talk,
) -> int:
    """Report problems in manifests, in the API server's words.

    Objects are judged alone and together: what several claim, what lies outside of its range, what belongs to nothing.
    Exits with 1 when there are errors; with --strict or --fail-on, warnings count too.

    \b
    svcc check -f manifests -o github
    svcc check -f manifests --update-from main:manifests --ignore service/external-ips-deprecated
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    settings = ClusterRuleSettings(
        service_cidrs=service_cidr,
        service_node_port_range=service_node_port_range,
        ip_local_port_range=ip_local_port_range,
    )
    if update_from == "-":
        raise click.UsageError("--update-from: name a file, a folder or REV:PATH")
    before = None if update_from is None else loaded_side(talk, attrs.evolve(inputs, filenames=(update_from,)))
    loaded = loaded_input(talk, inputs, update_from=before.cluster if before else None)
    nothing = _nothing(loaded, inputs)
    found = [*loaded.problems]
    with talk.progress("checking"):
        found += judge_cluster(loaded.cluster, settings, problems=loaded.problems, refused=loaded.refused)
        if before is not None:
            found += update_problems(before.cluster, loaded.cluster, loaded.refused)
    kept = [problem for problem in sorted(found, key=reading_order) if problem.rule not in ignore]
    least = Severity.WARNING if strict and fail_on == Severity.ERROR else Severity(fail_on)
    counting = _SEVERITIES[: _SEVERITIES.index(least) + 1]
    shown = [p for p in kept if p.severity is not Severity.INFO or talk.verbose or p.severity in counting]
    write_data(render_problems(shown, output, files=loaded.files, paint=partial(talk.painted, stream=sys.stdout)))
    tell_loaded(talk, loaded)
    talk.say(nothing if nothing and not found else _summary(kept, ignored=len(found) - len(kept)))
    return 1 if any(problem.severity in counting for problem in kept) else 0


def _nothing(loaded: Loaded, inputs: InputOptions) -> str:
    """What is said where there is nothing that could be judged; no text where there is something.

    Files of a repository may well be about other kinds, and a namespace may be empty. A text without any object is what
    is left of a program that failed in front of a pipe.

    Raises:
        InputError: there is no object of any kind, and none was asked to be left out.
    """
    read = (*attrs.astuple(loaded.cluster, recurse=False), loaded.refused, loaded.address_pools, loaded.namespaces)
    if any(read) or loaded.kube_proxy is not None or loaded.problems:
        return ""
    if loaded.skipped:
        count = sum(loaded.skipped.values())
        kinds = ", ".join(map(printable, sorted(loaded.skipped)))
        return f"nothing to check: {_counted(count, 'object')}, of kinds that svcc does not read: {kinds}"
    if inputs.namespace or inputs.selector:
        return "nothing to check: no object is selected"
    place = printable(loaded.files[0]) if len(loaded.files) == 1 else f"{len(loaded.files)} files"
    raise InputError(f"{place}: there is no object, so nothing was checked")


def _summary(problems: Sequence[Problem], *, ignored: int) -> str:
    counts = [
        _counted(sum(problem.severity is severity for problem in problems), severity.value)
        for severity in (Severity.ERROR, Severity.WARNING)
    ]
    return ", ".join([*counts, f"{ignored} ignored"] if ignored else counts)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
