"""TEMPORARY."""

from __future__ import annotations

import ipaddress

from svcc import _native
from svcc.audit.declaration import declarations
from svcc.audit.difference import Comparison, Difference, Side
from svcc.trace.evaluator import _outcome
from svcc.trace.packet import Packet

_P = {6: "TCP", 17: "UDP", 132: "SCTP"}


def _packet(row):
    protocol, source, destination, sport, dport, output, iif, oif, mark, state = row
    return Packet(_P.get(protocol, protocol), str(ipaddress.ip_address(source)), str(ipaddress.ip_address(destination)), sport, dport, "output" if output else "prerouting", iif, oif, mark, state)


def _comparison(reports):
    if reports is None:
        return Comparison(0, (), "exact", too_large=True)
    levels = ["exact", "distribution", "support"]
    diffs = []
    regions = 0
    eq = "exact"
    un = []
    for r, e, ds, untold, unatt, contra in reports:
        regions += r
        eq = max(eq, e or "exact", key=levels.index)
        un += unatt
        if contra or untold:
            print("CONTRA", contra[:3], untold)
        for p, loc, f, exp, any_of, found, und, rem, n, words in ds:
            diffs.append(Difference(_packet(p), f, Side(tuple(map(_outcome, exp))), Side(tuple(map(_outcome, found))), und, n, words, tuple(str(ipaddress.ip_address(a)) for a in loc), any_of, rem))
    return Comparison(regions, tuple(diffs), eq, tuple(un))


def prove(program, dataplane):
    return _comparison(_native.prove(program, [d.native for d in declarations(dataplane)], False, True, 50_000_000, 1000))


def compare_rulesets(a, b):
    return _comparison(_native.compare_programs(a, b, False, True, 50_000_000, 1000))
