"""How a pod's C library looks a name up: its search path, and which names it asks for in which order.

Sources: ``pkg/kubelet/network/dns/dns.go`` of Kubernetes (what kubelet writes into ``resolv.conf``), ``res_query.c`` of
glibc (``__res_context_search``), ``lookup_name.c``, ``resolvconf.c`` and ``res_query.c`` of musl.
"""

from __future__ import annotations

import enum
import re

from attrs import field, frozen

from svcc.errors import InputError, SettingsError
from svcc.fields import printable
from svcc.model.metadata import frozen_items

__all__ = ["DnsPolicy", "Libc", "PodResolver"]

_LABEL = re.compile(r"[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?")
_MOST_NDOTS = 15  # in both libraries: RES_MAXNDOTS, and the literal in musl
_CLUSTER_NDOTS = 5
_LIBRARY_NDOTS = 1
_MOST_SEARCH_DOMAINS = 32  # kubelet's limits: MaxDNSSearchPaths, MaxDNSSearchListChars
_MOST_SEARCH_CHARACTERS = 2048
_MUSL_LINE_CHARACTERS = 255  # musl passes over lines of resolv.conf that do not fit into its buffer of 256 bytes


class Libc(enum.StrEnum):
    """Whose resolver a pod has: glibc's (Debian, Red Hat), or musl's (Alpine)."""

    GLIBC = "glibc"
    MUSL = "musl"


class DnsPolicy(enum.StrEnum):
    """`spec.dnsPolicy` of a pod."""

    CLUSTER_FIRST = "ClusterFirst"
    CLUSTER_FIRST_WITH_HOST_NET = "ClusterFirstWithHostNet"
    DEFAULT = "Default"
    NONE = "None"


def _is_name(text: str) -> bool:
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def _search_domains(domains: object) -> tuple[str, ...]:
    found = []
    for text in frozen_items(domains):  # type: ignore[arg-type]
        name = text.removesuffix(".").lower()
        if not _is_name(name):
            raise SettingsError(f"search: {text!r} is no domain name")
        found.append(name)
    return tuple(found)


@frozen(kw_only=True)
class PodResolver:
    """What decides over a pod's look-ups.

    Attributes:
        namespace: the pod's.
        zone: the cluster's domain, absolute.
        policy: `spec.dnsPolicy`.
        host_network: whether the pod has the node's network; ClusterFirst then means Default.
        search: the search domains of the node's ``resolv.conf``, then those of the pod's `dnsConfig`.
        ndots: names with fewer dots are tried with the search path first; None takes what kubelet writes, 5, or where
            it writes nothing the libraries' own 1. Both take more than 15 for 15.
        libc: whose resolver it is.

    Raises:
        SettingsError: a value is no name or out of range.
    """

    namespace: str = field()
    zone: str = "cluster.local."
    policy: DnsPolicy = field(default=DnsPolicy.CLUSTER_FIRST, converter=DnsPolicy)
    host_network: bool = False
    search: tuple[str, ...] = field(default=(), converter=_search_domains)
    ndots: int | None = field(default=None)
    libc: Libc = field(default=Libc.GLIBC, converter=Libc)

    @namespace.validator
    def _namespace_is_label(self, _attribute: object, value: str) -> None:
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
            raise SettingsError(f"namespace: {value!r} cannot be the name of one")

    @ndots.validator
    def _ndots_in_range(self, _attribute: object, value: int | None) -> None:
        if value is not None and value < 0:
            raise SettingsError(f"ndots: {value} is negative")

    @property
    def has_cluster_path(self) -> bool:
        """Whether kubelet writes the cluster's search path and ``ndots:5``."""
        return self.policy is DnsPolicy.CLUSTER_FIRST_WITH_HOST_NET or (
            self.policy is DnsPolicy.CLUSTER_FIRST and not self.host_network
        )

    @property
    def asks_cluster(self) -> bool:
        """Whether the pod's name server is the cluster's; with the policy None `dnsConfig` is taken to name it."""
        return self.has_cluster_path or self.policy is DnsPolicy.NONE

    @property
    def effective_ndots(self) -> int:
        """The ndots that count."""
        ndots = self.ndots
        if ndots is None:
            ndots = _CLUSTER_NDOTS if self.has_cluster_path else _LIBRARY_NDOTS
        return min(ndots, _MOST_NDOTS)

    @property
    def search_path(self) -> tuple[str, ...]:
        """The search domains without final dots, each once, as many as kubelet writes; musl may ignore them all."""
        zone = self.zone.removesuffix(".")
        own = (f"{self.namespace}.svc.{zone}", f"svc.{zone}", zone) if self.has_cluster_path else ()
        found: list[str] = []
        for domain in dict.fromkeys((*own, *self.search)):
            if len(found) == _MOST_SEARCH_DOMAINS or len(" ".join([*found, domain])) > _MOST_SEARCH_CHARACTERS:
                break
            found.append(domain)
        if self.libc is Libc.MUSL and len(f"search {' '.join(found)}\n") > _MUSL_LINE_CHARACTERS:
            return ()
        return tuple(found)

    def candidates(self, name: str, *, is_address_wanted: bool = True) -> tuple[str, ...]:
        """The names that are asked for, absolute, in order, as long as none is answered.

        A name that ends in a dot is asked for as it is. One with at least `ndots` dots is tried as it is first, and
        then by glibc with the search path, too; musl does not search then. Others are tried with each domain of the
        search path and as they are at last. For anything but addresses musl has no search at all: its ``res_search`` is
        ``res_query``.

        Raises:
            InputError: the text cannot be a name.
        """
        lowered = name.lower()
        if not _is_name(lowered.removesuffix(".")):
            raise InputError(f"{printable(name)!r} is not a name that can be looked up")
        if lowered.endswith("."):
            return (lowered,)
        as_it_is = f"{lowered}."
        if self.libc is Libc.MUSL and not is_address_wanted:
            return (as_it_is,)
        searched = [f"{lowered}.{domain}." for domain in self.search_path if len(lowered) + len(domain) + 1 <= 253]
        if lowered.count(".") < self.effective_ndots:
            return (*searched, as_it_is)
        return (as_it_is,) if self.libc is Libc.MUSL else (as_it_is, *searched)
