"""Images in tiles, with a network of full depth."""

import dataclasses

import jax
import numpy as np
import pytest
from denoisers import LEVEL, NOISE_MODEL_PARTS, PARTS, SMALL, noisy, save

from avjax import weights_folders
from avjax.algorithms import denoiser_adaptation, tiling
from avjax.media.photo_io import Photo
from avjax.media.pixels import to_float01
from avjax.pipelines.denoise import load_denoiser, load_network
from avjax.pipelines.denoising.denoiser import Denoiser

CONFIGS = {  # that no other test uses
    "full size": (dataclasses.replace(SMALL, base_channels=3), PARTS),
    "half size": (dataclasses.replace(LEVEL, base_channels=3), NOISE_MODEL_PARTS),
}


@pytest.fixture(scope="module", params=list(CONFIGS))
def deep(request, tmp_path_factory):
    """A folder of weights of a network of full depth."""
    folder = tmp_path_factory.mktemp("weights") / "deep"
    save(folder, *CONFIGS[request.param])
    return folder


def mirrored(image, width):
    widths = ((width, width),) * 2 + ((0, 0),)
    return np.pad(image, widths, "reflect")


def denoise_whole(denoiser: Denoiser, image, adapted) -> np.ndarray:
    """Denoise an image [h w 3] as a whole, with mirrored edges."""
    (height, width), margin = image.shape[:2], tiling.receptive_field(denoiser.config)
    padded = mirrored(to_float01(image), margin)
    padded = np.pad(padded, ((0, -height % 8), (0, -width % 8), (0, 0)), "edge")
    restorer = {**denoiser.params["restorer"], **adapted}
    denoised = denoiser_adaptation.restore(
        denoiser.config, restorer, padded[None]
    ).clean[0]
    return denoised[margin : margin + height, margin : margin + width]


def test_receptive_field_is_tight(deep, monkeypatch):
    """The limit exceeds the measured distance by less than two blocks."""
    config, params, _ = load_network(deep)
    run = jax.jit(lambda x: denoiser_adaptation.restore(config, *x).clean)
    multiple, limit, farthest = config.size_multiple, tiling.receptive_field(config), 0
    middle = (limit + multiple) // multiple * multiple
    side = 2 * middle
    for position in range(middle, middle + multiple):
        image = np.full((1, side, side, 3), 0.5, np.float32)
        image[0, position, position] = np.nan
        denoised = run((params["restorer"], image))[0]
        rows, columns = np.nonzero(np.isnan(denoised).any(-1))
        distance = np.abs(np.stack([rows, columns]) - position).max()
        farthest = max(farthest, int(distance))
    assert limit - 2 * multiple < farthest <= limit and limit % multiple == 0


def test_tiles_equal_the_whole_image(deep, monkeypatch):
    """An image in 12 tiles equals the image in one piece."""
    monkeypatch.setattr(tiling, "TILE_SIZES", (32,))
    denoiser = load_denoiser(deep, 0)
    image = noisy((70, 101), dtype=np.uint16)
    denoised = denoiser.denoise(Photo(image), "x").photo.image
    expected = denoise_whole(denoiser, image, denoiser.initial_params())
    assert tiling.count_tiles(image.shape, 32) == 12
    assert (
        np.abs(expected - to_float01(image)).max() > 0.01
    )  # the network changes the image
    np.testing.assert_allclose(to_float01(denoised), np.clip(expected, 0, 1), atol=3e-5)


@pytest.mark.parametrize(
    ("shape", "context", "size", "count"),
    [
        ((16, 200), 144, 256, 1),
        ((257, 256), 144, 256, 2),
        ((400, 600), 72, 512, 2),
        ((3000, 4000), 144, 1024, 12),
        ((1100, 1100), 8, 256, 25),
    ],
)
def test_tiles_have_the_fewest_pixels(shape, context, size, count):
    """The pixels of the margins are counted, too."""
    assert tiling.tile_size(shape, context) == size
    assert tiling.count_tiles(shape, size) == count
    image = np.zeros((*shape, 1), np.uint8)
    for (rows, columns), tile in tiling.tiles(image, context):
        assert tile.shape == (size + 2 * context, size + 2 * context, 1)
        image[rows, columns] += 1
    assert (image == 1).all()


def test_bundled_weights_denoise(monkeypatch):
    monkeypatch.setattr(tiling, "TILE_SIZES", (64,))
    ramp = np.full((64, 64, 3), np.linspace(0.2, 0.8, 64)[:, None], np.float32)
    noise = np.random.default_rng(0).normal(0, 0.05, ramp.shape).astype(np.float32)
    result = load_denoiser(steps=1).denoise(Photo(np.clip(ramp + noise, 0, 1)), "x")
    assert np.std(result.photo.image - ramp) < 0.5 * np.std(noise)
    shift = np.abs(np.mean(result.photo.image - ramp, axis=(0, 1)))
    assert shift.max() < 2 / 255, "the mean of each colour stays"
    file = weights_folders.BUNDLED / "denoiser-photos" / "weights.safetensors"
    assert file.stat().st_size < 3e6


@pytest.mark.parametrize("length", [16, 17, 100, 256, 1000])
def test_patches_do_not_overlap_and_some_are_held_out(length):
    rows = tiling.patch_indices(length)
    assert [len(indices) for indices in rows] == [
        tiling.PATCH_SIZE
    ] * tiling.PATCHES_PER_SIDE
    assert all(0 <= indices.min() <= indices.max() < length for indices in rows)
    ends = [(indices.min(), indices.max()) for indices in rows]
    assert all(a[1] < b[0] for a, b in zip(ends[:-1], ends[1:], strict=True))
    image = np.arange(length * 16).reshape(length, 16, 1)
    patches = tiling.sample_patches(image)
    held_out, others = (
        set(patches[tiling.HELD_OUT].flat),
        set(patches[~tiling.HELD_OUT].flat),
    )
    assert held_out and others and not held_out & others
