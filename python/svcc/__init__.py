"""svcc compiles Kubernetes Services to nftables.

>>> from svcc import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort, compile
>>> compilation = compile([
...     Service("web", cluster_ips=["10.96.0.10"], ports=[ServicePort(80)]),
...     EndpointSlice("web-1", service_name="web", endpoints=[Endpoint(["10.244.0.5"])], ports=[EndpointPort(8080)]),
... ])
>>> "10.96.0.10 . 80 . 0 : 10.244.0.5 . 8080" in compilation.script
True
"""

import svcc._interrupted  # noqa: F401  (first, since what follows may take a while)

# isort: split
import importlib
import sys
import typing

if typing.TYPE_CHECKING:
    from svcc.addresses import IPFamily
    from svcc.allocation.complete import allocate
    from svcc.allocation.contract import Allocation, AllocationSettings, Assignment, Band, RangeUsage
    from svcc.allocation.reservation import Reservation
    from svcc.allocation.reservation_file import read_reservation
    from svcc.auditing.audit import audit, audit_against
    from svcc.auditing.baseline import Baseline, read_baseline
    from svcc.auditing.finding import AuditReport, Equality, Finding, FindingKind, Verdict, Witness
    from svcc.changes.build import diff
    from svcc.changes.contract import NodeChange, ServicePortChange
    from svcc.compiler.compilation import Compilation, compile
    from svcc.dataplane.contract import Dataplane, Decision, FamilyDataplane, Frontend, FrontendKind, Masquerade
    from svcc.dns.contract import Answer, AnswerStatus, DnsFlavour, DnsRecords, DnsSettings, DnsZone, PodNames, Record
    from svcc.dns.lookup import NameIndex
    from svcc.dns.records import dns_records
    from svcc.dns.resolve import Query, QueryOutcome, Resolution, resolve
    from svcc.dns.resolver import DnsPolicy, Libc, PodResolver
    from svcc.errors import FindingsError, InputError, SettingsError, SvccError, TargetError
    from svcc.explanation.build import explain
    from svcc.explanation.contract import Explanation
    from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity, Source
    from svcc.hashing import (
        Balance,
        Disruption,
        Jump,
        Maglev,
        Random,
        Rendezvous,
        Ring,
        RoundRobin,
        balance,
        client_key,
        disruption,
    )
    from svcc.manifest.load import Loaded, load, load_text
    from svcc.model.address_pool import AddressPool, LabelRequirement, LabelSelector, Namespace, ServiceAllocation
    from svcc.model.balancing import Balancing, HashKey, LoadBalancing
    from svcc.model.cluster import Cluster, ClusterSettings, DetectLocalMode
    from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
    from svcc.model.node import Node, NodeAddress, ServiceCIDR
    from svcc.model.service import (
        HEADLESS,
        IPFamilyPolicy,
        IPMode,
        LoadBalancerIngress,
        Protocol,
        Service,
        ServicePort,
        ServiceType,
        SessionAffinity,
        TrafficPolicy,
    )
    from svcc.nft.transaction import Transaction
    from svcc.select import HintUse, Selection, select_endpoints
    from svcc.trace.batch import Batch, BatchFlag, BatchVerdict, pack_packets
    from svcc.trace.evaluator import Evaluation, Evaluator, Outcome, Step
    from svcc.trace.packet import Packet

    __version__: str
else:
    _PLACES = {
        name: module
        for module, names in {
            "svcc.addresses": ("IPFamily",),
            "svcc.allocation.complete": ("allocate",),
            "svcc.allocation.contract": ("Allocation", "AllocationSettings", "Assignment", "Band", "RangeUsage"),
            "svcc.allocation.reservation": ("Reservation",),
            "svcc.allocation.reservation_file": ("read_reservation",),
            "svcc.auditing.audit": ("audit", "audit_against"),
            "svcc.auditing.baseline": ("Baseline", "read_baseline"),
            "svcc.auditing.finding": ("AuditReport", "Equality", "Finding", "FindingKind", "Verdict", "Witness"),
            "svcc.changes.build": ("diff",),
            "svcc.changes.contract": ("NodeChange", "ServicePortChange"),
            "svcc.compiler.compilation": ("Compilation", "compile"),
            "svcc.dataplane.contract": (
                "Dataplane",
                "Decision",
                "FamilyDataplane",
                "Frontend",
                "FrontendKind",
                "Masquerade",
            ),
            "svcc.dns.contract": (
                "Answer",
                "AnswerStatus",
                "DnsFlavour",
                "DnsRecords",
                "DnsSettings",
                "DnsZone",
                "PodNames",
                "Record",
            ),
            "svcc.dns.lookup": ("NameIndex",),
            "svcc.dns.records": ("dns_records",),
            "svcc.dns.resolve": ("Query", "QueryOutcome", "Resolution", "resolve"),
            "svcc.dns.resolver": ("DnsPolicy", "Libc", "PodResolver"),
            "svcc.errors": ("FindingsError", "InputError", "SettingsError", "SvccError", "TargetError"),
            "svcc.explanation.build": ("explain",),
            "svcc.explanation.contract": ("Explanation",),
            "svcc.fields": ("FieldPath", "ObjectReference", "Problem", "ProblemKind", "Severity", "Source"),
            "svcc.hashing": (
                "Balance",
                "Disruption",
                "Jump",
                "Maglev",
                "Random",
                "Rendezvous",
                "Ring",
                "RoundRobin",
                "balance",
                "client_key",
                "disruption",
            ),
            "svcc.manifest.load": ("Loaded", "load", "load_text"),
            "svcc.model.address_pool": (
                "AddressPool",
                "LabelRequirement",
                "LabelSelector",
                "Namespace",
                "ServiceAllocation",
            ),
            "svcc.model.balancing": ("Balancing", "HashKey", "LoadBalancing"),
            "svcc.model.cluster": ("Cluster", "ClusterSettings", "DetectLocalMode"),
            "svcc.model.endpoints": ("Endpoint", "EndpointPort", "EndpointSlice"),
            "svcc.model.node": ("Node", "NodeAddress", "ServiceCIDR"),
            "svcc.model.service": (
                "HEADLESS",
                "IPFamilyPolicy",
                "IPMode",
                "LoadBalancerIngress",
                "Protocol",
                "Service",
                "ServicePort",
                "ServiceType",
                "SessionAffinity",
                "TrafficPolicy",
            ),
            "svcc.nft.transaction": ("Transaction",),
            "svcc.select": ("HintUse", "Selection", "select_endpoints"),
            "svcc.trace.batch": ("Batch", "BatchFlag", "BatchVerdict", "pack_packets"),
            "svcc.trace.evaluator": ("Evaluation", "Evaluator", "Outcome", "Step"),
            "svcc.trace.packet": ("Packet",),
        }.items()
        for name in names
    }

    def __getattr__(name: str) -> object:
        """A public name, imported when it is asked for: nobody asks for all. Or a package, such as `svcc.hashing`."""
        module = _PLACES.get(name)
        if module is not None:
            value = globals()[name] = getattr(importlib.import_module(module), name)
            return value
        if name == "__version__":
            return _installed_version()
        if not name.startswith("_"):
            try:
                return importlib.import_module(f"svcc.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"svcc.{name}":
                    raise
        raise AttributeError(f"module 'svcc' has no attribute {name!r}", name=name, obj=sys.modules[__name__])

    def _installed_version() -> str:
        """What the package was installed as; `importlib.metadata` takes longer to import than all of this."""
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

        try:
            found = globals()["__version__"] = version("svcc")
        except PackageNotFoundError as error:
            module = sys.modules[__name__]
            message = "svcc was imported from where it is not installed, so nothing says its version"
            raise AttributeError(message, name="__version__", obj=module) from error
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, "__version__"})


__all__ = [
    "HEADLESS",
    "AddressPool",
    "Allocation",
    "AllocationSettings",
    "Answer",
    "AnswerStatus",
    "Assignment",
    "AuditReport",
    "Balance",
    "Balancing",
    "Band",
    "Baseline",
    "Batch",
    "BatchFlag",
    "BatchVerdict",
    "Cluster",
    "ClusterSettings",
    "Compilation",
    "Dataplane",
    "Decision",
    "DetectLocalMode",
    "Disruption",
    "DnsFlavour",
    "DnsPolicy",
    "DnsRecords",
    "DnsSettings",
    "DnsZone",
    "Endpoint",
    "EndpointPort",
    "EndpointSlice",
    "Equality",
    "Evaluation",
    "Evaluator",
    "Explanation",
    "FamilyDataplane",
    "FieldPath",
    "Finding",
    "FindingKind",
    "FindingsError",
    "Frontend",
    "FrontendKind",
    "HashKey",
    "HintUse",
    "IPFamily",
    "IPFamilyPolicy",
    "IPMode",
    "InputError",
    "Jump",
    "LabelRequirement",
    "LabelSelector",
    "Libc",
    "LoadBalancerIngress",
    "LoadBalancing",
    "Loaded",
    "Maglev",
    "Masquerade",
    "NameIndex",
    "Namespace",
    "Node",
    "NodeAddress",
    "NodeChange",
    "ObjectReference",
    "Outcome",
    "Packet",
    "PodNames",
    "PodResolver",
    "Problem",
    "ProblemKind",
    "Protocol",
    "Query",
    "QueryOutcome",
    "Random",
    "RangeUsage",
    "Record",
    "Rendezvous",
    "Reservation",
    "Resolution",
    "Ring",
    "RoundRobin",
    "Selection",
    "Service",
    "ServiceAllocation",
    "ServiceCIDR",
    "ServicePort",
    "ServicePortChange",
    "ServiceType",
    "SessionAffinity",
    "SettingsError",
    "Severity",
    "Source",
    "Step",
    "SvccError",
    "TargetError",
    "TrafficPolicy",
    "Transaction",
    "Verdict",
    "Witness",
    "allocate",
    "audit",
    "audit_against",
    "balance",
    "client_key",
    "compile",
    "diff",
    "disruption",
    "dns_records",
    "explain",
    "load",
    "load_text",
    "pack_packets",
    "read_baseline",
    "read_reservation",
    "resolve",
    "select_endpoints",
]
