from collections.abc import Sequence
from typing import Literal, TypeAlias, final

from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.service import ServicePort

__all__ = [
    "Chooser",
    "Program",
    "assign_slots",
    "assign_slots_many",
    "maglev_size",
    "maglev_table",
    "maglev_tables",
    "nft_hash",
    "nft_hash_many",
    "select_service_ports",
]

_Selected: TypeAlias = tuple[
    list[str], list[int], list[Endpoint], list[int], bytes, list[int], list[int], list[int], int, int
]

def nft_hash(key: bytes, modulus: int, seed: int, offset: int = 0, big_endian: bool = False) -> int: ...
def nft_hash_many(
    keys: Sequence[bytes], modulus: int, seed: int, offset: int = 0, big_endian: bool = False
) -> list[int]: ...
def assign_slots(keys: Sequence[str]) -> list[int]: ...
def assign_slots_many(groups: Sequence[Sequence[str]]) -> list[list[int]]: ...
def maglev_size(count: int) -> int: ...
def maglev_table(names: Sequence[str], weights: Sequence[int], size: int, seed: int) -> list[int]: ...
def maglev_tables(groups: Sequence[tuple[Sequence[str], Sequence[int], int, int]]) -> list[list[int]]: ...

@final
class Chooser:
    @staticmethod
    def maglev(
        names: Sequence[str], weights: Sequence[int], size: int, seed: int, hash_seed: int, big_endian: bool
    ) -> Chooser: ...
    @staticmethod
    def rendezvous(names: Sequence[str], weights: Sequence[int], seed: int) -> Chooser: ...
    @staticmethod
    def jump(names: Sequence[str], weights: Sequence[int], seed: int) -> Chooser: ...
    @staticmethod
    def ring(names: Sequence[str], weights: Sequence[int]) -> Chooser: ...
    @staticmethod
    def random(names: Sequence[str], weights: Sequence[int], seed: int) -> Chooser: ...
    @staticmethod
    def round_robin(names: Sequence[str], weights: Sequence[int], seed: int) -> Chooser: ...
    def choose(self, key: bytes) -> int: ...
    def choose_each(self, keys: Sequence[bytes]) -> bytes: ...
    def choose_packed(self, keys: bytes, key_size: int) -> bytes: ...
    def top(self, key: bytes, count: int) -> list[int]: ...
    def slots(self) -> bytes: ...
    def slot(self, key: bytes) -> int: ...
    def arcs(self) -> list[tuple[int, int]]: ...

_StepRow: TypeAlias = tuple[str, str, str, str, int | None, str | None, str]
_AddressRow: TypeAlias = tuple[str, bytes | None, int | None, str | None]
_ChanceRow: TypeAlias = tuple[
    tuple[int, int],
    Literal["accept", "drop", "reject", "unknown"],
    str | None,
    _AddressRow,
    _AddressRow,
    int | None,
    list[str],
    list[_StepRow],
]

@final
class Program:
    def __new__(cls, document: bytes, json: bool, local_addresses: Sequence[bytes], big_endian: bool) -> Program: ...
    def notes(self) -> list[tuple[int, str]]: ...
    def tables(self) -> list[tuple[str, str, int, int, int]]: ...
    def outcomes(
        self,
        protocol: int,
        source: bytes,
        destination: bytes,
        source_port: int | None,
        destination_port: int | None,
        output: bool,
        input_interface: str | None,
        output_interface: str | None,
        mark: int,
        state: str,
        steps: bool,
    ) -> list[_ChanceRow]: ...
    def batch(self, packets: bytes, interfaces: Sequence[str]) -> list[bytes]: ...

@final
class Regions:
    def __new__(
        cls, program: Program, output: bool, version: int, state: str, initial_mark: int | None, limit: int
    ) -> Regions: ...
    def size(self) -> int: ...
    def predict(
        self,
        protocol: int,
        source: bytes,
        destination: bytes,
        source_port: int,
        destination_port: int | None,
        input_interface: str,
        output_interface: str,
        mark: int,
    ) -> list[list[_ChanceRow]] | None: ...

def select_service_ports(
    services: Sequence[tuple[Sequence[EndpointSlice], Sequence[ServicePort]]],
    family: str,
    node_name: str,
    zone: str | None,
) -> list[list[_Selected]]: ...
