"""Write HEIC photos: one HEVC picture, or a grid of tiles (ISO/IEC 23008-12)."""

import io
import pathlib
import struct

import av
import numpy as np
from media_files import FLAGS, OPTIONS

BT601 = 5


def box(kind: bytes, *content: bytes) -> bytes:
    """Make a box of an ISO base media file."""
    payload = b"".join(content)
    return struct.pack(">I", 8 + len(payload)) + kind + payload


def full_box(kind: bytes, *content: bytes, version: int = 0) -> bytes:
    """Make a box with a version and no flags."""
    return box(kind, bytes([version, 0, 0, 0]), *content)


def encode_tile(image: np.ndarray) -> tuple[bytes, bytes]:
    """Encode an image u8 [h w 3]: the decoder configuration, and the picture."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        # With B-frames, libx265 leaves the decoding time of a single frame unset.
        fast = OPTIONS["libx265"]
        options = fast | {"x265-params": f"{fast['x265-params']}:bframes=0"}
        stream = file.add_stream("libx265", 25, options=options)
        stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image)).reformat(
            format="yuv420p", dst_colorspace=BT601, interpolation=FLAGS
        )
        file.mux([*stream.encode(frame), *stream.encode(None)])
    with av.open(io.BytesIO(buffer.getvalue())) as file:
        stream = file.streams.video[0]
        packet = next(file.demux(stream))
        return bytes(stream.codec_context.extradata), bytes(packet)


def write_heic(path: pathlib.Path, image: np.ndarray, tile: int) -> pathlib.Path:
    """Write an image u8 [h w 3] as a grid of square tiles, whose items come first."""
    height, width = image.shape[:2]
    rows, columns = height // tile, width // tile
    tiles = [
        encode_tile(image[y : y + tile, x : x + tile])
        for y in range(0, height, tile)
        for x in range(0, width, tile)
    ]
    count, grid = len(tiles), len(tiles) + 1
    ids = range(1, count + 1)
    entry = [
        full_box(b"infe", struct.pack(">HH4sB", i, 0, b"hvc1", 0), version=2)
        for i in ids
    ]
    entry.append(
        full_box(b"infe", struct.pack(">HH4sB", grid, 0, b"grid", 0), version=2)
    )
    properties = box(
        b"ipco",
        box(b"hvcC", tiles[0][0]),
        full_box(b"ispe", struct.pack(">II", tile, tile)),
        full_box(b"ispe", struct.pack(">II", width, height)),
    )
    uses = [struct.pack(">HBBB", i, 2, 0x81, 2) for i in ids]
    uses.append(struct.pack(">HBB", grid, 1, 3))
    references = struct.pack(f">HH{count}H", grid, count, *ids)
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)

    def meta(start: int) -> bytes:
        places, offset = [], start
        for i, (_, data) in zip(ids, tiles, strict=True):
            places.append(struct.pack(">HHHHII", i, 0, 0, 1, offset, len(data)))
            offset += len(data)
        places.append(struct.pack(">HHHHII", grid, 1, 0, 1, 0, len(layout)))
        return full_box(
            b"meta",
            full_box(b"hdlr", struct.pack(">I4s12xB", 0, b"pict", 0)),
            full_box(b"pitm", struct.pack(">H", grid)),
            full_box(b"iloc", b"\x44\x00", struct.pack(">H", grid), *places, version=1),
            full_box(b"iinf", struct.pack(">H", grid), *entry),
            full_box(b"iref", box(b"dimg", references)),
            box(b"iprp", properties, full_box(b"ipma", struct.pack(">I", grid), *uses)),
            box(b"idat", layout),
        )

    header = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(header) + len(meta(0)) + 8
    data = b"".join(data for _, data in tiles)
    path.write_bytes(header + meta(start) + box(b"mdat", data))
    return path
