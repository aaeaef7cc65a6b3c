"""Which pools a Service may have addresses of, and why it may not (MetalLB, `pinnedPoolsForService`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from svcc.addresses import IPFamily, family_of
from svcc.allocation.pools import AddressBook, Claim
from svcc.fields import FieldPath, printable
from svcc.model.address_pool import AddressPool, Namespace
from svcc.model.service import IPFamilyPolicy, Service

__all__ = ["RefusalError", "ServicePools"]


class RefusalError(Exception):
    """A Service gets nothing: the end of the rule's name, the field that is to blame, why, and the field's value."""

    def __init__(self, rule: str, path: FieldPath, detail: str, value: Any = None) -> None:
        super().__init__(detail)
        self.rule = rule
        self.path = path
        self.detail = detail
        self.value = value


class ServicePools:
    """The pools, as the Services see them."""

    def __init__(self, book: AddressBook, pools: Sequence[AddressPool], namespaces: Mapping[str, Namespace]) -> None:
        self._book = book
        self._pools = {pool.name: pool for pool in pools}
        self._namespaces = namespaces

    def check_requested(
        self, service: Service, claim: Claim, addresses: Sequence[str], path: FieldPath, wanted: str
    ) -> None:
        """Whether a Service can have just these addresses; `wanted` is the pool it asks for, or empty.

        Raises `RefusalError`.
        """
        text = ",".join(addresses)
        pools = {address: self._book.pool_of(address) for address in addresses}
        for address, pool in pools.items():
            if pool is None:
                raise RefusalError("ip-not-in-pool", path, f"{address} is in no pool ({self._listed()})", text)
            if self._book.is_excluded(address):
                detail = f"pool {pool.name} avoids addresses that end in .0 and .255"
                raise RefusalError("ip-not-in-pool", path, detail, text)
        found = {pool.name: pool for pool in pools.values() if pool is not None}
        if len(found) > 1:
            detail = f"the addresses are of two pools: {', '.join(found)}"
            raise RefusalError("ip-not-in-pool", path, detail, text)
        for pool in found.values():
            if wanted and pool.name != wanted:
                detail = f"of pool {pool.name}: not compatible with requested address pool {wanted}"
                raise RefusalError("ip-not-in-pool", path, detail, text)
            reason = self._foreign(pool, service)
            if reason is not None:
                raise RefusalError("pool-not-allowed", path, f"pool {pool.name} {reason}", text)
        for address in addresses:
            reason = self._book.objection(address, claim)
            if reason is not None:
                raise RefusalError("ip-taken", path, f"{address} is {reason}", text)

    def reserved(self, service: Service, claim: Claim, families: Sequence[IPFamily], wanted: str) -> list[str] | None:
        """The addresses that are reserved for a Service, one of each family, as far as it may have them."""
        found: dict[IPFamily, str] = {}
        for address in self._book.reserved_for(claim.owner):
            pool = self._book.pool_of(address)
            if (
                family_of(address) in families
                and pool is not None
                and wanted in ("", pool.name)
                and self._foreign(pool, service) is None
                and not self._book.is_excluded(address)
                and self._book.objection(address, claim) is None
            ):
                found.setdefault(family_of(address), address)
        if not found:
            return None
        if len(found) < len(families) and service.ip_family_policy != IPFamilyPolicy.PREFER_DUAL_STACK:
            return None
        return list(found.values())

    def from_requested(
        self, service: Service, claim: Claim, families: Sequence[IPFamily], wanted: str, path: FieldPath
    ) -> tuple[str, list[str]]:
        """Addresses of the pool that a Service asks for, and its name.

        Raises `RefusalError`.
        """
        pool = self._pools.get(wanted)
        if pool is None:
            raise RefusalError("pool-unknown", path, f"unknown pool ({self._listed()})", wanted)
        reason = self._foreign(pool, service)
        if reason is not None:
            raise RefusalError("pool-not-allowed", path, f"the pool {reason}", wanted)
        addresses = self._best([pool], service, claim, families)
        if addresses is None:
            detail = f"no available IPs in pool {wanted}: {self._lack(pool, families, claim)}"
            raise RefusalError("pools-exhausted", path, detail)
        return addresses

    def automatic(
        self, service: Service, claim: Claim, families: Sequence[IPFamily], path: FieldPath
    ) -> tuple[str, list[str]]:
        """Addresses of the best pool for a Service that asks for nothing, and its name.

        Pools that are kept for it come first, by priority; then those that serve all.

        Raises `RefusalError`.
        """
        reasons = {pool.name: self._passed_over(pool, service) for pool in self._pools.values()}
        allowed = [pool for pool in self._pools.values() if reasons[pool.name] is None]
        pinned = [pool for pool in allowed if pool.service_allocation is not None]
        for pools in (sorted(pinned, key=_priority), [pool for pool in allowed if pool.service_allocation is None]):
            addresses = self._best(pools, service, claim, families)
            if addresses is not None:
                return addresses
        said = (
            f"pool {pool.name} {reasons[pool.name] or self._lack(pool, families, claim)}"
            for pool in self._pools.values()
        )
        raise RefusalError("pools-exhausted", path, f"no available IPs: {'; '.join(said)}")

    def _best(
        self, pools: Iterable[AddressPool], service: Service, claim: Claim, families: Sequence[IPFamily]
    ) -> tuple[str, list[str]] | None:
        """`findBestPoolForService`: the first pool with all families, else, for PreferDualStack, with one of them."""
        partial: dict[IPFamily, tuple[str, list[str]]] = {}
        for pool in pools:
            found = {family: self._book.first(pool, family, claim) for family in families}
            addresses = [address for address in found.values() if address is not None]
            if len(addresses) == len(families):
                return pool.name, addresses
            for family, address in found.items():
                if address is not None:
                    partial.setdefault(family, (pool.name, [address]))
        if service.ip_family_policy == IPFamilyPolicy.PREFER_DUAL_STACK:
            for family in families:
                if family in partial:
                    return partial[family]
        return None

    def _passed_over(self, pool: AddressPool, service: Service) -> str | None:
        """Why a pool does not serve a Service that asks for nothing."""
        if not pool.auto_assign:
            return "has autoAssign off, so it must be asked for"
        kept = pool.service_allocation
        if kept is not None and not (kept.namespaces or kept.namespace_selectors or kept.service_selectors):
            return "has a serviceAllocation that names nobody, so it must be asked for"
        return self._foreign(pool, service)

    def _foreign(self, pool: AddressPool, service: Service) -> str | None:
        """Why a pool is not for a Service."""
        kept = pool.service_allocation
        if kept is None:
            return None
        if (kept.namespaces or kept.namespace_selectors) and service.namespace not in kept.namespaces:
            namespace = self._namespaces.get(service.namespace)
            labels = (namespace or Namespace(service.namespace)).all_labels
            if not any(selector.selects(labels) for selector in kept.namespace_selectors):
                listed = f" ({', '.join(kept.namespaces)})" if kept.namespaces else ""
                unknown = " (there is no Namespace object to tell its labels)"
                hint = unknown if kept.namespace_selectors and namespace is None else ""
                return f"is for other namespaces{listed} than {service.namespace}{hint}"
        if kept.service_selectors and not any(each.selects(service.labels) for each in kept.service_selectors):
            return "is for Services with other labels"
        return None

    def _lack(self, pool: AddressPool, families: Sequence[IPFamily], claim: Claim) -> str:
        """What a pool does not have for a Service."""
        without = [family.value for family in families if not self._book.has_family(pool, family)]
        if without:
            return f"has no {' and no '.join(without)} addresses"
        full = [family.value for family in families if self._book.first(pool, family, claim) is None]
        return f"has no {' and no '.join(full)} address left"

    def _listed(self) -> str:
        return "there are " + ", ".join(map(printable, self._pools)) if self._pools else "there is none"


def _priority(pool: AddressPool) -> tuple[bool, int]:
    """Lower numbers first, and pools without a priority last; sorting keeps the order of the names."""
    priority = pool.service_allocation.priority if pool.service_allocation is not None else 0
    return priority <= 0, priority
