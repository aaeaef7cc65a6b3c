"""Ketama rings: what memcached clients agree on."""

from __future__ import annotations

from attrs import frozen

from svcc._native import Chooser
from svcc.hashing.choice import Endpoints, TextChoice, canonical

__all__ = ["Ring"]


@frozen(init=False)
class Ring(TextChoice):
    """Endpoints have points on a circle of 2^32; a key goes to the first point at or after its own.

    Sources: Karger et al., "Consistent Hashing and Random Trees", STOC 1997; the points are those of libketama (Jones,
    2007) and of Python's ``uhashring``: MD5, four points to a digest, 160 points for each of n endpoints of equal
    weight. Otherwise one of weight w has 4 * floor(40 n w/W) points, W being the sum of all weights. libketama computes
    that in single precision and may arrive at four less.

    A lookup takes one MD5 and a binary search through all points. The shares of equal endpoints differ by 7 to 8%
    (standard deviation), because arcs are random; weights are met as coarsely. An endpoint that comes or goes moves
    only its own keys while weights are equal. Where they are not, the others' numbers of points change with n/W.

    There is no seed: rings are for agreeing with others. Keys are bytes, or text hashed in UTF-8. An address given as
    text is hashed as text, as memcached clients do.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        """The ring of endpoints.

        Raises:
            ValueError: no endpoints, the same twice, more than 104 857, a weight that is not from 0 to 65535, or none
                above 0.
            TypeError: a name is no string, or a weight no whole number.
        """
        group = canonical(endpoints)
        names, weights = tuple(group), tuple(group.values())
        self.__attrs_init__(names, weights, Chooser.ring(names, weights))

    def hash_arcs(self) -> tuple[object, list[tuple[int, int]]]:
        """The arcs between points, those of the same endpoint apart."""
        return "md5", self._chooser.arcs()
