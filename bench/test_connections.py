"""What rules cost a new connection, svcc's beside others' and beside no NAT at all, in the kernel.

Two measures: first packets alone, which is where all rules about Services are looked at; and whole connections of real
sockets, one after the other. Seconds are those of the processor, which other work on the machine does not add to. Pods
connect to cluster IPs, which nobody masquerades. Contenders take turns in each round, and each is compared with `no
NAT` in the same round.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest
from attrs import define, field, frozen
from pytest_benchmark.fixture import BenchmarkFixture

from bench.connections import Connection, Frames, Server, Street, connections, connects
from bench.contenders import CONTENDERS, Contender, Loading, input_file, load_into

pytestmark = pytest.mark.kernel

SIZES = [100, 1_000, 10_000, 30_000]
ROUNDS = 7
PACKETS = 10_000
CONNECTIONS = 1_000
FEWEST_PACKETS = 256
CHECKED = 500
SECONDS_A_ROUND = 0.5
"""What walks long chains is asked for fewer packets."""


@frozen
class Place:
    """A contender's node, with its rules loaded."""

    contender: Contender
    street: Street
    loading: Loading | None


@define
class Column:
    """What was measured of a contender: seconds a connection, one figure for each round."""

    seconds: list[float] = field(factory=list)
    processor_seconds: list[float] = field(factory=list)


@pytest.fixture(scope="module", params=SIZES)
def services(request: pytest.FixtureRequest) -> int:
    size: int = request.param
    return size


@pytest.fixture(scope="module")
def places(request: pytest.FixtureRequest, clusters: Path, services: int) -> Iterator[list[Place]]:
    """All contenders' nodes at once, so that they can take turns; what is left out is said."""
    with ExitStack() as resources:
        taking_part = []
        for contender in CONTENDERS:
            absence = contender.absence(services, patient=bool(request.config.getoption("--large")))
            if absence:
                sys.stderr.write(f"\n{services} Services without {contender.name}: {absence}\n")
                continue
            street = resources.enter_context(Street())
            loading = None
            if contender.command:
                path = input_file(clusters, contender, services)
                loading = load_into(street.node, (*contender.command, str(path)))
            taking_part.append(Place(contender, street, loading))
        yield taking_part


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("which", ["random Services", "the last Service"])
def test_first_packets(benchmark: BenchmarkFixture, places: list[Place], services: int, which: str) -> None:
    benchmark.group = f"connections, {services} Services"
    among = range(services) if which == "random Services" else range(services - 1, services)
    offered = {directly: connections(PACKETS, among, directly=directly) for directly in (False, True)}
    frames = {directly: Frames(each) for directly, each in offered.items()}
    counts = {}
    for place in places:
        directly = not place.contender.translates
        place.street.forget()
        place.street.send(frames[directly], CHECKED)
        if not directly:
            place.street.check_translations(offered[directly][:CHECKED])
        place.street.forget()
        seconds, _ = place.street.send(frames[directly], FEWEST_PACKETS)
        affordable = int(SECONDS_A_ROUND * FEWEST_PACKETS / seconds)
        counts[place.contender.name] = min(PACKETS, max(FEWEST_PACKETS, affordable))

    def one(place: Place) -> tuple[float, float]:
        count = counts[place.contender.name]
        seconds, processor = place.street.send(frames[not place.contender.translates], count)
        return seconds / count, processor / count

    columns = benchmark.pedantic(in_turns, args=(places, one), rounds=1)
    tell(benchmark, f"first packets to {which} of {services}", columns)


@pytest.mark.timeout(3600)
def test_whole_connections(benchmark: BenchmarkFixture, places: list[Place], services: int) -> None:
    benchmark.group = f"connections, {services} Services"
    offered = {directly: connections(CONNECTIONS, range(services), directly=directly) for directly in (False, True)}

    def one(place: Place) -> tuple[float, float]:
        chosen: list[Connection] = offered[not place.contender.translates]
        place.street.answer(answering=True)
        server = Server(place.street.pods)
        try:
            seconds, processor = connects(place.street.pods, chosen)
            return seconds / len(chosen), processor / len(chosen)
        finally:
            server.close()
            place.street.answer(answering=False)

    columns = benchmark.pedantic(in_turns, args=(places, one), rounds=1)
    tell(benchmark, f"connections to random Services of {services}", columns)


def in_turns(places: list[Place], one: Callable[[Place], tuple[float, float]]) -> dict[str, Column]:
    columns = {place.contender.name: Column() for place in places}
    for number in range(ROUNDS):
        # Nobody always comes after the same.
        for place in (*places[number % len(places) :], *places[: number % len(places)]):
            place.street.forget()
            seconds, processor = one(place)
            columns[place.contender.name].seconds.append(seconds)
            columns[place.contender.name].processor_seconds.append(processor)
    return columns


def tell(benchmark: BenchmarkFixture, what: str, columns: dict[str, Column]) -> None:
    """The table: medians, and the median of the ratios of each round to the first contender's."""
    sys.stderr.write(f"\n{what}: µs of the processor, on the clock, connections a second of the processor, of no NAT\n")
    first = next(iter(columns.values()))
    for name, column in columns.items():
        pairs = zip(column.processor_seconds, first.processor_seconds, strict=True)
        ratio = median(own / yardstick for own, yardstick in pairs)
        clock, processor = (median(column.seconds) * 1e6, median(column.processor_seconds) * 1e6)
        sys.stderr.write(f"  {name:<20}{processor:10.2f}{clock:10.2f}{1e6 / processor:12,.0f}{ratio:8.2f}\n")
        benchmark.extra_info[name] = {"processor µs": round(processor, 2), "of no NAT": round(ratio, 2)}
