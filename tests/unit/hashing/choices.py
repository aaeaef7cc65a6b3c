"""Generated endpoints, keys and choices, for the tests of consistent hashing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from svcc.hashing import Jump, Maglev, Random, Rendezvous, Ring, RoundRobin
from svcc.hashing.choice import Choice

names = st.builds("10.244.{}.{} {}".format, st.integers(0, 3), st.integers(1, 254), st.integers(1, 65535)) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=6
)
groups = st.lists(names, unique=True, min_size=1, max_size=12)
weights = st.integers(0, 5) | st.integers(0, 200)
weighted = st.dictionaries(names, weights, min_size=1, max_size=12).filter(lambda group: any(group.values()))
keys = st.binary(max_size=40)
seeds = st.integers(0, 2**64 - 1)

Algorithm = Callable[..., Choice[Any]]
ALGORITHMS: tuple[Algorithm, ...] = (Maglev, Rendezvous, Jump, Ring, Random, RoundRobin)
WEIGHTED: tuple[Algorithm, ...] = (Maglev, Rendezvous, Ring, Random, RoundRobin)
SEEDED: tuple[Algorithm, ...] = (Maglev, Rendezvous, Jump, Random, RoundRobin)
