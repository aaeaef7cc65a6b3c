"""Hostile input: poison for every text, odd values for everything, and manifests changed at random."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.cli.manifests import Manifest, endpoint_slice, node, service

POISON = (
    '"; flush ruleset; add table ip owned #',
    "a\nflush ruleset\n",
    "}\n}\nadd table ip owned\n",
    "{ $x, @y }",
    "\\",
    "'`$(reboot)`",
    "# comment",
    "\x1b[31mred",
    "\0",
    "\u2028\ufeff",
    "a/../b",
    "-f",
    "*",
    "x" * 300,
    "é" * 64,
    "",
    " ",
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 65536, 2**63, 1.5),
    *([], {}, [None], [[]], {"": ""}),
    *("0", "10.0.0.1", "::", "0.0.0.0/0"),
)


def rich_cluster() -> list[Manifest]:
    """Objects that use most of what svcc reads, all in order."""
    sticky = service(
        type="LoadBalancer",
        sessionAffinity="ClientIP",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}},
        ports=[{"name": "http", "port": 80, "nodePort": 30080, "targetPort": "web", "appProtocol": "http"}],
        externalTrafficPolicy="Local",
        healthCheckNodePort=30081,
        externalIPs=["198.51.100.9"],
        loadBalancerSourceRanges=["203.0.113.0/24"],
        selector={"app": "web"},
    )
    sticky["status"] = {"loadBalancer": {"ingress": [{"ip": "198.51.100.80"}, {"hostname": "lb.example.com"}]}}
    sticky["metadata"] |= {
        "labels": {"app": "web"},
        "annotations": {"note": "hello", "service.kubernetes.io/topology-mode": "Auto"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    hinted = endpoint_slice()
    hinted["endpoints"][0] |= {
        "zone": "a",
        "hints": {"forZones": [{"name": "a"}]},
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "name": "web-a", "namespace": "shop"},
        "hostname": "web-a",
    }
    ranges = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": ["10.96.0.0/16", "fd00:96::/112"]},
    }
    return [sticky, service("other", "10.96.0.11"), hinted, endpoint_slice("other"), node(), ranges]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value inside a manifest."""
    steps: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        steps = list(value.items())
    elif isinstance(value, list):
        steps = list(enumerate(value))
    for step, inner in steps:
        yield (*path, step)
        yield from places(inner, (*path, step))


PLACES = list(places(rich_cluster()))


@st.composite
def mutated(draw: st.DrawFn) -> list[Manifest]:
    """The cluster with some values replaced, some keys renamed and some objects repeated."""
    items: Any = copy.deepcopy(rich_cluster())
    values = st.sampled_from(POISON) | st.sampled_from(ODD_VALUES) | st.text(max_size=8)
    for path in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=4)):
        place = items
        try:
            for step in path[:-1]:
                place = place[step]
            old = place.pop(path[-1])
        except (AttributeError, KeyError, IndexError, TypeError):
            continue  # An earlier change has taken this place away.
        if isinstance(place, dict):
            place[draw(st.just(path[-1]) | st.sampled_from(POISON))] = draw(st.just(old) | values)
        else:
            place.insert(path[-1], draw(st.just(old) | values))
    items += draw(st.lists(st.sampled_from(items), max_size=2))
    return draw(st.permutations(items))
