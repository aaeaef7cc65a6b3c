"""Records of session affinity towards endpoints that have gone are forgotten on the kernel, and no others (S35)."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping

import pytest

from svcc.apply.affinity_map import AffinityMap, Record
from svcc.apply.forgetting import Forgetting
from svcc.apply.generation import generation
from svcc.apply.installer import Installer
from svcc.apply.nft import open_nft
from svcc.apply.session import Nft
from svcc.compiler.affinity_records import RememberedEndpoint
from svcc.errors import TargetError
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change
from svcc.model.cluster import ClusterObject
from svcc.netlink import NetlinkSocket
from svcc.nft.commands import TableName
from tests.declare import NODE, PODS, SERVICE_CIDRS, remote, service, slices
from tests.kernel.namespace import NetworkNamespace

pytestmark = pytest.mark.kernel

ADDRESSES = {
    "ip": ("10.96.0.1", "10.96.0.2", "10.244.1.{}", "192.0.2.{}"),
    "ip6": ("fd00:96::1", "fd00:96::2", "fd00:10:244:1::{}", "2001:db8::{}"),
}
both_families = pytest.mark.parametrize("family", ["ip", "ip6"])


class Kernel:
    """A namespace with two sticky Services that share endpoints 1 and 2; `web` alone has 3, `other` alone has 4."""

    def __init__(self, namespace: NetworkNamespace, nft: Nft, family: str) -> None:
        self.family = family
        self.namespace = namespace
        self._nft = nft
        web, other, self._endpoint, self._client = ADDRESSES[family]
        self._compiler = IncrementalCompiler(NODE.name, PODS)
        self.installer = Installer(nft, keep_scripts=None)
        self._numbers: dict[tuple[str, int], RememberedEndpoint] = {}
        services = [
            service(name, [address], session_affinity="ClientIP") for name, address in (("web", web), ("other", other))
        ]
        declared: list[ClusterObject] = [NODE, SERVICE_CIDRS, *services]
        self._compiler.update(map(Change.to, declared))
        # Which endpoint is which number is learnt from its departure.
        for name in ("web", "other"):
            for number in (1, 2, 3, 4):
                self._compiler.update(map(Change.to, self._slices(name, [number])))
                [gone] = self._compiler.update(map(Change.to, self._slices(name, [5]))).departed
                self._numbers[name, number] = gone
        for name, endpoints in (("web", [1, 2, 3]), ("other", [1, 2, 4])):
            self._compiler.update(map(Change.to, self._slices(name, endpoints)))
        self.synchronize()

    def _slices(self, name: str, endpoints: Iterable[int]) -> list[ClusterObject]:
        return list(slices(name, [remote(self._endpoint.format(number)) for number in endpoints]))

    def synchronize(self) -> None:
        with self.namespace.entered():
            self.installer.synchronize(self._compiler.ruleset(), self._compiler.dataplane())

    def has(self, name: str, *endpoints: int) -> int:
        """A change of the endpoints of a Service; how many records went with it."""
        update = self._compiler.update(map(Change.to, self._slices(name, endpoints)))
        with self.namespace.entered():
            return self.installer.advance(update).records_forgotten

    def generation(self) -> int:
        with self.namespace.entered():
            return generation()

    def tidy(self) -> int:
        forgotten = 0
        while (wait := self.installer.seconds_until_tidy) is not None:
            time.sleep(wait)
            with self.namespace.entered():
                forgotten += self.installer.tidy().records_forgotten
        return forgotten

    def remember(self, records: Mapping[int, tuple[str, int]], *, age: int = 100, timeout: int = 3600) -> None:
        """Clients with the Service and endpoint they are remembered for; they last connected `age` seconds ago."""
        elements = [
            f"{self._key(client, name)} timeout {timeout}s expires {timeout - age}s :"
            f" {self._numbers[name, endpoint].number >> 16:x}:{self._numbers[name, endpoint].number & 0xFFFF:x}"
            for client, (name, endpoint) in records.items()
        ]
        with self.namespace.entered():
            self._nft.run(f"add element {self.family} svcc affinity {{ {', '.join(elements)} }}\n")

    def forget(self, client: int, name: str) -> None:
        with self.namespace.entered():
            self._nft.run(f"delete element {self.family} svcc affinity {{ {self._key(client, name)} }}\n")

    def number(self, name: str, endpoint: int) -> RememberedEndpoint:
        return self._numbers[name, endpoint]

    def _key(self, client: int, name: str) -> str:
        port = self._numbers[name, 1].service_port
        # IPv6 records cannot be told apart by Service, so clients here are.
        address = self._client.format(client if client < 200 else f"{client:x}")
        if self.family == "ip":
            address = f"192.{client >> 16}.{client >> 8 & 255}.{client & 255}"
        return f"{address} . {port}" if port is not None else address

    def clients(self) -> dict[int, int]:
        """The clients that are remembered, with the seconds that their records have left."""
        listed = self.namespace.run("nft", "-j", "list", "map", self.family, "svcc", "affinity")
        [found] = [item["map"] for item in json.loads(listed.stdout)["nftables"] if "map" in item]
        clients = {}
        for key, _data in found.get("elem", []):
            value = key["elem"]["val"]
            address = value["concat"][0] if isinstance(value, dict) else value
            if self.family == "ip":
                _, high, middle, low = map(int, address.split("."))
                client = high << 16 | middle << 8 | low
            else:
                word = address.rpartition(":")[2]
                client = int(word) if len(word) < 3 else int(word, 16)
            clients[client] = key["elem"]["expires"]
        return clients


@pytest.fixture
def kernel(family: str) -> Iterator[Kernel]:
    namespace = NetworkNamespace()
    with namespace.entered():
        nft = open_nft()
    try:
        yield Kernel(namespace, nft, family)
    finally:
        nft.close()
        namespace.close()


@both_families
def test_an_endpoint_that_left_and_came_back_has_no_records_and_others_keep_theirs_s35(
    kernel: Kernel,
) -> None:
    kernel.remember({10: ("web", 3), 11: ("web", 3), 12: ("web", 1), 13: ("other", 4)})
    before = kernel.generation()
    assert kernel.has("web", 1, 2) == 2
    assert kernel.generation() == before + 1, "records go in the transaction that takes their endpoint"
    assert set(kernel.clients()) == {12, 13}
    assert kernel.tidy() == 0
    kernel.has("web", 1, 2, 3)
    kernel.tidy()
    left = kernel.clients()
    assert set(left) == {12, 13}
    assert all(3400 <= seconds <= 3500 for seconds in left.values()), left


@both_families
def test_an_endpoint_that_is_back_before_tidying_keeps_only_the_records_of_its_new_life_s35(kernel: Kernel) -> None:
    kernel.has("web", 1, 2)
    # As by a packet that was under way.
    kernel.remember({10: ("web", 3), 12: ("web", 1)})
    time.sleep(0.1)
    kernel.has("web", 1, 2, 3)
    kernel.remember({11: ("web", 3)}, age=0)
    assert kernel.tidy() == 1
    assert set(kernel.clients()) == {11, 12}


def _shared(family: str) -> set[int]:
    # In IPv6 a record does not tell its Service, so it stays while any sticky one has the endpoint.
    return {11} if family == "ip" else {10, 11}


@both_families
def test_an_endpoint_that_another_service_has_as_well_is_forgotten_for_the_one_that_lost_it(kernel: Kernel) -> None:
    kernel.remember({10: ("web", 2), 11: ("other", 2)})
    kernel.has("web", 1, 3)
    kernel.tidy()
    assert set(kernel.clients()) == _shared(kernel.family)
    kernel.has("other", 1, 4)
    kernel.tidy()
    assert kernel.clients() == {}


@both_families
def test_many_records_are_forgotten_in_pieces(kernel: Kernel) -> None:
    count = 4_000
    kernel.remember({client: ("web", 3 if client % 4 else 1) for client in range(0x1000, 0x1000 + count)})
    at_once = kernel.has("web", 1, 2)
    assert 0 < at_once < 1_000, "a change waits for few of them"
    assert at_once + kernel.tidy() == count * 3 // 4
    assert set(kernel.clients()) == set(range(0x1000, 0x1000 + count, 4))


@both_families
@pytest.mark.parametrize("change", ["timed out", "leads elsewhere", "made anew towards the same endpoint"])
def test_a_change_is_made_whatever_becomes_of_a_record_after_it_was_read(
    kernel: Kernel, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = AffinityMap.records

    def reading_too_early(read: AffinityMap, seconds: float, most: int) -> list[Record]:
        found = reading(read, seconds, most)
        kernel.forget(10, "web")
        if change != "timed out":
            kernel.remember({10: ("web", 1 if change == "leads elsewhere" else 3)}, age=0)
        return found

    kernel.remember({10: ("web", 3), 11: ("web", 3), 12: ("web", 1)})
    monkeypatch.setattr(AffinityMap, "records", reading_too_early)
    # The kernel refuses to take away what leads elsewhere by then, and so the records stay for a while.
    refused = change == "leads elsewhere"
    assert kernel.has("web", 1, 2) == (0 if refused else 2)
    assert set(kernel.clients()) == ({10, 11, 12} if refused else {12})
    assert kernel.tidy() == (1 if refused else 0)
    assert set(kernel.clients()) == ({10, 12} if refused else {12})
    kernel.synchronize()
    assert set(kernel.clients()) == ({10, 12} if refused else {12})


@both_families
def test_a_change_goes_in_where_records_cannot_be_read(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: NetlinkSocket, _kind: int, _body: bytes) -> Iterator[bytes]:
        raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))

    kernel.remember({10: ("web", 3), 12: ("web", 1)})
    with monkeypatch.context() as patch:
        patch.setattr(NetlinkSocket, "dump", refuse)
        assert kernel.has("web", 1, 2) == 0
    assert kernel.tidy() == 1
    assert set(kernel.clients()) == {12}


def begun(kernel: Kernel) -> Forgetting:
    """The search for records of `web` towards its endpoint 3 has listed them, and deleted none."""
    forgetting = Forgetting(0.0)
    forgetting.departed([kernel.number("web", 3)])
    with kernel.namespace.entered():
        forgetting.forget(0.0)
    assert len(kernel.clients()) == 3
    return forgetting


def ended(kernel: Kernel, forgetting: Forgetting) -> int:
    forgotten = 0
    while forgetting:
        with kernel.namespace.entered():
            forgotten += forgetting.forget(1.0)
    return forgotten


@both_families
def test_a_record_that_times_out_after_it_was_listed_is_in_nobodys_way(kernel: Kernel) -> None:
    kernel.remember({10: ("web", 3), 11: ("web", 3), 12: ("web", 1)})
    forgetting = begun(kernel)
    kernel.forget(10, "web")
    assert ended(kernel, forgetting) == 1
    assert set(kernel.clients()) == {12}


@both_families
@pytest.mark.parametrize("endpoint", [1, 3], ids=["to another endpoint", "to the one that has come back"])
def test_a_record_that_is_made_anew_after_it_was_listed_is_kept(kernel: Kernel, endpoint: int) -> None:
    kernel.remember({10: ("web", 3), 11: ("web", 3), 12: ("web", 1)})
    forgetting = begun(kernel)
    time.sleep(0.1)
    kernel.forget(10, "web")
    kernel.remember({10: ("web", endpoint)}, age=0)
    assert ended(kernel, forgetting) == 1
    assert set(kernel.clients()) == {10, 12}


@both_families
@pytest.mark.parametrize("change", ["timed out", "leads elsewhere"])
def test_a_record_that_changes_between_the_last_look_and_its_deletion_is_in_nobodys_way(
    kernel: Kernel, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = NetlinkSocket.ask_each

    def asking_too_early(netlink: NetlinkSocket, kind: int, bodies: list[bytes]) -> list[bytes | None]:
        answers = asking(netlink, kind, bodies)
        kernel.forget(10, "web")
        if change == "leads elsewhere":
            kernel.remember({10: ("web", 1)}, age=0)
        return answers

    kernel.remember({10: ("web", 3), 11: ("web", 3), 12: ("web", 1)})
    forgetting = begun(kernel)
    monkeypatch.setattr(NetlinkSocket, "ask_each", asking_too_early)
    ended(kernel, forgetting)
    assert set(kernel.clients()) == ({10, 12} if change == "leads elsewhere" else {12})


@pytest.mark.parametrize("family", ["ip"])
def test_a_map_that_is_gone_is_an_error_once(kernel: Kernel) -> None:
    forgetting = Forgetting(0.0)
    forgetting.departed([RememberedEndpoint(TableName("ip", "nobody"), 1, 2)])
    with kernel.namespace.entered(), pytest.raises(TargetError, match="No such file"):
        forgetting.forget(1.0)
    assert not forgetting
