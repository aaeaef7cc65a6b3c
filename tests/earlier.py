"""Rulesets as earlier versions of svcc made them, for whoever upgrades in place."""

from __future__ import annotations

from attrs import evolve

from svcc.compiler.layout import PRIORITY
from svcc.compiler.picks import PICKS
from svcc.compiler.program import DESTINATIONS, balanced
from svcc.nft.objects import Chain, Data, Key, Rule, Ruleset, Set, Table
from svcc.nft.statements import Assign, VerdictMap

__all__ = ["with_verdicts"]


def with_verdicts(ruleset: Ruleset) -> Ruleset:
    """The ruleset of before there were numbers: all frontends lead to their chains by verdicts."""
    return Ruleset(tuple(_with_verdicts(table) for table in ruleset.tables))


def _with_verdicts(table: Table) -> Table:
    sets = {item.name: item for item in table.sets}
    picks: dict[Data | None, Data | None] = dict(sets.pop(PICKS).elements)
    for base in DESTINATIONS:
        numbered = sets.pop(balanced(base))
        elements: list[tuple[Key, Data | None]] = [(key, picks[data]) for key, data in numbered.elements]
        sets[base] = _more(sets[base], elements, numbered.comments)
    return evolve(table, sets=tuple(sets.values()), chains=tuple(map(_without_numbers, table.chains)))


def _more(item: Set, elements: list[tuple[Key, Data | None]], comments: dict[Key, str]) -> Set:
    return evolve(item, elements=(*item.elements, *elements), comments={**item.comments, **comments})


def _without_numbers(chain: Chain) -> Chain:
    rules = [rule for rule in chain.rules if VerdictMap(PRIORITY, PICKS) not in rule.statements]
    if chain.name.startswith("pick-"):
        rules = [Rule(tuple(each for each in rule.statements if not isinstance(each, Assign))) for rule in rules]
    return evolve(chain, rules=tuple(rules))
