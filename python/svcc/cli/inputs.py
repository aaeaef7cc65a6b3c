"""From options to a cluster and its settings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import click

from svcc.cli.options import InputOptions
from svcc.cli.output import Talk
from svcc.dataplane.notices import nodes_there_are
from svcc.errors import InputError
from svcc.fields import Problem, Severity, printable
from svcc.manifest.kube_proxy import KubeProxySettings
from svcc.manifest.load import Loaded, load, load_revision
from svcc.manifest.revisions import is_revision
from svcc.model.cluster import Cluster, ClusterSettings

__all__ = [
    "cluster_settings",
    "configuration",
    "declared_input",
    "in_flags",
    "loaded_input",
    "loaded_side",
    "node_name",
    "tell_loaded",
    "want_all",
    "want_any",
]

_FIELD_OF_FLAG = {
    "service_cidr": "service_cidrs",
    "cluster_cidr": "cluster_cidrs",
    "nodeport_addresses": "nodeport_addresses",
    "local_address": "local_addresses",
    "masquerade_all": "masquerade_all",
    "masquerade_bit": "masquerade_bit",
    "detect_local_mode": "detect_local_mode",
    "pod_bridge_interface": "pod_bridge_interface",
    "pod_interface_name_prefix": "pod_interface_name_prefix",
    "allow_service_external_ips": "allow_service_external_ips",
    "service_proxy_name": "service_proxy_name",
}


def in_flags(message: str) -> str:
    """A message about settings that begins with a field of `ClusterSettings`, about the flag of that field."""
    field, colon, rest = message.partition(":")
    flags = {name: f"--{flag.replace('_', '-')}" for flag, name in _FIELD_OF_FLAG.items()}
    return f"{flags[field]}{colon}{rest}" if field in flags else message


def loaded_input(
    talk: Talk,
    inputs: InputOptions,
    *,
    default_namespace: str | None = None,
    update_from: Cluster | None = None,
    announce: Callable[[Cluster], None] | None = None,
) -> Loaded:
    """Read the manifests the options name; `default_namespace` is for objects without one where all are wanted.

    Where the cluster has these objects already, as `update_from` says, they are read as updates. `announce` gets what
    is no EndpointSlice as soon as it is read.

    Raises:
        InputError: there is nothing in them that could be read.
        click.UsageError: the options exclude each other.
    """
    if inputs.namespace and inputs.all_namespaces:
        raise click.UsageError("-n/--namespace and -A/--all-namespaces exclude each other")
    # Python has no stream where the descriptor was closed.
    if sys.stdin is None and "-" in inputs.filenames:
        raise InputError("standard input is closed")
    with talk.progress("reading manifests"):
        stdin = getattr(sys.stdin, "buffer", None)
        return load(
            inputs.filenames,
            stdin=stdin,
            namespace=inputs.namespace,
            selector=inputs.selector,
            default_namespace=default_namespace,
            update_from=update_from,
            announce=announce,
        )


def declared_input(talk: Talk, inputs: InputOptions, *, undone: str, hint: str = "") -> Loaded:
    """Read manifests for a command whose outcome replaces what there is: they must declare something.

    A file of another kind, an empty list, or what is left of a program that failed in front of a pipe is not a cluster
    without Services. `undone` says what was not done.

    Raises:
        InputError: nothing in them is an object of a cluster that is in order.
        click.UsageError: the options exclude each other.
    """
    loaded = loaded_input(talk, inputs)
    want_any(talk, loaded, undone=undone, hint=hint)
    return loaded


def want_any(talk: Talk, loaded: Loaded, *, undone: str, hint: str = "") -> None:
    """Refuse manifests that declare nothing: see `declared_input`, for what was read already.

    Raises:
        InputError: nothing in them is an object of a cluster that is in order.
    """
    if not any(attrs.astuple(loaded.cluster, recurse=False)):
        talk.problems(loaded.problems)
        tell_loaded(talk, loaded)
        what = "of what is declared nothing is in order" if loaded.refused else "nothing is declared"
        raise InputError(f"{what}, so nothing was {undone}", hint=hint)


def want_all(talk: Talk, loaded: Loaded, *, undone: str) -> None:
    """Refuse manifests of which a part could not be read, for a command that says something of all that is declared.

    Without what is in that part a node would be proved right that is not, or be blamed for what it rightly does.

    Raises:
        InputError: nobody knows what they declare; `undone` says what was not done.
    """
    if loaded.unread:
        talk.problems(loaded.problems)
        names = ", ".join(map(printable, loaded.unread))
        raise InputError(f"all that {names} declares could not be read, so nothing was {undone}")


def loaded_side(talk: Talk, inputs: InputOptions) -> Loaded:
    """Read one side of a comparison, the only name in `inputs`; it may be a file or folder of a git revision.

    Raises:
        InputError: there is nothing in it that could be read.
        TargetError: there is no git program.
    """
    [name] = inputs.filenames
    if not is_revision(name):
        return loaded_input(talk, inputs)
    with talk.progress("reading manifests"):
        return load_revision(name, namespace=inputs.namespace, selector=inputs.selector)


def tell_loaded(talk: Talk, loaded: Loaded) -> None:
    """Say under ``-v`` what was read, and in any case if it was no Service."""
    cluster = loaded.cluster
    talk.detail(
        f"read {len(cluster.services)} Services, {len(cluster.endpoint_slices)} EndpointSlices,"
        f" {len(cluster.nodes)} Nodes, {len(cluster.service_cidrs)} ServiceCIDRs"
    )
    if loaded.skipped:
        kinds = ", ".join(f"{printable(kind)} ({count})" for kind, count in sorted(loaded.skipped.items()))
        talk.detail(f"skipped {sum(loaded.skipped.values())} objects of kinds that svcc does not read: {kinds}")


def cluster_settings(
    loaded: Loaded, flags: Mapping[str, Any]
) -> tuple[ClusterSettings, str | None, tuple[Problem, ...]]:
    """The settings, the node's name where a configuration gives one, and what that configuration is warned about.

    Flags win over it. Without ``--config``, a KubeProxyConfiguration among the manifests counts, whose problems are
    among those of the manifests.

    Raises:
        InputError: the configuration cannot be read, or is wrong.
        SettingsError: a value makes no sense.
    """
    configured, problems = configuration(flags["config"]) if flags["config"] else (loaded.kube_proxy, ())
    values = configured.cluster_settings() if configured is not None else {}
    for flag, name in _FIELD_OF_FLAG.items():
        if flags[flag] not in (None, ()):
            values[name] = flags[flag]
    node = configured.hostname_override if configured is not None else None
    return ClusterSettings(**values), node or None, problems


def configuration(filename: str) -> tuple[KubeProxySettings, tuple[Problem, ...]]:
    """The KubeProxyConfiguration in a file, and what it is warned about.

    Raises:
        InputError: it cannot be read, or is wrong.
    """
    found = load([filename])
    # Settings are no object that can be left out: a node must not be compiled for with half of them.
    errors = [problem for problem in found.problems if problem.severity is Severity.ERROR]
    if errors:
        raise InputError("\n".join(["the configuration cannot be used:", *(f"  {problem}" for problem in errors)]))
    if found.kube_proxy is None:
        raise InputError(f"{filename}: there is no KubeProxyConfiguration in it")
    return found.kube_proxy, found.problems


def node_name(cluster: Cluster, flag: str | None, configured: str | None) -> str | None:
    """The node to compile for: the flag's, the configuration's, or None to take the only one.

    Raises:
        InputError: there are Nodes, but not the one the flag names, nor does an endpoint run there.
    """
    wanted = flag or configured
    if wanted is None or not cluster.nodes or any(node.name == wanted for node in cluster.nodes):
        return wanted
    for endpoint_slice in cluster.endpoint_slices:
        if any(endpoint.node_name == wanted for endpoint in endpoint_slice.endpoints):
            return wanted
    raise InputError(f'no node is named "{wanted}"', hint=nodes_there_are(cluster))
