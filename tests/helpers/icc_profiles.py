"""ICC colour profiles of known colour spaces, and what their colours are in sRGB."""

import struct

import numpy as np

# Columns: X, Y, Z of red, green and blue, adapted to the white of profiles (D50), as
# published by Bruce Lindbloom, "RGB/XYZ Matrices"; for Display P3, by the ICC.
TO_XYZ = {
    "Display P3": [
        [0.51512, 0.29198, 0.15710],
        [0.24120, 0.69225, 0.06657],
        [-0.00105, 0.04189, 0.78407],
    ],
    "Adobe RGB": [
        [0.60974, 0.20528, 0.14919],
        [0.31111, 0.62567, 0.06322],
        [0.01947, 0.06087, 0.74457],
    ],
    "ProPhoto": [
        [0.79767, 0.13519, 0.03135],
        [0.28804, 0.71187, 0.00009],
        [0.00000, 0.00000, 0.82521],
    ],
}
GAMMA = {"Display P3": 2.2, "Adobe RGB": 563 / 256, "ProPhoto": 1.8}
SRGB_TO_XYZ = [
    [0.43607, 0.38515, 0.14307],
    [0.22249, 0.71687, 0.06061],
    [0.01392, 0.09708, 0.71410],
]
D50 = 0.96420, 1.0, 0.82491


def _fixed(values) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(65536 * value) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv" + struct.pack(">IIHH", 0, 1, round(256 * gamma), 0)


def _pack(colour_space: bytes, contents: dict[bytes, bytes]) -> bytes:
    """Write a profile of version 2: header, table of tags, contents of tags."""
    offset, table, body = 132 + 12 * len(contents), b"", b""
    for name, content in contents.items():
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content
    header = struct.pack(">I4sI", offset + len(body), b"lcms", 0x02400000)
    header += b"mntr" + colour_space + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    header += _fixed(D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(contents)) + table + body


def make_profile(name: str) -> bytes:
    """Return the profile of a colour space of `TO_XYZ`."""
    columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), np.transpose(TO_XYZ[name]), strict=True)
    contents = {tag: b"XYZ " + bytes(4) + _fixed(column) for tag, column in columns}
    contents |= {tag: _curve(GAMMA[name]) for tag in (b"rTRC", b"gTRC", b"bTRC")}
    return _pack(b"RGB ", {**contents, b"wtpt": b"XYZ " + bytes(4) + _fixed(D50)})


def make_grey_profile(gamma: float) -> bytes:
    """Return the profile of grey values of a gamma."""
    white = b"XYZ " + bytes(4) + _fixed(D50)
    return _pack(b"GRAY", {b"kTRC": _curve(gamma), b"wtpt": white})


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Convert linear light in [0, 1] to values of sRGB in [0, 1]; IEC 61966-2-1."""
    low = linear <= 0.0031308
    return np.where(
        low, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )


def to_srgb(name: str, rgb: np.ndarray) -> np.ndarray:
    """Convert values in [0, 1] of a colour space [... 3] to sRGB in [0, 1], by hand."""
    linear = rgb ** GAMMA[name]
    matrix = np.linalg.inv(SRGB_TO_XYZ) @ np.array(TO_XYZ[name])
    return encode_srgb(np.clip(linear @ matrix.T, 0, 1))
