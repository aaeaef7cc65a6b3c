from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, TypeAlias, final

from svcc.model.endpoints import EndpointSlice
from svcc.model.service import ServicePort

__all__ = [
    "Begun",
    "Chooser",
    "Declaration",
    "Inspection",
    "JsonEndpoints",
    "JsonObject",
    "JsonText",
    "Program",
    "Regions",
    "Supposition",
    "assign_slots",
    "assign_slots_many",
    "compare_programs",
    "maglev_size",
    "nft_hashes",
    "prove",
    "read_yaml",
    "select_service_ports",
    "unreached",
    "yaml_elements",
    "yaml_row",
]

_Selected: TypeAlias = tuple[
    list[str], list[int], list[int], list[int], bytes, list[int], list[int], list[int], int, int
]

def nft_hashes(keys: Sequence[bytes], modulus: int, seed: int, offset: int, big_endian: bool) -> list[int]: ...
def assign_slots(keys: Sequence[str]) -> list[int]: ...
def assign_slots_many(groups: Sequence[Sequence[str]]) -> list[list[int]]: ...
def maglev_size(count: int) -> int: ...

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
_ProvedRow: TypeAlias = tuple[
    tuple[int, int],
    Literal["accept", "drop", "reject", "unknown"],
    str | None,
    _AddressRow,
    _AddressRow,
    int | None,
    list[str],
    list[int],
]

@final
class Program:
    def __new__(cls, document: bytes, json: bool, local_addresses: Sequence[bytes], big_endian: bool) -> Program: ...
    def at(self, local_addresses: Sequence[bytes], big_endian: bool) -> Program: ...
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
    def batch(self, packets: bytes, interfaces: Sequence[str], one_by_one: bool = False) -> list[bytes]: ...

_TenantRow: TypeAlias = tuple[str, str, int, int, bool]
_BaseRow: TypeAlias = tuple[str, str, str, int]
_TableRow: TypeAlias = tuple[str, str, bool | None, str, str, list[_TenantRow], list[_BaseRow]]
_PlaceRow: TypeAlias = tuple[int, str, int | None, str]
_ClaimantRow: TypeAlias = tuple[_PlaceRow, str, str]

@final
class Inspection:
    def __new__(cls, program: Program) -> Inspection: ...
    def nft_version(self) -> str | None: ...
    def tables(self) -> list[_TableRow]: ...
    def plain_names(self, table: int) -> tuple[list[str], list[str]]: ...
    def dead_chains(self) -> list[tuple[int, str, int, bool]]: ...
    def unused_sets(self) -> list[tuple[int, str]]: ...
    def hollow(self) -> list[tuple[int, _PlaceRow | None, str, int, str, bool]]: ...
    def shadowed(self) -> list[tuple[_PlaceRow, _PlaceRow, bool]]: ...
    def unselectable(self) -> list[tuple[int, str, int, bool]]: ...
    def marks(self) -> list[tuple[_PlaceRow, Literal["sets", "may set", "clears", "reads"], int]]: ...
    def shared_frontends(
        self,
    ) -> list[
        tuple[tuple[int, int], list[tuple[str, int | None]], list[tuple[str, _ClaimantRow, _ClaimantRow]], int]
    ]: ...
    def ties(self) -> list[tuple[int, _PlaceRow, str]]: ...
    def seedless(self) -> list[_PlaceRow]: ...
    def untracked(self) -> list[tuple[int, str]]: ...
    def departures(
        self, compiled: Program
    ) -> tuple[
        list[tuple[int, str, bool, str | None, int, list[str], list[_PlaceRow]]],
        list[tuple[int, str, int, list[str], list[str]]],
    ]: ...
    def opaque(self) -> list[_PlaceRow]: ...

_DemandRow: TypeAlias = tuple[
    Literal["anything", "free", "drop", "reject", "delivered", "remembered"],
    list[tuple[str, int, bool]],
    list[Literal["drop", "reject"]],
    int,
    int | None,
]

@final
class Declaration:
    def __new__(
        cls,
        version: int,
        service_ports: Sequence[tuple[str, int, int, int | None]],
        endpoint_addresses: str,
        endpoint_ports: Sequence[int],
        frontends: Sequence[tuple[int, str | None, int, str, str, str, Sequence[str] | None]],
        weights: Sequence[tuple[int, bool, Sequence[int]]],
        tables: Sequence[tuple[int, bool, bool, int, Sequence[int], Sequence[int]]],
        cluster_ips: Sequence[str],
        service_cidrs: Sequence[str],
        node_port_addresses: Sequence[str] | None,
        node_port_prefixes: Sequence[str],
        pod_prefixes: Sequence[str],
        pod_interface: str,
        pod_interface_prefix: str,
        local_endpoints: Sequence[str],
    ) -> Declaration: ...
    def demands(
        self,
        packets: Sequence[tuple[int, bytes, bytes, int, int | None, str | None]],
        output: bool,
        local_addresses: Sequence[bytes],
        local_addresses_complete: bool,
        remembered: bool,
        big_endian: bool,
    ) -> list[list[tuple[tuple[int, int], _DemandRow]]]: ...

_PacketRow: TypeAlias = tuple[
    int,
    bytes,
    bytes,
    int | None,
    int | None,
    bool,
    str | None,
    str | None,
    int,
    Literal["new", "established", "related", "invalid"],
]
_DifferenceRow: TypeAlias = tuple[
    _PacketRow,
    list[bytes],
    int,
    list[_ProvedRow],
    bool,
    list[_ProvedRow],
    bool,
    bool,
    int,
    str,
    tuple[bool, bool],
]
_ReportRow: TypeAlias = tuple[int, str | None, list[_DifferenceRow], int, list[str], list[str], list[_StepRow]]

@final
class Supposition:
    def __new__(cls, program: Program, elsewhere: Sequence[tuple[int, list[str], list[str]]]) -> Self: ...
    @staticmethod
    def of(program: Program) -> Supposition: ...
    def agrees(self, other: Supposition) -> bool: ...
    def withdraw(self) -> None: ...

@final
class Begun:
    def __new__(cls, program: Program, supposition: Supposition, limit: int) -> Self: ...

def prove(
    program: Program,
    declarations: Sequence[Declaration],
    local_addresses_complete: bool,
    support: bool,
    limit: int,
    told: int,
    begun: Begun | None = None,
) -> list[_ReportRow] | None: ...
def compare_programs(
    left: Program,
    right: Program,
    local_addresses_complete: bool,
    support: bool,
    limit: int,
    told: int,
) -> list[_ReportRow] | None: ...
def unreached(
    program: Program, local_addresses_complete: bool, limit: int
) -> tuple[list[tuple[str, str, str, int | None, str]], list[tuple[str, str, str, str]]] | None: ...

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

@final
class JsonText:
    def __new__(cls, text: str, strict: bool, depth: int) -> JsonText: ...
    def objects(self, position: int, line: int) -> tuple[list[tuple[JsonObject, int, int, int]], int, int, bool]: ...

@final
class JsonObject:
    def names(self) -> list[str]: ...
    def has(self, name: str) -> bool: ...
    def member(self, name: str, unread: str | None = None) -> Any: ...
    def get(self, name: str) -> Any: ...
    def place(self, name: str) -> tuple[int, int] | None: ...
    def plain_endpoints(
        self, address_type: str, endpoint: Callable[..., Any], target: Callable[..., Any]
    ) -> JsonEndpoints | None: ...

@final
class JsonEndpoints:
    def values(self) -> tuple[Any, ...]: ...

def select_service_ports(
    services: Sequence[tuple[Sequence[EndpointSlice], Sequence[ServicePort]]],
    family: str,
    node_name: str,
    zone: str | None,
) -> list[list[_Selected]]: ...

_ChunkRow: TypeAlias = tuple[
    str | None,
    int,
    list[int],
    list[int],
    dict[int, tuple[Any, list[tuple[int, int, int, int]]]],
    list[tuple[Any, int, int, int, int]],
]
_YamlProblemRow: TypeAlias = tuple[
    Literal["yaml-syntax", "duplicate-key", "yaml-value", "too-deep", "too-large"],
    int,
    str,
    tuple[str | int, ...],
    str | None,
]

def read_yaml(text: bytes, depth: int, aliased_nodes: int) -> tuple[list[_ChunkRow], list[_YamlProblemRow]]: ...
def yaml_elements(text: str, path: Sequence[str | int]) -> list[tuple[int, int, int, int]]: ...
def yaml_row(text: str, path: Sequence[str | int]) -> int: ...
