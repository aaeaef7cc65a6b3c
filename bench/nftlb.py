"""Services as nftlb's farms: one for each frontend, endpoints at random with equal weights.

nftlb knows neither source ranges, nor who is a pod, nor what is local; and no frontend on all addresses of the node.
Farms therefore translate destinations alone, and stand for cluster IPs and load balancers, not for node ports.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from svcc.dataplane.contract import Dataplane, ServicePortPlan

__all__ = ["nftlb_farms"]


def nftlb_farms(dataplane: Dataplane) -> Iterator[str]:
    """The configuration file for the first family's service ports."""
    farms = [farm for plan in dataplane.families[0].service_ports for farm in _farms(plan)]
    yield json.dumps({"farms": farms})


def _farms(plan: ServicePortPlan) -> Iterator[dict[str, Any]]:
    backends = [
        {"name": f"endpoint-{number}", "ip-addr": endpoint.address, "port": str(endpoint.port), "state": "up"}
        for number, endpoint in enumerate(plan.cluster_endpoints)
    ]
    for frontend in plan.frontends:
        if frontend.address is not None:
            yield {
                "name": f"{plan.name.namespace}_{plan.name.service}_{frontend.kind.value}",
                "family": "ipv4",
                "virtual-addr": frontend.address,
                "virtual-ports": str(frontend.port),
                "mode": "dnat",
                "protocol": plan.name.protocol.value.lower(),
                "scheduler": "weight",
                "state": "up",
                "backends": backends,
            }
