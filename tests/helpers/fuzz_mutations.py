"""Damage files: bits, numbers and blocks of bytes, truncation, and splices."""

import struct
import zlib
from collections.abc import Callable

import numpy as np

HEAD = 512  # bytes, in which most fields are that say how large something is
MAX_BLOCK = 2048  # bytes
EXTREME = 0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**24
PNG_START = b"\x89PNG\r\n\x1a\n"

Mutation = Callable[[bytearray, bytes, np.random.Generator], bytearray]


def truncate(data: bytes, percent: int) -> bytes:
    """Return the first part of a file."""
    return data[: len(data) * percent // 100]


def place(data: bytes, rng: np.random.Generator) -> int:
    """Choose an offset; every second one is in the first bytes."""
    end = min(len(data), HEAD) if rng.random() < 0.5 else len(data)
    return int(rng.integers(max(end, 1)))


def block(data: bytes, rng: np.random.Generator) -> slice:
    """Choose a block of bytes."""
    start = place(data, rng)
    return slice(start, start + int(rng.integers(1, MAX_BLOCK)))


def flip_bits(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    for _ in range(int(rng.choice([1, 1, 2, 8, 64])) if data else 0):
        data[place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def write_number(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    """Overwrite a field of 2, 4 or 8 bytes with the smallest or largest numbers."""
    size = int(rng.choice([2, 4, 4, 8]))
    number = int(rng.choice(EXTREME)) % 256**size
    offset = place(data, rng)
    if rng.random() < 0.7:
        offset -= offset % 2
    order = ("little", "big")[int(rng.integers(2))]
    data[offset : offset + size] = number.to_bytes(size, order)
    return data


def zero_block(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    chosen = block(data, rng)
    data[chosen] = bytes(len(data[chosen]))
    return data


def remove_block(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    del data[block(data, rng)]
    return data


def copy_block(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    offset = place(data, rng)
    data[offset:offset] = data[block(data, rng)]
    return data


def swap_blocks(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    one, two = place(data, rng), place(data, rng)
    size = int(rng.integers(1, MAX_BLOCK))
    if one != two:
        size = min(size, abs(one - two))
        first, second = data[one : one + size], data[two : two + size]
        data[one : one + size], data[two : two + size] = second, first
    return data


def insert_noise(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    offset = place(data, rng)
    data[offset:offset] = rng.bytes(int(rng.integers(1, MAX_BLOCK)))
    return data


def cut(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    return data[: int(rng.integers(len(data) + 1))]


def splice(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    """Continue with the end of another file."""
    return data[: place(data, rng)] + other[place(other, rng) :]


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, flip_bits, write_number, write_number, zero_block, remove_block),
    *(copy_block, swap_blocks, insert_noise, cut, splice),
)


def mutate(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one to four ways.

    Args:
        data: Content of the file.
        other: Content of another file, which may be spliced in.
        rng: The random numbers.

    Returns:
        The damaged content. Half of the PNG images have right check sums.
    """
    damaged = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 2, 4]))):
        damaged = MUTATIONS[int(rng.integers(len(MUTATIONS)))](damaged, other, rng)
    if damaged.startswith(PNG_START) and rng.random() < 0.5:
        damaged = repair_checksums(damaged)
    return bytes(damaged)


def repair_checksums(png: bytearray) -> bytearray:
    """Recompute the check sums of a PNG file, without which decoders read no field."""
    offset = len(PNG_START)
    while offset + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, offset)
        end = offset + 8 + length
        if end + 4 > len(png):
            break
        struct.pack_into(">I", png, end, zlib.crc32(png[offset + 4 : end]))
        offset = end + 4
    return png
