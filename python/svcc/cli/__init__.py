"""The command line: arguments in, library calls, output; no logic of its own.

Exit codes are the same for all commands: see `EXIT_CODES`.
"""

from __future__ import annotations

import atexit
import gc
import os
import shlex
import sys
import threading
from typing import Any, NoReturn

_was_collecting = gc.isenabled()
gc.disable()  # All that imports make stays: looking for cycles in it takes a fifth of their time.

import click  # noqa: E402

from svcc.cli.inputs import in_flags  # noqa: E402
from svcc.cli.lazy_commands import LazyCommands  # noqa: E402
from svcc.cli.output import Talk  # noqa: E402
from svcc.errors import SvccError  # noqa: E402

if _was_collecting:
    gc.enable()

__all__ = ["cli", "main"]

EXIT_CODES = """\b
Exit codes:
  0    success; nothing to report, no difference
  1    findings or differences
  2    usage error, or input that cannot be used
  3    the target refused or failed (nft, kernel, permission)
  4    internal error of svcc: a bug
  5    audit: nothing wrong was found, but not everything could be decided
  130  interrupted
"""


_COMMANDS = {
    "allocate": "svcc.cli.allocate:allocate_command",
    "apply": "svcc.cli.apply:apply_command",
    "audit": "svcc.cli.audit:audit_command",
    "check": "svcc.cli.check:check",
    "cleanup": "svcc.cli.cleanup:cleanup_command",
    "compile": "svcc.cli.compile:compile_command",
    "completion": "svcc.cli.completion:completion",
    "diff": "svcc.cli.diff:diff_command",
    "dns": "svcc.cli.dns:dns_command",
    "doctor": "svcc.cli.doctor:doctor_command",
    "explain": "svcc.cli.explain:explain_command",
    "node": "svcc.cli.node:node_command",
    "resolve": "svcc.cli.resolve:resolve_command",
    "trace": "svcc.cli.trace:trace_command",
}


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what reads its output may go early, as `head` does, and that is no error.

        Click itself would exit with 1, which is for findings.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            sys.stdout = None  # so that its flush at exit stays quiet, too
            return 0


@click.group(
    cls=_Commands,
    epilog=EXIT_CODES,
    commands=LazyCommands(_COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="svcc", prog_name="svcc")
def cli() -> None:
    """Compile Kubernetes Services to nftables.

    svcc reads Services, EndpointSlices and Nodes as kubectl prints them, and prints the nftables ruleset that makes one
    node serve them.
    """


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # What a command makes lives until the process ends: collecting cycles would cost a third of the time for nothing.
    gc.disable()
    code = run(sys.argv[1:])
    _leave_quickly(code)
    sys.exit(code)


def _leave_quickly(code: int) -> None:
    """End the process without freeing a large cluster object by object, if nothing but that is left to be done."""
    if threading.active_count() > 1:
        return
    atexit._run_exitfuncs()  # noqa: SLF001  (there is no other way to have them run before `os._exit`)
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        # Python knows what to say and to return then.
        return
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; errors are told on stderr, never raised."""
    talk = Talk()
    try:
        result = cli.main(arguments, prog_name="svcc", standalone_mode=False, obj=talk)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        talk.error("interrupted")
        return 130
    except SvccError as error:
        talk.error(in_flags(error.message), hint=error.hint)
        return error.exit_code
    except OSError as error:
        talk.error(f"{error.filename or 'output'}: {error.strerror or error}")
        return 2
    except Exception as error:  # noqa: BLE001  (the last resort: a bug gets its own exit code and a way to report it)
        talk.error(
            f"internal error, this is a bug: {type(error).__name__}: {error}",
            hint=f"to see where: python -X dev -c 'from svcc.cli import cli; cli()' {shlex.join(arguments)}",
        )
        return 4
    return result if isinstance(result, int) else 0
