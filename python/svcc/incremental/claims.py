"""Who claims which frontend of a family (S45)."""

from __future__ import annotations

from collections.abc import Iterable

from svcc.dataplane.conflicts import ClaimKey
from svcc.incremental.objects import ServiceKey, key_of
from svcc.model.age import seniority
from svcc.model.service import Service

__all__ = ["ClaimIndex"]


class ClaimIndex:
    """All claimants of each frontend, the owner first.

    What a Service claims depends on nothing but itself, so where an owner changes it is enough to plan all claimants of
    that frontend anew: who owns the others' other frontends stays.
    """

    def __init__(self) -> None:
        self._claimants: dict[ClaimKey, tuple[Service, ...]] = {}

    def owner(self, key: ClaimKey, _claimant: Service) -> Service:
        """The oldest of those who claim a frontend."""
        return self._claimants[key][0]

    def change(
        self,
        withdrawn: Iterable[tuple[Service, Iterable[ClaimKey]]],
        claimed: Iterable[tuple[Service, Iterable[ClaimKey]]],
    ) -> dict[ServiceKey, None]:
        """Services take claims back and make others; the Services that claim a frontend whose owner changes thereby.

        A Service that changed takes back what it claimed as it was, and claims as it is.
        """
        owners: dict[ClaimKey, ServiceKey | None] = {}
        for service, keys in withdrawn:
            for key in dict.fromkeys(keys):
                claimants = self._claimants[key]
                owners.setdefault(key, key_of(claimants[0]))
                rest = tuple(item for item in claimants if item is not service)
                if rest:
                    self._claimants[key] = rest
                else:
                    del self._claimants[key]
        for service, keys in claimed:
            for key in dict.fromkeys(keys):
                claimants = self._claimants.get(key, ())
                owners.setdefault(key, key_of(claimants[0]) if claimants else None)
                self._claimants[key] = tuple(sorted((*claimants, service), key=seniority)) if claimants else (service,)
        contended: dict[ServiceKey, None] = {}
        for key, owner in owners.items():
            claimants = self._claimants.get(key, ())
            if claimants and owner is not None and key_of(claimants[0]) != owner:
                contended.update((key_of(item), None) for item in claimants)
        return contended
