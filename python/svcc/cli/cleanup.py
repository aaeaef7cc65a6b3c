"""``svcc cleanup``: svcc's tables out of this node's kernel."""

from __future__ import annotations

import errno
from typing import Final

import click

from svcc.apply.held import TABLES
from svcc.apply.lock import NodeLock
from svcc.apply.nft import open_nft
from svcc.apply.session import Nft, NftError
from svcc.cli.options import talk_options
from svcc.cli.output import Talk, write_data
from svcc.nft.commands import DeleteTable
from svcc.nft.transaction import Transaction

__all__ = ["cleanup_command"]

_NOTHING: Final = "nothing to do: there are no tables of svcc"


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
        removal = _removal(nft)
        if not removal:
            talk.say(_NOTHING)
        write_data(removal.lines())
        return
    with NodeLock():
        removal = _removal(nft)
        if not removal:
            talk.say(_NOTHING)
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
