"""The records of one Service in the cluster's zone, and which names its addresses have."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from svcc.addresses import canonical_address
from svcc.dns.contract import MOST_NAME_CHARACTERS, DnsFlavour, DnsSettings, Record
from svcc.dns.endpoints import NamedEndpoint, NamedPort, named_endpoints
from svcc.dns.names import is_label, reverse_name
from svcc.dns.problems import DnsProblems
from svcc.fields import ObjectReference
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service, ServiceType

__all__ = ["Pointer", "ServiceRecords"]

_WEIGHT = 100


@frozen
class Pointer:
    """An address and the PTR record that leads from it to a name."""

    address: str
    record: Record
    is_endpoint: bool


class ServiceRecords:
    """Collects the records of Services, one after the other."""

    def __init__(self, settings: DnsSettings, problems: DnsProblems) -> None:
        self.records: list[Record] = []
        self.pointers: list[Pointer] = []
        self._settings = settings
        self._problems = problems
        self._reference: ObjectReference | None = None
        self._is_coredns = settings.flavour is DnsFlavour.COREDNS

    def add(self, service: Service, slices: Iterable[EndpointSlice]) -> None:
        """Collect the records of a Service; `slices` are those that its label names."""
        self._reference = service.reference
        for value, steps in ((service.name, ("metadata", "name")), (service.namespace, ("metadata", "namespace"))):
            if not is_label(value):
                self._problems.invalid("dns/label", service, steps, value, "is no label, so there are no records")
                return
        name = f"{service.name}.{service.namespace}.svc.{self._settings.zone}"
        if len(name) > MOST_NAME_CHARACTERS + 1:
            self._problems.too_long(service, ("metadata", "name"), name)
        elif service.type is ServiceType.EXTERNAL_NAME:
            self._external(service, name)
        elif service.is_headless:
            self._headless(service, name, slices)
        else:
            self._cluster_ip(service, name, slices)

    def _external(self, service: Service, name: str) -> None:
        target = service.external_name.removesuffix(".").lower()
        if not all(map(is_label, target.split("."))) or len(target) > MOST_NAME_CHARACTERS:
            self._problems.invalid(
                "dns/label",
                service,
                ("spec", "externalName"),
                service.external_name,
                "is no name, so there is no record",
            )
            return
        if canonical_address(target) is not None:
            what = "CoreDNS has no record for it" if self._is_coredns else "it is read as a name, which nobody has"
            self._problems.invalid(
                "dns/external-name-address", service, ("spec", "externalName"), service.external_name, what
            )
            if self._is_coredns:
                return
        self._record(service, name, "CNAME", f"{target}.")

    def _cluster_ip(self, service: Service, name: str, slices: Iterable[EndpointSlice]) -> None:
        addresses = list(dict.fromkeys(filter(None, map(canonical_address, service.cluster_ips))))
        if not addresses:
            detail = "there is no cluster IP yet, so there are no records"
            self._problems.notice("dns/no-cluster-ip", service, ("spec", "clusterIP"), detail)
            return
        endpoints: list[NamedEndpoint] = []
        if self._is_coredns:
            endpoints = named_endpoints(service, slices, self._settings, self._problems)
            if self._settings.ignore_empty_services and not endpoints:
                return
        for address in addresses:
            self._address(service, name, address)
            self._pointer(service, name, address, is_endpoint=False)
        for index, port in enumerate(service.ports):
            if port.name:
                self._srv(service, index, (port.name, port.protocol.lower(), port.port), name, [name] * len(addresses))
        if self._is_coredns:
            self._targets(service, name, [(port.port, name) for port in service.ports for _ in addresses])
            # CoreDNS answers for endpoints of every Service if asked for one by its name.
            self._endpoint_names(service, name, endpoints)

    def _headless(self, service: Service, name: str, slices: Iterable[EndpointSlice]) -> None:
        if self._settings.without_endpoints:
            return
        endpoints = named_endpoints(service, slices, self._settings, self._problems)
        for address in sorted({endpoint.address for endpoint in endpoints}):
            self._address(service, name, address)
        self._endpoint_names(service, name, endpoints)
        targets: dict[NamedPort, list[str]] = {}
        for endpoint in endpoints:
            for port in endpoint.ports:
                targets.setdefault(port, []).append(f"{endpoint.label}.{name}")
        self._tell_ports(service, targets)
        weights: dict[tuple[str, str], int] = {}
        for (port_name, protocol, _), names in targets.items():
            weights[port_name, protocol] = weights.get((port_name, protocol), 0) + len(names)
        for port, names in targets.items():
            if port[0]:
                self._srv(service, None, port, name, names, weights[port[:2]])
        if self._is_coredns:
            self._targets(service, name, [(port[2], target) for port, names in targets.items() for target in names])

    def _endpoint_names(self, service: Service, name: str, endpoints: Iterable[NamedEndpoint]) -> None:
        for endpoint in endpoints if not self._settings.without_endpoints else ():
            own = f"{endpoint.label}.{name}"
            if len(own) > MOST_NAME_CHARACTERS + 1:
                item, index = endpoint.place
                self._problems.too_long(item, ("endpoints", index), own)
                continue
            self._address(service, own, endpoint.address)
            if endpoint.has_hostname:
                self._pointer(service, own, endpoint.address, is_endpoint=True)

    def _srv(
        self, service: Service, index: int | None, port: NamedPort, base: str, targets: list[str], count: int = 0
    ) -> None:
        """The SRV records of a port; `index` is that of the Service's port, None of a slice's."""
        port_name, protocol, number = port
        name = f"_{port_name}._{protocol}.{base}"
        if len(port_name) > _MOST_PORT_NAME or len(name) > MOST_NAME_CHARACTERS + 1:
            steps = ("spec", "ports") if index is None else ("spec", "ports", index, "name")
            self._problems.too_long(service, steps, name)
            return
        weight = self._weight(count or len(targets))
        for target in dict.fromkeys(targets):
            self._record(service, name, "SRV", f"0 {weight} {number} {target}")

    def _targets(self, service: Service, name: str, found: list[tuple[int, str]]) -> None:
        """CoreDNS answers an SRV question for the Service itself with all its ports, unnamed ones too."""
        weight = self._weight(len(found))
        for number, target in dict.fromkeys(found):
            self._record(service, name, "SRV", f"0 {weight} {number} {target}")

    def _weight(self, count: int) -> int:
        """CoreDNS shares a weight of 100 among all answers; else each has it, and none changes with the others."""
        return max(1, _WEIGHT // max(1, count)) if self._is_coredns else _WEIGHT

    def _tell_ports(self, service: Service, targets: Iterable[NamedPort]) -> None:
        numbers: dict[tuple[str, str], dict[int, None]] = {}
        for port_name, protocol, number in targets:
            numbers.setdefault((port_name, protocol), {})[number] = None
        if not numbers:
            return
        for index, port in enumerate(service.ports):
            found = numbers.get((port.name, port.protocol.lower()))
            if not port.name:
                continue
            if found is None:
                self._problems.notice(
                    "dns/port-without-record",
                    service,
                    ("spec", "ports", index, "name"),
                    f'no EndpointSlice has a port "{port.name}" {port.protocol}, so it has no SRV record',
                )
            elif list(found) != [port.port]:
                ports = ", ".join(map(str, sorted(found)))
                self._problems.notice(
                    "dns/port-differs",
                    service,
                    ("spec", "ports", index, "port"),
                    f"SRV records of {port.name} say {ports}, the endpoints' port, not {port.port}",
                )

    def _address(self, service: Service, name: str, address: str) -> None:
        self._record(service, name, "AAAA" if ":" in address else "A", address)

    def _pointer(self, service: Service, name: str, address: str, *, is_endpoint: bool) -> None:
        record = Record(reverse_name(address), "PTR", name, self._settings.ttl, self._reference, service.source)
        self.pointers.append(Pointer(address, record, is_endpoint))

    def _record(self, service: Service, name: str, record_type: str, data: str) -> None:
        self.records.append(Record(name, record_type, data, self._settings.ttl, self._reference, service.source))


_MOST_PORT_NAME = 62
"""A label has 63 characters, and that of a port begins with an underscore."""
