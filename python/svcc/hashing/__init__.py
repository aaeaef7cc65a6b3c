"""Consistent hashing: which endpoint serves a client, without remembering who served it before.

Every class here is a fixed choice among endpoints: made from names, or from names with weights, it answers `lookup`
for one key and `lookup_many` for millions. The answer depends on the set of endpoints, the weights and the seed, never
on the order they are given in or on what was there before, so any two nodes agree without talking to each other.
`balance` tells how evenly a choice spreads keys, `disruption` how many keys change their endpoint when the endpoints
change.

>>> from svcc.hashing import Maglev, disruption
>>> before = Maglev(["10.244.1.5 8080", "10.244.2.7 8080", "10.244.3.9 8080"])
>>> before.lookup("192.168.1.7")
'10.244.3.9 8080'
>>> after = Maglev(["10.244.1.5 8080", "10.244.2.7 8080", "10.244.3.9 8080", "10.244.4.2 8080"])
>>> moved = disruption(before, after)
>>> round(moved.necessary, 2), moved.excess < 0.1
(0.25, True)

With n endpoints, M slots in a table, and shares of keys as parts of all:

============  =====================  ============  ========  =======  ============================================
class         lookup                 memory        weights   balance  keys that move when an endpoint comes or goes
============  =====================  ============  ========  =======  ============================================
`Maglev`      1 hash, 1 read         M             yes       n/2M     necessary ones, and some percent more
`Rendezvous`  1 hash, n mixes        n             yes       random   exactly the necessary ones
`Jump`        1 hash, ln n steps     n names       no        random   the necessary ones, if it is the last by name
`Ring`        1 MD5, ln 160n reads   160 n         coarsely  7 to 8%  the necessary ones (equal weights)
`Random`      1 hash, ln n reads     n             yes       random   a quarter to half of all
`RoundRobin`  1 read                 sum(weights)  yes       exact    nearly all
============  =====================  ============  ========  =======  ============================================

Balance is how far an endpoint's share is from what its weight asks for; *random* means that of that many independent
draws, which gets better with more keys.

* **Choose `Maglev`** for traffic: it is the only one whose lookup the kernel can do, as nft's ``jhash`` into a map, and
  the quickest for any number of endpoints. Its excess shrinks with larger tables.
* **Choose `Rendezvous`** where nothing may move without need, for replicas (`Rendezvous.top` ranks the endpoints), and
  for up to some hundred endpoints.
* **Choose `Jump`** for shards that are numbered and only ever added or removed at the end. If any other goes, nearly
  every key of the later ones moves.
* **Choose `Ring`** to agree with memcached clients. It needs the most memory and is the least even.
* `Random` and `RoundRobin` are what the others are compared with in simulations.
"""

from __future__ import annotations

from svcc.hashing.choice import Choice
from svcc.hashing.jump import Jump
from svcc.hashing.keys import Client, client_key
from svcc.hashing.maglev import Maglev
from svcc.hashing.random_draw import Random
from svcc.hashing.rendezvous import Rendezvous
from svcc.hashing.reports import Balance, Disruption, balance, disruption
from svcc.hashing.ring import Ring
from svcc.hashing.round_robin import RoundRobin

__all__ = [
    "Balance",
    "Choice",
    "Client",
    "Disruption",
    "Jump",
    "Maglev",
    "Random",
    "Rendezvous",
    "Ring",
    "RoundRobin",
    "balance",
    "client_key",
    "disruption",
]
