"""``svcc trace``: what becomes of a packet, and by which rules."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click
from attrs import define

from svcc.addresses import canonical_address
from svcc.cli.inputs import cluster_settings, loaded_input, node_name, tell_loaded
from svcc.cli.options import InputOptions, comma_separated, filename_options, settings_options, talk_options
from svcc.cli.output import Talk, write_data
from svcc.cli.packets import PacketDefaults, packets_of_file, packets_of_stream
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.errors import InputError, SettingsError
from svcc.explanation.lookup import service_destination
from svcc.fields import printable
from svcc.manifest.load import Loaded
from svcc.report.causes import Causes
from svcc.report.trace import outcome_text, packet_text, percentage, trace_lines, trace_summary
from svcc.report.trace_document import trace_document
from svcc.trace.evaluator import Evaluation, Evaluator
from svcc.trace.expectation import Expectation
from svcc.trace.notation import packet_from_text
from svcc.trace.packet import Packet

__all__ = ["trace_command"]


@define
class _Tracer:
    """Evaluates packets, prints what becomes of them, and counts those that are not as expected."""

    evaluator: Evaluator
    causes: Causes | None
    expectation: Expectation | None
    as_json: bool
    talk: Talk
    failures: int = 0

    def show(self, packet: Packet, *, alone: bool) -> None:
        """Print a packet's outcomes; one alone is told step by step, many a line each."""
        steps = bool(self.talk.verbose)
        evaluation = self.evaluator.evaluate(packet, steps=steps or (alone and not self.as_json))
        if self.as_json and any(outcome.verdict in {"drop", "reject"} for outcome in evaluation.outcomes):
            evaluation = self.evaluator.evaluate(packet)  # the reason is the last step
        if self.as_json:
            write_data([json.dumps(trace_document(packet, evaluation, steps=steps)), "\n"])
        elif alone or steps:
            write_data([*trace_lines(packet, evaluation, self.causes), *([] if alone else ["\n"])])
        else:
            write_data([trace_summary(packet, evaluation)])
        self._judge(packet, evaluation)

    def _judge(self, packet: Packet, evaluation: Evaluation) -> None:
        if self.expectation is None:
            return
        unexpected = self.expectation.unexpected(evaluation, packet)
        if unexpected or not evaluation.outcomes:
            self.failures += 1
            found = "; ".join(f"{percentage(item.probability)} {outcome_text(item, packet)}" for item in unexpected)
            self.talk.error(f"{printable(packet_text(packet))}: not as expected: {printable(found)}")


def _mark(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    try:
        mark = int(text, 0)
    except ValueError:
        mark = -1
    if not 0 <= mark < 2**32:
        raise click.BadParameter(f"{text!r} is not a number of 32 bits, such as 0x4000")
    return mark


def _expected(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    found = comma_separated(context, parameter, values)
    # A variable of a script that turns out to be empty must not turn an assertion off.
    if values and not found:
        raise click.BadParameter("it names no outcome")
    return found


@click.command("trace")
@click.argument("packet", required=False, metavar="[PACKET]")
@filename_options(required=False)
@click.option(
    "--ruleset",
    metavar="FILE|-",
    help="Evaluate this dump (nft -j list ruleset, or nft list ruleset) instead of what svcc would load.",
)
@click.option("--packets", metavar="FILE|-", help="Packets as lines of JSON, instead of PACKET.")
@click.option(
    "--hook",
    type=click.Choice(["prerouting", "output"]),
    default="prerouting",
    show_default=True,
    help="Where packets come in: output is what the node itself sends.",
)
@click.option("--interface", metavar="NAME", help="The interface by which packets arrive.")
@click.option("--output-interface", metavar="NAME", help="The interface by which packets leave, if they leave.")
@click.option("--mark", default="0", callback=_mark, metavar="MARK", help="The mark that packets bear (0).")
@click.option(
    "--expect",
    multiple=True,
    callback=_expected,
    metavar="OUTCOME",
    help="Exit with 1 unless every possible outcome is one of these: IP:PORT, IP, drop, reject, accept."
    " Repeatable, comma-separated.",
)
@click.option(
    "--expect-source",
    metavar="kept|masqueraded|IP",
    help="Exit with 1 unless every possible outcome goes on with this source: the client's own, that of the node.",
)
@settings_options
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Text, or a line of JSON per packet."
)
@talk_options
def trace_command(
    *,
    packet: str | None,
    filenames: tuple[str, ...],
    ruleset: str | None,
    packets: str | None,
    hook: str,
    interface: str | None,
    output_interface: str | None,
    mark: int,
    expect: tuple[str, ...],
    expect_source: str | None,
    output: str,
    talk: Talk,
    **settings_flags: Any,
) -> int:
    """Trace the first packet of a connection through a ruleset, without a kernel.

    PACKET is PROTOCOL SOURCE[:PORT] > DESTINATION:PORT, the protocol tcp, udp, sctp or icmp (no ports); the destination
    may be svc/NAME.NAMESPACE:PORT. Shown are all possible outcomes with their chances, and the rules on the way with
    the lines of the manifests behind them.

    \b
    svcc trace -f cluster.json --node worker-1 'tcp 10.244.1.9 > 10.96.0.10:80'
    nft -j list ruleset | svcc trace --ruleset - 'udp 10.244.1.9 > 10.96.0.53:53'

    A line of --packets is {"protocol": "TCP", "source": "10.244.1.9", "destination": "10.96.0.10", "destination_port":
    80}, with source_port, hook, interface and mark if wanted.

    With -o json the verdict is dnat, accept (the destination is left alone), drop, reject, unknown (if any outcome is),
    or mixed, with the probabilities of each.
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    _check_usage(packet, packets, filenames, ruleset)
    for option, name in (("--interface", interface), ("--output-interface", output_interface)):
        if name is not None and not 0 < len(name.encode()) < 16:
            raise click.BadParameter(f"{name!r} is not an interface name", param_hint=option)
    if hook == "output" and interface is not None:
        raise click.UsageError("--hook output and --interface exclude each other: the node sends by no input interface")
    defaults = PacketDefaults(hook, interface, mark, output_interface)
    expectation = Expectation.of(expect, expect_source) if expect or expect_source is not None else None
    # Lines of a file are judged before anything is printed; those of a stream when they come.
    lines = packets_of_file(packets, defaults) if packets is not None and packets != "-" else ()
    compilation, loaded = _compiled(talk, filenames, settings_flags, for_names_only=ruleset is not None)
    evaluator = _evaluator(ruleset, compilation, settings_flags["local_address"])
    for sentence in evaluator.notes:
        place = "" if ruleset is None else f"{'<stdin>' if ruleset == '-' else ruleset}: "
        talk.say(f"note: {printable(place)}{printable(sentence)}")
    causes = Causes(loaded.cluster, compilation.dataplane) if loaded and compilation else None
    tracer = _Tracer(evaluator, causes, expectation, output == "json", talk)
    refused = 0
    if packet is not None:
        tracer.show(_packet(packet, defaults, loaded), alone=True)
    elif packets == "-":
        refused = _trace_stream(tracer, defaults)
    for each in lines:
        tracer.show(each, alone=False)
    if refused:
        return 2
    return 1 if tracer.failures else 0


def _check_usage(packet: str | None, packets: str | None, filenames: tuple[str, ...], ruleset: str | None) -> None:
    if (packet is None) == (packets is None):
        raise click.UsageError("give one PACKET, or --packets")
    if not filenames and ruleset is None:
        raise click.UsageError("give manifests (-f), a dump (--ruleset), or both")
    if [*filenames, ruleset, packets].count("-") > 1:
        raise click.UsageError("standard input (-) can be read only once")
    if "-" in (ruleset, packets) and sys.stdin is None:
        raise InputError("standard input is closed")


def _compiled(
    talk: Talk, filenames: tuple[str, ...], flags: dict[str, Any], *, for_names_only: bool
) -> tuple[Compilation | None, Loaded | None]:
    if not filenames:
        return None, None
    loaded = loaded_input(talk, InputOptions(filenames, namespace=None, all_namespaces=False, selector=None))
    settings, configured_node, problems = cluster_settings(loaded, flags)
    node = node_name(loaded.cluster, flags["node"], configured_node)
    with talk.progress("compiling"):
        compilation = compile_cluster(
            loaded.cluster, node=node, settings=settings, problems=(*problems, *loaded.problems)
        )
    if not for_names_only or talk.verbose:
        talk.problems(compilation.problems)
    tell_loaded(talk, loaded)
    return compilation, loaded


def _evaluator(ruleset: str | None, compilation: Compilation | None, local_addresses: Iterable[str]) -> Evaluator:
    addresses = dict.fromkeys(local_addresses)
    if compilation is not None:
        addresses |= dict.fromkeys(
            address for family in compilation.dataplane.families for address in family.node_addresses
        )
    for text in addresses:
        if canonical_address(text) is None:
            raise SettingsError(f"local_addresses: {text!r} is not an IP address")
    local = list(addresses)
    if ruleset is None:
        if compilation is None:
            raise click.UsageError("give manifests (-f), a dump (--ruleset), or both")
        return Evaluator(compilation, local_addresses=local, big_endian=compilation.dataplane.big_endian)
    name = "<stdin>" if ruleset == "-" else ruleset
    data = sys.stdin.buffer.read() if ruleset == "-" else Path(ruleset).read_bytes()
    if not data.strip():
        raise InputError(f"{name}: the dump is empty", hint="make one with: nft -j list ruleset")
    try:
        big_endian = compilation is not None and compilation.dataplane.big_endian
        return Evaluator(data, local_addresses=local, big_endian=big_endian)
    except InputError as error:
        raise InputError(f"{name}: {error.message}", hint=error.hint) from None


def _packet(text: str, defaults: PacketDefaults, loaded: Loaded | None) -> Packet:
    resolve = partial(service_destination, loaded.cluster, loaded.problems) if loaded else None
    packet = packet_from_text(
        text, hook=defaults.hook, interface=defaults.interface, mark=defaults.mark, resolve=resolve
    )
    return defaults.completed(packet)


def _trace_stream(tracer: _Tracer, defaults: PacketDefaults) -> int:
    """Answer each line of stdin as it comes, one for one; how many were no packets."""
    refused = 0
    for line in packets_of_stream(sys.stdin.buffer, defaults):
        if isinstance(line, Packet):
            tracer.show(line, alone=False)
            continue
        refused += 1
        tracer.talk.error(str(line))
        if tracer.as_json:
            write_data([json.dumps({"verdict": None, "error": line.reason}), "\n"])
    return refused
