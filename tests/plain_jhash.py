"""The kernel's hash of a key in plain Python: slow, and line by line what lookup3.c says."""

from __future__ import annotations

import struct

WORD = 0xFFFFFFFF


def rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & WORD


def lookup3(key: bytes, initial: int, block_order: str) -> int:
    """`hashlittle` of lookup3.c, line by line; `block_order` is ``<`` or ``>`` for all blocks but the last."""
    x: int
    y: int
    z: int
    a = b = c = 0xDEADBEEF + len(key) + initial & WORD
    while len(key) > 12:
        x, y, z = struct.unpack(f"{block_order}3I", key[:12])
        a, b, c, key = a + x & WORD, b + y & WORD, c + z & WORD, key[12:]
        a = (a - c ^ rotated(c, 4)) & WORD
        c = c + b & WORD
        b = (b - a ^ rotated(a, 6)) & WORD
        a = a + c & WORD
        c = (c - b ^ rotated(b, 8)) & WORD
        b = b + a & WORD
        a = (a - c ^ rotated(c, 16)) & WORD
        c = c + b & WORD
        b = (b - a ^ rotated(a, 19)) & WORD
        a = a + c & WORD
        c = (c - b ^ rotated(b, 4)) & WORD
        b = b + a & WORD
    if not key:
        return c
    x, y, z = struct.unpack("<3I", key.ljust(12, b"\0"))
    a, b, c = a + x & WORD, b + y & WORD, c + z & WORD
    c = (c ^ b) - rotated(b, 14) & WORD
    a = (a ^ c) - rotated(c, 11) & WORD
    b = (b ^ a) - rotated(a, 25) & WORD
    c = (c ^ b) - rotated(b, 16) & WORD
    a = (a ^ c) - rotated(c, 4) & WORD
    b = (b ^ a) - rotated(a, 14) & WORD
    return (c ^ b) - rotated(b, 24) & WORD
