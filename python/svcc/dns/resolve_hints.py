"""Why a name is not answered, and which name would have been."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from attrs import evolve

from svcc.dns.contract import DnsRecords
from svcc.dns.lookup import NameIndex
from svcc.dns.resolve import Resolution, resolve
from svcc.dns.resolver import DnsPolicy, Libc
from svcc.model.service import Service, ServiceType

__all__ = ["resolution_hints"]

_MOST_SUGGESTIONS = 3


def resolution_hints(
    resolution: Resolution, records: DnsRecords | NameIndex, services: Sequence[Service]
) -> tuple[str, ...]:
    """Sentences about a look-up that was not answered; none about one that was.

    Every name that is suggested would be answered to the same pod.
    """
    if resolution.is_answered:
        return ()
    index = records if isinstance(records, NameIndex) else NameIndex(records)
    found = [*_of_settings(resolution, index), *_of_service(resolution, index, services)]
    suggested = list(dict.fromkeys(_suggested(resolution, index, services)))[:_MOST_SUGGESTIONS]
    if suggested:
        found.append(f"did you mean {_listed(suggested)}?")
    return tuple(found)


def _listed(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _of_settings(resolution: Resolution, index: NameIndex) -> Iterator[str]:
    """What the same name gives to a resolver with other settings."""
    resolver = resolution.resolver
    if not resolver.asks_cluster:
        first = evolve(resolver, policy=DnsPolicy.CLUSTER_FIRST, host_network=False, ndots=None)
        if resolve(index, resolution.name, first, types=resolution.types).is_answered:
            wanted = "ClusterFirstWithHostNet" if resolver.host_network else "ClusterFirst"
            yield f"the pod asks the node's name servers, not the cluster's; it is answered with dnsPolicy {wanted}"
        return
    for changed, sentence in (
        (evolve(resolver, libc=Libc.GLIBC), "musl stops here; glibc goes on, and is answered"),
        (evolve(resolver, ndots=None), "it is answered with the ndots that kubelet writes"),
    ):
        if changed != resolver and resolve(index, resolution.name, changed, types=resolution.types).is_answered:
            yield sentence


def _of_service(resolution: Resolution, index: NameIndex, services: Sequence[Service]) -> Iterator[str]:
    """What the Service is like whose name was asked for, if there is one."""
    zone = resolution.resolver.zone
    asked = {query.name for query in resolution.queries}
    for name in dict.fromkeys(query.name for query in resolution.queries):
        if name.startswith("_") and "SRV" not in resolution.types and index.lookup(name, "SRV").records:
            yield f"{name} is a port, and is asked for with --type SRV"
    for service in services:
        name = f"{service.name}.{service.namespace}.svc.{zone}"
        if name not in asked:
            continue
        subject = f"{service.namespace}/{service.name}"
        types = sorted({record.type for record in index.lookup(name, "ANY").records} - set(resolution.types))
        if types == ["CNAME"]:
            yield f"{subject} {_dead_end(name, resolution.types[0], index)}"
        elif types:
            yield f"{subject} has {' and '.join(types)} records, which are asked for with --type"
        elif service.is_headless:
            yield f"{subject} is headless, and none of its endpoints is ready"
        elif service.type is not ServiceType.EXTERNAL_NAME and not service.cluster_ips:
            yield f"{subject} has no cluster IP yet"
        else:
            yield f"{subject} is declared, but has no records"


def _dead_end(name: str, record_type: str, index: NameIndex) -> str:
    """Where an external name leads that is not answered: round in a circle, or to a name without such records."""
    way = [name, *(record.data for record in index.lookup(name, record_type).records)]
    if len(set(way)) < len(way):
        return "leads in a circle"
    return f"leads to {way[-1]}, which has no such records"


def _suggested(resolution: Resolution, index: NameIndex, services: Sequence[Service]) -> Iterator[str]:
    """Names like the one that was looked up, the likeliest first."""
    name = resolution.name.lower().removesuffix(".")
    if resolution.name.endswith("."):
        yield from _answered([name], resolution, index)
    labels = name.split(".")
    ports = [label for label in labels if label.startswith("_")]
    labels = labels[len(ports) :]
    if not labels:
        return
    prefix = "".join(f"{label}." for label in ports)
    zone = resolution.resolver.zone.removesuffix(".")
    # A name in full, but in the zone of another cluster.
    if "svc" in labels[2:]:
        end = len(labels) - labels[::-1].index("svc")
        yield from _answered([f"{prefix}{'.'.join(labels[:end])}.{zone}"], resolution, index)
    here = resolution.resolver.namespace
    namespace = labels[1] if len(labels) > 1 else here
    same = [other for other in services if other.name == labels[0]]
    near = [
        f"{other}.{where}"
        for other in difflib.get_close_matches(labels[0], dict.fromkeys(other.name for other in services))
        for where in difflib.get_close_matches(namespace, _namespaces(services, other))
    ]
    others = sorted(
        (other.namespace for other in same), key=lambda text: (text != here, _unlike(text, namespace), text)
    )
    names = [*(f"{labels[0]}.{text}" for text in others), *near]
    short = [text.removesuffix(f".{here}") if text.count(".") == 1 else text for text in names]
    full = [f"{prefix}{text}" for text in short]
    yield from _answered([text for text in full if text != name], resolution, index)


def _namespaces(services: Sequence[Service], name: str) -> list[str]:
    return sorted({service.namespace for service in services if service.name == name})


def _unlike(text: str, other: str) -> float:
    return -difflib.SequenceMatcher(None, text, other).ratio()


def _answered(names: Sequence[str], resolution: Resolution, index: NameIndex) -> Iterator[str]:
    for name in names:
        if resolve(index, name, resolution.resolver, types=resolution.types).is_answered:
            yield name
        elif resolve(index, f"{name}.", resolution.resolver, types=resolution.types).is_answered:
            yield f"{name}."
