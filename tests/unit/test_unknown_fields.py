"""Fields that the API does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.fields import Severity
from svcc.manifest.load import load_text
from svcc.validate.admission import admit
from tests.unit.rule_rows.row import ENDPOINT_SLICE, LOAD_BALANCER, NODE, SERVICE, SERVICE_CIDR, changed
from tests.unit.test_structure import Path, put

EXPECTED: list[tuple[str, Mapping[str, Any], Path, str, str]] = [
    ("a letter is missing", SERVICE, ("spec", "sesionAffinity"), "spec.sesionAffinity", "sessionAffinity"),
    ("upper case is another name", SERVICE, ("spec", "clusterIp"), "spec.clusterIp", "clusterIP"),
    ("in a list", SERVICE, ("spec", "ports", 0, "targetport"), "spec.ports[0].targetport", "targetPort"),
    ("in the metadata", SERVICE, ("metadata", "annotation"), "metadata.annotation", "annotations"),
    ("of the object itself", SERVICE, ("Spec",), "Spec", "spec"),
    ("of what a load balancer reports", LOAD_BALANCER, ("status", "loadBalancer", "ingres"), "", "ingress"),
    ("of an ingress", LOAD_BALANCER, ("status", "loadBalancer", "ingress", 0, "hostName"), "", "hostname"),
    ("of an endpoint", ENDPOINT_SLICE, ("endpoints", 0, "nodename"), "endpoints[0].nodename", "nodeName"),
    ("of conditions", ENDPOINT_SLICE, ("endpoints", 0, "conditions", "redy"), "", "ready"),
    ("of hints", ENDPOINT_SLICE, ("endpoints", 0, "hints", "forzones"), "", "forZones"),
    ("of a hint", ENDPOINT_SLICE, ("endpoints", 0, "hints", "forZones", 0, "Name"), "", "name"),
    ("of a target", ENDPOINT_SLICE, ("endpoints", 0, "targetRef", "namespac"), "", "namespace"),
    ("of a slice's port", ENDPOINT_SLICE, ("ports", 0, "protocl"), "ports[0].protocl", "protocol"),
    ("of a node", NODE, ("spec", "podCidr"), "spec.podCidr", "podCIDR"),
    ("of a node's status", NODE, ("status", "adresses"), "status.adresses", "addresses"),
    ("of a ServiceCIDR", SERVICE_CIDR, ("spec", "cidr"), "spec.cidr", "cidrs"),
    ("like no other", SERVICE, ("spec", "somethingNew"), "spec.somethingNew", ""),
]


@pytest.mark.parametrize(("value", "path", "printed", "meant"), [pytest.param(*row[1:], id=row[0]) for row in EXPECTED])
def test_an_unknown_field_is_named_in_the_servers_words(
    value: Mapping[str, Any], path: Path, printed: str, meant: str
) -> None:
    admission = admit(value["kind"], put(value, path, None))
    assert admission.item == admit(value["kind"], value).item
    (problem,) = admission.problems
    assert (problem.rule, problem.severity) == ("manifest/unknown-field", Severity.WARNING)
    assert problem.path.steps == path
    assert problem.message() == f'unknown field "{printed or problem.path}"'
    assert problem.hint == (f'did you mean "{meant}"?' if meant else "")


# What clusters hold beside the fields that svcc reads (kubectl get -o json).
OBJECT_META = {
    "uid": "0b7a",
    "resourceVersion": "1",
    "generation": 1,
    "selfLink": "",
    "generateName": "web-",
    "creationTimestamp": "2024-05-01T10:00:00Z",
    "deletionTimestamp": None,
    "deletionGracePeriodSeconds": 30,
    "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": "web", "uid": "0b7a", "controller": True}],
    "finalizers": ["service.kubernetes.io/load-balancer-cleanup"],
    "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
}
NODE_STATUS = (
    *("allocatable", "capacity", "conditions", "config", "daemonEndpoints", "declaredFeatures", "features", "images"),
    *("phase", "runtimeHandlers", "volumesAttached", "volumesInUse"),
)
NODE_INFO = (
    *("bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "kubeletVersion", "machineID"),
    *("operatingSystem", "osImage", "swap", "systemUUID"),
)
KNOWN: list[tuple[Mapping[str, Any], Mapping[Any, Any]]] = [
    (LOAD_BALANCER, {("status", "conditions"): [{"type": "LoadBalancerPortsError"}]}),
    (
        ENDPOINT_SLICE,
        {("endpoints", 0, "targetRef", name): "x" for name in ("uid", "apiVersion", "resourceVersion", "fieldPath")},
    ),
    (NODE, {("spec", name): [] for name in ("taints", "providerID", "unschedulable", "configSource", "externalID")}),
    (NODE, {("status", name): {} for name in NODE_STATUS}),
    (NODE, {("status", "nodeInfo", name): "" for name in NODE_INFO}),
    (SERVICE_CIDR, {("status",): {"conditions": [{"type": "Ready"}]}}),
]


@pytest.mark.parametrize(("value", "change"), KNOWN, ids=lambda item: item.get("kind"))
def test_what_the_api_has_and_svcc_does_not_read_is_known(value: Mapping[str, Any], change: Mapping[Any, Any]) -> None:
    filled = {**change, **{("metadata", name): item for name, item in OBJECT_META.items()}}
    assert admit(value["kind"], changed(value, filled)).problems == []


def containers(value: Any, path: Path = ()) -> list[Path]:
    """The paths of all objects in an object that have a field with a long name; labels have no fields."""
    if isinstance(value, dict):
        has_no_fields = path[-1:] in (("labels",), ("selector",))
        named = () if has_no_fields or max(map(len, value)) <= 3 else (path,)
        return [*named, *(each for name, inner in value.items() for each in containers(inner, (*path, name)))]
    if isinstance(value, list):
        return [each for index, inner in enumerate(value) for each in containers(inner, (*path, index))]
    return []


@given(st.data())
def test_a_misspelt_field_anywhere_is_named_and_the_field_that_was_meant(data: st.DataObject) -> None:
    value = data.draw(st.sampled_from([LOAD_BALANCER, ENDPOINT_SLICE, NODE, SERVICE_CIDR]))
    place = data.draw(st.sampled_from(containers(value)))
    around: Any = value
    for step in place:
        around = around[step]
    name = data.draw(st.sampled_from([each for each in around if len(each) > 3]))
    at = data.draw(st.integers(1, len(name) - 1))
    misspelt = name[:at] + "x" + name[at:]
    problems = [
        problem
        for problem in admit(value["kind"], put(value, (*place, misspelt), around[name])).problems
        if problem.rule == "manifest/unknown-field"
    ]
    assert [(problem.path.steps, problem.hint) for problem in problems] == [
        ((*place, misspelt), f'did you mean "{name}"?')
    ]


def test_an_unknown_field_has_its_line_and_the_object_stays() -> None:
    loaded = load_text(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports: [{port: 80}]\n  prots: 1\n"
    )
    assert [(str(problem.source), str(problem)) for problem in loaded.problems] == [
        (
            "<string>:7",
            '<string>:7: warning: Service default/web: unknown field "spec.prots" (did you mean "ports"?)',
        )
    ]
    assert len(loaded.cluster.services) == 1


def test_a_name_with_control_characters_does_no_harm() -> None:
    (problem,) = admit("Service", put(SERVICE, ("spec", "a\x1b[31m"), 1)).problems
    assert problem.message() == 'unknown field "spec.a\\u001b[31m"'
