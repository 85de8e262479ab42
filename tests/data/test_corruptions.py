"""Noise that is made: as much as was asked for, and none where none was."""

import numpy as np
import pytest

from avjax.data import corruptions as noise
from avjax.data.corruptions import Camera, Gaussian, Jpeg, Mix


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def picture(rng):
    """Smooth colours from 0.02 to 0.98."""
    down, along = np.meshgrid(*(np.linspace(0, 3, 48),) * 2, indexing="ij")
    waves = [np.sin(down + k) * np.cos(along * k) for k in (1, 2, 3)]
    return (0.5 + 0.48 * np.stack(waves, -1)).astype(np.float32)


def quiet(kind):
    """The same kind of noise, as little of it as it has."""
    sizes = {
        Gaussian: {"deviation": (0.0, 0.0)},
        Mix: {"deviation": (0.0, 0.0), "share": 0.0},
    }
    return kind(**sizes[kind])


@pytest.mark.parametrize("kind", [Gaussian, Mix])
def test_no_noise_leaves_the_picture_as_it_is(kind, picture, rng):
    np.testing.assert_array_equal(quiet(kind).add(picture, rng), picture)


def test_a_camera_without_noise_leaves_the_picture_as_it_is(picture, rng):
    for _ in range(5):
        sensor = noise.draw_sensor(rng)
        made = Camera().shoot(picture, sensor, (0.0, 0.0), rng)
        np.testing.assert_array_equal(made, picture)


def test_what_was_undeveloped_develops_into_what_it_was(picture, rng):
    """Where nothing is so bright that it counts as overexposed, nor saturates."""
    dim = 0.6 * picture
    for _ in range(5):
        sensor = noise.draw_sensor(rng)
        light = noise.unprocessed(dim, sensor)
        kept = ((light > 0) & (light < 1)).all(axis=-1)
        assert kept.mean() > 0.5
        again = noise.processed(light, sensor)
        np.testing.assert_allclose(again[kept], dim[kept], atol=2e-3)


def test_a_sensor_s_matrix_keeps_grey_grey(rng):
    sensor = noise.draw_sensor(rng)
    np.testing.assert_allclose(sensor.matrix.sum(axis=1), 1, rtol=1e-12)
    assert sensor.gains[0] > sensor.gains[1] < sensor.gains[2]


@pytest.mark.parametrize(
    ("prior", "shots"), [("dnd", (1e-4, 0.012)), ("sidd", (6.8674e-4, 2.194856e-2))]
)
def test_levels_of_noise_are_on_the_line_of_their_prior(prior, shots, rng):
    drawn = np.array([noise.draw_levels(prior, rng) for _ in range(4000)])
    shot, read = np.log(drawn.T)
    assert shots[0] <= drawn[:, 0].min() and drawn[:, 0].max() <= shots[1]
    slope, offset = np.polyfit(shot, read, 1)
    decade = np.log(10)
    wanted = {"dnd": (2.18, 1.20, 0.26), "sidd": (1.85, 0.30 * decade, 0.20 * decade)}
    assert slope == pytest.approx(wanted[prior][0], abs=0.03)
    assert offset == pytest.approx(wanted[prior][1], abs=0.2)
    spread = np.std(read - slope * shot - offset)
    assert spread == pytest.approx(wanted[prior][2], rel=0.1)


def test_noise_of_a_sensor_grows_with_the_light_and_reaches_its_neighbours(rng):
    """Linear light: no curve, no colour; then only the mosaic is left of a camera."""
    light = np.full((256, 256, 3), 0.25, np.float32)
    sites = rng.standard_normal(light.shape).astype(np.float32) * light
    grain = noise.demosaicked(sites)[2:-2, 2:-2]
    red = grain[..., 0]
    beside = np.mean(red[:, 1:] * red[:, :-1]) / np.mean(red**2)
    assert beside > 0.4
    sensor = noise.Sensor(np.eye(3), np.ones(3))
    deviations = []
    for grey in (0.2, 0.4):  # of the finished picture, whose curve is the same for both
        flat = np.full((128, 128, 3), grey, np.float32)
        deviations += [
            np.std(Camera().shoot(flat, sensor, levels, rng) - flat)
            for levels in ((1e-4, 0.0), (4e-4, 0.0), (0.0, 1e-5))
        ]
    np.testing.assert_allclose(deviations[1] / deviations[0], 2, rtol=0.05)
    np.testing.assert_allclose(deviations[4] / deviations[3], 2, rtol=0.05)
    by_light, by_none = (deviations[3 + k] / deviations[k] for k in (0, 2))
    brighter = [
        noise.unprocessed(np.full(3, grey), sensor).mean() for grey in (0.4, 0.2)
    ]
    expected = np.sqrt(brighter[0] / brighter[1])
    np.testing.assert_allclose(by_light / by_none, expected, rtol=0.1)


def test_flat_light_is_interpolated_to_itself():
    flat = np.full((9, 12, 3), 0.3, np.float32)
    np.testing.assert_allclose(noise.demosaicked(flat), flat, rtol=1e-6)


def test_sites_are_kept_where_they_are(rng):
    sites = rng.standard_normal((6, 8, 3)).astype(np.float32)
    full = noise.demosaicked(sites)
    np.testing.assert_allclose(full[::2, ::2, 0], sites[::2, ::2, 0], rtol=1e-6)
    np.testing.assert_allclose(full[::2, 1::2, 1], sites[::2, 1::2, 1], rtol=1e-6)
    np.testing.assert_allclose(full[1::2, 1::2, 2], sites[1::2, 1::2, 2], rtol=1e-6)


def test_white_noise_has_its_deviation(rng):
    grey = np.full((64, 64, 3), 0.5, np.float32)
    made = Gaussian((25.0, 25.0)).add(grey, rng)
    assert np.std(made - grey) * 255 == pytest.approx(25, rel=0.03)
    assert made.dtype == np.float32


def test_white_noise_leaves_grey_grey_and_colours_apart(picture, rng):
    grey = np.repeat(picture[..., :1], 3, axis=-1)
    for clean, alike in ((grey, True), (picture, False)):
        added = Gaussian((5.0, 5.0)).add(clean, rng) - clean
        assert added.any() and (added == added[..., :1]).all() == alike


def test_the_published_mix_spares_the_last_row_and_column_and_blue(picture, rng):
    dim = 0.1 + 0.8 * picture
    for spared in (True, False):
        mix = Mix((0.0, 0.0), 1.0, published=spared)
        hit = np.zeros(picture.shape, bool)
        for _ in range(20):
            hit |= mix.add(dim, rng) != dim
        assert hit[:-1, :-1, :2].any()
        for last in (hit[-1], hit[:, -1], hit[..., 2]):
            assert last.any() != spared


def test_a_mix_comes_in_any_order(picture):
    """Salt is as white as nothing else, unless noise was put on it."""
    mix = Mix((30.0, 30.0), 0.2)
    dim = 0.3 + 0.2 * picture
    white = [
        np.mean(mix.add(dim, np.random.default_rng(seed)) == 1) for seed in range(30)
    ]
    assert min(white) < 0.5 * max(white)


@pytest.mark.parametrize(
    "kind", [Gaussian(), Mix(), Camera(), Camera("sidd", (40, 90)), Jpeg()], ids=repr
)
def test_what_comes_out_is_a_picture_that_follows_from_the_seed(kind, picture):
    made, again, other = (
        kind.add(picture, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert made.shape == picture.shape and made.dtype == np.float32
    assert made.min() >= 0 and made.max() <= 1
    np.testing.assert_array_equal(made, again)
    assert (made != other).any() and (made != picture).any()


def test_stronger_compression_is_farther_from_the_picture(picture, rng):
    grainy = Gaussian((10.0, 10.0)).add(picture, rng)
    apart = [
        np.abs(Jpeg((q, q)).add(grainy, rng) - grainy).mean() for q in (20, 60, 95)
    ]
    assert apart[0] > apart[1] > apart[2]
    colours = Jpeg((95, 95)).add(picture, rng) - picture
    assert np.abs(colours.mean(axis=(0, 1))).max() < 0.01
