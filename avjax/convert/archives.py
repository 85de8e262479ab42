"""The table of contents of a zip archive, and what lies in it, without unpacking.

Nothing is believed: every entry lies within the file, is as long as it says, and is
named by what can be no path to elsewhere.

Source   APPNOTE.TXT, "ZIP File Format Specification", PKWARE
"""

import os
import struct
import zlib
from typing import BinaryIO, NamedTuple

from avjax.convert.tensors import Refused

LONGEST_TABLE = 2**20  # bytes; those of published files have 2**17 at most
LONGEST_COMMENT = 2**16
STORED, DEFLATED = 0, 8  # how an entry is packed
DENSEST = 1040  # bytes that one byte of a deflated entry can stand for

END = struct.Struct("<4s4H2IH")
END_64_AT = struct.Struct("<4sIQI")
END_64 = struct.Struct("<4sQ2H2I4Q")
ROW = struct.Struct("<4s6H3I5H2I")
HEAD = struct.Struct("<4s5H3I2H")
FULL = 0xFFFFFFFF  # "look it up in the extra field"
LINK, KIND = 0o120000, 0o170000  # bits of a Unix file's mode
ENCRYPTED = 1


class Entry(NamedTuple):
    """A file in the archive."""

    method: int
    at: int  # where its head begins
    packed: int  # bytes in the archive
    size: int  # bytes when unpacked


def entries(file: BinaryIO) -> dict[str, Entry]:
    """{name: entry}; raises Refused."""
    length = os.fstat(file.fileno()).st_size
    start, size = table_of(file, length)
    if size > LONGEST_TABLE:
        raise Refused(f"its table of contents has {size} bytes")
    if start + size > length:
        raise Refused("its table of contents is cut off")
    file.seek(start)
    return rows(file.read(size), length)


def table_of(file: BinaryIO, length: int) -> tuple[int, int]:
    """Where the table of contents begins, and how many bytes it has."""
    first = max(0, length - END.size - LONGEST_COMMENT)
    file.seek(first)
    tail = file.read(length - first)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + END.size > len(tail):
        raise Refused("it is cut off, or no whole zip archive")
    _, _, _, _, _, size, start, _ = END.unpack_from(tail, at)
    before = at - END_64_AT.size
    if before >= 0 and tail[before:at].startswith(b"PK\6\7"):
        _, _, place, _ = END_64_AT.unpack_from(tail, before)
        file.seek(min(place, length))
        large = file.read(END_64.size)
        if len(large) < END_64.size or not large.startswith(b"PK\6\6"):
            raise Refused("its table of contents is not where it should be")
        size, start = END_64.unpack(large)[-2:]
    return start, size


def rows(table: bytes, length: int) -> dict[str, Entry]:
    found, at = {}, 0
    while at < len(table):
        if at + ROW.size > len(table) or table[at : at + 4] != b"PK\1\2":
            raise Refused("its table of contents is damaged")
        row = ROW.unpack_from(table, at)
        flags, method, packed, size = row[3], row[4], row[8], row[9]
        long_name, long_extra, long_comment, mode, place = *row[10:13], row[15], row[16]
        at += ROW.size
        name = table[at : at + long_name].decode("utf-8", "replace")
        extra = table[at + long_name : at + long_name + long_extra]
        at += long_name + long_extra + long_comment
        size, packed, place = with_large(size, packed, place, extra)
        entry = Entry(method, place, packed, size)
        check(name, entry, flags, mode >> 16, length)
        if name in found:
            raise Refused(f"it holds {name[:80]!r} twice")
        found[name] = entry
    return found


def with_large(size: int, packed: int, place: int, extra: bytes) -> list[int]:
    """The three numbers of a row, those that need eight bytes from the extra field."""
    numbers, at = [size, packed, place], 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            given = struct.iter_unpack("<Q", field[: len(field) // 8 * 8])
            for index, number in enumerate(numbers):
                if number == FULL:
                    numbers[index] = next(given, (FULL,))[0]
        at += 4 + length
    return numbers


def check(name: str, entry: Entry, flags: int, mode: int, length: int) -> None:
    """Raises Refused unless the entry can be what it says that it is."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or mode & KIND == LINK:
        raise Refused(f"its entry {name[:80]!r} is a path or a link to elsewhere")
    if flags & ENCRYPTED:
        raise Refused(f"its entry {name[:80]!r} is encrypted")
    if entry.method not in (STORED, DEFLATED):
        raise Refused(f"its entry {name[:80]!r} is packed in a way that is not known")
    most = entry.packed * (1 if entry.method == STORED else DENSEST)
    if entry.at + HEAD.size + entry.packed > length or entry.size > most:
        raise Refused(f"its entry {name[:80]!r} is larger than the file")


def start_of(file: BinaryIO, entry: Entry) -> int:
    """Where the contents of an entry begin; raises Refused."""
    file.seek(entry.at)
    head = file.read(HEAD.size)
    if len(head) < HEAD.size or not head.startswith(b"PK\3\4"):
        raise Refused("an entry is not where its table of contents says")
    start = entry.at + HEAD.size + sum(HEAD.unpack(head)[-2:])
    if start + entry.packed > os.fstat(file.fileno()).st_size:
        raise Refused("an entry is cut off")
    return start


def contents(file: BinaryIO, entry: Entry, count: int) -> bytes:
    """The first `count` bytes of an entry, or all that there are; raises Refused."""
    file.seek(start_of(file, entry))
    if entry.method == STORED:
        return file.read(min(count, entry.size))
    unpack, made = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    left, count = entry.packed, min(count, entry.size)
    try:
        while left and len(made) < count and not unpack.eof:
            block = file.read(min(left, 2**20))
            left -= len(block)
            made += unpack.decompress(block, count - len(made))
    except zlib.error as error:
        raise Refused("an entry does not unpack") from error
    return bytes(made)
