"""Record what several versions of nft say of the same kube-proxy ruleset, for the tests of readers.

Run as root from the repository: ``python -m tests.kube_proxy.record``. The shop of `examples/shop`, on worker-1, is
loaded in each distinct layout by each nft that can be had, into a namespace of its own, and listed by the same nft:
``tests/data/kube-proxy/LAYOUT/VERSION.json`` and ``VERSION.txt``. The order of elements is the kernel's and may change.
"""

from __future__ import annotations

from pathlib import Path

from svcc.manifest.load import load
from svcc.model.cluster import ClusterSettings
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.nft_versions import Program, nft_programs
from tests.kube_proxy import DISTINCT_LAYOUTS, kube_proxy_ruleset

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "kube-proxy"
NODE = "worker-1"
SETTINGS = ClusterSettings(cluster_cidrs=("10.244.0.0/16", "fd00:244::/32"))


def shop_ruleset(layout: str) -> str:
    """The ruleset of the shop in a layout, with a leftover chain of a Service that is gone."""
    cluster = load([str(ROOT / "examples" / "shop")]).cluster
    return kube_proxy_ruleset(cluster, NODE, SETTINGS, layout, leftovers=1)


def listed(ruleset: str, nft: Program, *options: str) -> str:
    """What nft lists of a ruleset that it has loaded; RuntimeError if it fails."""
    namespace = NetworkNamespace()
    try:
        for arguments, text in ((("-f", "-"), ruleset), ((*options, "list", "ruleset"), None)):
            result = namespace.run(*nft.command, *arguments, text=text)
            if result.returncode != 0:
                raise RuntimeError(f"nft {nft.version_text} {arguments}: {result.returncode} {result.stderr}")
        return result.stdout
    finally:
        namespace.close()


def main() -> None:
    """Write all files."""
    for layout in DISTINCT_LAYOUTS:
        ruleset, folder = shop_ruleset(layout), DATA / layout
        folder.mkdir(parents=True, exist_ok=True)
        for nft in nft_programs().values():
            version = ".".join(map(str, nft.version))
            (folder / f"{version}.txt").write_text(listed(ruleset, nft))
            (folder / f"{version}.json").write_text(listed(ruleset, nft, "-j"))


if __name__ == "__main__":
    main()
