"""`spec.ports` of a Service (core/validation, `validateServicePort`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svcc.validate.findings import Findings, Path
from svcc.validate.names import (
    SUPPORTED_PROTOCOLS,
    dns_label_errors,
    port_name_errors,
    port_number_errors,
    qualified_name_errors,
)

__all__ = ["check_port_conflicts", "check_ports"]

_PORTS: Path = ("spec", "ports")


def check_ports(ports: Sequence[Mapping[str, Any]], findings: Findings) -> None:
    """Judge each port by itself, and that names are unique."""
    names: set[str] = set()
    for index, port in enumerate(ports):
        path: Path = (*_PORTS, index)
        name = port.get("name", "")
        if name:
            for error in dns_label_errors(name):
                findings.invalid("service/port-name-invalid", (*path, "name"), name, error)
            if name in names:
                findings.duplicate("service/port-name-duplicate", (*path, "name"), name)
            names.add(name)
        elif len(ports) > 1:
            findings.required("service/port-name-required", (*path, "name"))
        number = port.get("port", 0)
        for error in port_number_errors(number):
            findings.invalid("service/port-out-of-range", (*path, "port"), number, error)
        if port["protocol"] not in SUPPORTED_PROTOCOLS:
            rule = "service/protocol-unsupported"
            findings.unsupported(rule, (*path, "protocol"), port["protocol"], SUPPORTED_PROTOCOLS)
        _check_target_port(port["targetPort"], number, (*path, "targetPort"), findings)
        if "appProtocol" in port:
            for error in qualified_name_errors(port["appProtocol"]):
                findings.invalid("service/app-protocol-invalid", (*path, "appProtocol"), port["appProtocol"], error)


def _check_target_port(target: int | str, port: int, path: Path, findings: Findings) -> None:
    """The server repeats a wrong `port` for the target port it defaulted from it; svcc says it once."""
    if isinstance(target, str):
        for error in port_name_errors(target):
            findings.invalid("service/target-port-name-invalid", path, target, error)
    elif target != port:
        for error in port_number_errors(target):
            findings.invalid("service/target-port-out-of-range", path, target, error)


def check_port_conflicts(spec: Mapping[str, Any], findings: Findings) -> None:
    """Judge node ports against the type, and that no port is declared twice."""
    ports = spec.get("ports", [])
    for index, port in enumerate(ports):
        number = port.get("nodePort", 0)
        path: Path = (*_PORTS, index, "nodePort")
        if number and spec["type"] == "ClusterIP":
            detail = "may not be used when `type` is 'ClusterIP'"
            findings.forbidden("service/node-port-on-cluster-ip", path, detail)
        elif number:  # the range of node ports is the cluster's; beyond that of ports it cannot be
            for error in port_number_errors(number):
                findings.invalid("service/node-port-out-of-range", path, number, error)
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        number = port.get("nodePort", 0)
        if number and (port["protocol"], number) in node_ports:
            findings.duplicate("service/node-port-duplicate", (*_PORTS, index, "nodePort"), number)
        node_ports.add((port["protocol"], number))
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        key = (port["protocol"], port.get("port", 0))
        if key in seen:
            findings.duplicate("service/port-duplicate", (*_PORTS, index), _printed_key(*key))
        seen.add(key)


def _printed_key(protocol: str, port: int) -> dict[str, Any]:
    """The server prints the whole internal struct, of which only the key's two fields are set."""
    return {"Name": "", "Protocol": protocol, "AppProtocol": None, "Port": port, "TargetPort": 0, "NodePort": 0}
