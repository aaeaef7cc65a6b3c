"""Pools of addresses for load balancers, and the selectors that say who may have them: MetalLB's `IPAddressPool`."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Mapping

from attrs import field, frozen

from svcc.addresses import IPFamily, canonical_address, canonical_prefix, family_of
from svcc.fields import ObjectReference, Source
from svcc.model.metadata import frozen_items, frozen_mapping

__all__ = [
    "AddressPool",
    "AddressRange",
    "LabelRequirement",
    "LabelSelector",
    "Namespace",
    "SelectorOperator",
    "ServiceAllocation",
]

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that every namespace has, with its name as the value."""


class SelectorOperator(enum.StrEnum):
    """`matchExpressions[].operator` of a label selector."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@frozen
class LabelRequirement:
    """One entry of `matchExpressions`. Labels that lack the key are selected by NotIn, too, as in apimachinery."""

    key: str
    operator: SelectorOperator = field(converter=SelectorOperator)
    values: tuple[str, ...] = field(default=(), converter=frozen_items)

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        if self.operator is SelectorOperator.IN:
            return labels.get(self.key) in self.values
        if self.operator is SelectorOperator.NOT_IN:
            return labels.get(self.key) not in self.values
        return (self.key in labels) is (self.operator is SelectorOperator.EXISTS)


@frozen
class LabelSelector:
    """A selector as objects have it (`metav1.LabelSelector`); the empty one selects everything."""

    match_labels: Mapping[str, str] = field(default=None, converter=frozen_mapping)
    match_expressions: tuple[LabelRequirement, ...] = field(default=(), converter=frozen_items)

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.selects(labels) for requirement in self.match_expressions
        )


@frozen
class AddressRange:
    """Addresses from `first` to `last`, both included, as numbers."""

    family: IPFamily
    first: int
    last: int

    @classmethod
    def of(cls, text: str) -> AddressRange:
        """Read ``192.0.2.0/24`` or ``192.0.2.10-192.0.2.20``; a CIDR has all of its addresses, the first and last too.

        Raises:
            ValueError: the text is neither; the message says why, without the text.
        """
        first_text, dash, last_text = text.partition("-")
        if not dash:
            prefix = canonical_prefix(text)
            if prefix is None:
                raise ValueError("must be a CIDR such as 192.0.2.0/24 or a range such as 192.0.2.10-192.0.2.20")
            network = ipaddress.ip_network(prefix)
            return cls(family_of(prefix), int(network.network_address), int(network.broadcast_address))
        first, last = canonical_address(first_text.strip()), canonical_address(last_text.strip())
        if first is None or last is None:
            raise ValueError(f"the {'first' if first is None else 'last'} address of the range is none")
        if family_of(first) is not family_of(last):
            raise ValueError("the first and the last address are of different families")
        low, high = int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last))
        if low > high:
            raise ValueError("the first address is after the last")
        return cls(family_of(first), low, high)

    def contains(self, family: IPFamily, number: int) -> bool:
        """Whether the address with this number lies in the range."""
        return family is self.family and self.first <= number <= self.last

    def overlaps(self, other: AddressRange) -> bool:
        """Whether there is an address in both."""
        return self.family is other.family and self.first <= other.last and other.first <= self.last


@frozen
class ServiceAllocation:
    """`spec.serviceAllocation`: whose pool it is. A lower `priority` comes first, and 0, none, comes last."""

    priority: int = 0
    namespaces: tuple[str, ...] = field(default=(), converter=frozen_items)
    namespace_selectors: tuple[LabelSelector, ...] = field(default=(), converter=frozen_items)
    service_selectors: tuple[LabelSelector, ...] = field(default=(), converter=frozen_items)


@frozen
class AddressPool:
    """Addresses that load balancers may be given (metallb.io/v1beta1 IPAddressPool).

    Attributes:
        name: what the annotation `metallb.io/address-pool` asks for.
        addresses: CIDRs and ranges ``FIRST-LAST``, given out in this order.
        auto_assign: whether Services that ask for nothing get addresses from it.
        avoid_buggy_ips: leave out IPv4 addresses that end in .0 and .255.
        service_allocation: the Services it is kept for; None serves all.
        ranges: the addresses, read.

    Raises:
        ValueError: one of `addresses` is neither a CIDR nor a range.
    """

    name: str
    addresses: tuple[str, ...] = field(converter=frozen_items)
    auto_assign: bool = field(default=True, kw_only=True)
    avoid_buggy_ips: bool = field(default=False, kw_only=True)
    service_allocation: ServiceAllocation | None = field(default=None, kw_only=True)
    namespace: str = field(default="", kw_only=True)
    source: Source | None = field(default=None, eq=False, repr=False, kw_only=True)
    ranges: tuple[AddressRange, ...] = field(init=False, eq=False, repr=False)

    @ranges.default
    def _read(self) -> tuple[AddressRange, ...]:
        return tuple(map(AddressRange.of, self.addresses))

    @property
    def reference(self) -> ObjectReference:
        """This pool, for reports."""
        return ObjectReference("IPAddressPool", self.name, self.namespace)


@frozen
class Namespace:
    """A namespace, for the selectors that mean its labels; the label with its name is always there."""

    name: str
    labels: Mapping[str, str] = field(default=None, converter=frozen_mapping, kw_only=True)

    @property
    def all_labels(self) -> Mapping[str, str]:
        """The labels, and the one that an API server adds."""
        return {**self.labels, NAMESPACE_NAME_LABEL: self.name}
