"""Photographs without their noise, by weights that nobody trained."""

import dataclasses

import jax
import numpy as np
import pytest
from denoisers import SMALL, noisy, save

import avjax
from avjax.algorithms import denoiser_adaptation as restore
from avjax.errors import InputError
from avjax.media.photo_io import Photo, write_photo
from avjax.pipelines.denoise import adapting, cleaning, open_denoiser

pytestmark = pytest.mark.usefixtures("small_tiles")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, quick_bodies):
    """A folder of weights."""
    folder = tmp_path_factory.mktemp("weights")
    save(folder / "ours")
    published = dataclasses.replace(SMALL, auxiliary="rebuilt")
    save(folder / "published", published, ("restorer", "masker"))
    return folder


def test_no_steps_are_the_plain_network_and_steps_are_not(trained, tmp_path):
    write_photo(tmp_path / "photo.png", Photo(noisy()))
    given = {"weights": trained / "ours"}
    plain = avjax.denoise(tmp_path / "photo.png", steps=0, **given)
    assert plain.kept == 0 and plain.losses.shape == (0,) and plain.held.shape == (1,)
    found = avjax.denoise(tmp_path / "photo.png", **given)
    assert found.losses.shape == (5,) and found.held.shape == (6,)
    assert found.kept and found.held[found.kept] == found.held.min() < found.held[0]
    assert (found.photo.levels != plain.photo.levels).any()
    assert "5 steps kept" in str(found) and "better" in str(found)


def test_weights_stay_as_they_are(trained):
    denoiser = open_denoiser(trained / "ours")
    before = jax.tree.map(np.array, denoiser.params)
    first = denoiser.clean(Photo(noisy()), "x")
    denoiser.clean(Photo(noisy(seed=1)), "x")
    again = denoiser.clean(Photo(noisy()), "x")
    np.testing.assert_array_equal(first.photo.levels, again.photo.levels)
    for old, new in zip(*map(jax.tree.leaves, (before, denoiser.params)), strict=True):
        np.testing.assert_array_equal(old, new)


def test_steps_that_do_harm_are_not_kept(trained):
    denoiser = open_denoiser(trained / "ours", 2)
    wild = jax.tree.map(lambda rate: 1e6 * rate, denoiser.rates)
    found = dataclasses.replace(denoiser, rates=wild).clean(Photo(noisy()), "x")
    assert found.kept == 0 and not found.held[1:].min() < found.held[0]
    plain = open_denoiser(trained / "ours", 0).clean(Photo(noisy()), "x")
    np.testing.assert_array_equal(found.photo.levels, plain.photo.levels)


def test_what_was_carried_along_is_dropped_where_it_fits_less(trained):
    denoiser = open_denoiser(trained / "ours", 2)
    stored = denoiser.stored()
    fitted = denoiser.adapt(noisy(), stored).params
    further = denoiser.adapt(noisy(), fitted).scores
    anew = denoiser.adapt(noisy(), stored).scores
    assert further[0] < anew[0]
    spoilt = jax.tree.map(lambda x: x + 5, stored)
    np.testing.assert_array_equal(denoiser.adapt(noisy(), spoilt).scores, anew)


def test_one_program_serves_pictures_of_all_sizes(trained):
    denoiser = open_denoiser(trained / "ours", 2)
    programs = adapting(denoiser.config, denoiser.plan), cleaning(denoiser.config)
    for program in programs:
        program.clear_cache()
    for size, channels in (((16, 16), 3), ((33, 90), 1), ((128, 64), 3)):
        made = denoiser.clean(Photo(noisy(size, channels)), "x").photo.levels
        assert made.shape == (*size, channels)
    assert [program._cache_size() for program in programs] == [1, 1]


def test_a_strength_of_zero_changes_no_pixel_and_of_a_half_half_as_much(trained):
    picture = noisy(dtype=np.uint16)
    made = {
        strength: open_denoiser(trained / "ours", 2, strength)
        .clean(Photo(picture), "x")
        .photo.levels.astype(int)
        for strength in (0, 0.5, 1)
    }
    np.testing.assert_array_equal(made[0], picture)
    assert (made[1] != picture).any()
    inside = (made[1] > 0) & (made[1] < 65535)
    halves = 2 * made[0.5], made[1] + picture
    np.testing.assert_allclose(*(x[inside] for x in halves), atol=2)


def test_published_weights_have_no_rates_and_adapt_as_their_authors_did(trained):
    denoiser = open_denoiser(trained / "published")
    assert denoiser.plan == restore.PUBLISHED_TEST
    rates = sorted({float(rate) for rate in jax.tree.leaves(denoiser.rates)})
    assert rates == pytest.approx([0, 1e-5], rel=1e-6)
    assert len(denoiser.clean(Photo(noisy()), "x").losses) == 4


def test_a_frame_goes_on_from_what_fitted_the_last(trained):
    denoiser = open_denoiser(trained / "ours", 2)
    frames = [noisy()] * 3
    found = list(denoiser.frames(iter(frames), "x"))
    assert found[1].held[0] == found[0].held[found[0].kept] < found[0].held[0]
    assert found[2].held[0] < found[1].held[0]
    alone = denoiser.clean(Photo(noisy()), "x")
    np.testing.assert_array_equal(found[0].photo.levels, alone.photo.levels)


def test_a_picture_too_small_is_refused_from_python_too(trained, tmp_path):
    write_photo(tmp_path / "x.png", Photo(noisy((15, 40))))
    with pytest.raises(InputError, match="40x15"):
        avjax.denoise(tmp_path / "x.png", weights=trained / "ours")
