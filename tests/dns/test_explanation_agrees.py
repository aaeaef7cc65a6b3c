"""`svcc explain` and `svcc dns` give a Service the same names."""

from __future__ import annotations

from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from svcc.dns.records import dns_records
from svcc.explanation.names import dns_records as explained_records
from svcc.fields import Severity
from svcc.model.cluster import Cluster
from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.service import HEADLESS, Service, ServicePort
from tests.dns.test_properties import endpoint_slices, services


def explained(service: Service, slices: list[EndpointSlice]) -> set[tuple[str, str, str]]:
    found = explained_records(service, slices, "cluster.local")
    return {(f"{item.name}.", item.type, value.rstrip(".")) for item in found for value in item.values}


def named(service: Service, slices: list[EndpointSlice]) -> set[tuple[str, str, str]]:
    """Without weights, which `svcc explain` does not tell."""
    zone = dns_records(Cluster([service], slices)).zones[0]
    return {
        (record.name, record.type, record.data.removeprefix("0 100 ").rstrip("."))
        for record in zone.records
        if record.object is not None
    }


@given(services(), st.lists(endpoint_slices(), max_size=2))
def test_both_have_the_same_records(service: Service, items: list[EndpointSlice]) -> None:
    own = [evolve(item, namespace=service.namespace, service_name=service.name) for item in items]
    records = dns_records(Cluster([service], own))
    # What cannot be a name is a matter of `svcc dns` alone, and objects with errors are left out before.
    assume(not any(problem.rule in {"dns/name-too-long", "dns/label"} for problem in records.problems))
    assume(not any(problem.severity is Severity.ERROR for problem in records.problems))
    assert explained(service, own) == named(service, own)


def test_both_publish_endpoints_that_are_not_ready_by_the_annotation() -> None:
    annotations = {"service.alpha.kubernetes.io/tolerate-unready-endpoints": "true"}
    service = Service("db", "shop", cluster_ips=[HEADLESS], ports=[ServicePort(80, "http")], annotations=annotations)
    slices = [
        EndpointSlice(
            "db-1", "shop", service_name="db", address_type="IPv6", endpoints=[Endpoint(["::7"], ready=False)]
        )
    ]
    assert explained(service, slices) == named(service, slices)
    assert ("0--7.db.shop.svc.cluster.local.", "AAAA", "::7") in named(service, slices)
