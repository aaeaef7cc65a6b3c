"""Proofs that are begun as soon as the ruleset is read, while manifests are read beside it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from svcc import _native
from svcc.auditing.audit import ReadRuleset
from svcc.auditing.proof import BegunProof, begin, supposition
from svcc.dataplane.build import NodeAndServices

__all__ = ["EarlyProof"]


class EarlyProof:
    """What a ruleset does, found out on other threads: Rust needs no lock of Python's for it.

    A ruleset that is right says itself which addresses are the node's and Services', so it need not wait for manifests.
    Once these have told the addresses, it is begun anew where the ruleset was wrong about them.

    Attributes:
        ruleset: what is read.
        begun: what was found out with the last addresses that were told.
    """

    def __init__(self, read: Callable[[], ReadRuleset]) -> None:
        # Each task waits for none but earlier ones.
        self._threads = ThreadPoolExecutor(max_workers=2)
        self._suppositions: list[_native.Supposition] = []
        self._ended = False
        self.ruleset: Future[ReadRuleset] = self._threads.submit(read)
        self._presumed: Future[_native.Supposition] = self._threads.submit(self._presume)
        self.begun: Future[BegunProof | None] = self._threads.submit(self._begin, self._presumed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended = True
        for supposed in self._suppositions:
            supposed.withdraw()
        self._threads.shutdown(cancel_futures=True)

    def learn(self, supposed: NodeAndServices) -> None:
        """Tell which addresses are the node's and Services'."""
        self.begun = self._threads.submit(self._known, self.begun, supposed)

    def _presume(self) -> _native.Supposition:
        return supposition(self.ruleset.result().evaluator)

    def _begin(self, supposed: Future[_native.Supposition]) -> BegunProof | None:
        return self._begun_with(supposed.result())

    def _known(self, before: Future[BegunProof | None], supposed: NodeAndServices) -> BegunProof | None:
        known, presumed = supposition(self.ruleset.result().evaluator, supposed), self._presumed.result()
        if known.agrees(presumed):
            return before.result()
        presumed.withdraw()
        return self._begun_with(known)

    def _begun_with(self, supposed: _native.Supposition) -> BegunProof | None:
        self._suppositions.append(supposed)
        return None if self._ended else begin(self.ruleset.result().evaluator, supposed)
