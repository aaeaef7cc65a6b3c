"""What would be done, without doing it."""

from __future__ import annotations

from attrs import frozen

from svcc.apply.cold_start import cold_start
from svcc.apply.held import Held, held_tables
from svcc.apply.session import Nft
from svcc.apply.steps import tidyings
from svcc.apply.transitions import steps_from
from svcc.nft.objects import Ruleset
from svcc.nft.transaction import Transaction

__all__ = ["Plan", "planned"]


@frozen
class Plan:
    """The transactions from what the kernel holds to what is wanted, in their order."""

    held: Held
    transactions: tuple[Transaction, ...]


def planned(nft: Nft, wanted: Ruleset) -> Plan:
    """Read the kernel and say what would be done.

    Raises:
        NftError: svcc's tables cannot be listed.
    """
    held = held_tables(nft, wanted)
    if not held.tables:
        found = tuple(cold_start(wanted))
    else:
        steps = steps_from(held, wanted)
        found = (steps.prepare, steps.commit, *tidyings(steps.leftovers))
    return Plan(held, tuple(each for each in found if each))
