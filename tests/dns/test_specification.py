"""Every rule of `specification.md`: what is answered by the library, and by servers that have the generated zones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import dns.rcode
import dns.rdatatype
import pytest

from svcc.dns.contract import Answer, AnswerStatus, DnsRecords, DnsZone
from svcc.dns.dnspython import dnspython_zone
from svcc.dns.lookup import NameIndex
from svcc.dns.records import dns_records
from svcc.model.cluster import ClusterObject
from tests.dns.coredns_rows import COREDNS_ROWS
from tests.dns.row import NODATA, NXDOMAIN, Row
from tests.dns.servers import SERVERS, Server, listed
from tests.dns.specification_rows import SPECIFICATION_ROWS

ROWS = [*SPECIFICATION_ROWS, *COREDNS_ROWS]
RULES = re.findall(r"(?m)^- \*\*(D\d+)\*\* (.+)$", Path(__file__).with_name("specification.md").read_text())


def test_every_rule_has_a_row_and_every_row_a_rule() -> None:
    assert {rule for row in ROWS for rule in row.rules.split()} == {rule for rule, _ in RULES}


def test_the_rules_are_sentences_in_order() -> None:
    numbers = [int(rule[1:]) for rule, _ in RULES]
    assert numbers == sorted(set(numbers))
    assert all(sentence.endswith(".") for _, sentence in RULES)


def test_every_kind_of_record_and_every_kind_of_answer_is_in_the_table() -> None:
    expected = [answer for row in ROWS for answer in row.answers.values()]
    kinds = {entry.split()[0] for answer in expected if not isinstance(answer, str) for entry in answer}
    assert kinds == {"A", "AAAA", "CNAME", "NS", "PTR", "SRV", "TXT"}
    assert {answer for answer in expected if isinstance(answer, str)} == {NODATA, NXDOMAIN}


def test_no_sentence_is_said_twice() -> None:
    assert [sentence for sentence, count in Counter(str(row) for row in ROWS).items() if count > 1] == []


def said(answer: Answer) -> Sequence[str]:
    if answer.records:
        return sorted(f"{record.type} {record.data}" for record in answer.records)
    return NODATA if answer.is_nodata else answer.status.value


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_look_up_answers_as_specified(row: Row) -> None:
    index = NameIndex(row.records)
    questions = {**row.answers, **row.unserved}
    assert questions
    expected = {key: answer if isinstance(answer, str) else sorted(answer) for key, answer in questions.items()}
    assert {key: said(index.lookup(*key)) for key in questions} == expected
    assert [problem.rule for problem in row.records.problems] == list(row.said)


def together() -> list[DnsRecords]:
    """All rows by zone; each has namespaces and addresses of its own."""
    objects: dict[str, list[ClusterObject]] = {}
    for row in ROWS:
        objects.setdefault(row.settings.zone, []).extend(row.objects)
    settings = {row.settings.zone: row.settings for row in ROWS}
    return [dns_records(listed_objects, settings[zone]) for zone, listed_objects in objects.items()]


@pytest.fixture(scope="module")
def served() -> list[DnsZone]:
    return [zone for records in together() for zone in records.zones]


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, served: list[DnsZone]
) -> Iterator[Server]:
    with SERVERS[request.param](tmp_path_factory.mktemp(request.param), served) as started:
        yield started


def test_rows_do_not_get_into_each_others_way(served: list[DnsZone]) -> None:
    assert [name for name, count in Counter(zone.name for zone in served).items() if count > 1] == []
    namespaces = [
        {(item.namespace, row.settings.zone) for item in row.objects if hasattr(item, "namespace")} for row in ROWS
    ]
    assert len(set().union(*namespaces)) == sum(map(len, namespaces))


@pytest.mark.parametrize("row", [row for row in ROWS if row.answers], ids=str)
def test_a_server_with_the_zones_answers_as_specified(row: Row, server: Server) -> None:
    for (name, record_type), expected in row.answers.items():
        answer = server.ask(name, record_type)
        found = sorted(
            f"{dns.rdatatype.to_text(rrset.rdtype)} {data.to_text()}" for rrset in answer.answer for data in rrset
        )
        status = dns.rcode.to_text(answer.rcode())
        if isinstance(expected, str):
            assert (found, status) == ([], "NXDOMAIN" if expected == NXDOMAIN else "NOERROR"), (name, record_type)
        else:
            assert (found, status) == (sorted(expected), "NOERROR"), (name, record_type)


def test_a_transfer_of_each_zone_brings_the_same_records(server: Server, served: list[DnsZone]) -> None:
    for zone in served:
        assert (
            listed(server.transfer(zone.name))
            == listed(dnspython_zone(zone))
            == {
                (record.name, record.ttl, f"{record.type} {record.data}") for record in (*zone.authority, *zone.records)
            }
        )


def test_a_server_answers_each_record_that_there_is_as_the_library_does(server: Server) -> None:
    for records in together():
        index = NameIndex(records)
        for name, record_type in sorted({(record.name, record.type) for record in records.records}):
            answer = server.ask(name, record_type)
            found = {
                (rrset.name.to_text().lower(), rrset.ttl, f"{dns.rdatatype.to_text(rrset.rdtype)} {data.to_text()}")
                for rrset in answer.answer
                for data in rrset
            }
            expected = index.lookup(name, record_type)
            assert expected.status is AnswerStatus.NOERROR
            assert found == {(each.name, each.ttl, f"{each.type} {each.data}") for each in expected.records}


def test_a_name_in_no_zone_is_refused_by_library_and_server(server: Server) -> None:
    assert NameIndex(together()[0]).lookup("www.example.com", "A") == Answer(AnswerStatus.REFUSED)
    assert server.ask("www.example.com", "A").rcode() == dns.rcode.REFUSED
