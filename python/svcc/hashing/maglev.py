"""Maglev hashing: the table that the kernel can look up in."""

from __future__ import annotations

from attrs import field, frozen

from svcc import _native
from svcc._native import Chooser
from svcc.hashing.choice import Choice, Endpoints, canonical
from svcc.hashing.keys import Client, client_key

__all__ = ["Maglev"]


@frozen(init=False)
class Maglev(Choice[Client]):
    """A table of slots that endpoints fill in turn, each by its own order of preference; a key's hash is its slot.

    Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4. A
    lookup takes one hash and one read, whatever the number of endpoints. Building takes about M ln M steps for M slots
    (a few milliseconds for 65 537), and ln n times that where weights differ.

    **The kernel names the same endpoint.** The slot of a key is the value of ``jhash KEY mod size seed hash_seed``, so
    with `table` as a map from slots to endpoints, ``dnat to jhash ip saddr mod 251 seed 0x1 map ...`` sends a client
    where `lookup` says. Keys are clients: IP addresses, pairs of address and port, or bytes; see `client_key`.

    **Balance.** Endpoints take turns in proportion to their weights, by the method of Webster and Sainte-Laguë: the
    turns of weight w come at the times 1/w, 3/w, 5/w and so on. The slots of each are at most 1/2 + n/2 * w/W away from
    M * w/W, for n endpoints of positive weight whose sum is W; with equal weights they differ by one. Other weighted
    Maglevs (Katran, Cilium, IPVS) count turns in rounds of the largest weight; here no weight is special, so a heavy
    endpoint that comes or goes leaves the order among the others alone. An endpoint whose share is less than a slot may
    get none.

    **Disruption.** When an endpoint comes or goes, its share moves, and besides it a few percent of the others', less
    for larger tables. Another `size` moves about half, so declare `size` where the default would change.

    `seed` draws the preferences: give different Services different seeds, and their tables differ.
    """

    size: int
    """The number of slots, a prime."""
    seed: int
    """What the preferences of endpoints are drawn with."""
    hash_seed: int
    """The seed of the kernel's hash of keys."""
    big_endian: bool
    """The byte order of the node; keys of more than 12 bytes hash differently on big-endian ones."""
    table: memoryview = field(eq=False, repr=False)
    """For each slot the index of its endpoint: read-only, of format ``I``."""

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        size: int | None = None,
        seed: int = 0,
        hash_seed: int = 0,
        big_endian: bool = False,
    ) -> None:
        """The table of endpoints.

        Without `size` it is the smallest of 251, 509, 1021, 2039, 4093, 8191, 16381, 32749 and 65537 that is at least
        100 times the number of endpoints, those of weight 0 included; above 655 endpoints it is 65537.

        Raises:
            ValueError: no endpoints, the same twice, a weight that is not from 0 to 65535, none above 0; or `size` is
                no prime, less than the number of endpoints, or more than 2^24.
            OverflowError: `seed` is no unsigned number of 64 bits, or `hash_seed` none of 32.
            TypeError: a name is no string, or a weight no whole number.
        """
        group = canonical(endpoints)
        names, weights = tuple(group), tuple(group.values())
        if size is None:
            size = _native.maglev_size(len(names))
        elif size < 0:
            raise ValueError(f"table size {size} is not a prime")
        chooser = Chooser.maglev(names, weights, size, seed, hash_seed, big_endian)
        table = memoryview(chooser.slots()).cast("I")
        self.__attrs_init__(names, weights, chooser, size, seed, hash_seed, big_endian, table)

    def slot(self, key: Client) -> int:
        """The slot of a client, from 0 to ``size - 1``: the value of nft's expression. Raises what `lookup` does."""
        return self._chooser.slot(client_key(key))

    def _key(self, key: Client) -> bytes:
        return client_key(key)

    def hash_arcs(self) -> tuple[object, list[tuple[int, int]]]:
        """An arc for each slot; keys are hashed alike where `hash_seed` and `big_endian` are equal."""
        return ("jhash", self.hash_seed, self.big_endian), self._chooser.arcs()
