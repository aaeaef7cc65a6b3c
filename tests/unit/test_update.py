"""What an update may not change, and what it may."""

from __future__ import annotations

import pytest

from svcc.fields import Severity
from svcc.manifest.load import load_text
from svcc.model.cluster import Cluster
from svcc.validate import RULES
from svcc.validate.admission import admit
from svcc.validate.update import update_problems
from tests.unit.rule_rows.row import LOAD_BALANCER, changed
from tests.unit.rule_rows.update_rows import UPDATE_ROWS, UpdateRow


def said_of(row: UpdateRow) -> list[tuple[str, str]]:
    """The errors of an update, those of the object by itself first."""
    kind = row.value["kind"]
    before = admit(kind, changed(row.value, row.old)).item
    assert before is not None
    after = admit(kind, changed(row.value, row.new), before=before)
    objects = [] if after.item is None else [after.item]
    refused = [] if after.refused is None else [after.refused]
    problems = [*after.problems, *update_problems(Cluster.of([before]), Cluster.of(objects), refused)]
    return [(each.rule, each.message()) for each in problems if each.severity is Severity.ERROR]


@pytest.mark.parametrize("row", UPDATE_ROWS, ids=lambda row: row.sentence)
def test_the_server_would_say(row: UpdateRow) -> None:
    assert said_of(row) == row.expected


def test_every_rule_of_updates_has_a_row() -> None:
    covered = {rule for row in UPDATE_ROWS for rule, _ in row.expected if rule.startswith("update/")}
    assert covered == {rule for rule in RULES if rule.startswith("update/")}


def test_a_class_that_is_left_out_may_be_one_that_others_set() -> None:
    before = admit("Service", changed(LOAD_BALANCER, {("spec", "loadBalancerClass"): "example.com/a"})).item
    after = admit("Service", LOAD_BALANCER).item
    assert before is not None
    assert after is not None
    (problem,) = update_problems(Cluster.of([before]), Cluster.of([after]))
    assert problem.hint == 'kubectl apply keeps "example.com/a" if others set it'


MANIFEST = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: TYPE
  ports:
  - port: 80
    nodePort: 30080
  clusterIP: ADDRESS
"""


def test_an_update_is_loaded_with_what_it_replaces_and_problems_have_their_lines() -> None:
    before = load_text(MANIFEST.replace("TYPE", "NodePort").replace("ADDRESS", "10.96.0.9"), file="old.yaml").cluster
    text = MANIFEST.replace("TYPE", "ClusterIP").replace("ADDRESS", "10.96.0.8")
    assert [problem.rule for problem in load_text(text).problems] == ["service/node-port-on-cluster-ip"]
    after = load_text(text, file="new.yaml", update_from=before)
    assert after.problems == ()
    (problem,) = update_problems(before, after.cluster)
    assert (problem.rule, str(problem.object)) == ("update/cluster-ip-changed", "Service default/web")
    assert problem.source is not None
    assert problem.source.file == "new.yaml"
