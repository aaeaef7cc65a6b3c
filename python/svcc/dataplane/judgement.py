"""All that is to say about a cluster as a whole, each thing once.

The rules across objects and the way to a dataplane meet the same conflicts: the first as the server does, by address or
number, the second by frontend.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from attrs import evolve

from svcc.dataplane.build import build_dataplane
from svcc.fields import Problem, Severity
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.validate.admission import is_fatal
from svcc.validate.cluster import ClusterRuleSettings, cluster_problems
from svcc.validate.refused import RefusedService

__all__ = ["judge_cluster"]


def judge_cluster(
    cluster: Cluster,
    settings: ClusterRuleSettings | None = None,
    *,
    problems: Iterable[Problem] = (),
    refused: Iterable[RefusedService] = (),
) -> list[Problem]:
    """What is wrong between the objects of a cluster, whichever node one looks from.

    `problems` are those of single objects, which tell which objects are missing in the cluster for being broken;
    `refused` are the Services of them, as far as they can be read.
    """
    left_out = {problem.object for problem in problems if problem.object is not None and is_fatal(problem)}
    found = cluster_problems(cluster, settings, left_out=left_out, refused=refused)
    told = {(problem.object, problem.path.steps) for problem in found if problem.severity is Severity.ERROR}
    built = build_dataplane(cluster, "", ClusterSettings()).problems
    return [*found, *(_of_manifests(problem) for problem in built if not _is_told(problem, told))]


def _of_manifests(problem: Problem) -> Problem:
    """A node serves nothing where a cluster IP is yet to be allocated; the manifest that leaves it open is in order."""
    return evolve(problem, severity=Severity.INFO) if problem.rule == "cluster/yields-no-rules" else problem


def _is_told(problem: Problem, told: AbstractSet[tuple[object, object]]) -> bool:
    if problem.rule != "cluster/frontend-conflict":
        return False
    steps = problem.path.steps
    # The server speaks of all cluster IPs at once: spec.clusterIPs, where a frontend has spec.clusterIPs[0].
    return (problem.object, steps) in told or (problem.object, steps[:-1]) in told
