"""From EndpointSlices to endpoints: S10 to S16."""

from __future__ import annotations

from svcc.model.endpoints import Endpoint, EndpointPort
from svcc.model.service import Protocol, ServicePort
from tests.unit.oracle_rows.words import (
    CLUSTER_IP,
    DROPPED,
    HERE,
    LOCAL,
    LOCAL_POD,
    LOCAL_POD6,
    OTHER_LOCAL_POD,
    REJECTED,
    REMOTE_POD,
    THERE,
    Row,
    backed_by,
    from_pod,
    on,
    to,
    web,
)

BY_NAME = (ServicePort(80, "http"), ServicePort(443, "https"))

ROWS = [
    Row(
        "S10: a slice without the label belongs to no Service",
        [web(), backed_by(HERE, service_name=None)],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S10: a slice belongs to a Service of its own namespace only",
        [web(), backed_by(HERE, namespace="shop")],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S10: FQDN slices are ignored even if an address were in them",
        [web(), backed_by(HERE, address_type="FQDN")],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S10: slices of the other family are ignored",
        [web(), backed_by(HERE), backed_by(on(LOCAL_POD6), address_type="IPv6", name="web-6")],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S11: only the first address counts, and an endpoint without one is skipped",
        [web(), backed_by(Endpoint(()), Endpoint((LOCAL_POD, REMOTE_POD)))],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S12: ports match by name",
        [
            web(ports=BY_NAME),
            backed_by(HERE, ports=(EndpointPort(8080, "http"), EndpointPort(8443, "https"), EndpointPort(9, "other"))),
        ],
        from_pod(CLUSTER_IP, 443),
        to(LOCAL_POD, port=8443),
    ),
    Row(
        "S12: the same name with another protocol is no match",
        [web(), backed_by(HERE, ports=(EndpointPort(8080, "", Protocol.UDP),))],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S12: a null name is not the empty name, and a null or zero number is skipped",
        [web(), backed_by(HERE, ports=(EndpointPort(8080, None), EndpointPort(None, ""), EndpointPort(0, "")))],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S12 S23: slices may map a port name to different numbers, and every endpoint keeps its own",
        [web(), backed_by(HERE), backed_by(THERE, name="web-2", ports=(EndpointPort(9090),))],
        from_pod(CLUSTER_IP),
        {result: share / 2 for result, share in (to(LOCAL_POD) | to(REMOTE_POD, port=9090)).items()},
    ),
    Row(
        "S13: a condition that is unset means ready, serving, not terminating",
        [web(), backed_by(HERE, on(REMOTE_POD, "node-b", ready=False, terminating=True))],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S13 S18: serving that is unset is true, so a terminating endpoint without it is a fallback",
        [web(), backed_by(on(LOCAL_POD, ready=False, terminating=True))],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S13: terminating that is unset is false, so a serving endpoint that is not ready is no fallback",
        [web(), backed_by(on(LOCAL_POD, ready=False, serving=True))],
        from_pod(CLUSTER_IP),
        REJECTED,
    ),
    Row(
        "S13: terminating does not clear ready",
        [web(), backed_by(on(LOCAL_POD, ready=True, terminating=True), THERE)],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S14: an endpoint without a node name is not local, nor is one with an empty one",
        [web(internal_traffic_policy=LOCAL), backed_by(on(LOCAL_POD, None), on(OTHER_LOCAL_POD, ""))],
        from_pod(CLUSTER_IP),
        DROPPED,
    ),
    Row(
        "S15: an endpoint in two slices counts once",
        [web(), backed_by(HERE), backed_by(HERE, THERE, name="web-2")],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD, REMOTE_POD),
    ),
    Row(
        "S15: a local copy replaces the one seen first that is not local, its conditions included",
        [
            web(internal_traffic_policy=LOCAL),
            backed_by(on(LOCAL_POD, None, ready=False)),
            backed_by(HERE, name="web-slice-2"),
        ],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S15: a copy that is not local does not replace a local one",
        [web(), backed_by(HERE), backed_by(on(LOCAL_POD, None, ready=False), name="web-slice-2")],
        from_pod(CLUSTER_IP),
        to(LOCAL_POD),
    ),
    Row(
        "S15: between two copies alike in locality the slice first by name decides, not the one declared first",
        [web(), backed_by(on(REMOTE_POD, ready=False), name="web-2"), backed_by(on(REMOTE_POD), name="web-1")],
        from_pod(CLUSTER_IP),
        to(REMOTE_POD),
    ),
    Row(
        "S16: there is no limit on the number of endpoints",
        [web(), backed_by(*(on(f"10.244.3.{number}", "node-c") for number in range(1, 201)))],
        from_pod(CLUSTER_IP),
        to(*(f"10.244.3.{number}" for number in range(1, 201))),
    ),
]
