"""What this machine lacks to run svcc's rules: capability, nft, and each feature of the kernel, tried out."""

from __future__ import annotations

import ctypes
import enum
import errno
import json
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from svcc.apply.generation import generation
from svcc.apply.nft import open_nft
from svcc.apply.session import Nft, NftError
from svcc.errors import TargetError

__all__ = ["Check", "Status", "examined"]

_CLONE_NEWNET: Final = 0x40000000
_OLDEST_KERNEL: Final = (5, 13)
_OLDEST_NFT: Final = (1, 0, 1)


class Status(enum.StrEnum):
    """What a check came to; `MISSING` alone keeps svcc from working."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@frozen
class Check:
    """Something that was looked at.

    Attributes:
        name: what.
        status: how it is.
        words: what was found, or what nft says.
        hint: what to do about it.
    """

    name: str
    status: Status
    words: str = ""
    hint: str = ""


@frozen
class _Feature:
    name: str
    needs: str
    lines: tuple[str, ...]
    otherwise: str = ""
    """What goes without it; nothing where svcc does not work at all then."""


def _rule(name: str, needs: str, rule: str, *before: str) -> _Feature:
    return _Feature(name, needs, (*before, "add chain {t} c", f"add rule {{t}} c {rule}"))


_FEATURES: Final = (
    _Feature(
        "tables and chains", "CONFIG_NF_TABLES, CONFIG_NF_TABLES_IPV4 and _IPV6 (nf_tables.ko)", ("add chain {t} c",)
    ),
    _Feature(
        "hooks of type filter",
        "CONFIG_NF_TABLES_IPV4 and _IPV6",
        ("add chain {t} c {{ type filter hook prerouting priority -110; policy accept; }}",),
    ),
    _Feature(
        "hooks of type nat",
        "CONFIG_NFT_NAT (nft_chain_nat.ko, nf_nat.ko)",
        tuple(
            f"add chain {{t}} {hook} {{{{ type nat hook {hook} priority 0; policy accept; }}}}"
            for hook in ("prerouting", "output", "input", "postrouting")
        ),
    ),
    _Feature(
        "maps of verdicts by several fields, with comments",
        "nft 1.0.1 and CONFIG_NF_TABLES",
        (
            "add map {t} m {{ typeof meta l4proto . {f} daddr . th dport : verdict; }}",
            'add element {t} m {{ tcp . {a} . 80 comment "default/web:http" : drop }}',
        ),
    ),
    _rule(
        "verdicts by numbers from maps",
        "nft 1.0.1 and CONFIG_NF_TABLES",
        "meta priority set meta l4proto . {f} daddr . th dport map @m meta priority vmap @v",
        "add map {t} m {{ typeof meta l4proto . {f} daddr . th dport : meta priority; }}",
        "add element {t} m {{ tcp . {a} . 80 : 1000:3 }}",
        "add map {t} v {{ typeof meta priority : verdict; }}",
        "add element {t} v {{ 1000:3 : drop }}",
    ),
    _Feature(
        "sets of several fields with ranges",
        "Linux 5.6 (nft_set_pipapo)",
        (
            "add set {t} s {{ typeof meta l4proto . {f} daddr . th dport . {f} saddr; flags interval; }}",
            "add element {t} s {{ tcp . {a} . 80 . {a}/{w} }}",
        ),
    ),
    _rule("connection states", "CONFIG_NFT_CT (nft_ct.ko) and nf_conntrack.ko", "ct state new ct status dnat drop"),
    _rule("original destinations", "CONFIG_NFT_CT (nft_ct.ko)", "meta l4proto tcp ct original proto-dst 80 drop"),
    _rule(
        "local addresses",
        "CONFIG_NFT_FIB_IPV4 and _IPV6 (nft_fib_ipv4.ko, nft_fib_ipv6.ko)",
        "fib daddr type local drop",
    ),
    _rule("random numbers", "CONFIG_NFT_NUMGEN (nft_numgen.ko)", "meta mark set numgen random mod 7"),
    _rule("hashes", "CONFIG_NFT_HASH (nft_hash.ko)", "meta mark set jhash {f} saddr mod 7 seed 0x1"),
    _rule(
        "destinations from maps",
        "CONFIG_NFT_NAT (nft_nat.ko), and nft 1.0.1",
        "meta l4proto tcp dnat {f} to {f} daddr . tcp dport . numgen random mod 7 map @m",
        "add map {t} m {{ typeof {f} daddr . tcp dport . numgen random mod 65536 : {f} daddr . tcp dport; }}",
        "add element {t} m {{ {a} . 80 . 0 : {a} . 8080 }}",
    ),
    _rule("masquerading", "CONFIG_NFT_MASQ (nft_masq.ko)", "masquerade fully-random"),
    _rule(
        "rejecting",
        "CONFIG_NFT_REJECT_IPV4 and _IPV6 (nft_reject_ipv4.ko, nft_reject_ipv6.ko)",
        "reject with {i} type port-unreachable",
    ),
    _rule(
        "records of session affinity",
        "Linux 5.13 and nft 1.0.1",
        "update @m {{ {k} timeout 10s : jhash {f} daddr . th dport mod 7 seed 0x1 offset 65536 }}",
        "add map {t} m {{ typeof {d} : meta priority; flags dynamic,timeout; size 100; timeout 1h; }}",
    ),
)
_FEATURES_ASKED_FOR: Final = (
    _Feature(
        "counters of connections",
        "nft 1.0.1 and CONFIG_NF_TABLES",
        (
            "add set {t} s {{ typeof meta l4proto . {f} daddr . th dport; counter; }}",
            'add element {t} s {{ tcp . {a} . 80 comment "default/web:http" }}',
            "add chain {t} c {{ type filter hook prerouting priority -101; policy accept; }}",
            "add rule {t} c ct state new ct status ! confirmed meta l4proto . {f} daddr . th dport @s return",
        ),
        "svcc node --service-counters does not work",
    ),
)
_NATS: Final = frozenset({"masquerading", "destinations from maps"})

_SYSCTLS: Final = (
    ("net/ipv4/ip_forward", "1", "pods and other clients of IPv4 are not served through this node"),
    ("net/ipv6/conf/all/forwarding", "1", "pods and other clients of IPv6 are not served through this node"),
)
_PROC_NET: Final = Path("/proc/net")
_OTHERS: Final = (
    ("kube-proxy in nftables mode", "delete table ip kube-proxy\n"),
    ("kube-proxy in iptables mode (or another by its chains)", "flush chain ip nat KUBE-SERVICES\n"),
    ("Cilium's rules by iptables-nft", "flush chain ip nat CILIUM_PRE_nat\n"),
)


def examined() -> list[Check]:
    """Look at everything; nothing of this node is changed."""
    checks = [_kernel_version()]
    try:
        generation()
    except TargetError as error:
        return [*checks, Check("capability CAP_NET_ADMIN", Status.MISSING, error.message, error.hint or "")]
    checks.append(Check("capability CAP_NET_ADMIN", Status.OK))
    try:
        nft = open_nft()
    except TargetError as error:
        return [*checks, Check("nftables", Status.MISSING, error.message, error.hint or "")]
    checks.append(_nft_version(nft))
    features, why, hint = _in_scratch_namespace()
    if not features:
        words = f"{why}: rules are checked without being loaded, which does not show all that the kernel refuses"
        checks.append(Check("scratch network namespace", Status.NOTE, words, hint))
        features = list(_features(nft, check=True))
    return [*checks, *features, _conntrack(), *_sysctls(), *_other_proxies(nft)]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:3]))


def _kernel_version() -> Check:
    release = platform.release()
    if _numbers(release)[:2] >= _OLDEST_KERNEL:
        return Check("kernel", Status.OK, release)
    return Check("kernel", Status.MISSING, release, "svcc needs Linux 5.13 or newer")


def _nft_version(nft: Nft) -> Check:
    found = re.search(r"\d+\.\d+(?:\.\d+)?", nft.name)
    if found and _numbers(found[0]) < _OLDEST_NFT:
        return Check("nftables", Status.MISSING, nft.name, "svcc needs nft 1.0.1 or newer")
    return Check("nftables", Status.OK, nft.name)


def _features(nft: Nft, *, check: bool) -> Iterator[Check]:
    families = (
        {"f": "ip", "a": "192.0.2.1", "w": "32", "i": "icmp", "k": "ip saddr . numgen inc mod 1 offset 7"},
        {"f": "ip6", "a": "2001:db8::1", "w": "128", "i": "icmpv6", "k": "ip6 saddr"},
    )
    for feature in (*_FEATURES, *_FEATURES_ASKED_FOR):
        yield _tried(nft, feature, families, check=check)
    if not check:
        yield _listing(nft)


def _tried(nft: Nft, feature: _Feature, families: tuple[dict[str, str], ...], *, check: bool) -> Check:
    for values in families:
        table = f"{values['f']} svcc-doctor"
        key = "ip saddr . numgen random mod 65536" if values["f"] == "ip" else "ip6 saddr"
        lines = [line.format(t=table, d=key, **values) for line in feature.lines]
        if feature.name in _NATS:
            # The kernel takes these statements in chains of this type only.
            hook = "prerouting" if feature.name != "masquerading" else "postrouting"
            nat = f"add chain {table} c {{ type nat hook {hook} priority 0; }}"
            lines = [nat if line == f"add chain {table} c" else line for line in lines]
        script = "\n".join([f"add table {table}", *lines, f"delete table {table}", ""])
        try:
            nft.run(script, check=check)
        except NftError as error:
            words = f"{error.words} ({error.place})" if error.place else error.words
            if feature.otherwise:
                return Check(feature.name, Status.NOTE, f"{feature.otherwise}: {words}", f"needs {feature.needs}")
            return Check(feature.name, Status.MISSING, words, f"needs {feature.needs}")
    return Check(feature.name, Status.OK)


def _listing(nft: Nft) -> Check:
    name = "listing as JSON"
    try:
        nft.run("add table ip svcc-doctor\n")
        found = nft.list_table("ip", "svcc-doctor")
        nft.run("delete table ip svcc-doctor\n")
    except NftError as error:
        return Check(name, Status.MISSING, error.words, "this nft was built without JSON: install the distribution's")
    return Check(name, Status.OK if found else Status.MISSING)


_NO_NAMESPACE: Final = {
    errno.EPERM: "CAP_SYS_ADMIN lets svcc doctor make one; svcc itself does not need it",
    errno.EINVAL: "this kernel has none: CONFIG_NET_NS",
    errno.ENOSPC: "there are too many: sysctl user.max_net_namespaces",
}


def _in_scratch_namespace() -> tuple[list[Check], str, str]:
    """The features, tried in a network namespace of a child; where that fails, none, why, and what to do about it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as stream:
                json.dump(_told_by_child(), stream)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    _process, status = os.waitpid(child, 0)
    if status != 0 or not text:
        return [], "the process that was to try the rules in it ended without an answer", ""
    told = json.loads(text)
    checks = [Check(item["name"], Status(item["status"]), item["words"], item["hint"]) for item in told["checks"]]
    return checks, told["why"], told["hint"]


def _told_by_child() -> dict[str, Any]:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        why = f"cannot be made ({os.strerror(number)})"
        return {"checks": [], "why": why, "hint": _NO_NAMESPACE.get(number, "")}
    try:
        return {"checks": [attrs.asdict(check) for check in _features(open_nft(), check=False)], "why": "", "hint": ""}
    except TargetError as error:
        return {"checks": [], "why": f"nft does not work in it ({error.message})", "hint": error.hint or ""}


def _conntrack() -> Check:
    try:
        most = Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text().strip()
    except OSError:
        return Check(
            "conntrack", Status.NOTE, "is not loaded yet", "the first rule that needs nf_conntrack.ko loads it"
        )
    try:
        count = Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text().strip()
    except OSError:
        return Check("conntrack", Status.OK, f"at most {most} connections")
    if int(count) * 10 > int(most) * 9 > 0:
        return Check("conntrack", Status.NOTE, f"{count} of {most} connections", "raise net.netfilter.nf_conntrack_max")
    return Check("conntrack", Status.OK, f"{count} of {most} connections")


def _sysctls() -> Iterator[Check]:
    for path, wanted, otherwise in _SYSCTLS:
        name = path.replace("/", ".")
        try:
            value = Path("/proc/sys", path).read_text().strip()
        except OSError:
            yield Check(name, Status.NOTE, "cannot be read")
            continue
        if value == wanted:
            yield Check(name, Status.OK, value)
        else:
            yield Check(name, Status.NOTE, f"{value}: {otherwise}", f"sysctl -w {name}={wanted}; svcc sets no sysctl")
    try:
        value = Path("/proc/sys/net/ipv4/conf/all/route_localnet").read_text().strip()
    except OSError:
        return
    if value != "0":
        words = f"{value}: others on the network can reach what listens on 127.0.0.1"
        yield Check("net.ipv4.conf.all.route_localnet", Status.NOTE, words, "svcc does not need it")


def _other_proxies(nft: Nft) -> Iterator[Check]:
    found = []
    for name, script in _OTHERS:
        try:
            nft.run(script, check=True)
        except NftError:
            continue
        found.append(name)
    if len(_told_by("ip_vs")) > 3:
        found.append("IPVS")
    if "nat" in _told_by("ip_tables_names"):
        found.append("rules of iptables-legacy in the table nat")
    if found:
        hint = "two proxies on a node both translate: remove the other's rules"
        yield Check("other service proxies", Status.NOTE, ", ".join(found), hint)
    else:
        yield Check("other service proxies", Status.OK, "none")


def _told_by(module: str) -> list[str]:
    """The lines of a file that a module of the kernel has in /proc/net; none where it is not loaded."""
    try:
        return (_PROC_NET / module).read_text().splitlines()
    except OSError:
        return []
