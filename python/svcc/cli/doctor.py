"""``svcc doctor``: what this machine lacks."""

from __future__ import annotations

import click

from svcc.apply.doctor import Check, Status, examined
from svcc.cli.options import talk_options
from svcc.cli.output import Talk, json_lines, write_data
from svcc.errors import TargetError

__all__ = ["doctor_command"]


@click.command("doctor")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to say it.")
@talk_options
def doctor_command(*, output: str, talk: Talk) -> int:
    """Say whether this machine can run svcc's rules, and what it lacks.

    Each feature of nft and the kernel that svcc uses is tried, in a network namespace made for it where that is
    allowed; nothing of the node is changed. Exits with 3 if something is missing.

    \b
    svcc doctor
    svcc doctor -o json | jq '.checks[] | select(.status != "ok")'
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    checks = examined()
    missing = [check for check in checks if check.status is Status.MISSING]
    if output == "json":
        listed = [
            {"name": each.name, "status": each.status.value, "found": each.words, "hint": each.hint} for each in checks
        ]
        write_data(json_lines({"works": not missing, "checks": listed}, levels=2))
    else:
        write_data(_line(check) for check in checks)
    if missing:
        talk.say(f"{len(missing)} of {len(checks)} checks failed")
    return TargetError.exit_code if missing else 0


def _line(check: Check) -> str:
    words = f": {check.words}" if check.words else ""
    hint = f"\n         {check.hint}" if check.hint and check.status is not Status.OK else ""
    return f"{check.status.value:8} {check.name}{words}{hint}\n"
