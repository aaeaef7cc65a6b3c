"""Finding the Service that somebody means, and telling them what there is instead when there is none."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from svcc.errors import InputError
from svcc.fields import ObjectReference, Problem, Severity, printable
from svcc.model.cluster import Cluster
from svcc.model.service import Service

__all__ = ["find_service", "service_named"]

_KINDS = frozenset({"svc", "service", "services"})
_DEFAULT_NAMESPACE = "default"
_SHOWN = 5


def service_named(text: str, namespace: str | None) -> tuple[str | None, str]:
    """Namespace and name from ``NAME``, ``svc/NAME``, ``service/NAME`` or ``NAMESPACE/NAME``.

    Raises:
        InputError: it is none of them, or names another namespace than `namespace`.
    """
    parts = text.split("/")
    if len(parts) > 1 and parts[0].lower() in _KINDS:
        parts = parts[1:]
    if len(parts) > 2 or not all(parts):
        raise InputError(
            f'"{printable(text)}" names no Service', hint="write NAME, svc/NAME or NAMESPACE/NAME, as in svc/web"
        )
    if len(parts) == 1:
        return namespace, parts[0]
    if namespace and namespace != parts[0]:
        raise InputError(f'"{printable(text)}" is in another namespace than "{printable(namespace)}"')
    return parts[0], parts[1]


def find_service(
    cluster: Cluster, problems: Iterable[Problem], name: str, namespace: str | None
) -> Service | ObjectReference:
    """The Service, or only its reference where its errors left it out of the cluster.

    Without a namespace it is the one in ``default``, else the only one of that name.

    Raises:
        InputError: there is none, or there are several; the hint names what comes close.
    """
    found: dict[str, Service | ObjectReference] = {
        problem.object.namespace: problem.object
        for problem in problems
        if problem.severity is Severity.ERROR
        and problem.object is not None
        and (problem.object.kind, problem.object.name) == ("Service", name)
    }
    found.update((service.namespace, service) for service in cluster.services if service.name == name)
    if namespace is None:
        namespace = next(iter(found)) if len(found) == 1 else _DEFAULT_NAMESPACE
        if len(found) > 1 and namespace not in found:
            raise InputError(f'there are several Services "{name}"', hint=f"say which with -n: {_listed(found)}")
    if namespace in found:
        return found[namespace]
    message = f'there is no Service "{printable(name)}" in namespace "{printable(namespace)}"'
    raise InputError(message, hint=_instead(cluster, name, namespace, found))


def _instead(cluster: Cluster, name: str, namespace: str, found: Iterable[str]) -> str:
    elsewhere = _listed(found)
    if elsewhere:
        return f"there is one in namespace {elsewhere}"
    here = sorted({service.name for service in cluster.services if service.namespace == namespace})
    if not here:
        namespaces = {service.namespace for service in cluster.services}
        if not namespaces:
            return "there are no Services in the manifests"
        similar = get_close_matches(namespace, sorted(namespaces), _SHOWN)
        return f"namespaces with Services: {_listed(similar or namespaces)}"
    similar = get_close_matches(name, here, _SHOWN)
    return f"similar: {_listed(similar)}" if similar else f"there are: {_listed(here)}"


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(set(names))
    return ", ".join(map(printable, ordered[:_SHOWN])) + (", ..." if len(ordered) > _SHOWN else "")
