"""The dumps of a fleet, one for each node, and what comes of auditing one."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from attrs import evolve, frozen

from svcc.auditing.finding import AuditReport, Finding, FindingKind, Verdict
from svcc.errors import InputError, SvccError
from svcc.fields import Severity, Source

__all__ = ["Auditor", "NodeDump", "NodeResult", "ambiguous", "audited", "dumps_in", "failed", "report_of"]

_SUFFIXES: Final = (".json.gz", ".nft.gz", ".json", ".nft")


@frozen
class NodeDump:
    """The dump of a node: ``NODE.json`` or ``NODE.nft``, both perhaps packed by gzip (``.gz``).

    Attributes:
        others: more dumps of the node, so that nobody can tell which to take.
    """

    node: str
    path: Path
    others: tuple[Path, ...] = ()


@frozen
class NodeResult:
    """What came of a node's dump: a report, or the reason why there is none.

    Attributes:
        error: what is wrong with the dump; empty if there is a report.
    """

    node: str
    dump: str
    report: AuditReport | None
    error: str = ""


class Auditor(Protocol):
    """Audits one dump after the other; it is sent to every worker, so that it must survive `pickle`."""

    def __call__(self, dump: NodeDump, data: bytes) -> AuditReport:
        """The report of a node; `data` is what stands in the file.

        Raises:
            SvccError: the dump cannot be audited.
        """


def dumps_in(folder: Path) -> tuple[NodeDump, ...]:
    """The dumps in a folder, by the names of their nodes; other files, folders and hidden files are left alone.

    Raises:
        InputError: there is none.
        OSError: the folder cannot be read.
    """
    found: dict[str, NodeDump] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((each for each in _SUFFIXES if path.name.endswith(each)), None)
        if suffix is None or path.name.startswith(".") or not (path.is_file() or _leads_nowhere(path)):
            continue
        node = path.name.removesuffix(suffix)
        first = found.get(node)
        found[node] = NodeDump(node, path) if first is None else evolve(first, others=(*first.others, path))
    if not found:
        raise InputError(f"{folder}: there is no dump in it", hint="name them NODE.json or NODE.nft, .gz if packed")
    return tuple(found[node] for node in sorted(found))


def _leads_nowhere(path: Path) -> bool:
    """Whether it is a link to a dump that has gone: nobody must take that node for audited."""
    return path.is_symlink() and not path.exists()


def audited(auditor: Auditor, dump: NodeDump, data: bytes | None = None) -> NodeResult:
    """The result of one dump, which is read here unless its `data` are given."""
    try:
        report = auditor(dump, dump.path.read_bytes() if data is None else data)
    except SvccError as error:
        words = f"{error.message} ({error.hint})" if error.hint else error.message
        return NodeResult(dump.node, str(dump.path), None, words)
    except OSError as error:
        return failed(dump, error.strerror or str(error))
    return NodeResult(dump.node, str(dump.path), _portable(report))


def _portable(report: AuditReport) -> AuditReport:
    """The report without what leads from places in manifests to further ones, which cannot be sent."""

    def plain(finding: Finding) -> Finding:
        source = finding.source
        return finding if source is None else evolve(finding, source=Source(source.file, source.line))

    return evolve(
        report,
        findings=tuple(map(plain, report.findings)),
        suppressed=tuple(evolve(each, finding=plain(each.finding)) for each in report.suppressed),
    )


def report_of(result: NodeResult) -> AuditReport:
    """The report of a node; where there is none, one that says so: no summary may look as if the node were fine."""
    if result.report is not None:
        return result.report
    unread = Finding(
        FindingKind.NOT_DECIDABLE,
        Severity.ERROR,
        f"the node was not audited: {result.error}",
        f"dump of {result.node}",
        hint="take the dump again: nft -j list ruleset",
    )
    return AuditReport(result.node, result.dump, Verdict.NOT_PROVED, findings=(unread,))


def ambiguous(dump: NodeDump) -> NodeResult:
    """The result of a node that has several dumps."""
    names = [path.name for path in (dump.path, *dump.others)]
    count = "two" if len(names) == 2 else str(len(names))
    reason = f"node {dump.node} has {count} dumps: {', '.join(names[:-1])} and {names[-1]}"
    return NodeResult(dump.node, str(dump.path), None, f"{dump.path.parent}: {reason}")


def failed(dump: NodeDump, reason: str) -> NodeResult:
    """The result of a dump that could not be audited."""
    return NodeResult(dump.node, str(dump.path), None, f"{dump.path}: {reason}")
