"""What nft's `jhash` expression evaluates to for a packet, bit for bit as the kernel computes it.

The kernel hashes with Bob Jenkins' lookup3 (`hashlittle`) and scales the result: ``((hash * modulus) >> 32) + offset``.
The top bits of the hash decide, so from N to N + 1 values half of all keys change theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

from svcc import _native

__all__ = ["concatenated", "nft_hashes"]


def concatenated(fields: Sequence[bytes]) -> bytes:
    """The key that nft hashes for ``jhash FIELD . FIELD ...``, from the fields in written order.

    A single field is hashed as it is. Several lie in 32-bit registers: each is padded with zeros at its end to a
    multiple of four bytes.

    Fields are given as the kernel loads them. Addresses, ports and protocol numbers of the packet are in network byte
    order: 4 or 16, 2 and 1 bytes. Marks and interface indices are in the byte order of the node, 4 bytes; an interface
    name is padded with zeros to 16 bytes.
    """
    if len(fields) == 1:
        return bytes(fields[0])
    return b"".join(part + bytes(-len(part) % 4) for part in fields)


def nft_hashes(
    keys: Sequence[bytes], *, modulus: int, seed: int, offset: int = 0, big_endian: bool = False
) -> list[int]:
    """The values of ``jhash KEY mod modulus seed seed offset offset``: from `offset` to ``offset + modulus - 1``.

    `keys` come from `concatenated`, and the values are in their order; other threads run meanwhile. `big_endian` tells
    the byte order of the node; it matters for keys of more than 12 bytes only. An expression without a seed draws one
    when it is loaded, so its values cannot be foretold.

    Raises:
        ValueError: `modulus` is 0, or the largest value does not fit 32 bits.
        OverflowError: `modulus`, `seed` or `offset` is not an unsigned number of 32 bits.
    """
    return _native.nft_hashes(keys, modulus, seed, offset, big_endian)
