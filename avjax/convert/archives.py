"""Read the directory and the entries of a zip archive without unpacking it to disk.

Nothing that the archive states is trusted: every entry has to lie inside the file, to
have a plausible size, and to have a name that cannot be a path outside.

Source:
    APPNOTE.TXT, "ZIP File Format Specification", PKWARE.
"""

import os
import struct
import zlib
from typing import BinaryIO, NamedTuple

from avjax.convert.tensors import MalformedFile

MAX_DIRECTORY_BYTES = 2**20  # published files have at most 2**17
MAX_COMMENT_BYTES = 2**16
STORED, DEFLATED = 0, 8  # compression methods
MAX_DEFLATE_RATIO = 1040  # bytes that one byte of a deflated entry can expand to

END_RECORD = struct.Struct("<4s4H2IH")
ZIP64_LOCATOR = struct.Struct("<4sIQI")
ZIP64_END_RECORD = struct.Struct("<4sQ2H2I4Q")
DIRECTORY_RECORD = struct.Struct("<4s6H3I5H2I")
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
IN_EXTRA_FIELD = 0xFFFFFFFF  # stands for a number that is in the extra field
SYMLINK, FILE_TYPE = 0o120000, 0o170000  # bits of a Unix file mode
ENCRYPTED = 1  # bit of the flags


class ZipEntry(NamedTuple):
    """A file in an archive.

    Attributes:
        method: The compression method.
        header_start: Offset of the local header.
        packed_size: Number of bytes in the archive.
        size: Number of bytes when unpacked.
    """

    method: int
    header_start: int
    packed_size: int
    size: int


def read_directory(file: BinaryIO) -> dict[str, ZipEntry]:
    """Read the entries of an archive.

    Args:
        file: The archive.

    Returns:
        {name: entry}.

    Raises:
        MalformedFile: The archive is damaged, or an entry is not acceptable.
    """
    length = os.fstat(file.fileno()).st_size
    start, size = _find_directory(file, length)
    if size > MAX_DIRECTORY_BYTES:
        raise MalformedFile(f"its zip directory is too large ({size} bytes)")
    if start + size > length:
        raise MalformedFile("its zip directory is cut off")
    file.seek(start)
    return _parse_directory(file.read(size), length)


def _find_directory(file: BinaryIO, length: int) -> tuple[int, int]:
    """Find the offset and the size of the directory."""
    tail_start = max(0, length - END_RECORD.size - MAX_COMMENT_BYTES)
    file.seek(tail_start)
    tail = file.read(length - tail_start)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + END_RECORD.size > len(tail):
        raise MalformedFile("it is cut off, or it is not a zip archive")
    _, _, _, _, _, size, start, _ = END_RECORD.unpack_from(tail, at)
    locator_at = at - ZIP64_LOCATOR.size
    if locator_at >= 0 and tail[locator_at:at].startswith(b"PK\6\7"):
        _, _, record_at, _ = ZIP64_LOCATOR.unpack_from(tail, locator_at)
        file.seek(min(record_at, length))
        record = file.read(ZIP64_END_RECORD.size)
        if len(record) < ZIP64_END_RECORD.size or not record.startswith(b"PK\6\6"):
            raise MalformedFile("its zip directory is not where it should be")
        size, start = ZIP64_END_RECORD.unpack(record)[-2:]
    return start, size


def _parse_directory(directory: bytes, length: int) -> dict[str, ZipEntry]:
    """Parse and check the records of the directory of a file of `length` bytes."""
    entries, at = {}, 0
    while at < len(directory):
        is_cut_off = at + DIRECTORY_RECORD.size > len(directory)
        if is_cut_off or directory[at : at + 4] != b"PK\1\2":
            raise MalformedFile("its zip directory is damaged")
        record = DIRECTORY_RECORD.unpack_from(directory, at)
        flags, method, packed_size, size = record[3], record[4], record[8], record[9]
        name_length, extra_length, comment_length = record[10:13]
        mode, header_start = record[15] >> 16, record[16]
        at += DIRECTORY_RECORD.size
        name = directory[at : at + name_length].decode("utf-8", "replace")
        at += name_length
        extra = directory[at : at + extra_length]
        at += extra_length + comment_length
        size, packed_size, header_start = resolve_zip64(
            size, packed_size, header_start, extra
        )
        entry = ZipEntry(method, header_start, packed_size, size)
        _check_entry(name, entry, flags, mode, length)
        if name in entries:
            raise MalformedFile(f"its entry {name[:80]!r} occurs twice")
        entries[name] = entry
    return entries


def resolve_zip64(
    size: int, packed_size: int, header_start: int, extra: bytes
) -> list[int]:
    """Replace numbers that need eight bytes by those of the extra field.

    Args:
        size: Unpacked size.
        packed_size: Packed size.
        header_start: Offset of the local header.
        extra: The extra field of the directory record.

    Returns:
        The three numbers; those that the extra field lacks are unchanged.
    """
    numbers, at = [size, packed_size, header_start], 0
    while at + 4 <= len(extra):
        field_id, length = struct.unpack_from("<2H", extra, at)
        if field_id == 1:
            field = extra[at + 4 : at + 4 + length]
            large = struct.iter_unpack("<Q", field[: len(field) // 8 * 8])
            for index, number in enumerate(numbers):
                if number == IN_EXTRA_FIELD:
                    numbers[index] = next(large, (IN_EXTRA_FIELD,))[0]
        at += 4 + length
    return numbers


def _check_entry(
    name: str, entry: ZipEntry, flags: int, mode: int, length: int
) -> None:
    """Raise MalformedFile unless the entry is plausible in a file of `length` bytes."""
    quoted = repr(name[:80])
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or mode & FILE_TYPE == SYMLINK:
        raise MalformedFile(f"its entry {quoted} is a path or a link to another folder")
    if flags & ENCRYPTED:
        raise MalformedFile(f"its entry {quoted} is encrypted")
    if entry.method not in (STORED, DEFLATED):
        raise MalformedFile(f"its entry {quoted} has an unknown compression method")
    ratio = 1 if entry.method == STORED else MAX_DEFLATE_RATIO
    end = entry.header_start + LOCAL_HEADER.size + entry.packed_size
    if end > length or entry.size > entry.packed_size * ratio:
        raise MalformedFile(f"its entry {quoted} is larger than the file")


def find_content(file: BinaryIO, entry: ZipEntry) -> int:
    """Find the offset of the content of an entry.

    Args:
        file: The archive.
        entry: One of its entries.

    Returns:
        The offset in bytes.

    Raises:
        MalformedFile: The local header is missing, or the content is cut off.
    """
    file.seek(entry.header_start)
    header = file.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        raise MalformedFile("an entry is not where its zip directory says")
    start = (
        entry.header_start + LOCAL_HEADER.size + sum(LOCAL_HEADER.unpack(header)[-2:])
    )
    if start + entry.packed_size > os.fstat(file.fileno()).st_size:
        raise MalformedFile("an entry is cut off")
    return start


def read_content(file: BinaryIO, entry: ZipEntry, count: int) -> bytes:
    """Read the first bytes of an entry.

    Args:
        file: The archive.
        entry: One of its entries.
        count: Largest number of bytes to read.

    Returns:
        The unpacked bytes.

    Raises:
        MalformedFile: The content is damaged.
    """
    file.seek(find_content(file, entry))
    count = min(count, entry.size)
    if entry.method == STORED:
        return file.read(count)
    decompressor, content = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    remaining = entry.packed_size
    try:
        while remaining and len(content) < count and not decompressor.eof:
            block = file.read(min(remaining, 2**20))
            remaining -= len(block)
            content += decompressor.decompress(block, count - len(content))
    except zlib.error as error:
        raise MalformedFile("an entry cannot be decompressed") from error
    return bytes(content)
