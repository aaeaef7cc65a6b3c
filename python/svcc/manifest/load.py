"""From files to a cluster: everything that was declared and is in order, and everything that is not."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from attrs import Factory, define, frozen

from svcc.allocation.reservation import Reservation
from svcc.fields import ObjectReference, Problem, Severity
from svcc.manifest.declared import Declared, declared, declared_reference, declared_twice, kind_read
from svcc.manifest.documents import (
    UNREAD_RULES,
    Document,
    Limits,
    Reading,
    read_contents,
    read_documents,
    read_text,
)
from svcc.manifest.held_numbers import HeldNumbers
from svcc.manifest.kube_proxy import KubeProxySettings
from svcc.manifest.revisions import manifests_of_revision
from svcc.manifest.selection import Selection
from svcc.model.address_pool import AddressPool, Namespace
from svcc.model.cluster import Cluster, ClusterObject
from svcc.model.endpoints import EndpointSlice
from svcc.model.metadata import FrozenMapping
from svcc.model.service import Service
from svcc.validate.admission import DEFAULT_NAMESPACE
from svcc.validate.refused_objects import Refused
from svcc.validate.update import objects_by_reference

__all__ = ["Loaded", "load", "load_reading", "load_revision", "load_text"]

_Key = TypeVar("_Key")
_Item = TypeVar("_Item", ClusterObject, AddressPool)


@frozen
class Loaded:
    """What was loaded.

    Attributes:
        cluster: the objects that are in order, or wrong in single entries only, in the order of their declaration.
        problems: problems of texts first, then those of objects in the order of their declaration.
        skipped: how many objects of kinds that svcc does not read there were, by kind; a kind whose name svcc does
            read in another group carries version and group, as in ``Service.v1.serving.knative.dev``.
        files: the files that were read, as `svcc.manifest.documents` names them.
        kube_proxy: the last configuration of kube-proxy in the input.
        address_pools: pools of addresses for load balancers, in the order of their declaration.
        held: numbers that Services name which are not in order, for `svcc.allocation`.
        namespaces: the namespaces that were declared, for the selectors of pools.
        refused: objects that are not in order, as far as they can be read, for the rules between objects; without
            those whose name another declaration has that is in order.
    """

    cluster: Cluster
    problems: tuple[Problem, ...] = ()
    skipped: Mapping[str, int] = FrozenMapping()
    files: tuple[str, ...] = ()
    kube_proxy: KubeProxySettings | None = None
    address_pools: tuple[AddressPool, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    held: Reservation = Factory(Reservation)
    refused: tuple[Refused, ...] = ()

    @property
    def unread(self) -> tuple[str, ...]:
        """The files of which a part could not be read, so that nobody knows all that they declare."""
        found = (each.source for each in self.problems if each.rule in UNREAD_RULES and each.severity is Severity.ERROR)
        return tuple(dict.fromkeys(source.file for source in found if source is not None))


def load(
    filenames: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    namespace: str | None = None,
    selector: str | None = None,
    default_namespace: str | None = None,
    update_from: Cluster | None = None,
    announce: Callable[[Cluster], None] | None = None,
) -> Loaded:
    """Load files, directories and ``-`` (standard input).

    As with kubectl, `namespace` is where objects without a namespace belong (else ``default``), and Services of other
    namespaces are left out; `selector` is a label selector for Services. EndpointSlices follow their Service: those of
    a Service that is not selected are left out. Nodes and ServiceCIDRs are always kept. An object that is declared
    twice is what its later declaration says, if that one is in order. `default_namespace` is where objects without a
    namespace belong, and leaves nothing out. Objects of `update_from` are those that the cluster has: what is loaded is
    judged as an update of them, as far as the type of a Service changes (see `svcc.validate.update` for the rest).

    `announce` is called with all objects but EndpointSlices as soon as they are read, for what can be begun with them
    alone: most of a large cluster is slices. Of objects that are declared twice or are not selected it has all.

    Raises:
        InputError: something cannot be read at all.
        SettingsError: `selector` is no label selector.
    """
    if isinstance(filenames, str):
        raise TypeError(f"expected a list of files, got the string {filenames!r}")
    selection = Selection.of(namespace, selector)
    reading = read_documents(filenames, stdin=stdin)
    return _loaded(reading, selection, default_namespace, update_from, announce)


def load_revision(name: str, *, namespace: str | None = None, selector: str | None = None) -> Loaded:
    """Load manifests of a git revision, ``REV:PATH``; see `load` and `svcc.manifest.revisions`.

    Raises:
        InputError: the revision or the path is unknown, or no manifest is there.
        SettingsError: `selector` is no label selector.
        TargetError: there is no git program.
    """
    selection = Selection.of(namespace, selector)
    limits = Limits()
    reading = read_contents(manifests_of_revision(name, limits.file_bytes), limits=limits)
    return _loaded(reading, selection)


def load_reading(reading: Reading, *, namespace: str | None = None) -> Loaded:
    """Load all of what has been read, for those who also need the documents.

    `namespace` is where objects without a namespace belong, and leaves nothing out.
    """
    return _loaded(reading, Selection(), namespace)


def load_text(
    text: str | bytes,
    *,
    file: str = "<string>",
    namespace: str | None = None,
    selector: str | None = None,
    update_from: Cluster | None = None,
) -> Loaded:
    """Load manifests from a string, or from bytes in UTF-8; see `load`.

    Raises:
        SettingsError: `selector` is no label selector.
    """
    selection = Selection.of(namespace, selector)
    return _loaded(read_text(text, file=file), selection, update_from=update_from)


@define
class _Progress:
    """What has been gathered so far; pools and namespaces are keyed by their names."""

    namespace: str
    problems: list[Problem]
    objects: dict[ObjectReference, ClusterObject] = Factory(dict)
    before: Mapping[ObjectReference, ClusterObject] = Factory(dict)
    skipped: Counter[str] = Factory(Counter)
    kube_proxy: KubeProxySettings | None = None
    address_pools: dict[str, AddressPool] = Factory(dict)
    namespaces: dict[str, Namespace] = Factory(dict)
    held: HeldNumbers = Factory(HeldNumbers)
    refused: list[Refused] = Factory(list)


def _loaded(
    reading: Reading,
    selection: Selection,
    default_namespace: str | None = None,
    update_from: Cluster | None = None,
    announce: Callable[[Cluster], None] | None = None,
) -> Loaded:
    progress = _Progress(selection.namespace or default_namespace or DEFAULT_NAMESPACE, list(reading.problems))
    if update_from is not None:
        progress.before = objects_by_reference(update_from)
    with _without_cycle_detection():
        first: dict[int, Declared] = {}
        if announce is not None:
            first = _declared_first(reading.documents, progress)
            announce(Cluster.of(each.item for each in first.values() if isinstance(each.item, ClusterObject)))
        for place, document in enumerate(reading.documents):
            _add(document, progress, first.get(place))
        objects: Sequence[ClusterObject] = list(progress.objects.values())
        if not selection.is_everything:
            objects = _selected(objects, selection)
        cluster = Cluster.of(objects)
    return Loaded(
        cluster,
        tuple(progress.problems),
        FrozenMapping(sorted(progress.skipped.items())),
        reading.files,
        progress.kube_proxy,
        tuple(progress.address_pools.values()),
        tuple(progress.namespaces.values()),
        progress.held.reservation(),
        _refused(progress, selection),
    )


def _declared_first(documents: Sequence[Document], progress: _Progress) -> dict[int, Declared]:
    """What documents of objects declare that are no EndpointSlices, by their places."""
    return {
        place: declared(document, progress.namespace, progress.before)
        for place, document in enumerate(documents)
        if kind_read(document.value) not in (None, "EndpointSlice")
    }


def _add(document: Document, progress: _Progress, found: Declared | None) -> None:
    """Add a document, of which it may be known already what it declares."""
    if found is None:
        found = declared(document, progress.namespace, progress.before)
    progress.problems.extend(found.problems)
    if found.skipped is not None:
        progress.skipped[found.skipped] += 1
    if found.refused is not None:
        progress.refused.append(found.refused)
    match found.item:
        case None:
            reference = declared_reference(document, progress.namespace)
            if reference is not None and reference.kind == "Service":
                progress.held.add(document.value, f"{reference.namespace}/{reference.name}")
        case KubeProxySettings():
            progress.kube_proxy = found.item
        case AddressPool():
            # MetalLB tells pools by their names; they are all in its own namespace.
            _keep(progress.address_pools, found.item.name, found.item, progress)
        case Namespace():
            progress.namespaces[found.item.name] = found.item
        case _:
            _keep(progress.objects, found.item.reference, found.item, progress)


def _keep(kept: dict[_Key, _Item], key: _Key, item: _Item, progress: _Progress) -> None:
    earlier = kept.setdefault(key, item)
    if earlier is not item:
        progress.problems.append(declared_twice(item, earlier))
        del kept[key]
        kept[key] = item


def _refused(progress: _Progress, selection: Selection) -> tuple[Refused, ...]:
    """The refused objects that are selected; of those of one name the last one, as among those in order."""
    named = {item.reference if item.name else place: item for place, item in enumerate(progress.refused)}
    found: Sequence[Refused] = [item for item in named.values() if item.reference not in progress.objects]
    if selection.is_everything or not found:
        return tuple(found)
    # Slices follow their Services, also those that are in order.
    kept = {id(item) for item in _selected([*progress.objects.values(), *found], selection)}
    return tuple(item for item in found if id(item) in kept)


def _selected(objects: Sequence[ClusterObject], selection: Selection) -> list[ClusterObject]:
    kept = {
        (item.namespace, item.name) for item in objects if isinstance(item, Service) and selection.has_service(item)
    }

    def is_kept(item: ClusterObject) -> bool:
        if isinstance(item, Service):
            return (item.namespace, item.name) in kept
        if isinstance(item, EndpointSlice):
            if selection.labels is None:
                return selection.has_namespace(item.namespace)
            return (item.namespace, item.service_name) in kept
        return True

    return [item for item in objects if is_kept(item)]


@contextmanager
def _without_cycle_detection() -> Iterator[None]:
    """Keep the cycle collector from walking the growing cluster again and again: it contains no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
