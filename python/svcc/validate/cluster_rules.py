"""The rules that look at several objects, or at none: of a whole cluster, and of the texts manifests come in.

Severities are argued so: an ERROR is what the API server refuses, or where one of two objects cannot have what both
say is theirs; a WARNING is accepted and will hardly work as somebody meant it; INFO is in order, and may surprise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from svcc.fields import Severity
from svcc.validate.rules import RULES, Rule

__all__ = ["ALL_RULES", "BUILDER_RULES", "CLUSTER_RULES", "TEXT_RULES"]


def _rules(prefix: str, severity: Severity, meanings: Mapping[str, str]) -> dict[str, Rule]:
    rules = [Rule(f"{prefix}/{name}", meaning, severity) for name, meaning in meanings.items()]
    return {rule.id: rule for rule in rules}


TEXT_RULES: Mapping[str, Rule] = MappingProxyType(
    _rules(
        "manifest",
        Severity.ERROR,
        {
            "not-utf8": "A manifest is text in UTF-8.",
            "too-large": "Texts, values and Lists stay within what svcc reads.",
            "too-deep": "Values and Lists are not nested deeper than svcc reads.",
            "json-syntax": "What begins as JSON is JSON.",
            "json-value": "A JSON value is one that manifests can hold.",
            "yaml-syntax": "YAML is YAML.",
            "yaml-value": "A YAML value is one that manifests can hold.",
            "duplicate-key": "A key stands once in an object.",
            "not-an-object": "A document is an object, and so is an item of a List.",
            "list-items": "The items of a List are a list.",
            "watch-error": "A watch ended without an error.",
        },
    )
)
"""What is told of the texts themselves, before there are objects."""

CLUSTER_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **_rules(
            "cluster",
            Severity.ERROR,
            {
                "cluster-ip-taken": "A cluster IP belongs to one Service.",
                "cluster-ip-out-of-range": "A cluster IP lies in a ServiceCIDR.",
                "node-port-taken": "A node port belongs to one Service, whatever the protocol.",
                "node-port-out-of-range": "A node port lies in the range of node ports.",
                "health-check-node-port-taken": "A health check node port is nobody's node port.",
                "health-check-node-port-out-of-range": "A health check node port lies in the range of node ports.",
                "load-balancer-ip-taken": "A port of a load balancer's address belongs to one Service.",
                "external-ip-taken": "A port of an external IP belongs to one Service.",
                "family-not-served": "There is a ServiceCIDR for each family of a Service.",
            },
        ),
        **_rules(
            "cluster",
            Severity.WARNING,
            {
                "load-balancer-ip-shared": "Services that share a load balancer's address say so, as MetalLB asks.",
                "slice-without-label": "A slice says by its label which Service it belongs to.",
                "slice-without-service": "There is a Service of the name that a slice says.",
                "slice-family-not-of-service": "A slice is of a family that its Service has.",
                "slice-port-unmatched": "A port of a slice has name and protocol of a port of its Service.",
                "slice-without-ports": "A slice that has endpoints gives a port for them.",
                "pod-cidr-overlaps": "Each node has pod CIDRs of its own.",
                "pod-cidr-overlaps-service-cidr": "Pod CIDRs and ServiceCIDRs are apart.",
                "node-ports-overlap-local-ports": "Node ports are apart from the ports the kernel gives to clients.",
            },
        ),
        **_rules(
            "cluster",
            Severity.INFO,
            {
                "external-ip-shared": "An external IP belongs to one Service.",
                # Who compiles for one node is right to give that Node only.
                "endpoint-node-unknown": "There is a Node of the name that an endpoint says.",
            },
        ),
    }
)
"""The rules of `svcc.validate.cluster`."""

BUILDER_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **_rules("cluster", Severity.ERROR, {"frontend-conflict": "An address and port belong to one Service."}),
        **_rules(
            "cluster",
            Severity.WARNING,
            {
                "no-node-object": "There is a Node of the name that is compiled for.",
                "no-node-port-address": "The node has an address for its node ports.",
                "no-pod-cidr": "Where pods are told by their addresses, these are known.",
                "too-many-for-maglev": "A Maglev table has room for the endpoints; else they are picked at random.",
            },
        ),
        **_rules("cluster", Severity.INFO, {"yields-no-rules": "A Service has addresses that nodes serve."}),
    }
)
"""What `svcc.dataplane.build` tells on its way to rules; a Service that waits for its cluster IP is a warning there."""

ALL_RULES: Mapping[str, Rule] = MappingProxyType({**TEXT_RULES, **RULES, **CLUSTER_RULES, **BUILDER_RULES})
"""Every rule that a problem can name."""
