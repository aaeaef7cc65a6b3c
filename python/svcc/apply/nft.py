"""The way to nftables on this machine."""

from __future__ import annotations

from svcc.apply.generation import generation
from svcc.apply.library import open_library
from svcc.apply.program import open_program
from svcc.apply.session import Nft, NftError
from svcc.errors import TargetError

__all__ = ["Nft", "NftError", "open_nft"]


def open_nft() -> Nft:
    """The best way to nftables there is on this machine: the library, else the program.

    Raises:
        TargetError: CAP_NET_ADMIN is missing, or nftables is.
    """
    generation()
    found = open_library() or open_program()
    if found is None:
        raise TargetError(
            "nftables is not installed: neither the library libnftables nor the program nft is here",
            hint="apt install python3-nftables, or dnf install python3-nftables, or pip install 'svcc[node]'"
            " beside libnftables",
        )
    return found
