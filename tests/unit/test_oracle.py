"""The oracle against the text of the rules, a sentence at a time, and that no rule about packets is left out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.model.cluster import Cluster
from tests import strategies
from tests.oracle import Delivery, Drop, Reject, Result, Untouched, decide
from tests.unit.oracle_rows import ROWS
from tests.unit.oracle_rows.words import Row

RULES_WITHOUT_PACKETS = {
    33: "established connections are not decided on",
    36: "an implementation's sets",
    47: "a limit of the kernel",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_packets_go_where_the_rules_say(row: Row) -> None:
    assert row.decided() == row.expected


def test_every_rule_about_packets_has_a_row() -> None:
    subjects = [row.sentence.partition(":")[0] for row in ROWS]
    shown = {int(number) for subject in subjects for number in re.findall(r"S(\d+)", subject)}
    assert shown == set(range(1, 48)) - set(RULES_WITHOUT_PACKETS)


def test_no_sentence_is_told_twice() -> None:
    sentences = [row.sentence for row in ROWS]
    assert len(sentences) == len(set(sentences))


@settings(deadline=None)
@given(st.data())
def test_the_results_for_any_packet_at_any_node_are_a_distribution(data: st.DataObject) -> None:
    scenario = data.draw(strategies.scenarios())
    packet = data.draw(strategies.packets(scenario))
    affinity = data.draw(strategies.remembered_endpoints(scenario, packet))
    results = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts, affinity)
    assert sum(results.values()) == 1
    assert all(share > 0 for share in results.values())


@settings(deadline=None)
@given(st.data())
def test_declaration_order_decides_nothing(data: st.DataObject) -> None:
    scenario = data.draw(strategies.scenarios())
    packet = data.draw(strategies.packets(scenario))
    cluster = scenario.cluster
    backwards = Cluster(
        cluster.services[::-1], cluster.endpoint_slices[::-1], cluster.nodes[::-1], cluster.service_cidrs
    )
    results = [decide(each, scenario.node, scenario.settings, packet, scenario.facts) for each in (cluster, backwards)]
    assert results[0] == results[1]


def test_generated_packets_meet_results_of_every_kind() -> None:
    seen: set[type[Result]] = set()

    @settings(max_examples=100, database=None, derandomize=True, deadline=None)
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        scenario = data.draw(strategies.scenarios())
        packet = data.draw(strategies.packets(scenario))
        results = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts)
        seen.update(type(result) for result in results)

    collect()
    assert seen == {Delivery, Reject, Drop, Untouched}
