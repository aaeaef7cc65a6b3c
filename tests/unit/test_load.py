"""From manifests to a cluster."""

from __future__ import annotations

import gc
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from svcc.errors import InputError, SettingsError
from svcc.fields import ObjectReference, Severity
from svcc.manifest.load import Loaded, load, load_text
from svcc.model.cluster import Cluster
from svcc.validate import RULES
from tests.unit.rule_rows.row import ENDPOINT_SLICE, NODE, SERVICE, SERVICE_CIDR, changed


def loaded(*objects: Mapping[str, Any], **options: Any) -> Loaded:
    """The result of loading objects as a List."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    return load_text(text, **options)


def service(
    name: str, namespace: str | None = "shop", labels: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """A Service by name."""
    change: dict[Any, Any] = {("metadata",): {"name": name, "namespace": namespace, "labels": labels}}
    return changed(SERVICE, change | {("spec", field): value for field, value in spec.items()})


def slice_of(name: str | None, namespace: str = "shop") -> dict[str, Any]:
    """A slice of the Service `name`."""
    labels = {} if name is None else {"kubernetes.io/service-name": name}
    return changed(ENDPOINT_SLICE, {("metadata",): {"name": f"{name}-1", "namespace": namespace, "labels": labels}})


def names(result: Loaded) -> list[str]:
    """Namespaces and names of the Services."""
    return [f"{item.namespace}/{item.name}" for item in result.cluster.services]


def rules(result: Loaded) -> list[str]:
    """The rules that were broken."""
    return [problem.rule for problem in result.problems]


def test_objects_of_all_kinds_that_svcc_reads_are_loaded() -> None:
    beta = changed(SERVICE_CIDR, {("apiVersion",): "networking.k8s.io/v1beta1", ("metadata", "name"): "more"})
    result = loaded(SERVICE, ENDPOINT_SLICE, NODE, SERVICE_CIDR, beta)
    assert result.problems == ()
    assert names(result) == ["shop/web"]
    assert [item.service_name for item in result.cluster.endpoint_slices] == ["web"]
    assert [item.name for item in result.cluster.nodes] == ["node-1"]
    assert [item.name for item in result.cluster.service_cidrs] == ["kubernetes", "more"]


def test_objects_and_problems_know_their_lines() -> None:
    head = "# a comment\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
    text = f"{head}spec:\n  ports:\n  - port: 80\n    nodePort: 1\n"
    result = load_text(text, file="web.yaml")
    assert [str(problem.source) for problem in result.problems] == ["web.yaml:8"]
    good = load_text(text.replace("nodePort: 1", "name: http"), file="web.yaml")
    assert [str(item.source) for item in good.cluster.services] == ["web.yaml:2"]


def test_the_line_of_a_field_is_found_where_the_server_spells_it_in_its_own_way() -> None:
    text = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: LoadBalancer\n  ports:\n  - port: 80\n"
        "  loadBalancerSourceRanges:\n  - 10.0.0.0/8\n  - x\n"
    )
    assert [str(problem.source) for problem in load_text(text, file="a").problems] == ["a:10"]


def test_an_object_with_an_error_is_left_out_and_the_others_stay() -> None:
    result = loaded(service("web"), service("db", ports=[]), service("cache"))
    assert names(result) == ["shop/web", "shop/cache"]
    assert [(problem.rule, problem.object) for problem in result.problems] == [
        ("service/ports-required", ObjectReference("Service", "db", "shop"))
    ]


def test_an_object_with_a_warning_stays() -> None:
    result = loaded(service("web", externalIPs=["198.51.100.7"]))
    assert names(result) == ["shop/web"]
    assert [problem.severity for problem in result.problems] == [Severity.WARNING]


def test_an_object_with_an_unreadable_entry_stays() -> None:
    result = loaded(service("web", externalIPs=["banana"]))
    assert names(result) == ["shop/web"]
    assert rules(result) == ["service/external-ip-invalid", "service/external-ips-deprecated"]


def test_the_later_of_two_declarations_wins_and_both_places_are_said() -> None:
    text = "\n".join(json.dumps(service("web", ports=[{"port": port}])) for port in (80, 81))
    result = load_text(text, file="two.json")
    assert [item.ports[0].port for item in result.cluster.services] == [81]
    assert [(problem.rule, problem.severity, problem.message()) for problem in result.problems] == [
        ("manifest/declared-twice", Severity.WARNING, "declared twice: two.json:2 replaces two.json:1")
    ]


def test_an_object_stands_where_it_was_declared_last() -> None:
    assert names(loaded(service("web"), service("db"), service("web"))) == ["shop/db", "shop/web"]


def test_a_later_declaration_in_error_replaces_nothing() -> None:
    result = loaded(service("web"), service("web", ports=[]))
    assert [item.ports[0].port for item in result.cluster.services] == [80]
    assert rules(result) == ["service/ports-required"]


def test_one_name_in_two_namespaces_is_two_objects() -> None:
    assert names(loaded(service("web", "shop"), service("web", "blog"))) == ["shop/web", "blog/web"]


def test_a_missing_namespace_is_default_and_nodes_have_none() -> None:
    result = loaded(service("web", None), service("web", "default"))
    assert names(result) == ["default/web"]
    assert rules(result) == ["manifest/declared-twice"]
    twice = loaded(changed(NODE, {("metadata", "namespace"): "a"}), changed(NODE, {}))
    assert rules(twice) == ["manifest/declared-twice"]


def test_watch_events_change_what_was_declared_without_a_word() -> None:
    later = service("web", ports=[{"port": 81}])
    events = [{"type": "ADDED", "object": service("web")}, {"type": "MODIFIED", "object": later}]
    gone = [{"type": "ADDED", "object": service("db")}, {"type": "DELETED", "object": service("db")}]
    result = load_text("\n".join(map(json.dumps, events + gone)))
    assert result.problems == ()
    assert [(item.name, item.ports[0].port) for item in result.cluster.services] == [("web", 81)]


def test_other_kinds_are_counted() -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    knative = changed(SERVICE, {("apiVersion",): "serving.knative.dev/v1"})
    result = loaded(deployment, SERVICE, deployment, knative)
    assert result.skipped == {"Deployment": 2, "Service.v1.serving.knative.dev": 1}
    assert (result.problems, names(result)) == ((), ["shop/web"])


def test_an_old_version_of_slices_is_counted_and_warned_of() -> None:
    result = loaded(changed(ENDPOINT_SLICE, {("apiVersion",): "discovery.k8s.io/v1beta1"}))
    assert result.skipped == {"EndpointSlice.v1beta1.discovery.k8s.io": 1}
    assert [(problem.rule, problem.severity, problem.message()) for problem in result.problems] == [
        (
            "manifest/api-version-not-read",
            Severity.WARNING,
            "EndpointSlice of discovery.k8s.io/v1beta1 is not read; convert it to discovery.k8s.io/v1",
        )
    ]


@pytest.mark.parametrize(
    ("api_version", "kind", "message", "hint"),
    [
        ("v1", "service", "there is no service of v1", 'did you mean kind "Service" of v1?'),
        ("v1", "Services", "there is no Services of v1", 'did you mean kind "Service" of v1?'),
        ("v1", "Sevrice", "there is no Sevrice of v1", 'did you mean kind "Service" of v1?'),
        ("v1", "node", "there is no node of v1", 'did you mean kind "Node" of v1?'),
        ("v1", "endpointslice", "there is no endpointslice of v1", None),
        ("v1", "EndpointSlice", "there is no EndpointSlice of v1", None),
        ("discovery.k8s.io/v1", "endpointslice", "there is no endpointslice of discovery.k8s.io/v1", None),
        ("discovery.k8s.io/v1", "EndpointSlices", "there is no EndpointSlices of discovery.k8s.io/v1", None),
        ("discovery.k8s.io/v1", "Service", "there is no Service of discovery.k8s.io/v1", 'kind "Service" of v1'),
        ("networking.k8s.io/v1", "ServiceCidr", "there is no ServiceCidr of", 'ServiceCIDR" of networking.k8s.io/v1?'),
        ("metallb.io/v1beta1", "IpAddressPool", "there is no IpAddressPool of", "IPAddressPool"),
        ("v2", "Service", "Service of v2 is not read; convert it to v1", ""),
        ("networking.k8s.io/v1alpha1", "ServiceCIDR", "convert it to networking.k8s.io/v1", ""),
        ("discovery.k8s.io/v2", "EndpointSlice", "convert it to discovery.k8s.io/v1", ""),
        ("metallb.io/v1beta1", "AddressPool", "convert it to IPAddressPool of metallb.io/v1beta1", ""),
        ("metallb.io/v1alpha1", "AddressPool", "convert it to IPAddressPool of metallb.io/v1beta1", ""),
    ],
)
def test_a_kind_that_is_none_and_looks_like_one_that_is_read_is_warned_of(
    api_version: str, kind: str, message: str, hint: str | None
) -> None:
    result = loaded({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}})
    [problem] = result.problems
    assert problem.severity is Severity.WARNING
    assert problem.rule in RULES
    assert message in problem.message()
    assert ('"EndpointSlice" of discovery.k8s.io/v1?' if hint is None else hint) in problem.hint
    assert bool(problem.hint) is (problem.rule == "manifest/kind-unknown")
    assert sum(result.skipped.values()) == 1


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("serving.knative.dev/v1", "Service"),
        ("example.com/v1", "services"),
        ("v1", "ServiceAccount"),
        ("v1", "Endpoints"),
        ("v1", "Pod"),
        ("v1", "Widget"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "IPAddress"),
        ("metallb.io/v1beta1", "L2Advertisement"),
        ("networking.istio.io/v1", "ServiceEntry"),
    ],
)
def test_nothing_is_said_of_other_kinds(api_version: str, kind: str) -> None:
    result = loaded({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}})
    assert result.problems == ()
    assert sum(result.skipped.values()) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"apiVersion": "v1"}, "Object 'Kind' is missing"),
        ({"apiVersion": "v1", "kind": ""}, "Object 'Kind' is missing"),
        ({"apiVersion": "v1", "kind": 5}, "Object 'Kind' is missing"),
        ({"kind": "Service"}, "apiVersion not set"),
        ({"apiVersion": ["v1"], "kind": "Service"}, "apiVersion not set"),
    ],
)
def test_an_object_says_what_it_is(value: dict[str, Any], message: str) -> None:
    result = loaded(value)
    assert [(problem.rule, problem.message()) for problem in result.problems] == [("manifest/type-missing", message)]
    assert result.problems[0].severity is Severity.ERROR


def test_a_namespace_is_kept_with_its_slices_and_what_belongs_to_no_namespace() -> None:
    objects = [service("web", "shop"), service("web", "blog"), service("db", None), slice_of("web", "shop")]
    objects += [slice_of("web", "blog"), dict(NODE), dict(SERVICE_CIDR)]
    result = loaded(*objects, namespace="blog")
    assert names(result) == ["blog/web", "blog/db"]
    assert [item.namespace for item in result.cluster.endpoint_slices] == ["blog"]
    assert (len(result.cluster.nodes), len(result.cluster.service_cidrs)) == (1, 1)


def test_slices_follow_the_services_that_a_selector_selects() -> None:
    objects = [service("web", labels={"tier": "front"}), service("db", labels={"tier": "back"})]
    objects += [slice_of("web"), slice_of("db"), slice_of(None), dict(NODE)]
    result = loaded(*objects, selector="tier=front")
    assert names(result) == ["shop/web"]
    assert [item.service_name for item in result.cluster.endpoint_slices] == ["web"]
    assert len(result.cluster.nodes) == 1


def test_namespace_and_selector_hold_together() -> None:
    objects = [service("web", namespace, {"tier": "front"}) for namespace in ("shop", "blog")]
    objects += [slice_of("web", "shop"), slice_of("web", "blog")]
    result = loaded(*objects, namespace="blog", selector="tier")
    assert names(result) == ["blog/web"]
    assert [item.namespace for item in result.cluster.endpoint_slices] == ["blog"]


def test_a_wrong_selector_is_refused_before_anything_is_read() -> None:
    with pytest.raises(SettingsError):
        load(["/does/not/exist"], selector="a b")


def test_files_and_standard_input_are_loaded_together(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    path.write_text(json.dumps(SERVICE), encoding="utf-8")
    result = load([str(path), "-"], stdin=io.BytesIO(json.dumps(NODE).encode()))
    assert (names(result), len(result.cluster.nodes)) == (["shop/web"], 1)
    assert result.files == (str(path), "<stdin>")


def test_what_cannot_be_opened_is_an_error() -> None:
    with pytest.raises(InputError):
        load(["/does/not/exist"])


def test_problems_of_a_text_come_first() -> None:
    result = load_text("- 5\n- {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {}}\n")
    assert rules(result) == ["manifest/not-an-object", "service/ports-required"]


def test_the_cycle_collector_is_as_it_was() -> None:
    assert gc.isenabled()
    loaded(SERVICE)
    assert gc.isenabled()


def test_objects_but_slices_are_announced_and_loaded_as_ever(tmp_path: Path) -> None:
    manifest = tmp_path / "cluster.yaml"
    manifest.write_text(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, labels:"
        " {kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [{port: 8080}]\n"
        "endpoints: [{addresses: [10.244.0.5]}]\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}\n"
        "---\nkind: Unknown\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: Wrong}\nspec: {ports: [{port: 0}]}\n---\n"
        "apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\n"
    )
    announced: list[Cluster] = []
    loaded = load([str(manifest)], announce=announced.append)
    assert loaded == load([str(manifest)])
    assert len(loaded.problems) > 1
    assert announced == [Cluster(loaded.cluster.services, (), loaded.cluster.nodes, ())]
