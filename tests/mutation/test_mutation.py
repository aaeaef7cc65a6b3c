"""The audit finds every mutant that breaks what was declared, and raises no alarm about any other."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import pytest

from svcc.auditing.finding import Verdict
from svcc.trace.packet import Packet
from tests.mutation.audits import AUDITS, Answer, Shows, exhaustive
from tests.mutation.bases import Base, bases
from tests.mutation.document import Document, parsed
from tests.mutation.every import every_mutation, some_mutations
from tests.mutation.figures import Figures
from tests.mutation.mutation import Mutation
from tests.mutation.truth import Effect, Judge

CHOSEN = (
    ("exposed", "svcc"),
    ("here", "1.29"),
    ("policies", "1.37"),
    ("names", "svcc"),
    ("sticky", "svcc"),
    ("sticky", "1.37"),
)
BASES = tuple(base for name, shape in CHOSEN for base in bases([name], [shape]))
SEED = 7
MUTANTS = 12


def named(base: Base) -> str:
    return f"{base.name}-{base.shape}"


@cache
def judged() -> tuple[Judge, list[Mutation]]:
    (base,) = bases(["names"], ["1.37"])
    return Judge(base), list(some_mutations(base.document, 1, SEED))


def figures_of(answer: Answer) -> Figures:
    figures = Figures()
    judge, mutations = judged()
    for mutation in mutations:
        figures.judge(judge, mutation, lambda *_: answer)
    return figures


@pytest.mark.parametrize("base", BASES, ids=named)
def test_a_base_does_what_was_declared(base: Base) -> None:
    truth = Judge(base).truth(base.document)
    assert truth.effect is Effect.EQUIVALENT, truth.shown


@pytest.mark.parametrize("base", BASES, ids=named)
def test_a_document_is_the_ruleset_it_was_read_from(base: Base) -> None:
    whole = parsed(base.document.text)
    assert whole.text == base.document.text
    assert whole.tables[: len(base.document.tables)] == base.document.tables


def test_mutations_are_of_many_kinds_and_each_says_what_it_did() -> None:
    (base,) = bases(["exposed"], ["svcc"])
    mutations = list(every_mutation(base.document))
    assert len(Counter(mutation.kind for mutation in mutations)) > 30
    assert len({mutation.sentence for mutation in mutations}) > 0.9 * len(mutations)
    assert len({mutation.document.text for mutation in mutations}) == len(mutations)


def test_some_mutations_change_what_was_declared_and_some_do_not() -> None:
    figures = figures_of(Answer(Verdict.PROVED))
    total = figures.total
    assert min(total.changed, total.equivalent) > 5
    assert total.changed + total.equivalent + total.unknown == total.mutants


def test_an_audit_that_finds_nothing_misses_all_that_changed() -> None:
    total = figures_of(Answer(Verdict.PROVED)).total
    assert (total.reported, total.missed, total.false_alarms) == (0, total.changed + total.unknown, 0)


def test_an_audit_that_always_finds_something_raises_false_alarms() -> None:
    total = figures_of(Answer(Verdict.FINDINGS)).total
    assert (total.reported, total.missed, total.false_alarms) == (total.changed, 0, total.equivalent)


def test_a_packet_that_shows_nothing_is_a_false_witness() -> None:
    aside = Shows(Packet("TCP", "2001:db8::9", "2001:db8::200", 40000, 9))
    total = figures_of(Answer(Verdict.FINDINGS, (aside,))).total
    assert total.false_witnesses == total.mutants


@pytest.mark.parametrize("name", sorted(AUDITS))
@pytest.mark.parametrize("base", BASES, ids=named)
def test_every_mutant_is_judged_rightly(base: Base, name: str) -> None:
    figures = Figures()
    judge = Judge(base)
    for mutation in random.Random(SEED).sample(list(some_mutations(base.document, 1, SEED)), MUTANTS):
        figures.judge(judge, mutation, AUDITS[name])
    assert figures.total.changed
    assert not figures.mistakes, "\n\n".join(map(str, figures.mistakes))


def test_a_packet_without_a_service_may_be_dropped_and_must_not_be_translated() -> None:
    (base,) = bases(["names"], ["svcc"])
    judge = Judge(base)
    dropped = "type filter hook forward priority 10; policy accept;\n udp dport 4711 drop"
    translated = "type nat hook prerouting priority -99; policy accept;\n udp dport 4711 redirect to :53"
    assert judge.truth(_beside(base.document, dropped)).effect is Effect.EQUIVALENT
    assert judge.truth(_beside(base.document, translated)).effect is Effect.CHANGED
    assert exhaustive(judge, _beside(base.document, translated)).verdict is Verdict.FINDINGS


def _beside(document: Document, chain: str) -> Document:
    return parsed(f"{document.text}table ip6 beside {{\nchain all {{\n{chain}\n}}\n}}\n")
