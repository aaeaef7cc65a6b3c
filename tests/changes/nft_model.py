"""A plain model of what nft commands do to tables, which refuses whatever the kernel refuses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import attrs
from attrs import define, field

from svcc.nft import commands as nft
from svcc.nft.expressions import Lookup, SetReference
from svcc.nft.names import comment_text
from svcc.nft.objects import BaseHook, Data, Key, Rule, Ruleset, Set
from svcc.nft.statements import Remember, Verdict, VerdictMap


class RefusedError(Exception):
    """The kernel would refuse the command, and with it the transaction."""


@define
class ModelSet:
    declared: Set
    elements: dict[Key, tuple[Data | None, str]] = field(factory=dict)


@define
class ModelChain:
    hook: BaseHook | None
    rules: list[Rule] = field(factory=list)


@define
class ModelTable:
    sets: dict[str, ModelSet] = field(factory=dict)
    chains: dict[str, ModelChain] = field(factory=dict)

    def chains_referred_to(self) -> set[str]:
        found = {
            part.target
            for chain in self.chains.values()
            for rule in chain.rules
            for part in parts_of_rule(rule)
            if isinstance(part, Verdict) and part.target
        }
        for item in self.sets.values():
            found |= {data.target for data, _ in item.elements.values() if isinstance(data, Verdict) and data.target}
        return found

    def sets_referred_to(self) -> set[str]:
        found = set()
        for part in (part for chain in self.chains.values() for rule in chain.rules for part in parts_of_rule(rule)):
            if isinstance(part, SetReference):
                found.add(part.name)
            elif isinstance(part, Lookup | VerdictMap | Remember):
                found.add(part.map_name)
        return found


def parts_of(value: Any) -> list[Any]:
    """A rule with all statements and expressions inside."""
    inner: list[Any] = list(value) if isinstance(value, tuple) else []
    if attrs.has(type(value)):
        inner = [getattr(value, attribute.name) for attribute in attrs.fields(type(value))]
    return [value, *(part for item in inner for part in parts_of(item))]


@lru_cache(maxsize=10_000)
def parts_of_rule(rule: Rule) -> tuple[Any, ...]:
    """`parts_of` a rule, which a model asks for again with each command."""
    return tuple(parts_of(rule))


class Model:
    """Tables of a node; `run` applies commands in their order."""

    def __init__(self) -> None:
        self.tables: dict[nft.TableName, ModelTable] = {}

    @classmethod
    def holding(cls, ruleset: Ruleset) -> Model:
        model = cls()
        for table in ruleset.tables:
            made = ModelTable()
            for item in table.sets:
                elements = {key: (data, comment_text(item.comments.get(key, ""))) for key, data in item.elements}
                made.sets[item.name] = ModelSet(declaration(item), elements)
            for chain in table.chains:
                made.chains[chain.name] = ModelChain(chain.hook, list(chain.rules))
            model.tables[nft.TableName(table.family, table.name)] = made
        return model

    def run(self, *commands: nft.Command) -> Model:
        for command in commands:
            self._run(command)
        return self

    def _run(self, command: nft.Command) -> None:  # noqa: C901  (one case for each command)
        name = command.table
        if isinstance(command, nft.AddTable):
            self.tables.setdefault(name, ModelTable())
            return
        refuse_unless(name in self.tables, command)
        if isinstance(command, nft.DeleteTable):
            del self.tables[name]
            return
        table = self.tables[name]
        match command:
            case nft.AddSet(declared=declared):
                refuse_unless(declared.name not in table.sets, command)
                table.sets[declared.name] = ModelSet(declaration(declared))
            case nft.FlushSet(declared=declared):
                table.sets[declared.name].elements.clear()
            case nft.DeleteSet(declared=declared):
                refuse_unless(declared.name in table.sets and declared.name not in table.sets_referred_to(), command)
                del table.sets[declared.name]
            case nft.AddElements(elements=added):
                self._add_elements(table, added, command)
            case nft.DeleteElements(elements=deleted):
                for key, _ in deleted.elements:
                    refuse_unless(key in table.sets[deleted.name].elements, command)
                    del table.sets[deleted.name].elements[key]
            case nft.AddChain(declared=chain):
                refuse_unless(chain.name not in table.chains, command)
                table.chains[chain.name] = ModelChain(chain.hook)
            case nft.FlushChain(chain=chain_name):
                refuse_unless(bool(table.chains[chain_name].rules), command)
                table.chains[chain_name].rules.clear()
            case nft.DeleteChain(chain=chain_name):
                refuse_unless(chain_name in table.chains and not table.chains[chain_name].rules, command)
                refuse_unless(chain_name not in table.chains_referred_to(), command)
                del table.chains[chain_name]
            case nft.AddRule(chain=chain_name, rule=rule):
                table.chains[chain_name].rules.append(rule)
                refuse_unless(table.chains_referred_to() <= table.chains.keys(), command)
                refuse_unless(table.sets_referred_to() <= table.sets.keys(), command)

    @staticmethod
    def _add_elements(table: ModelTable, added: Set, command: nft.Command) -> None:
        refuse_unless(added.name in table.sets, command)
        for key, data in added.elements:
            refuse_unless(key not in table.sets[added.name].elements, command)
            refuse_unless(not isinstance(data, Verdict) or data.target in {None, *table.chains}, command)
            table.sets[added.name].elements[key] = data, comment_text(added.comments.get(key, ""))

    @property
    def content(self) -> dict[nft.TableName, object]:
        """All there is, to be compared; elements in any order."""
        return {name: attrs.asdict(table, recurse=False) for name, table in self.tables.items()}


def declaration(item: Set) -> Set:
    return attrs.evolve(item, elements=(), comments={})


def refuse_unless(condition: bool, command: nft.Command) -> None:
    if not condition:
        raise RefusedError(command)
