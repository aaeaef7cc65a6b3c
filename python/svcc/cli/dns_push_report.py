"""What ``svcc dns push`` tells of zones."""

from __future__ import annotations

from collections.abc import Iterable

from svcc.cli.output import Talk, json_lines, write_data
from svcc.dns.push import PushReport, ZonePush, ZoneState
from svcc.errors import TargetError
from svcc.report.push import difference_lines, push_document, push_lines

__all__ = ["exit_code_of", "print_report", "tell_begun", "tell_forsaken", "tell_problems"]


def tell_begun(talk: Talk, zone: ZonePush) -> None:
    """What is unusual about the push of a zone, before it is sent."""
    if zone.was_unfinished:
        talk.say(f"{zone.zone}: an earlier push was interrupted; this one completes it")
    if zone.messages > 1:
        divided = (
            f", and those of {', '.join(zone.plan.divided)} not even among themselves" if zone.plan.divided else ""
        )
        talk.say(f"{zone.zone}: the changes take {zone.messages} messages, so they are not made at once{divided}")


def print_report(report: PushReport, output: str, *, dry_run: bool) -> None:
    """What was done, or with `dry_run` what would be."""
    if output == "json":
        write_data(json_lines(push_document(report), levels=5))
    else:
        write_data(difference_lines(report) if dry_run else push_lines(report))


def tell_forsaken(talk: Talk, zones: Iterable[str]) -> None:
    """Which reverse zones keep records of svcc that nothing declares any more."""
    for name in zones:
        talk.say(f"warning: {name}: no address that is declared is in this zone any more, so its PTR records stay")
        talk.say(f"hint: once, to remove them: the same push with --reverse-zone {name} --only {name}")


def tell_problems(talk: Talk, report: PushReport) -> None:
    """Why zones are not what was declared."""
    for zone in report.zones:
        if zone.problem is not None:
            talk.error(zone.problem.message, hint=zone.problem.hint)


def exit_code_of(report: PushReport) -> int:
    """With what the command exits."""
    if not report.is_complete:
        return TargetError.exit_code
    return 1 if any(zone.state is ZoneState.DIFFERENT for zone in report.zones) else 0
