"""The three networks of MTCNN, in NumPy: proposals, refinement, five landmarks.

The weights are those of the `mtcnn` package (MIT licence). Its files are read, but its
code, which needs TensorFlow, is never imported.

Source:
    Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded
    Convolutional Networks", IEEE Signal Processing Letters 2016.
"""

import functools
import hashlib
import importlib.util
import io
import pathlib
from collections.abc import Iterator

import joblib
import numpy as np

from avjax.errors import InputError
from avjax.media.files import wrap_os_errors

# The weights are pickled; a file is opened only if its contents are the known ones.
WEIGHTS_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
PNET_STRIDE, PNET_SIZE = 2, 12  # pixels
RNET_SIZE, ONET_SIZE = 24, 48  # pixels
DENSE_SIDE = 3  # rows, and columns, of the features before the first dense layer
MAX_PRODUCTS = 4 * 65536  # up to which OpenBLAS multiplies matrices in one thread


def run_pnet(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rate every 12 x 12 window of an image, at a stride of 2 pixels.

    Args:
        image: f32 [h w 3], see `normalize_image`.

    Returns:
        Probability of a face, f32 [r c], and offsets of the window's edges x0, y0, x1,
        y1 as fractions of its side, f32 [r c 4].
    """
    weights = iter(_load_weights("pnet"))
    x = _prelu(_conv(image[None], weights), weights)
    x = _max_pool(x, 2, same=True)
    x = _prelu(_conv(x, weights), weights)
    x = _prelu(_conv(x, weights), weights)
    offsets, logits = _conv(x, weights), _conv(x, weights)
    return _face_probability(logits)[0], offsets[0]


def run_rnet(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rate crops that may show a face.

    Args:
        crops: f32 [n 24 24 3], see `normalize_image`.

    Returns:
        Probability of a face, f32 [n], and offsets of the crop's edges x0, y0, x1, y1
        as fractions of its side, f32 [n 4].
    """
    weights = iter(_load_weights("rnet"))
    x = _prelu(_conv(crops, weights), weights)
    x = _max_pool(x, 3, same=True)
    x = _prelu(_conv(x, weights), weights)
    x = _max_pool(x, 3)
    x = _prelu(_conv(x, weights), weights)
    x = _prelu(_dense(x, weights), weights)
    offsets, logits = _dense(x, weights), _dense(x, weights)
    return _face_probability(logits), offsets


def run_onet(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rate crops that may show a face, and find its landmarks.

    Args:
        crops: f32 [n 48 48 3], see `normalize_image`.

    Returns:
        Probability of a face, f32 [n]; offsets of the crop's edges x0, y0, x1, y1 as
        fractions of its side, f32 [n 4]; and landmarks x, y as fractions of its side,
        f32 [n 5 2]: the eyes, the tip of the nose and the mouth corners, each pair from
        left to right in the image.
    """
    weights = iter(_load_weights("onet"))
    x = _prelu(_conv(crops, weights), weights)
    x = _max_pool(x, 3, same=True)
    x = _prelu(_conv(x, weights), weights)
    x = _max_pool(x, 3)
    x = _prelu(_conv(x, weights), weights)
    x = _max_pool(x, 2, same=True)
    x = _prelu(_conv(x, weights), weights)
    x = _prelu(_dense(x, weights), weights)
    offsets, points, logits = (_dense(x, weights) for _ in range(3))
    landmarks = points.reshape(len(points), 2, 5).transpose(0, 2, 1)
    return _face_probability(logits), offsets, landmarks


def normalize_image(image: np.ndarray) -> np.ndarray:
    """Scale u8 pixels [... c=3] to f32 from -1 to 1, as the networks expect them."""
    return (image.astype(np.float32) - 127.5) / 128


@functools.cache
def _load_weights(name: str) -> tuple[np.ndarray, ...]:
    """Load the arrays of one network, in the order of its layers.

    Raises:
        InputError: The weights are absent or damaged.
    """
    path = _weights_folder() / f"{name}.lz4"
    with wrap_os_errors(path, "read"):
        content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256[name]:
        raise InputError(
            f"{path} is damaged or of another version; reinstall the package mtcnn"
        )
    arrays = joblib.load(io.BytesIO(content))
    first_dense = True
    for i, array in enumerate(arrays):
        if array.ndim == 2 and first_dense and name != "pnet":
            # From the order w, h, c of the flattened features to h, w, c.
            channels = len(array) // DENSE_SIDE**2
            shape = DENSE_SIDE, DENSE_SIDE, channels, -1
            array = array.reshape(shape).transpose(1, 0, 2, 3).reshape(array.shape)
            first_dense = False
        arrays[i] = np.ascontiguousarray(array, np.float32)
    return tuple(arrays)


def _weights_folder() -> pathlib.Path:
    """Find the weights in the package mtcnn without importing it."""
    package = importlib.util.find_spec("mtcnn")
    if package is None or not package.submodule_search_locations:
        raise InputError("faces cannot be found without the package mtcnn; install it")
    return pathlib.Path(package.submodule_search_locations[0]) / "assets" / "weights"


def _conv(x: np.ndarray, weights: Iterator[np.ndarray]) -> np.ndarray:
    """Convolve [n h w c] without padding."""
    kernel, bias = next(weights), next(weights)
    size, _, channels, outputs = kernel.shape
    n, height, width, _ = x.shape
    windows = np.lib.stride_tricks.sliding_window_view(
        x.reshape(n, height, width * channels), (size, size * channels), axis=(1, 2)
    )[:, :, ::channels]
    columns = windows.reshape(-1, size * size * channels)
    result = _multiply(columns, kernel.reshape(-1, outputs))
    result += bias
    return result.reshape(*windows.shape[:3], outputs)


def _dense(x: np.ndarray, weights: Iterator[np.ndarray]) -> np.ndarray:
    kernel, bias = next(weights), next(weights)
    return _multiply(x.reshape(len(x), len(kernel)), kernel) + bias


def _multiply(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Multiply [n k] and [k m] in pieces for which BLAS starts no threads.

    Threads cost such small products more time than they save, above all while other
    programs run. So the result does not depend on the number of threads either.
    """
    piece = max(1, MAX_PRODUCTS // matrix.size)
    whole = len(rows) // piece * piece
    result = np.empty((len(rows), matrix.shape[1]), np.float32)
    np.matmul(
        rows[:whole].reshape(-1, piece, rows.shape[1]),
        matrix,
        out=result[:whole].reshape(-1, piece, matrix.shape[1]),
    )
    np.matmul(rows[whole:], matrix, out=result[whole:])
    return result


def _prelu(x: np.ndarray, weights: Iterator[np.ndarray]) -> np.ndarray:
    """Multiply what is below zero by the slope of its channel, in place."""
    below = np.minimum(x, 0)
    below *= next(weights) - 1
    x += below
    return x


def _max_pool(x: np.ndarray, size: int, same: bool = False) -> np.ndarray:
    """Pool [n h w c] with a stride of 2; `same` pads to the half, rounded up."""
    if same:
        pads = [max(0, 2 * (-(-n // 2) - 1) + size - n) for n in x.shape[1:3]]
        edges = [(pad // 2, pad - pad // 2) for pad in pads]
        if any(pads):
            x = np.pad(x, ((0, 0), *edges, (0, 0)), constant_values=-np.inf)
    rows, columns = ((n - size) // 2 + 1 for n in x.shape[1:3])
    x = _largest([x[:, i : i + 2 * rows - 1 : 2] for i in range(size)])
    return _largest([x[:, :, i : i + 2 * columns - 1 : 2] for i in range(size)])


def _largest(arrays: list[np.ndarray]) -> np.ndarray:
    """Return the maximum of two or more arrays."""
    result = np.maximum(*arrays[:2])
    for array in arrays[2:]:
        np.maximum(result, array, out=result)
    return result


def _face_probability(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis: no face, face."""
    return 1 / (1 + np.exp(logits[..., 0] - logits[..., 1]))
