"""The command line: arguments in, library calls, output; no logic of its own.

Exit codes are the same for all commands: see `EXIT_CODES`.
"""

from __future__ import annotations

import gc
import shlex
import sys
from typing import Any, NoReturn

import click

from svcc.cli.allocate import allocate_command
from svcc.cli.apply import apply_command
from svcc.cli.audit import audit_command
from svcc.cli.check import check
from svcc.cli.cleanup import cleanup_command
from svcc.cli.compile import compile_command
from svcc.cli.completion import completion
from svcc.cli.diff import diff_command
from svcc.cli.dns import dns_command
from svcc.cli.dns_push import push_command
from svcc.cli.doctor import doctor_command
from svcc.cli.explain import explain_command
from svcc.cli.inputs import in_flags
from svcc.cli.node import node_command
from svcc.cli.output import Talk, version
from svcc.cli.resolve import resolve_command
from svcc.cli.trace import trace_command
from svcc.errors import SvccError

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
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version(), prog_name="svcc")
def cli() -> None:
    """Compile Kubernetes Services to nftables.

    svcc reads Services, EndpointSlices and Nodes as kubectl prints them, and prints the nftables ruleset that makes one
    node serve them.
    """


cli.add_command(compile_command)
cli.add_command(apply_command)
cli.add_command(cleanup_command)
cli.add_command(doctor_command)
cli.add_command(check)
cli.add_command(allocate_command)
cli.add_command(explain_command)
cli.add_command(trace_command)
cli.add_command(diff_command)
cli.add_command(audit_command)
cli.add_command(dns_command)
dns_command.add_command(push_command)
cli.add_command(resolve_command)
cli.add_command(node_command)
cli.add_command(completion)


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # What a command makes lives until the process ends: collecting cycles would cost a third of the time for nothing.
    gc.disable()
    sys.exit(run(sys.argv[1:]))


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
