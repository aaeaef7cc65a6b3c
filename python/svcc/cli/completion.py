"""``svcc completion``: the script that teaches a shell svcc's options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from svcc.cli.output import write_data

__all__ = ["completion"]

_SHELLS = ["bash", "zsh", "fish", "powershell"]


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  source <(svcc completion bash)
    zsh:   source <(svcc completion zsh)
    fish:  svcc completion fish | source
    powershell:  svcc completion powershell | Out-String | Invoke-Expression
    """  # noqa: D301  (click's mark for a paragraph that is not to be wrapped)
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"this version of click knows no completion for {shell}")
    root = context.find_root().command
    write_data([found(root, {}, "svcc", "_SVCC_COMPLETE").source(), "\n"])
