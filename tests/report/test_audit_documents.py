"""Audit reports for programs: JSON against the schema that svcc ships, SARIF against that of OASIS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from svcc.auditing.finding import AuditReport, FindingKind, Verdict
from svcc.fields import Source
from tests.report.reading import rendered
from tests.report.samples import findings, fleet, not_proved, proved, with_findings

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

SARIF_SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "schemas" / "sarif-2.1.0.json").read_text())
SCHEMA = json.loads(resources.files("svcc.report").joinpath("audit_report.schema.json").read_text("utf-8"))


def strict(schema: Any) -> Any:
    """The schema without room for fields that it does not describe."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    return {**made, "additionalProperties": False} if isinstance(made.get("properties"), dict) else made


def document(output: str, *reports: AuditReport) -> Any:
    return json.loads(rendered(reports, output))


@pytest.mark.parametrize("reports", [(), (with_findings(),), (proved(),), (not_proved(),), fleet()])
def test_the_json_is_what_its_schema_describes_and_nothing_else(reports: tuple[AuditReport, ...]) -> None:
    jsonschema.validators.validator_for(SCHEMA).check_schema(SCHEMA)
    jsonschema.validate(document("json", *reports), strict(SCHEMA))


def places(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from places(inner)


def test_the_schema_asks_for_every_field_that_it_describes() -> None:
    objects = [place for place in places(SCHEMA) if isinstance(place.get("properties"), dict)]
    assert len(objects) > 10
    for place in objects:
        assert place["required"] == list(place["properties"])


def test_one_report_stands_alone_and_several_in_a_list() -> None:
    single, several = document("json", proved()), document("json", *fleet())
    assert (single["apiVersion"], single["kind"]) == ("svcc/v1", "AuditReport")
    assert (several["apiVersion"], several["kind"]) == ("svcc/v1", "AuditReportList")
    assert several["items"][1] == single
    assert document("json")["items"] == []


def test_chances_are_exact() -> None:
    finding = document("json", with_findings())["findings"][1]
    assert finding["share"] == {"probability": 1 / 3, "share": "1/3"}
    assert {outcome["share"] for outcome in finding["witness"]["found"]} == {"1/3"}
    assert finding["witness"]["found"][0]["steps"][0]["hook"] == "prerouting"


@pytest.mark.parametrize("reports", [(), (with_findings(),), (proved(),), fleet()])
def test_the_sarif_is_valid(reports: tuple[AuditReport, ...]) -> None:
    jsonschema.validate(document("sarif", *reports), SARIF_SCHEMA)


def test_sarif_points_at_the_manifest_and_names_table_chain_and_rule() -> None:
    result = document("sarif", with_findings())["runs"][0]["results"][1]
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "shop/web.yaml"},
        "region": {"startLine": 21},
    }
    assert [(item["kind"], item["name"]) for item in location["logicalLocations"]] == [
        ("table", "firewall"),
        ("chain", "forward"),
        ("rule", "ip daddr 10.244.2.0/24 tcp dport 8080 drop"),
    ]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert "drop" in steps[-1]["location"]["message"]["text"]


def test_sarif_points_at_the_dump_where_no_manifest_is_to_blame() -> None:
    result = document("sarif", with_findings())["runs"][0]["results"][4]
    assert result["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "dumps/worker-1.json"}}
    assert result["level"] == "note"


def test_every_sarif_result_names_a_rule_that_is_there() -> None:
    (run,) = document("sarif", with_findings())["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["ruleId"] in set(FindingKind)


def test_sarif_tells_accepted_findings_from_others() -> None:
    results = document("sarif", with_findings())["runs"][0]["results"]
    assert [len(result["suppressions"]) for result in results] == [0, 0, 0, 0, 0, 1]
    assert results[-1]["suppressions"][0]["justification"] == "goes away with the old cluster"


def test_sarif_runs_of_different_nodes_differ_by_their_category() -> None:
    ids = [run["automationDetails"]["id"] for run in document("sarif", *fleet())["runs"]]
    assert ids == ["svcc-audit/worker-1/", "svcc-audit/worker-2/", "svcc-audit/worker-3/"]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("shop/web.yaml", "shop/web.yaml"),
        ("/etc/shop.yaml", "file:///etc/shop.yaml"),
        ("//etc/shop.yaml", "file:///etc/shop.yaml"),
        ("a b#c?.yaml", "a%20b%23c%3F.yaml"),
        ("c:web.yaml", "c%3Aweb.yaml"),
        ("100%.yaml", "100%25.yaml"),
        ("caf\udce9.yaml", "caf%E9.yaml"),
        ("\ud800.yaml", "%5Cud800.yaml"),
        ("-", "-"),
    ],
)
def test_files_are_written_as_uris(file: str, uri: str) -> None:
    finding = evolve(findings()[0], source=Source(file, 3))
    report = AuditReport("n", "", Verdict.FINDINGS, findings=(finding,))
    log = document("sarif", report)
    jsonschema.validate(log, SARIF_SCHEMA)
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == uri
