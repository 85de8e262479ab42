"""Pictures in tiles, by a body of full depth."""

import dataclasses

import jax
import numpy as np
import pytest
from denoisers import SMALL, noisy, save

from avjax import weights
from avjax.algorithms import denoiser_adaptation as restore
from avjax.algorithms import tiling as tiles
from avjax.media.photo_io import Photo, as_shares
from avjax.models.denoiser import reach
from avjax.pipelines.denoise import Denoiser, load, open_denoiser


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A folder of weights; programs are kept by their config, which is only here."""
    folder = tmp_path_factory.mktemp("weights") / "deep"
    save(folder, dataclasses.replace(SMALL, base=3))
    return folder


def mirrored(picture, around):
    widths = ((around, around),) * 2 + ((0, 0),)
    return np.pad(picture, widths, "reflect")


def whole(denoiser: Denoiser, picture, moving) -> np.ndarray:
    """The picture [h w 3] by the network in one piece, mirrored around."""
    height, width = picture.shape[:2]
    wide = mirrored(as_shares(picture), reach())
    wide = np.pad(wide, ((0, -height % 4), (0, -width % 4), (0, 0)), "edge")
    restorer = {**denoiser.params["restorer"], **moving}
    made = restore.restore(denoiser.config, restorer, wide[None]).clean[0]
    return made[reach() : reach() + height, reach() : reach() + width]


def test_nothing_beyond_its_reach_changes_a_pixel(deep, monkeypatch):
    """As far as the network has depth, and hardly less."""
    config, params, _ = load(deep)
    side, run = 48 * 4, jax.jit(lambda x: restore.restore(config, *x).clean)
    farthest = 0
    for place in range(96, 100):
        picture = np.full((1, side, side, 3), 0.5, np.float32)
        picture[0, place, place] = np.nan
        made = run((params["restorer"], picture))[0]
        rows, columns = np.nonzero(np.isnan(made).any(-1))
        far = np.abs(np.stack([rows, columns]) - place).max()
        farthest = max(farthest, int(far))
    assert reach() - 8 < farthest <= reach() and reach() % 4 == 0


def test_tiles_show_no_seam(deep, monkeypatch):
    """A picture in 12 tiles is the one that is made in one piece."""
    monkeypatch.setattr(tiles, "CORE", 32)
    denoiser = open_denoiser(deep, 0)
    picture = noisy((70, 101), dtype=np.uint16)
    made = denoiser.clean(Photo(picture), "x").photo.levels
    wanted = whole(denoiser, picture, denoiser.stored())
    assert tiles.count(picture.shape) == 12
    assert np.abs(wanted - as_shares(picture)).max() > 0.01  # it does do something
    np.testing.assert_allclose(as_shares(made), np.clip(wanted, 0, 1), atol=3e-5)


def test_the_bundled_weights_clean(monkeypatch):
    monkeypatch.setattr(tiles, "CORE", 64)
    ramp = np.full((64, 64, 3), np.linspace(0.2, 0.8, 64)[:, None], np.float32)
    grain = np.random.default_rng(0).normal(0, 0.05, ramp.shape).astype(np.float32)
    found = open_denoiser(steps=1).clean(Photo(np.clip(ramp + grain, 0, 1)), "x")
    assert np.std(found.photo.levels - ramp) < 0.5 * np.std(grain)
    file = weights.BUNDLED / "denoiser-polyu" / "weights.safetensors"
    assert file.stat().st_size < 3e6


@pytest.mark.parametrize("length", [16, 17, 100, 256, 1000])
def test_squares_are_apart_and_some_are_held_out(length):
    rows = tiles.middles(length)
    assert [len(numbers) for numbers in rows] == [tiles.SIDE] * tiles.CELLS
    assert all(0 <= numbers.min() <= numbers.max() < length for numbers in rows)
    ends = [(numbers.min(), numbers.max()) for numbers in rows]
    assert all(a[1] < b[0] for a, b in zip(ends[:-1], ends[1:], strict=True))
    picture = np.arange(length * 16).reshape(length, 16, 1)
    squares = tiles.cells(picture)
    held, others = set(squares[tiles.HELD].flat), set(squares[~tiles.HELD].flat)
    assert held and others and not held & others
