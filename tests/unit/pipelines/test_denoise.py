"""Denoising with untrained weights."""

import dataclasses
import re

import jax
import numpy as np
import pytest
from denoisers import LEVEL, NOISE_MODEL_PARTS, SMALL, noisy, save

import avjax
from avjax.algorithms import adaptation_plan
from avjax.errors import InputError
from avjax.media.photo_io import Photo, read_photo, write_photo
from avjax.pipelines.denoise import load_denoiser
from avjax.pipelines.denoising.denoiser import jit_adapt, jit_denoise_tile

pytestmark = pytest.mark.usefixtures("small_tiles")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, quick_bodies):
    """Folders of weights: with learned inner learning rates, and converted ones."""
    folder = tmp_path_factory.mktemp("weights")
    save(folder / "ours")
    published = dataclasses.replace(SMALL, auxiliary="reconstruction")
    save(folder / "published", published, ("restorer", "mask_net"))
    sure = dataclasses.replace(SMALL, auxiliary="sure")
    save(folder / "gains", sure, NOISE_MODEL_PARTS)
    save(folder / "levels", LEVEL, NOISE_MODEL_PARTS)
    return folder


def test_image_adapts_unless_there_are_no_steps(trained, tmp_path):
    write_photo(tmp_path / "photo.png", Photo(noisy()))
    options = {"weights": trained / "ours"}
    plain = avjax.denoise(tmp_path / "photo.png", steps=0, **options)
    assert plain.num_steps == 0 and plain.losses.shape == (0,)
    assert plain.validation_losses.shape == (1,)
    result = avjax.denoise(tmp_path / "photo.png", **options)
    losses = result.validation_losses
    assert result.losses.shape == (5,) and losses.shape == (6,)
    assert result.num_steps and losses[result.num_steps] == losses.min() < losses[0]
    assert (result.image != plain.image).any()
    assert re.search(
        r"5 adaptation steps kept, self-supervised loss .* % lower$", str(result)
    )
    assert str(plain).endswith(" pixel values on average, without adaptation")


def test_array_gives_the_result_of_the_file(trained, tmp_path):
    write_photo(tmp_path / "photo.png", Photo(noisy()))
    options = {"weights": trained / "ours", "steps": 1}
    result = avjax.denoise(tmp_path / "photo.png", **options)
    from_array = avjax.denoise(noisy(), **options)
    np.testing.assert_array_equal(from_array.image, result.image)
    from_array.save(tmp_path / "clean.png")
    saved = read_photo(tmp_path / "clean.png").image
    np.testing.assert_array_equal(saved, result.image)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 20), np.uint8),
        np.zeros((20, 20, 4), np.uint8),
        np.zeros((20, 20, 3), np.int32),
        np.full((20, 20, 3), 7, np.float32),
        np.full((20, 20, 3), np.nan, np.float32),
    ],
    ids=["2d", "rgba", "int32", "range", "nan"],
)
def test_other_arrays_are_refused(image, trained):
    with pytest.raises(InputError, match="is not an image|between 0 and 1"):
        avjax.denoise(image, weights=trained / "ours")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 1.5}, "a strength of 1.5 is not between 0 and 1"),
        ({"strength": float("nan")}, "a strength of nan is not between 0 and 1"),
        ({"steps": -1}, "-1 steps are not between 0 and 100"),
        ({"steps": 101}, "101 steps are not between 0 and 100"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        load_denoiser(**options)


def test_params_of_the_denoiser_never_change(trained):
    denoiser = load_denoiser(trained / "ours")
    before = jax.tree.map(np.array, denoiser.params)
    first = denoiser.denoise(Photo(noisy()), "x")
    denoiser.denoise(Photo(noisy(seed=1)), "x")
    again = denoiser.denoise(Photo(noisy()), "x")
    np.testing.assert_array_equal(first.image, again.image)
    for old, new in zip(*map(jax.tree.leaves, (before, denoiser.params)), strict=True):
        np.testing.assert_array_equal(old, new)


def test_harmful_steps_are_not_kept(trained):
    denoiser = load_denoiser(trained / "ours", 2)
    large_lrs = jax.tree.map(lambda lr: 1e6 * lr, denoiser.inner_lrs)
    unstable = dataclasses.replace(denoiser, inner_lrs=large_lrs)
    result = unstable.denoise(Photo(noisy()), "x")
    losses = result.validation_losses
    assert result.num_steps == 0 and not losses[1:].min() < losses[0]
    plain = load_denoiser(trained / "ours", 0).denoise(Photo(noisy()), "x")
    np.testing.assert_array_equal(result.image, plain.image)


def test_initial_params_are_dropped_if_the_trained_ones_fit_better(trained):
    denoiser = load_denoiser(trained / "ours", 2)
    initial = denoiser.initial_params()
    adapted = denoiser.adapt(noisy(), initial).params
    continued = denoiser.adapt(noisy(), adapted).validation_losses
    from_trained = denoiser.adapt(noisy(), initial).validation_losses
    assert continued[0] < from_trained[0]
    spoilt = jax.tree.map(lambda x: x + 5, initial)
    from_spoilt = denoiser.adapt(noisy(), spoilt).validation_losses
    np.testing.assert_array_equal(from_spoilt, from_trained)


def test_one_program_serves_images_of_similar_sizes(trained):
    denoiser = load_denoiser(trained / "ours", 2)
    programs = (
        jit_adapt(denoiser.config, denoiser.plan),
        jit_denoise_tile(denoiser.config),
    )
    for program in programs:
        program.clear_cache()
    for size, channels in (((16, 16), 3), ((33, 90), 1), ((128, 64), 3)):
        result = denoiser.denoise(Photo(noisy(size, channels)), "x")
        assert result.image.shape == (*size, channels)
    assert [program._cache_size() for program in programs] == [1, 1]


def test_strength_scales_the_change_of_every_pixel(trained):
    image = noisy(dtype=np.uint16)
    results = {
        strength: load_denoiser(trained / "ours", 2, strength)
        .denoise(Photo(image), "x")
        .image.astype(int)
        for strength in (0, 0.5, 1)
    }
    np.testing.assert_array_equal(results[0], image)
    assert (results[1] != image).any()
    inside = (results[1] > 0) & (results[1] < 65535)
    expected = (results[1] + image)[inside]
    np.testing.assert_allclose(2 * results[0.5][inside], expected, atol=2)


def test_converted_weights_adapt_as_in_the_published_code(trained):
    denoiser = load_denoiser(trained / "published")
    assert denoiser.plan == adaptation_plan.REFERENCE_TEST
    lrs = sorted({float(lr) for lr in jax.tree.leaves(denoiser.inner_lrs)})
    assert lrs == pytest.approx([0, 1e-5], rel=1e-6)
    assert len(denoiser.denoise(Photo(noisy()), "x").losses) == 4


def test_gains_adapt_where_the_weights_have_a_noise_model(trained):
    denoiser = load_denoiser(trained / "gains")
    assert denoiser.plan == adaptation_plan.GAIN_PLAN
    result = denoiser.denoise(Photo(noisy()), "x")
    assert result.losses.shape == (5,)
    assert set(denoiser.adapt(noisy(), denoiser.initial_params()).params) == {"gains"}
    plain = load_denoiser(trained / "gains", 0).denoise(Photo(noisy()), "x")
    if result.num_steps:
        assert (plain.image != result.image).any()
    program = jit_adapt(denoiser.config, denoiser.plan)
    program.clear_cache()
    for size, channels in (((16, 16), 3), ((33, 90), 1)):
        denoiser.denoise(Photo(noisy(size, channels)), "x")
    assert program._cache_size() == 1


def test_levels_adapt_where_the_network_is_told_them(trained):
    denoiser = load_denoiser(trained / "levels")
    assert denoiser.plan == adaptation_plan.LEVEL_PLAN
    result = denoiser.denoise(Photo(noisy()), "x")
    adapted = denoiser.adapt(noisy(), denoiser.initial_params()).params
    assert set(adapted) == {"levels"}
    np.testing.assert_allclose(result.noise_levels, np.exp(adapted["levels"]))
    luma, chroma = result.noise_levels
    text = f"noise of {luma:.1f} (luma) and {chroma:.1f} (chroma) of 255"
    assert text in str(result) and "loss" not in str(result)
    assert result.to_json()["noise_levels"] == pytest.approx([luma, chroma])
    plain = load_denoiser(trained / "gains").denoise(Photo(noisy()), "x")
    assert plain.noise_levels is None and plain.to_json()["noise_levels"] is None


def test_frame_starts_from_the_params_of_the_last_frame(trained):
    denoiser = load_denoiser(trained / "ours", 2)
    frames = [noisy()] * 3
    first, second, third = denoiser.denoise_frames(iter(frames), "x")
    start = second.validation_losses[0]
    assert start == first.validation_losses[first.num_steps]
    assert start < first.validation_losses[0]
    assert third.validation_losses[0] < start
    alone = denoiser.denoise(Photo(noisy()), "x")
    np.testing.assert_array_equal(first.image, alone.image)


def test_result_says_how_much_the_image_changed(trained):
    image = noisy(dtype=np.uint16)
    result = avjax.denoise(image, weights=trained / "ours", steps=0)
    expected = np.abs(result.image / 65535 - image / 65535).mean()
    assert result.change == pytest.approx(expected, rel=1e-3) and expected > 0.001
    text = f"changed by {255 * expected:.2f} of 255 pixel values on average"
    assert text in str(result) and result.to_json()["change"] == result.change
    unchanged = avjax.denoise(image, weights=trained / "ours", strength=0.0)
    assert unchanged.change == 0 and "changed by 0.00 of 255" in str(unchanged)


def test_infinite_values_are_not_written(trained):
    denoiser = load_denoiser(trained / "ours", steps=0)
    broken = jax.tree.map(lambda array: array + np.nan, denoiser.params)
    with pytest.raises(InputError, match="the weights are damaged: they give"):
        dataclasses.replace(denoiser, params=broken).denoise(Photo(noisy()), "x")


def test_too_small_image_is_refused(trained, tmp_path):
    write_photo(tmp_path / "x.png", Photo(noisy((15, 40))))
    with pytest.raises(InputError, match="40x15"):
        avjax.denoise(tmp_path / "x.png", weights=trained / "ours")
