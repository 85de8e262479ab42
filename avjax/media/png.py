"""PNG files: list their chunks, and encode images with their metadata.

Pillow neither reads nor writes colours of 16 bits.

Source:
    "Portable Network Graphics (PNG) Specification (Third Edition)", W3C, 2025.
"""

import logging
import struct
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np

from avjax.media.metadata import Metadata, NativePart

logging.getLogger("imagecodecs").setLevel(logging.CRITICAL)  # errors say it all

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_SIZE = 33  # bytes of the signature and of the chunk IHDR
DEPTH_POSITION = 24  # the byte that holds the bits of a channel
XMP_KEYWORD = b"XML:com.adobe.xmp\0"
INCH = 0.0254  # metres
# Chunks about colour, brightness and text: they can be copied as they are.
COPIED_CHUNKS = {
    "gAMA": "gamma (gAMA)",
    "cHRM": "primary colours (cHRM)",
    "sRGB": "",
    "cICP": "colour space (cICP)",
    "mDCV": "display colours (mDCV)",
    "cLLI": "light level (cLLI)",
    "pHYs": "shape of the pixels (pHYs)",
    "tEXt": "texts",
    "zTXt": "texts",
    "iTXt": "texts",
}
# Chunks that are in the pixels or in other metadata, or are no longer true.
OTHER_CHUNKS = {"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "iCCP", "eXIf", "tIME"}
OTHER_CHUNKS |= {"sBIT", "bKGD", "hIST", "sPLT", "acTL", "fcTL", "fdAT"}
# Chunks that state what holds without them.
SRGB_PRIMARIES = 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000
SRGB_CHUNKS = {
    ("gAMA", struct.pack(">I", 45455)),
    ("cHRM", struct.pack(">8I", *SRGB_PRIMARIES)),
    ("cICP", bytes([1, 13, 0, 1])),
}


def read_chunks(content: bytes) -> Iterator[tuple[str, bytes]]:
    """List the chunks of a PNG file.

    Args:
        content: The content of the file.

    Yields:
        Name and content of each chunk, up to the first that is cut off.
    """
    position = len(SIGNATURE)
    while position + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, position)
        name = content[position + 4 : position + 8].decode("latin-1")
        yield name, content[position + 8 : position + 8 + size]
        position += 12 + size


def list_parts(content: bytes) -> tuple[tuple[NativePart, ...], tuple[str, ...]]:
    """Select the chunks that only a PNG file can hold.

    Args:
        content: The content of the file.

    Returns:
        The chunks, and the names of those that do not fit other pixels. Chunks that
        state what holds without them have an empty name.
    """
    native, unsupported = [], []
    for name, body in read_chunks(content):
        is_resolution = name == "pHYs" and body[8:] == b"\1"  # pixels per metre
        if name in OTHER_CHUNKS or is_resolution or body.startswith(XMP_KEYWORD):
            continue
        if name in COPIED_CHUNKS:
            title = "" if (name, body) in SRGB_CHUNKS else COPIED_CHUNKS[name]
            native.append(NativePart(title, make_chunk(name, body)))
        else:
            unsupported.append(f"{name} data")
    return tuple(native), tuple(unsupported)


def make_chunk(name: str, content: bytes) -> bytes:
    """Encode a chunk: its size, name, content and checksum."""
    body = name.encode("latin-1") + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def decode_deep(content: bytes) -> np.ndarray:
    """Decode the pixels of a PNG file at their own depth.

    Args:
        content: The content of the file.

    Returns:
        u8 or u16, [h w] or [h w c]; channel 2 or 4 is the opacity.

    Raises:
        OSError: The file is damaged.
    """
    try:
        return imagecodecs.png_decode(content)
    except imagecodecs.PngError as error:
        raise OSError(str(error)) from error


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encode an image as a PNG file.

    Args:
        image: u8 or u16, [h w] or [h w c]; channel 2 or 4 is the opacity.
        metadata: The metadata; its `native` parts are chunks.

    Returns:
        The content of the file.
    """
    chunks = [part.content for part in metadata.native]
    if metadata.profile:
        profile = b"ICC profile\0\0" + zlib.compress(metadata.profile)
        chunks.append(make_chunk("iCCP", profile))
    if metadata.dpi:
        density = [round(dpi / INCH) for dpi in metadata.dpi]
        chunks.append(make_chunk("pHYs", struct.pack(">2IB", *density, 1)))
    if metadata.exif:
        chunks.append(make_chunk("eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append(make_chunk("iTXt", XMP_KEYWORD + bytes(4) + metadata.xmp))
    content = bytes(imagecodecs.png_encode(np.ascontiguousarray(image)))
    return content[:HEADER_SIZE] + b"".join(chunks) + content[HEADER_SIZE:]
