"""`compile`: declared objects in, the ruleset of one node out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from svcc.compiler.captions import CAPTIONS
from svcc.compiler.ruleset import build_ruleset
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.contract import Dataplane
from svcc.errors import InputError
from svcc.fields import Problem
from svcc.manifest.load import Loaded
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.nft.objects import Ruleset
from svcc.nft.text import script
from svcc.validate import is_fatal, validate

__all__ = ["Compilation", "chosen_node", "compile", "compile_cluster", "declared_cluster"]


@frozen
class Compilation:
    """What came out of a compilation.

    Attributes:
        dataplane: what the node owes, without any nft in it.
        ruleset: the same as nft objects.
        problems: what is wrong or worth knowing, in the order in which it was found.
    """

    dataplane: Dataplane
    ruleset: Ruleset
    problems: tuple[Problem, ...] = ()

    def lines(self) -> Iterator[str]:
        """The nft script line by line, for writing it out without holding it in memory."""
        node = f" for node {self.dataplane.node}" if self.dataplane.node else ""
        header = [
            f"The Services{node}, compiled by svcc; load with: nft -f FILE",
            "For each family, the first block below declares what is then flushed, and the second is the ruleset.",
            "A new connection meets check-sources, then services, which picks an endpoint;",
            "whatever nobody serves is left untouched there, and refused by the refuse-... chains.",
        ]
        return script(self.ruleset, header=header, captions=CAPTIONS)

    @property
    def script(self) -> str:
        """The nft script: one transaction that replaces svcc's tables and touches nothing else.

        Needs nft 1.0.1 and Linux 5.13 or newer.
        """
        return "".join(self.lines())


def compile(  # noqa: A001  (the verb users look for; nobody needs the builtin here)
    objects: Cluster | Loaded | Iterable[ClusterObject],
    *,
    node: str | None = None,
    settings: ClusterSettings | None = None,
) -> Compilation:
    """Compile Services for one node.

    Args:
        objects: what `load` returned, a `Cluster`, or Services, EndpointSlices, Nodes and ServiceCIDRs in any order.
            Each is validated; one with errors is left out, and `Compilation.problems` says why.
        node: the name of the node; None takes the only Node among the objects, or a nameless one if there is none.
        settings: what is no object of the API; the default is kube-proxy's.

    Raises:
        InputError: `node` is None and there are several Nodes.
        SettingsError: the settings make no sense.
        TypeError: an object is of a class that svcc does not read.
    """
    if not isinstance(node, str | None):
        raise TypeError(f"node is the name of a node, not a {type(node).__name__}")
    cluster, problems = declared_cluster(objects)
    return compile_cluster(cluster, node=node, settings=settings, problems=problems)


def declared_cluster(
    objects: Cluster | Loaded | Iterable[ClusterObject],
) -> tuple[Cluster, tuple[Problem, ...]]:
    """The objects that are in order, and what is wrong with the others; what was loaded has been judged before.

    Raises:
        TypeError: an object is of a class that svcc does not read.
    """
    if isinstance(objects, Loaded):
        return objects.cluster, objects.problems
    cluster = objects if isinstance(objects, Cluster) else Cluster.of(objects)
    problems: list[Problem] = []

    def sound(item: ClusterObject) -> bool:
        found = validate(item)
        problems.extend(found)
        return not any(map(is_fatal, found))

    cluster = Cluster(
        tuple(filter(sound, cluster.services)),
        tuple(filter(sound, cluster.endpoint_slices)),
        tuple(filter(sound, cluster.nodes)),
        tuple(filter(sound, cluster.service_cidrs)),
    )
    return cluster, tuple(problems)


def compile_cluster(
    cluster: Cluster,
    *,
    node: str | None = None,
    settings: ClusterSettings | None = None,
    problems: Iterable[Problem] = (),
) -> Compilation:
    """`compile` for objects that have been validated, as those that were read from manifests are."""
    node = chosen_node(cluster, node)
    built = build_dataplane(cluster, node, settings or ClusterSettings())
    return Compilation(built.dataplane, build_ruleset(built.dataplane), (*problems, *built.problems))


def chosen_node(cluster: Cluster, name: str | None) -> str:
    """The node that is meant: `name`, else that of the only Node, else a nameless one.

    Raises:
        InputError: `name` is None and there are several Nodes.
    """
    if name is not None:
        return name
    if len(cluster.nodes) > 1:
        names = sorted(item.name for item in cluster.nodes)
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InputError(f"there are {len(names)} nodes, and a ruleset is for one", hint=f"name it: {shown}")
    return cluster.nodes[0].name if cluster.nodes else ""
