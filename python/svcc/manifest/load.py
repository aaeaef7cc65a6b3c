"""From files to a cluster: everything that was declared and is in order, and everything that is not."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import BinaryIO

from attrs import Factory, define, frozen

from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity
from svcc.manifest.address_pools import ADDRESS_POOL_KIND, NAMESPACE_KIND, address_pool, namespace_labels
from svcc.manifest.documents import Document, Limits, Reading, read_contents, read_documents, read_text
from svcc.manifest.kube_proxy import KubeProxySettings, kube_proxy_settings
from svcc.manifest.label_selector import LabelSelector, parse_label_selector
from svcc.manifest.revisions import manifests_of_revision
from svcc.model.address_pool import AddressPool, Namespace
from svcc.model.cluster import Cluster, ClusterObject
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service
from svcc.validate.admission import DEFAULT_NAMESPACE, Admission, admit, reference_of
from svcc.validate.update import objects_by_reference

__all__ = ["Loaded", "load", "load_contents", "load_revision", "load_text"]

_KINDS = {
    ("v1", "Service"): "Service",
    ("v1", "Node"): "Node",
    ("discovery.k8s.io/v1", "EndpointSlice"): "EndpointSlice",
    ("networking.k8s.io/v1", "ServiceCIDR"): "ServiceCIDR",
    ("networking.k8s.io/v1beta1", "ServiceCIDR"): "ServiceCIDR",
}
_OTHER_VERSIONS = {
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): "discovery.k8s.io/v1",
    ("networking.k8s.io/v1alpha1", "ServiceCIDR"): "networking.k8s.io/v1",
}
_NAMES_READ = frozenset(kind for _, kind in _KINDS)
_KUBE_PROXY = ("kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration")
_KUBE_PROXY_KEY = "config.conf"


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
        namespaces: the namespaces that were declared, for the selectors of pools.
    """

    cluster: Cluster
    problems: tuple[Problem, ...] = ()
    skipped: Mapping[str, int] = MappingProxyType({})
    files: tuple[str, ...] = ()
    kube_proxy: KubeProxySettings | None = None
    address_pools: tuple[AddressPool, ...] = ()
    namespaces: tuple[Namespace, ...] = ()


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
    selects = parse_label_selector(selector or "")
    reading = read_documents(filenames, stdin=stdin)
    return _loaded(reading, namespace, selects if selector else None, default_namespace, update_from, announce)


def load_revision(name: str, *, namespace: str | None = None, selector: str | None = None) -> Loaded:
    """Load manifests of a git revision, ``REV:PATH``; see `load` and `svcc.manifest.revisions`.

    Raises:
        InputError: the revision or the path is unknown, or no manifest is there.
        SettingsError: `selector` is no label selector.
        TargetError: there is no git program.
    """
    selects = parse_label_selector(selector or "")
    limits = Limits()
    reading = read_contents(manifests_of_revision(name, limits.file_bytes), limits=limits)
    return _loaded(reading, namespace, selects if selector else None)


def load_contents(contents: Iterable[tuple[str, bytes]], *, namespace: str | None = None) -> Loaded:
    """Load what somebody else has read, pairs of a name and bytes in UTF-8, all of it.

    `namespace` is where objects without a namespace belong, and leaves nothing out.
    """
    return _loaded(read_contents(contents), None, None, namespace)


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
    selects = parse_label_selector(selector or "")
    return _loaded(read_text(text, file=file), namespace, selects if selector else None, update_from=update_from)


@define
class _Progress:
    """What has been gathered so far; objects are keyed by kind, namespace (none for cluster-wide kinds) and name."""

    namespace: str
    problems: list[Problem]
    objects: dict[tuple[str, str, str], ClusterObject] = Factory(dict)
    before: Mapping[ObjectReference, ClusterObject] = Factory(dict)
    skipped: Counter[str] = Factory(Counter)
    kube_proxy: KubeProxySettings | None = None
    address_pools: dict[str, AddressPool] = Factory(dict)
    namespaces: dict[str, Namespace] = Factory(dict)


def _loaded(
    reading: Reading,
    namespace: str | None,
    selects: LabelSelector | None,
    default_namespace: str | None = None,
    update_from: Cluster | None = None,
    announce: Callable[[Cluster], None] | None = None,
) -> Loaded:
    progress = _Progress(namespace or default_namespace or DEFAULT_NAMESPACE, list(reading.problems))
    if update_from is not None:
        progress.before = objects_by_reference(update_from)
    with _without_cycle_detection():
        admitted: dict[int, Admission] = {}
        if announce is not None:
            admitted = _admitted_first(reading.documents, progress)
            announce(Cluster.of(each.item for each in admitted.values() if each.item is not None))
        for place, document in enumerate(reading.documents):
            _add(document, progress, admitted.get(place))
        objects: Sequence[ClusterObject] = list(progress.objects.values())
        if namespace or selects is not None:
            objects = _selected(objects, namespace, selects)
        cluster = Cluster.of(objects)
    return Loaded(
        cluster,
        tuple(progress.problems),
        MappingProxyType(dict(sorted(progress.skipped.items()))),
        reading.files,
        progress.kube_proxy,
        tuple(progress.address_pools.values()),
        tuple(progress.namespaces.values()),
    )


def _admitted_first(documents: Sequence[Document], progress: _Progress) -> dict[int, Admission]:
    """What became of objects that are no EndpointSlices, by their places."""
    admitted = {}
    for place, document in enumerate(documents):
        kind = _kind(document)
        if kind is not None and kind != "EndpointSlice":
            admitted[place] = _admission(kind, document, progress)
    return admitted


def _kind(document: Document) -> str | None:
    api_version, name = document.value.get("apiVersion"), document.value.get("kind")
    return _KINDS.get((api_version, name)) if type(api_version) is str and type(name) is str else None


def _admission(kind: str, document: Document, progress: _Progress) -> Admission:
    before = None
    if progress.before:
        before = progress.before.get(reference_of(kind, document.value, progress.namespace))
    return admit(kind, document.value, progress.namespace, document.source, before=before)


def _add(document: Document, progress: _Progress, admission: Admission | None) -> None:
    """Add a document, of which it may be known already what became of it."""
    value = document.value
    api_version = value.get("apiVersion")
    name = value.get("kind")
    if type(name) is not str or not name or type(api_version) is not str or not api_version:
        sentence = "Object 'Kind' is missing" if type(name) is not str or not name else "apiVersion not set"
        _add_notice("manifest/type-missing", sentence, None, document, progress)
        return
    kind = _KINDS.get((api_version, name))
    if kind is None:
        _add_other(document, api_version, name, progress)
        return
    if admission is None:
        admission = _admission(kind, document, progress)
    progress.problems.extend(admission.problems)
    if admission.item is not None:
        _keep(kind, admission.item, document, progress)


def _keep(kind: str, item: ClusterObject, document: Document, progress: _Progress) -> None:
    namespace = item.namespace if isinstance(item, Service | EndpointSlice) else ""
    key = (kind, namespace, item.name)
    earlier = progress.objects.pop(key, None)
    if earlier is not None:
        sentence = f"declared twice: {document.source} replaces {earlier.source}"
        _add_notice("manifest/declared-twice", sentence, item.reference, document, progress, Severity.WARNING)
    progress.objects[key] = item


def _keep_pool(pool: AddressPool, document: Document, progress: _Progress) -> None:
    """MetalLB tells pools by their names; they are all in its own namespace."""
    earlier = progress.address_pools.pop(pool.name, None)
    if earlier is not None:
        sentence = f"declared twice: {document.source} replaces {earlier.source}"
        _add_notice("manifest/declared-twice", sentence, pool.reference, document, progress, Severity.WARNING)
    progress.address_pools[pool.name] = pool


def _add_other(document: Document, api_version: str, name: str, progress: _Progress) -> None:
    if (api_version, name) == _KUBE_PROXY:
        progress.kube_proxy, problems = kube_proxy_settings(document.value, document.source)
        progress.problems.extend(problems)
    elif (api_version, name) == ADDRESS_POOL_KIND:
        pool, problems = address_pool(document.value, document.source)
        progress.problems.extend(problems)
        if pool is not None:
            _keep_pool(pool, document, progress)
    elif (api_version, name) == NAMESPACE_KIND:
        namespace, problems = namespace_labels(document.value, document.source)
        progress.problems.extend(problems)
        if namespace is not None:
            progress.namespaces[namespace.name] = namespace
    elif (api_version, name) == ("v1", "ConfigMap") and _add_config_map(document, progress):
        pass
    else:
        group, _, version = api_version.rpartition("/")
        progress.skipped[".".join(filter(None, (name, version, group))) if name in _NAMES_READ else name] += 1
        if (api_version, name) in _OTHER_VERSIONS:
            wanted = _OTHER_VERSIONS[api_version, name]
            sentence = f"{name} of {api_version} is not read; convert it to {wanted}"
            _add_notice("manifest/api-version-not-read", sentence, None, document, progress, Severity.WARNING)


def _add_config_map(document: Document, progress: _Progress) -> bool:
    """Read kube-proxy's configuration where kubeadm keeps it; whether this is that ConfigMap."""
    metadata = document.value.get("metadata")
    data = document.value.get("data")
    if not isinstance(metadata, Mapping) or not isinstance(data, Mapping):
        return False
    text = data.get(_KUBE_PROXY_KEY)
    if (metadata.get("namespace"), metadata.get("name")) != ("kube-system", "kube-proxy") or type(text) is not str:
        return False
    place = f"{document.source} ({_KUBE_PROXY_KEY})"
    reading = read_text(text, file=place)
    progress.problems.extend(reading.problems)
    for inner in reading.documents:
        if (inner.value.get("apiVersion"), inner.value.get("kind")) == _KUBE_PROXY:
            progress.kube_proxy, problems = kube_proxy_settings(inner.value, inner.source)
            progress.problems.extend(problems)
    return True


def _add_notice(
    rule: str,
    sentence: str,
    subject: ObjectReference | None,
    document: Document,
    progress: _Progress,
    severity: Severity = Severity.ERROR,
) -> None:
    problem = Problem(
        rule, ProblemKind.NOTICE, FieldPath(), sentence, object=subject, source=document.source, severity=severity
    )
    progress.problems.append(problem)


def _selected(
    objects: Sequence[ClusterObject], namespace: str | None, selects: LabelSelector | None
) -> list[ClusterObject]:
    kept: set[tuple[str, str | None]] = set()
    for item in objects:
        if (
            isinstance(item, Service)
            and namespace in (None, "", item.namespace)
            and (selects is None or selects(item.labels))
        ):
            kept.add((item.namespace, item.name))

    def is_kept(item: ClusterObject) -> bool:
        if isinstance(item, Service):
            return (item.namespace, item.name) in kept
        if isinstance(item, EndpointSlice):
            if selects is None:
                return item.namespace == namespace
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
