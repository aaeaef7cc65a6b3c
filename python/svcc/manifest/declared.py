"""From one document to what it declares: an object of the cluster, a pool, settings, or nothing svcc reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity
from svcc.manifest.address_pools import address_pool, namespace_labels
from svcc.manifest.documents import Document, read_text
from svcc.manifest.kinds import ADDRESS_POOL_KIND, KINDS, KUBE_PROXY_KIND, NAMESPACE_KIND, label_of, mistake
from svcc.manifest.kube_proxy import KubeProxySettings, kube_proxy_settings
from svcc.model.address_pool import AddressPool, Namespace
from svcc.model.cluster import ClusterObject
from svcc.model.unconverted import maker
from svcc.validate.admission import admit, reference_of
from svcc.validate.refused_objects import Refused

__all__ = ["Declared", "declared", "declared_reference", "declared_twice", "kind_read"]

_KUBE_PROXY_KEY = "config.conf"


@frozen
class Declared:
    """What a document declares: `item`, None where it is refused or of no kind that svcc reads.

    `refused` is an object that is refused, as far as it can be read.
    `skipped` is the kind of a document that svcc does not read; a kind whose name svcc does read in another group
    carries version and group, as in ``Service.v1.serving.knative.dev``.
    """

    item: ClusterObject | AddressPool | Namespace | KubeProxySettings | None = None
    problems: tuple[Problem, ...] = ()
    skipped: str | None = None
    refused: Refused | None = None


_declared: Final = maker(Declared, ("item", "problems", "refused"))


def kind_read(value: Mapping[str, Any]) -> str | None:
    """The kind of an object of the cluster, such as ``Service``; None if svcc does not read such objects."""
    api_version, name = value.get("apiVersion"), value.get("kind")
    return KINDS.get((api_version, name)) if type(name) is str and type(api_version) is str else None


def declared_reference(document: Document, namespace: str) -> ObjectReference | None:
    """Which object of the cluster a document is about, in order or not; None if it is about none."""
    kind = kind_read(document.value)
    return None if kind is None else reference_of(kind, document.value, namespace)


def declared(
    document: Document, namespace: str, before: Mapping[ObjectReference, ClusterObject] | None = None
) -> Declared:
    """Read a document as a server admits an object; `namespace` is for objects that name none.

    Objects in `before` are those that the cluster has: see `svcc.validate.admission.admit`.
    """
    value = document.value
    api_version = value.get("apiVersion")
    name = value.get("kind")
    if type(name) is not str or not name or type(api_version) is not str or not api_version:
        sentence = "Object 'Kind' is missing" if type(name) is not str or not name else "apiVersion not set"
        return Declared(problems=(_notice("manifest/type-missing", sentence, document),))
    kind = KINDS.get((api_version, name))
    if kind is None:
        return _other(document, api_version, name)
    earlier = before.get(reference_of(kind, value, namespace)) if before else None
    admission = admit(kind, value, namespace, document.source, before=earlier)
    return _declared(admission.item, tuple(admission.problems), admission.refused)


def declared_twice(item: ClusterObject | AddressPool, earlier: ClusterObject | AddressPool) -> Problem:
    """What is said where `item` is declared again and replaces `earlier`."""
    return Problem(
        "manifest/declared-twice",
        ProblemKind.NOTICE,
        FieldPath(),
        f"declared twice: {item.source} replaces {earlier.source}",
        object=item.reference,
        source=item.source,
        severity=Severity.WARNING,
    )


def _other(document: Document, api_version: str, name: str) -> Declared:
    if (api_version, name) == KUBE_PROXY_KIND:
        settings, problems = kube_proxy_settings(document.value, document.source)
        return Declared(settings, tuple(problems))
    if (api_version, name) == ADDRESS_POOL_KIND:
        pool, problems = address_pool(document.value, document.source)
        return Declared(pool, tuple(problems))
    if (api_version, name) == NAMESPACE_KIND:
        found, problems = namespace_labels(document.value, document.source)
        return Declared(found, tuple(problems))
    if (api_version, name) == ("v1", "ConfigMap"):
        configuration = _config_map(document)
        if configuration is not None:
            return configuration
    skipped = label_of(api_version, name)
    probable = mistake(api_version, name)
    if probable is None:
        return Declared(skipped=skipped)
    rule, sentence, hint = probable
    return Declared(problems=(_notice(rule, sentence, document, Severity.WARNING, hint),), skipped=skipped)


def _config_map(document: Document) -> Declared | None:
    """Kube-proxy's configuration where kubeadm keeps it; None if this is not that ConfigMap."""
    metadata = document.value.get("metadata")
    data = document.value.get("data")
    if not isinstance(metadata, Mapping) or not isinstance(data, Mapping):
        return None
    text = data.get(_KUBE_PROXY_KEY)
    if (metadata.get("namespace"), metadata.get("name")) != ("kube-system", "kube-proxy") or type(text) is not str:
        return None
    place = f"{document.source} ({_KUBE_PROXY_KEY})"
    reading = read_text(text, file=place)
    problems = list(reading.problems)
    settings: KubeProxySettings | None = None
    for inner in reading.documents:
        if (inner.value.get("apiVersion"), inner.value.get("kind")) == KUBE_PROXY_KIND:
            settings, found = kube_proxy_settings(inner.value, inner.source)
            problems.extend(found)
    return Declared(settings, tuple(problems))


def _notice(
    rule: str, sentence: str, document: Document, severity: Severity = Severity.ERROR, hint: str = ""
) -> Problem:
    source = document.source
    return Problem(rule, ProblemKind.NOTICE, FieldPath(), sentence, source=source, severity=severity, hint=hint)
