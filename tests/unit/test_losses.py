"""What Services would lose by going from one ruleset to another."""

from __future__ import annotations

from attrs import evolve

from svcc.apply.held_elements import FOREIGN_COMMENT
from svcc.apply.losses import gone_service_ports, lost_service_ports
from svcc.nft.objects import Ruleset
from tests.audit.cluster import COMPILATION

NOTHING = Ruleset(())


def test_service_ports_that_nothing_declares_any_more_are_named() -> None:
    ruleset = COMPILATION.ruleset
    assert gone_service_ports(ruleset, ruleset) == []
    gone = gone_service_ports(ruleset, NOTHING)
    assert gone == sorted(set(gone)) != []
    assert lost_service_ports(ruleset, NOTHING) == gone


def test_what_others_wrote_into_an_element_is_no_name_of_a_service_port() -> None:
    held = Ruleset(
        tuple(
            evolve(
                table,
                sets=tuple(evolve(item, comments=dict.fromkeys(item.comments, FOREIGN_COMMENT)) for item in table.sets),
            )
            for table in COMPILATION.ruleset.tables
        )
    )
    assert gone_service_ports(held, NOTHING) == []
