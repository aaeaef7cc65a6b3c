"""Rulesets in the shape of kube-proxy's nftables mode, for readers, evaluators and audits to be tried on.

They are written from what is publicly observable of kube-proxy's tables, in the layout of each Kubernetes release.
Services are taken from svcc's own dataplane, so that a packet should fare as the S-rules say. Where kube-proxy's shape
makes it fare otherwise, that is on purpose:

1. Conflicts are settled, and odd input is read, as svcc does it (S45, S6); kube-proxy settles conflicts by chance. A
   Service whose source ranges all cannot be read is open to everybody here, and closed in svcc.
2. A frontend without endpoints is in no lookup but that of refusals. At an address that serves node ports, a packet for
   it therefore goes on to the node port of the same number; svcc refuses it.
3. Up to 1.32 refusals of what the node itself sends come before address translation. Where externalTrafficPolicy is
   Local and no endpoint is here, the node's own connections are dropped instead of short-circuited (S27); and an
   endpoint that is another Service's frontend is not refused by that Service, but only by the check for cluster IPs
   (S28).
4. Up to 1.35 the hairpin test (S30) is part of an endpoint's chain, whether or not the endpoint is on this node.
5. From 1.36 on, traffic from outside is masqueraded by the address of a cluster IP alone; another frontend at that
   address, such as an externalIP, is masqueraded although S29 does not ask for it.

Left to taste, since nothing observed tells: the order of rules in the old output chain, and that hairpin connections of
1.36 are asked for masquerading by the mark like everything else.
"""

from __future__ import annotations

from tests.kube_proxy.layouts import DISTINCT_LAYOUTS, LAYOUTS, Layout, layout_of
from tests.kube_proxy.ruleset import kube_proxy_ruleset

__all__ = ["DISTINCT_LAYOUTS", "LAYOUTS", "Layout", "kube_proxy_ruleset", "layout_of"]
