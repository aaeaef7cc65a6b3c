"""A node put together: source, compiler, kernel, and all that tells of it, until it is stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from attrs import frozen

from svcc.apply.held import TABLES
from svcc.apply.installer import Installer
from svcc.apply.lock import NodeLock
from svcc.apply.nft import open_nft
from svcc.incremental.compiler import IncrementalCompiler
from svcc.node.conntrack import ConntrackCleaner
from svcc.node.loop import Node
from svcc.node.reporter import Reporter
from svcc.node.schedule import Intervals
from svcc.node.servers import NodeServers, ServerSettings
from svcc.node.service_counters import ServiceCounters
from svcc.node.service_notification import ServiceNotification
from svcc.node.state import Clock, Published, starting_state
from svcc.node.watch import TableWatch
from svcc.sources.contract import Batch, Source

__all__ = ["NodeOptions", "run_node"]


@frozen(kw_only=True)
class NodeOptions:
    """How a node runs.

    Attributes:
        name: the node's name as far as it is known before the source is complete.
        version: svcc's version, for the status.
        keep_scripts: where scripts are kept that the kernel refuses; None keeps none.
        service_counters: whether connections are counted; the compiler must be made so, too.
    """

    name: str
    version: str
    intervals: Intervals
    servers: ServerSettings
    keep_scripts: Path | None = None
    service_counters: bool = False


def run_node(source: Source, options: NodeOptions, make_compiler: Callable[[Batch], IncrementalCompiler]) -> None:
    """Keep the machine right, in the network namespace of this thread, until SIGTERM or SIGINT; the rules stay.

    SIGHUP has the kernel read and made right. For the main thread.

    Raises:
        SourceEndedError: the source has ended.
        SvccError: the source cannot be read; another svcc runs here; nftables or permission is missing.
        KeyboardInterrupt: it was SIGINT.
    """
    clock = Clock()
    with ExitStack() as stack:
        stack.enter_context(NodeLock())
        nft = open_nft()
        stack.callback(nft.close)
        watch = TableWatch(TABLES, lambda: nft.process_ids)
        stack.callback(watch.close)
        published = Published(starting_state(options.name, options.version, source.name, clock))
        counters = ServiceCounters() if options.service_counters else None
        servers = NodeServers(published, options.servers, clock=clock, service_counters=counters)
        stack.callback(servers.close)
        servers.start()
        notification = ServiceNotification.of_environment()
        reporter = Reporter(published, servers, notification, clock=clock, service_counters=counters)
        node = Node(
            source=source,
            make_compiler=make_compiler,
            installer=Installer(nft, keep_scripts=options.keep_scripts, keep_pick_chains=True),
            conntrack=ConntrackCleaner(),
            watch=watch,
            observer=reporter,
            intervals=options.intervals,
        )
        reporter.starting()
        with _signals(node) as caught:
            node.run()
        if signal.SIGINT in caught:
            raise KeyboardInterrupt


@contextmanager
def _signals(node: Node) -> Iterator[set[int]]:
    """Signals as `run_node` describes them, for the length of the block; the numbers of those that came."""
    caught: set[int] = set()

    def stop(number: int, _frame: FrameType | None) -> None:
        caught.add(number)
        node.stop(signal.Signals(number).name)

    def resynchronize(number: int, _frame: FrameType | None) -> None:
        caught.add(number)
        node.resynchronize(signal.Signals(number).name)

    wanted = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: resynchronize}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    wakeup = signal.set_wakeup_fd(node.wakeup_descriptor, warn_on_full_buffer=False)
    try:
        yield caught
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
