"""How a Service spreads its connections, as annotations say it: `svcc.dev/load-balancing` and what belongs to it.

The Kubernetes API has no fields for this. An annotation that says something svcc does not know never costs the Service:
it is reported (`svcc.validate`) and counts as if it were not there.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping

from attrs import field, frozen

from svcc.addresses import canonical_address

__all__ = [
    "AT_RANDOM",
    "HASH_KEY_ANNOTATION",
    "LOAD_BALANCING_ANNOTATION",
    "MOST_WEIGHT",
    "TABLE_SIZES",
    "TABLE_SIZE_ANNOTATION",
    "WEIGHTS_ANNOTATION",
    "WEIGHT_ANNOTATION",
    "Balancing",
    "HashKey",
    "LoadBalancing",
    "SliceWeights",
    "balancing_of",
    "slice_weights",
    "weight_of",
]

LOAD_BALANCING_ANNOTATION = "svcc.dev/load-balancing"
"""On a Service: one of `LoadBalancing`."""

HASH_KEY_ANNOTATION = "svcc.dev/hash-key"
"""On a Service whose algorithm is maglev: one of `HashKey`."""

TABLE_SIZE_ANNOTATION = "svcc.dev/table-size"
"""On a Service whose algorithm is maglev: one of `TABLE_SIZES`, so that the size stays when endpoints come and go."""

TABLE_SIZES = (251, 1021, 4093, 16381, 65537)
"""How many slots a Maglev table can have: primes next to powers of 2."""

WEIGHT_ANNOTATION = "svcc.dev/weight"
"""On an EndpointSlice: the weight of all its endpoints, such as ``3``."""

WEIGHTS_ANNOTATION = "svcc.dev/weights"
"""On an EndpointSlice: the weights of single endpoints by address, such as ``10.244.1.5=3, 10.244.1.6=0``."""

MOST_WEIGHT = 1000
"""The largest weight; the smallest is 0, the weight of an endpoint that gets no new connections."""


class LoadBalancing(enum.StrEnum):
    """The algorithms by which a new connection gets its endpoint."""

    RANDOM = "random"
    ROUND_ROBIN = "round-robin"
    MAGLEV = "maglev"


class HashKey(enum.StrEnum):
    """What maglev hashes: the client's address, or its address and port."""

    SOURCE_ADDRESS = "source-address"
    FLOW = "flow"


@frozen
class Balancing:
    """An algorithm and what it needs.

    Attributes:
        hash_key: set for maglev only.
        table_size: for maglev, one of `TABLE_SIZES`; None takes what the number of endpoints asks for.
    """

    algorithm: LoadBalancing = LoadBalancing.RANDOM
    hash_key: HashKey | None = None
    table_size: int | None = None


AT_RANDOM = Balancing()
_ROUND_ROBIN = Balancing(LoadBalancing.ROUND_ROBIN)
_HASH_KEYS = {key.value: key for key in HashKey}
_TABLE_SIZES = {str(size): size for size in TABLE_SIZES}
_WEIGHT = re.compile("[0-9]{1,4}")


def balancing_of(annotations: Mapping[str, str]) -> Balancing:
    """What the annotations of a Service ask for; what svcc does not know, it takes for the default."""
    if not annotations:
        return AT_RANDOM
    match annotations.get(LOAD_BALANCING_ANNOTATION):
        case LoadBalancing.MAGLEV.value:
            key = _HASH_KEYS.get(annotations.get(HASH_KEY_ANNOTATION, ""), HashKey.SOURCE_ADDRESS)
            return Balancing(LoadBalancing.MAGLEV, key, _TABLE_SIZES.get(annotations.get(TABLE_SIZE_ANNOTATION, "")))
        case LoadBalancing.ROUND_ROBIN.value:
            return _ROUND_ROBIN
        case _:
            return AT_RANDOM


def weight_of(text: str) -> int | None:
    """The weight that a text says; None if it says none: a whole number from 0 to `MOST_WEIGHT`, spaces around it."""
    text = text.strip()
    if not _WEIGHT.fullmatch(text) or int(text) > MOST_WEIGHT:
        return None
    return int(text)


@frozen
class SliceWeights:
    """The weights a slice's annotations give to its endpoints.

    Attributes:
        common: the weight of endpoints that are not in `single`.
        single: weights by canonical address.
        unreadable: the entries of `WEIGHTS_ANNOTATION` that are no ``ADDRESS=WEIGHT``, as written.
    """

    common: int = 1
    single: Mapping[str, int] = field(factory=dict)
    unreadable: tuple[str, ...] = ()

    def weight(self, address: str) -> int:
        """The weight of the endpoint with this canonical address."""
        return self.single.get(address, self.common)


def slice_weights(annotations: Mapping[str, str]) -> SliceWeights | None:
    """What the annotations of an EndpointSlice say about weights; None if nothing.

    What cannot be read counts as if it were not there. Of several weights for one address the last counts.
    """
    if not annotations or (WEIGHT_ANNOTATION not in annotations and WEIGHTS_ANNOTATION not in annotations):
        return None
    common = weight_of(annotations.get(WEIGHT_ANNOTATION, "1"))
    single: dict[str, int] = {}
    unreadable: list[str] = []
    for entry in annotations.get(WEIGHTS_ANNOTATION, "").split(","):
        if not entry.strip():
            continue
        written, _, number = entry.rpartition("=")
        address, weight = canonical_address(written.strip()), weight_of(number)
        if address is None or weight is None:
            unreadable.append(entry.strip())
        else:
            single[address] = weight
    return SliceWeights(1 if common is None else common, single, tuple(unreadable))
