from collections.abc import Sequence
from typing import TypeAlias

from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.service import ServicePort

__all__ = ["assign_slots", "assign_slots_many", "nft_hash", "nft_hash_many", "select_service_ports"]

_Selected: TypeAlias = tuple[list[str], list[int], list[Endpoint], bytes, list[int], list[int], list[int], int, int]

def nft_hash(key: bytes, modulus: int, seed: int, offset: int = 0, big_endian: bool = False) -> int: ...
def nft_hash_many(
    keys: Sequence[bytes], modulus: int, seed: int, offset: int = 0, big_endian: bool = False
) -> list[int]: ...
def assign_slots(keys: Sequence[str]) -> list[int]: ...
def assign_slots_many(groups: Sequence[Sequence[str]]) -> list[list[int]]: ...
def select_service_ports(
    services: Sequence[tuple[Sequence[EndpointSlice], Sequence[ServicePort]]],
    family: str,
    node_name: str,
    zone: str | None,
) -> list[list[_Selected]]: ...
