"""A Service judged as the API server judges it at creation (core/validation, `ValidateService`), in the same order.

Values are conformed and defaulted (`svcc.wire.service`). What needs the cluster (allocation, uniqueness across
Services, which families are configured) is not judged here: a Service without cluster IP or node port is fine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcc.validate.findings import Findings, Path
from svcc.validate.metadata import check_label_pairs, check_metadata
from svcc.validate.names import (
    dns_label_errors,
    dns_subdomain_errors,
    old_service_name_errors,
    port_number_errors,
    qualified_name_errors,
)
from svcc.validate.service_addresses import (
    check_cluster_ips,
    check_external_ips,
    check_ingress,
    check_source_ranges,
    is_headless,
)
from svcc.validate.service_ports import check_port_conflicts, check_ports
from svcc.validate.service_warnings import TOPOLOGY_HINTS_ANNOTATION, TOPOLOGY_MODE_ANNOTATION, check_service_warnings
from svcc.wire.service import is_externally_accessible

__all__ = ["check_service"]

_KUBELET_PORT = 10250
_LONGEST_AFFINITY_SECONDS = 86400
_TRAFFIC_POLICIES = ("Cluster", "Local")
_SPEC: Path = ("spec",)


def check_service(value: Mapping[str, Any], findings: Findings) -> None:
    """Report everything that is wrong with one Service, then what the server would warn of."""
    metadata = value.get("metadata", {})
    spec = value["spec"]
    check_metadata(metadata, dns_label_errors, findings, namespaced=True)
    _check_name_age(metadata.get("name", ""), findings)
    _check_topology_annotations(metadata.get("annotations", {}), findings)
    _check_type_dependent_fields(spec, findings)
    check_ports(spec.get("ports", []), findings)
    check_label_pairs("service/selector", spec.get("selector", {}), (*_SPEC, "selector"), findings)
    _check_affinity(spec, findings)
    check_cluster_ips(spec, findings)
    check_external_ips(spec.get("externalIPs", []), findings)
    _check_enumerated("type", spec["type"], ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"), findings)
    check_port_conflicts(spec, findings)
    check_source_ranges(spec, metadata.get("annotations", {}), findings)
    _check_load_balancer_fields(spec, findings)
    _check_external_traffic(spec, findings)
    if "internalTrafficPolicy" in spec:
        _check_enumerated("internalTrafficPolicy", spec["internalTrafficPolicy"], _TRAFFIC_POLICIES, findings)
    if "trafficDistribution" in spec:
        known = ("PreferClose", "PreferSameNode", "PreferSameZone")
        _check_enumerated("trafficDistribution", spec["trafficDistribution"], known, findings)
    check_ingress(value.get("status", {}).get("loadBalancer", {}).get("ingress", []), spec["type"], findings)
    check_service_warnings(value, findings)


_ENUMERATION_RULES = {
    "type": "service/type-unsupported",
    "sessionAffinity": "service/session-affinity-unsupported",
    "externalTrafficPolicy": "service/external-traffic-policy-unsupported",
    "internalTrafficPolicy": "service/internal-traffic-policy-unsupported",
    "trafficDistribution": "service/traffic-distribution-unsupported",
}


def _check_enumerated(name: str, value: str, supported: tuple[str, ...], findings: Findings) -> None:
    if value not in supported:
        findings.unsupported(_ENUMERATION_RULES[name], (*_SPEC, name), value, supported)


def _check_name_age(name: str, findings: Findings) -> None:
    """KEP-5311 is on by default since 1.37; older servers refuse a name that starts with a digit."""
    errors = old_service_name_errors(name)
    if name and errors and not dns_label_errors(name):
        sentence = f'servers before 1.37 refuse the name "{name}": {errors[0]}'
        findings.notice("service/name-needs-newer-server", ("metadata", "name"), sentence)


def _check_topology_annotations(annotations: Mapping[str, str], findings: Findings) -> None:
    mode = annotations.get(TOPOLOGY_MODE_ANNOTATION)
    hints = annotations.get(TOPOLOGY_HINTS_ANNOTATION)
    if mode is not None and hints is not None and mode != hints:
        path: Path = ("metadata", "annotations", (TOPOLOGY_MODE_ANNOTATION,))
        detail = f"must match annotations[{TOPOLOGY_HINTS_ANNOTATION}] when both are specified"
        findings.invalid("service/topology-annotations-differ", path, mode, detail)


def _check_type_dependent_fields(spec: Mapping[str, Any], findings: Findings) -> None:
    kind = spec["type"]
    ports = spec.get("ports", [])
    headless = is_headless(spec)
    if not ports and not headless and kind != "ExternalName":
        findings.required("service/ports-required", (*_SPEC, "ports"))
    if kind == "LoadBalancer":
        for index, port in enumerate(ports):
            if port.get("port") == _KUBELET_PORT:
                detail = f"may not expose port {_KUBELET_PORT} externally since it is used by kubelet"
                findings.invalid("service/kubelet-port-exposed", (*_SPEC, "ports", index), _KUBELET_PORT, detail)
    if kind in ("LoadBalancer", "NodePort") and headless:
        detail = f"may not be set to 'None' for {kind} services"
        findings.invalid("service/headless-not-allowed", (*_SPEC, "clusterIPs", 0), "None", detail)
    if kind == "ExternalName":
        _check_external_name(spec, findings)


def _check_external_name(spec: Mapping[str, Any], findings: Findings) -> None:
    detail = "may not be set for ExternalName services"
    if spec.get("clusterIPs"):
        findings.forbidden("service/external-name-has-cluster-ips", (*_SPEC, "clusterIPs"), detail)
    if spec.get("ipFamilies"):
        findings.forbidden("service/external-name-has-ip-families", (*_SPEC, "ipFamilies"), detail)
    if "ipFamilyPolicy" in spec:
        findings.forbidden("service/external-name-has-ip-family-policy", (*_SPEC, "ipFamilyPolicy"), detail)
    name = spec.get("externalName", "").removesuffix(".")
    if not name:
        findings.required("service/external-name-required", (*_SPEC, "externalName"))
    else:
        for error in dns_subdomain_errors(name):
            findings.invalid("service/external-name-invalid", (*_SPEC, "externalName"), name, error)


def _check_affinity(spec: Mapping[str, Any], findings: Findings) -> None:
    _check_enumerated("sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"), findings)
    path: Path = (*_SPEC, "sessionAffinityConfig")
    if spec["sessionAffinity"] == "ClientIP":
        timeout = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]
        if not 0 < timeout <= _LONGEST_AFFINITY_SECONDS:
            rule = "service/affinity-timeout-out-of-range"
            detail = f"must be greater than 0 and less than {_LONGEST_AFFINITY_SECONDS}"
            findings.invalid(rule, (*path, "clientIP", "timeoutSeconds"), timeout, detail)
    elif spec["sessionAffinity"] == "None" and "sessionAffinityConfig" in spec:
        # The server has this as an error, and drops the field while defaulting before it could raise it.
        rule = "service/affinity-config-without-affinity"
        findings.forbidden(rule, path, "must not be set when session affinity is None")


def _check_load_balancer_fields(spec: Mapping[str, Any], findings: Findings) -> None:
    detail = "may only be used when `type` is 'LoadBalancer'"
    is_load_balancer = spec["type"] == "LoadBalancer"
    if "allocateLoadBalancerNodePorts" in spec and not is_load_balancer:
        path: Path = (*_SPEC, "allocateLoadBalancerNodePorts")
        findings.forbidden("service/allocate-node-ports-needs-load-balancer", path, detail)
    if "loadBalancerClass" in spec:
        path = (*_SPEC, "loadBalancerClass")
        if not is_load_balancer:
            findings.forbidden("service/load-balancer-class-needs-load-balancer", path, detail)
        else:
            for error in qualified_name_errors(spec["loadBalancerClass"]):
                findings.invalid("service/load-balancer-class-invalid", path, spec["loadBalancerClass"], error)


def _check_external_traffic(spec: Mapping[str, Any], findings: Findings) -> None:
    policy = spec.get("externalTrafficPolicy", "")
    if is_externally_accessible(spec):
        _check_enumerated("externalTrafficPolicy", policy, _TRAFFIC_POLICIES, findings)
    elif policy:
        detail = "may only be set for externally-accessible services"
        path: Path = (*_SPEC, "externalTrafficPolicy")
        findings.invalid("service/external-traffic-policy-not-external", path, policy, detail)
    port = spec.get("healthCheckNodePort", 0)
    path = (*_SPEC, "healthCheckNodePort")
    if spec["type"] == "LoadBalancer" and policy == "Local":
        for error in port_number_errors(port) if port else ():
            findings.invalid("service/health-check-node-port-out-of-range", path, port, error)
    elif port:
        detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        findings.invalid("service/health-check-node-port-not-needed", path, port, detail)
