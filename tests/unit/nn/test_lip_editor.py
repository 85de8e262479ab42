"""The editor's warping, and how it makes a frame."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.nn.lip_editor import (
    MIN_FLOW,
    MIN_WEIGHT,
    EditMaps,
    LipEditor,
    MouthEncoder,
    compose_edit,
    drop_small_edits,
)
from avjax.nn.warp import FilmBlock, depth_to_space, space_to_depth, warp_image


def image(key: int = 0, size: int = 16) -> jax.Array:
    return jax.random.uniform(jax.random.key(key), (2, size, size, 3))


def test_no_flow_returns_the_image():
    flow = jnp.zeros((2, 16, 16, 2))
    np.testing.assert_array_equal(warp_image(image(), flow), image())


def test_a_whole_flow_shifts_the_image():
    flow = jnp.broadcast_to(jnp.array([2.0, -3.0]), (2, 16, 16, 2))
    warped = warp_image(image(), flow)
    np.testing.assert_allclose(warped[:, 3:, :14], image()[:, :13, 2:], atol=1e-6)


def test_a_fractional_flow_interpolates():
    ramp = jnp.broadcast_to(jnp.arange(16.0)[None, None, :, None], (1, 16, 16, 1))
    flow = jnp.broadcast_to(jnp.array([0.25, 0.5]), (1, 16, 16, 2))
    warped = warp_image(ramp, flow)
    np.testing.assert_allclose(warped[..., :15, :], ramp[..., :15, :] + 0.25, atol=1e-5)


def test_a_flow_beyond_the_border_repeats_it():
    flow = jnp.broadcast_to(jnp.array([100.0, 0.0]), (2, 16, 16, 2))
    expected = jnp.broadcast_to(image()[:, :, -1:], image().shape)
    np.testing.assert_allclose(warp_image(image(), flow), expected, atol=1e-6)


def test_the_gradient_of_a_warp_is_that_of_interpolation():
    ramp = jnp.broadcast_to(jnp.arange(8.0)[None, None, :, None], (1, 8, 8, 1))
    flow = jnp.full((1, 8, 8, 2), 0.3)
    gradient = jax.grad(lambda f: warp_image(ramp, f).sum())(flow)
    np.testing.assert_allclose(gradient[0, :, :7, 0], 1, atol=1e-5)
    np.testing.assert_allclose(gradient[..., 1], 0, atol=1e-5)


def test_depth_to_space_inverts_space_to_depth():
    np.testing.assert_array_equal(depth_to_space(space_to_depth(image())), image())


def test_a_frame_does_not_depend_on_its_batch():
    block = FilmBlock(8)
    x, code = jax.random.normal(jax.random.key(0), (2, 8, 8, 8)), jnp.ones((2, 4))
    variables = block.init(jax.random.key(1), x, code)
    assert set(variables) == {"params"}
    both = block.apply(variables, x, code)
    alone = block.apply(variables, x[:1], code[:1])
    np.testing.assert_allclose(both[:1], alone, atol=1e-5)


@pytest.fixture(scope="module")
def editor():
    frames, codes = image(size=32), jnp.ones((2, 4))
    variables = LipEditor().init(jax.random.key(0), frames, frames, codes)
    return jax.jit(lambda *inputs: LipEditor().apply(variables, *inputs))


def test_weights_sum_to_one_and_use_only_the_frame_far_from_the_mouth(editor):
    maps = editor(image(0, 32), image(1, 32), jnp.ones((2, 4)))
    np.testing.assert_allclose(maps.weights.sum(-1), 1, atol=1e-5)
    np.testing.assert_array_equal(maps.weights[:, 0, :, 0], 1)
    assert float(maps.weights[:, 17, 16, 1:].max()) > 0.01


def test_the_code_changes_the_edit(editor):
    maps = editor(image(0, 32), image(1, 32), jnp.ones((2, 4)))
    other = editor(image(0, 32), image(1, 32), -jnp.ones((2, 4)))
    assert float(jnp.abs(maps.frame_flow - other.frame_flow).max()) > 0


def test_an_edit_mixes_its_sources_inside_the_region():
    frames, references = image(0), image(1)
    weights = jnp.broadcast_to(jnp.array([0.0, 1.0, 0.0]), frames.shape)
    still = jnp.zeros((2, 16, 16, 2))
    region = jnp.zeros((16, 16)).at[4:8, 4:8].set(1.0)
    edited = compose_edit(
        frames, references, EditMaps(still, still, frames * 0, weights), region
    )
    np.testing.assert_allclose(edited[:, 4:8, 4:8], references[:, 4:8, 4:8], atol=1e-6)
    np.testing.assert_array_equal(edited[:, :4], frames[:, :4])


def test_the_mouth_encoder_ignores_brightness_and_contrast():
    mouths = jax.random.uniform(jax.random.key(0), (3, 40, 56, 1), minval=0.2)
    network = MouthEncoder(5)
    variables = network.init(jax.random.key(1), mouths)
    codes = network.apply(variables, mouths)
    assert codes.shape == (3, 5)
    darker = network.apply(variables, 0.1 + 0.8 * mouths)
    np.testing.assert_allclose(darker, codes, atol=0.1)


def test_small_edits_are_dropped():
    size = 96
    smallest = MIN_FLOW * size
    flow = jnp.zeros((1, size, size, 2))
    flow = flow.at[0, 0, 0].set(jnp.array([0.6, 0.8]) * 0.9 * smallest)
    flow = flow.at[0, 0, 1].set(jnp.array([0.6, 0.8]) * 3 * smallest)
    flow = flow.at[0, 51, 48].set(jnp.array([0.6, 0.8]) * 0.5 * smallest)
    weights = jnp.broadcast_to(jnp.array([1.0, 0.0, 0.0]), (1, size, size, 3))
    weights = weights.at[0, 51, 48].set(jnp.array([0.95, 0.05, 0.0]))
    weights = weights.at[0, 51, 49].set(jnp.array([0.4, 0.1, 0.5]))
    maps = EditMaps(flow, flow, jnp.zeros((1, size, size, 3)), weights)
    kept = drop_small_edits(maps)
    length = jnp.linalg.norm(kept.frame_flow, axis=-1)[0]
    assert length[0, 0] == 0
    np.testing.assert_allclose(length[0, 1], 2 * smallest, rtol=1e-5)
    np.testing.assert_allclose(length[51, 48], 0.5 * smallest, rtol=1e-5)  # the mouth
    np.testing.assert_array_equal(kept.reference_flow, flow)
    np.testing.assert_allclose(kept.weights[0, 51, 48], [1, 0, 0], atol=1e-6)
    paint = (0.5 - MIN_WEIGHT) / (1 - MIN_WEIGHT)
    np.testing.assert_allclose(
        kept.weights[0, 51, 49], [1 - paint, 0, paint], rtol=1e-5
    )


def test_whole_edits_stay_whole():
    """A pixel that is all paint, or all reference, is not changed."""
    flow = jnp.zeros((1, 32, 32, 2))
    weights = jnp.eye(3)[jnp.arange(32 * 32) % 3].reshape(1, 32, 32, 3)
    maps = EditMaps(flow, flow, jnp.ones((1, 32, 32, 3)), weights)
    np.testing.assert_allclose(drop_small_edits(maps).weights, weights, atol=1e-6)
