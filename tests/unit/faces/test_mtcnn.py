"""The networks of MTCNN, against convolutions in plain loops, and damaged weights."""

import pathlib
import shutil

import joblib
import numpy as np
import pytest

from avjax.errors import InputError
from avjax.faces import mtcnn

RNG = np.random.default_rng(0)


def original_weights(name: str) -> list[np.ndarray]:
    return joblib.load(mtcnn._weights_folder() / f"{name}.lz4")


def conv(x, kernel, bias):
    """Convolve [h w c] without padding."""
    size = len(kernel)
    rows, columns = x.shape[0] - size + 1, x.shape[1] - size + 1
    out = np.zeros((rows, columns, len(bias)))
    for i in range(rows):
        for j in range(columns):
            window = x[i : i + size, j : j + size]
            out[i, j] = np.einsum("ijc,ijcd->d", window, kernel) + bias
    return out


def prelu(x, slope):
    return np.where(x > 0, x, slope * x)


def pool(x, size, same):
    """Pool [h w c] with a stride of 2, with padding as TensorFlow's SAME."""
    if same:
        pads = [max(0, 2 * (-(-n // 2) - 1) + size - n) for n in x.shape[:2]]
        widths = [(pad // 2, pad - pad // 2) for pad in pads] + [(0, 0)]
        x = np.pad(x, widths, constant_values=-np.inf)
    rows, columns = ((n - size) // 2 + 1 for n in x.shape[:2])
    out = np.zeros((rows, columns, x.shape[2]))
    for i in range(rows):
        for j in range(columns):
            out[i, j] = x[2 * i : 2 * i + size, 2 * j : 2 * j + size].max((0, 1))
    return out


def features(x, weights, pools):
    """Convolve and pool; `pools` has (size, same) or None for each convolution."""
    for spec in pools:
        x = conv(x, next(weights), next(weights))
        x = prelu(x, next(weights))
        x = x if spec is None else pool(x, *spec)
    return x


def heads(x, weights, count):
    """Dense layers of one crop: a hidden one and `count` outputs."""
    flat = x.transpose(1, 0, 2).ravel()
    hidden = prelu(flat @ next(weights) + next(weights), next(weights))
    return [hidden @ next(weights) + next(weights) for _ in range(count)]


def probability(logits):
    exponentials = np.exp(logits)
    return exponentials[..., 1] / exponentials.sum(-1)


def test_pnet_equals_plain_convolutions():
    image = RNG.normal(size=(27, 34, 3)).astype(np.float32)
    weights = iter(original_weights("pnet"))
    x = features(image, weights, [(2, True), None, None])
    offsets = conv(x, next(weights), next(weights))
    logits = conv(x, next(weights), next(weights))
    scores, found = mtcnn.run_pnet(image)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, probability(logits), atol=1e-5)
    np.testing.assert_allclose(found, offsets, atol=1e-5)


def test_rnet_equals_plain_convolutions():
    crops = RNG.normal(size=(2, 24, 24, 3)).astype(np.float32)
    scores, found = mtcnn.run_rnet(crops)
    for n, crop in enumerate(crops):
        weights = iter(original_weights("rnet"))
        x = features(crop, weights, [(3, True), (3, False), None])
        offsets, logits = heads(x, weights, 2)
        np.testing.assert_allclose(scores[n], probability(logits), atol=1e-5)
        np.testing.assert_allclose(found[n], offsets, atol=1e-5)


def test_onet_equals_plain_convolutions():
    crops = RNG.normal(size=(2, 48, 48, 3)).astype(np.float32)
    scores, found, landmarks = mtcnn.run_onet(crops)
    for n, crop in enumerate(crops):
        weights = iter(original_weights("onet"))
        x = features(crop, weights, [(3, True), (3, False), (2, True), None])
        offsets, points, logits = heads(x, weights, 3)
        np.testing.assert_allclose(scores[n], probability(logits), atol=1e-5)
        np.testing.assert_allclose(found[n], offsets, atol=1e-5)
        expected = np.stack([points[:5], points[5:]], axis=-1)
        np.testing.assert_allclose(landmarks[n], expected, atol=1e-5)


def test_networks_accept_no_crops_and_leave_their_input():
    assert mtcnn.run_rnet(np.zeros((0, 24, 24, 3), np.float32))[1].shape == (0, 4)
    empty = mtcnn.run_onet(np.zeros((0, 48, 48, 3), np.float32))
    assert [x.shape for x in empty] == [(0,), (0, 4), (0, 5, 2)]
    crops = RNG.normal(size=(1, 48, 48, 3)).astype(np.float32)
    before = crops.copy()
    mtcnn.run_onet(crops)
    np.testing.assert_array_equal(crops, before)


@pytest.fixture
def weights_copy(monkeypatch, tmp_path) -> pathlib.Path:
    """A copy of the weights' folder, which is then the one that is read."""
    folder = tmp_path / "weights"
    shutil.copytree(mtcnn._weights_folder(), folder)
    monkeypatch.setattr(mtcnn, "_weights_folder", lambda: folder)
    mtcnn._load_weights.cache_clear()
    yield folder
    mtcnn._load_weights.cache_clear()


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_damaged_weights_are_refused_and_not_unpickled(
    damage, weights_copy, monkeypatch
):
    path = weights_copy / "onet.lz4"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    changes = {"cut": content[:1000], "changed": content, "empty": b""}
    path.write_bytes(changes[damage])
    monkeypatch.setattr(mtcnn.joblib, "load", None)
    with pytest.raises(InputError, match=r"onet\.lz4 is damaged .* reinstall"):
        mtcnn.run_onet(np.zeros((1, 48, 48, 3), np.float32))


def test_absent_weights_are_refused(weights_copy):
    (weights_copy / "pnet.lz4").unlink()
    with pytest.raises(InputError, match=r"pnet\.lz4"):
        mtcnn.run_pnet(np.zeros((12, 12, 3), np.float32))


def test_an_absent_package_is_refused(monkeypatch):
    monkeypatch.setattr(mtcnn.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="package mtcnn; install it"):
        mtcnn._weights_folder()
