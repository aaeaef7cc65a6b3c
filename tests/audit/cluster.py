"""The cluster that audits of tests are about, its ruleset, and what is put into it."""

from __future__ import annotations

from svcc.fields import Source
from svcc.model.cluster import Cluster, ClusterObject
from svcc.model.endpoints import Endpoint
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from tests.audit.differing import Case
from tests.declare import NODE as NODE_OBJECT
from tests.declare import SERVICE_CIDRS, compiled, local, remote, service, slices

POD, OUTSIDE, NODE = "10.244.3.9", "203.0.113.5", "192.168.0.10"
WEB = 'tcp . 10.96.0.10 . 80 comment "default/web:http" : 0:2,'
WEB_OBJECTS: tuple[ClusterObject, ...] = (
    Service(
        "web",
        type="LoadBalancer",
        cluster_ips=["10.96.0.10"],
        ports=[ServicePort(80, "http", node_port=30080)],
        load_balancer_source_ranges=["203.0.113.0/24"],
        load_balancer_ingress=[LoadBalancerIngress("198.51.100.1")],
        source=Source("web.yaml", 7),
    ),
    *slices("web", [local("10.244.1.5"), remote("10.244.2.5")]),
)
LOCAL_OBJECTS: tuple[ClusterObject, ...] = (
    Service(
        "edge",
        type="NodePort",
        cluster_ips=["10.96.0.20"],
        ports=[ServicePort(80, "http", node_port=30020)],
        external_ips=["198.51.100.20"],
        external_traffic_policy="Local",
    ),
    *slices("edge", [local("10.244.1.20"), remote("10.244.2.20")]),
)
OTHER_OBJECTS: tuple[ClusterObject, ...] = (
    service("empty", ["10.96.0.11"]),
    Service("sticky", cluster_ips=["10.96.0.12"], ports=[ServicePort(80, "http")], session_affinity="ClientIP"),
    *slices("sticky", [local("10.244.1.6"), remote("10.244.2.6"), Endpoint(["10.244.2.7"], ready=False)]),
)
OBJECTS = (*WEB_OBJECTS, *LOCAL_OBJECTS, *OTHER_OBJECTS)
COMPILATION = compiled(*OBJECTS)
SCRIPT = COMPILATION.script
CASE = Case(COMPILATION, Cluster.of(OBJECTS))
FORWARD = "table ip filter {{ chain FORWARD {{ type filter hook forward priority 0; policy accept; {} }} }}\n"
TO_WEB = f"tcp {POD} > 10.96.0.10:80"
CLUSTER = Cluster.of([NODE_OBJECT, SERVICE_CIDRS, *OBJECTS])
