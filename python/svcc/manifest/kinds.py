"""Which objects svcc reads, and what somebody meant who wrote something else."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final

from svcc.fields import printable

__all__ = ["ADDRESS_POOL_KIND", "KINDS", "KUBE_PROXY_KIND", "NAMESPACE_KIND", "label_of", "mistake"]

KINDS: Final[Mapping[tuple[str, str], str]] = {
    ("v1", "Service"): "Service",
    ("v1", "Node"): "Node",
    ("discovery.k8s.io/v1", "EndpointSlice"): "EndpointSlice",
    ("networking.k8s.io/v1", "ServiceCIDR"): "ServiceCIDR",
    ("networking.k8s.io/v1beta1", "ServiceCIDR"): "ServiceCIDR",
}
"""The objects of a cluster, by apiVersion and kind."""
ADDRESS_POOL_KIND: Final = ("metallb.io/v1beta1", "IPAddressPool")
NAMESPACE_KIND: Final = ("v1", "Namespace")
KUBE_PROXY_KIND: Final = ("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration")

_READ: Final = (*KINDS, ADDRESS_POOL_KIND, NAMESPACE_KIND, KUBE_PROXY_KIND)
_NAMES_OF_OBJECTS: Final = frozenset(kind for _, kind in KINDS)
_OTHERS: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset(
        {
            "Binding",
            "ComponentStatus",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "ServiceAccount",
            "Status",
        }
    ),
    "discovery.k8s.io": frozenset(),
    "networking.k8s.io": frozenset({"IPAddress", "Ingress", "IngressClass", "NetworkPolicy"}),
    "kubeproxy.config.k8s.io": frozenset(),
    "metallb.io": frozenset(
        {
            "BFDProfile",
            "BGPAdvertisement",
            "BGPPeer",
            "Community",
            "ConfigurationState",
            "L2Advertisement",
            "ServiceBGPStatus",
            "ServiceL2Status",
        }
    ),
}
"""The groups of which svcc reads something, with what else there is in them; other groups are other people's."""
_SUCCESSORS: Final = {("metallb.io", "AddressPool"): ADDRESS_POOL_KIND}
_ALIKE: Final = 0.75


def mistake(api_version: str, kind: str) -> tuple[str, str, str] | None:
    """Why an object of a kind that svcc does not read is probably one that it should: rule, sentence and hint.

    None for what is well known, and for everything in other people's groups.
    """
    group, _, version = api_version.rpartition("/")
    if group not in _OTHERS or kind in _OTHERS[group]:
        return None
    written = f"{printable(kind)} of {printable(api_version)}"
    for read_version, name in _READ:
        if name == kind and read_version.rpartition("/")[0] == group and read_version.rpartition("/")[2] != version:
            return "manifest/api-version-not-read", f"{written} is not read; convert it to {read_version}", ""
    successor = _SUCCESSORS.get((group, kind))
    if successor is not None:
        sentence = f"{written} is not read, nor by MetalLB since 0.15; convert it to {successor[1]} of {successor[0]}"
        return "manifest/api-version-not-read", sentence, ""
    meant = _meant(group, kind)
    if meant is None:
        return None
    return "manifest/kind-unknown", f"there is no {written}", f'did you mean kind "{meant[1]}" of {meant[0]}?'


def _meant(group: str, kind: str) -> tuple[str, str] | None:
    """The kind that is spelled so but for upper and lower case, or much like it in the group itself."""
    by_name = {name.lower(): (version, name) for version, name in reversed(_READ)}
    if kind.lower() in by_name:
        return by_name[kind.lower()]
    own = {name: read for name, read in by_name.items() if read[0].rpartition("/")[0] == group}
    others = (name.lower() for name in _OTHERS[group])
    close = difflib.get_close_matches(kind.lower(), [*own, *others], n=1, cutoff=_ALIKE)
    return own.get(close[0]) if close else None


def label_of(api_version: str, kind: str) -> str:
    """A kind for a count: with version and group, if svcc reads a kind of that name in another one."""
    group, _, version = api_version.rpartition("/")
    return ".".join(filter(None, (kind, version, group))) if kind in _NAMES_OF_OBJECTS else kind
