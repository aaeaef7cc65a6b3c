"""Clusters for benchmarks, as `kubectl get svc,endpointslices,nodes -A -o json` prints them; suite version 1.

The same size always gives the same bytes. Change the version with anything that changes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VERSION = 1
ENDPOINTS = 10
NODES = 100
POD_CIDR = "10.128.0.0/9"


def cluster_file(folder: Path, services: int) -> Path:
    """A JSON file with so many Services, one EndpointSlice with ten endpoints each, and a hundred Nodes."""
    path = folder / f"cluster-{services}-v{VERSION}.json"
    if not path.exists():
        items = [service(number) for number in range(services)]
        items += [endpoint_slice(number) for number in range(services)]
        items += [_node(number) for number in range(NODES)]
        document = {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}
        path.write_text(json.dumps(document, indent=4))
    return path


def node_name(number: int) -> str:
    """The name of a node."""
    return f"node-{number:03}"


def cluster_ip(number: int) -> str:
    """The cluster IP of a Service, in 10.0.0.0/10."""
    return _address(10 << 24, number + 1)


def endpoint_address(number: int, index: int) -> str:
    """The address of one of a Service's ten endpoints, in 10.128.0.0/9."""
    return _address((10 << 24) + (128 << 16), number * ENDPOINTS + index + 1)


def _address(base: int, number: int) -> str:
    value = base + number
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _metadata(kind: str, name: str, number: int) -> dict[str, Any]:
    """What a server keeps beside the name, and every reader must pass over."""
    fields = {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:ports": {}, "f:selector": {}}}
    return {
        "creationTimestamp": f"2026-01-{number % 28 + 1:02}T00:00:{number % 60:02}Z",
        "labels": {"app": name},
        "managedFields": [
            {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields, "manager": kind, "operation": "Update"}
        ],
        "name": name,
        "namespace": f"team-{number % 50}",
        "resourceVersion": str(1000 + number),
        "uid": f"00000000-0000-4000-8000-{number:012x}",
    }


def service(number: int) -> dict[str, Any]:
    """A Service: mostly ClusterIP, every tenth NodePort, every twentieth a load balancer with source ranges."""
    kind = "LoadBalancer" if number % 20 == 0 else "NodePort" if number % 10 == 0 else "ClusterIP"
    address = cluster_ip(number)
    port: dict[str, Any] = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
    spec: dict[str, Any] = {
        "clusterIP": address,
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [port],
        "selector": {"app": f"service-{number}"},
        "sessionAffinity": "None",
        "type": kind,
    }
    status: dict[str, Any] = {"loadBalancer": {}}
    if kind != "ClusterIP":
        # The range of node ports holds fewer than 30 000 Services' worth.
        port["nodePort"] = 20000 + number // 10
        spec["externalTrafficPolicy"] = "Local" if number % 40 == 0 else "Cluster"
    if kind == "LoadBalancer":
        spec["loadBalancerSourceRanges"] = ["192.0.2.0/24", "198.51.100.0/24"]
        status = {"loadBalancer": {"ingress": [{"ip": _address(203 << 24, number + 1), "ipMode": "VIP"}]}}
        if number % 40 == 0:
            spec["healthCheckNodePort"] = 40000 + number // 40
    metadata = _metadata("kubectl", f"service-{number}", number)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": status}


def endpoint_slice(number: int) -> dict[str, Any]:
    """The slice of the Service of that number."""
    metadata = _metadata("kube-controller-manager", f"service-{number}-abcde", number)
    metadata["labels"] |= {
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": f"service-{number}",
    }
    endpoints = []
    for index in range(ENDPOINTS):
        pod = number * ENDPOINTS + index
        endpoints.append(
            {
                "addresses": [endpoint_address(number, index)],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": node_name(pod % NODES),
                "targetRef": {
                    "kind": "Pod",
                    "name": f"service-{number}-{pod:08x}",
                    "namespace": metadata["namespace"],
                    "uid": f"00000000-0000-4000-9000-{pod:012x}",
                },
                "zone": f"zone-{pod % 3}",
            }
        )
    return {
        "addressType": "IPv4",
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": endpoints,
        "kind": "EndpointSlice",
        "metadata": metadata,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


def _node(number: int) -> dict[str, Any]:
    address = _address((172 << 24) + (16 << 16), number + 1)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"labels": {"topology.kubernetes.io/zone": f"zone-{number % 3}"}, "name": node_name(number)},
        "spec": {"podCIDRs": [f"10.128.{number}.0/24"]},
        "status": {"addresses": [{"address": address, "type": "InternalIP"}]},
    }
