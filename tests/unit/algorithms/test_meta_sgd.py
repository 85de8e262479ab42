"""Gradient steps, and the gradient through them."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms.meta_sgd import (
    Adaptation,
    adapt,
    adapt_with_early_stopping,
    constant_lrs,
    split_by_name,
)
from avjax.models.denoiser import DenoiserConfig, MaskNet, RestorationNet

TINY = DenoiserConfig(
    "reconstruction", base_channels=2, channel_step=1, mask_channels=2, dtype="float64"
)
THREE = Adaptation(steps=3, learning_rate=0.02)
HEADS = RestorationNet(TINY)


@pytest.fixture(autouse=True)
def exact():
    with jax.enable_x64(True):
        yield


def random_init(tree, seed):
    """Sample float64 arrays of the shapes of a tree, at the scale of kernels."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(0, 0.2, x.shape)), tree)


@pytest.fixture
def case():
    """Parameters of heads and of a mask; features, a noisy image and a clean one."""
    rng = np.random.default_rng(0)
    clean, features = (jnp.asarray(rng.uniform(size=(1, 8, 8, c))) for c in (3, 2))
    noisy = clean + jnp.asarray(rng.normal(0, 0.1, clean.shape))
    key = jax.random.key(0)
    networks = HEADS, MaskNet(TINY)
    shapes = [jax.eval_shape(network.init, key, noisy) for network in networks]
    params, mask = (random_init(x["params"], seed) for seed, x in enumerate(shapes))
    heads, _ = split_by_name(params, ("primary", "auxiliary"))
    return {"heads": heads, "mask_net": mask}, (features, noisy, clean)


def reconstruction_loss(heads, features, noisy, mask):
    """Squared errors, which are smooth: finite differences need that."""
    call = functools.partial(HEADS.apply, {"params": heads})
    restored = call(features, noisy, method="restore")
    reconstructed = call(restored, method="reconstruct")
    return jnp.mean(jnp.square(reconstructed - noisy) * mask)


def restoration_loss(heads, features, noisy, clean):
    restored = HEADS.apply({"params": heads}, features, noisy, method="restore")
    return jnp.mean(jnp.square(restored.clean - clean))


def adapted_loss(params, images, adaptation):
    """Adapt the heads with a mask and compute their error."""
    features, noisy, clean = images
    mask = MaskNet(TINY).apply({"params": params["mask_net"]}, noisy)
    loss = functools.partial(
        reconstruction_loss, features=features, noisy=noisy, mask=mask
    )
    heads = params["heads"]
    adapted = adapt(loss, heads, constant_lrs(heads, adaptation), adaptation).params
    return restoration_loss(adapted, features, noisy, clean)


@functools.cache
def compiled(adaptation):
    return jax.jit(
        jax.value_and_grad(functools.partial(adapted_loss, adaptation=adaptation))
    )


def gradient(case, adaptation):
    return compiled(adaptation)(*case)[1]


def norm(tree):
    return float(jnp.sqrt(sum(jnp.sum(x**2) for x in jax.tree.leaves(tree))))


@pytest.mark.parametrize("adaptation", [THREE, Adaptation(3, 0.01, "adam")])
def test_meta_gradient_equals_finite_differences(case, adaptation):
    """denoiser (6), denoiser (8)"""
    params, images = case
    grads, epsilon = gradient(case, adaptation), 1e-5
    for part in params:
        direction = random_init(params[part], 7)

        def shifted_loss(step, part=part, direction=direction):
            shifted = jax.tree.map(lambda x, w: x + step * w, params[part], direction)
            return float(compiled(adaptation)({**params, part: shifted}, images)[0])

        expected = (shifted_loss(epsilon) - shifted_loss(-epsilon)) / (2 * epsilon)
        result = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, grads[part], direction)))
        assert abs(expected) > 1e-6
        np.testing.assert_allclose(float(result), expected, rtol=1e-4)


def test_first_and_second_order_agree_only_at_learning_rate_zero(case):
    """The mask acts only through the steps: only second order gives it a gradient."""
    for second, equal in (
        (dataclasses.replace(THREE, learning_rate=0.0), True),
        (THREE, False),
    ):
        first = dataclasses.replace(second, second_order=False)
        grads = [gradient(case, one) for one in (first, second)]
        heads = [one["heads"] for one in grads]
        difference = norm(jax.tree.map(jnp.subtract, *heads)) / norm(heads[1])
        assert (difference < 1e-12) == equal
        masks = [norm(one["mask_net"]) for one in grads]
        assert masks[0] == 0 and (masks[1] > 1e-7) != equal


@pytest.mark.parametrize("unroll", [True, False])
@pytest.mark.parametrize("second_order", [True, False])
def test_adapt_equals_a_loop(case, second_order, unroll, monkeypatch):
    monkeypatch.setattr("avjax.algorithms.meta_sgd.unroll_on_cpu", lambda: unroll)
    params, (features, noisy, clean) = case
    adaptation = dataclasses.replace(THREE, second_order=second_order)
    loss = functools.partial(
        reconstruction_loss, features=features, noisy=noisy, mask=jnp.ones_like(noisy)
    )

    def unrolled(heads):
        values = []
        for _ in range(adaptation.steps):
            value, grads = jax.value_and_grad(loss)(heads)
            if not second_order:
                grads = jax.lax.stop_gradient(grads)
            values.append(value)
            heads = jax.tree.map(
                lambda p, g: p - adaptation.learning_rate * g, heads, grads
            )
        return heads, jnp.stack(values)

    def scanned(heads):
        return tuple(adapt(loss, heads, constant_lrs(heads, adaptation), adaptation))

    def compared(function):
        def with_aux(heads):
            adapted, losses = function(heads)
            return restoration_loss(adapted, features, noisy, clean), (adapted, losses)

        return jax.jit(jax.grad(with_aux, has_aux=True))(params["heads"])

    pairs = zip(*map(jax.tree.leaves, map(compared, (scanned, unrolled))), strict=True)
    for actual, expected in pairs:
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-14)


def test_zero_steps_give_the_initial_network(case):
    params, images = case
    plain = restoration_loss(params["heads"], *images)
    assert adapted_loss(*case, Adaptation(steps=0)) == plain
    assert compiled(THREE)(*case)[0] != plain


def test_learning_rates_have_gradients_and_zero_freezes_a_tensor(case):
    params, (features, noisy, _) = case
    heads = params["heads"]
    before = jax.tree.map(np.array, heads)
    small_steps = dataclasses.replace(THREE, learning_rate=1e-3)
    lrs = constant_lrs(heads, small_steps)
    lrs["primary"]["last"]["kernel"] = jnp.zeros(())
    loss = functools.partial(
        reconstruction_loss, features=features, noisy=noisy, mask=jnp.ones_like(noisy)
    )

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def grads_of_lrs(lrs):
        result = adapt(loss, heads, lrs, small_steps)
        return loss(result.params), result

    lr_grads, result = grads_of_lrs(lrs)
    assert all(float(grad) < 0 for grad in jax.tree.leaves(lr_grads))
    assert result.losses[2] < result.losses[0]
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), result.params, heads)
    assert changed["primary"].pop("last") == {"kernel": False}
    assert all(jax.tree.leaves(changed))
    for old, new in zip(*map(jax.tree.leaves, (before, heads)), strict=True):
        np.testing.assert_array_equal(old, new)


def test_split_by_name(case):
    heads = case[0]["heads"]
    selected, rest = split_by_name(heads, ("primary",))
    assert selected == {"primary": heads["primary"]}
    assert rest == {"auxiliary": heads["auxiliary"]}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_early_stopping_keeps_the_best_step(optimizer):
    plan = Adaptation(
        steps=5, learning_rate=0.15, optimizer=optimizer, second_order=False
    )
    start = {"x": jnp.zeros(()), "y": jnp.ones(())}
    lrs = constant_lrs(start, plan)

    def loss(at):
        return (at["x"] - 1) ** 2 + at["y"] ** 2

    def validation_loss(at):
        return jnp.abs(at["x"] - 0.5)

    result = adapt_with_early_stopping(loss, validation_loss, start, lrs, plan)
    candidates = [
        adapt(loss, start, lrs, dataclasses.replace(plan, steps=steps)).params
        for steps in range(6)
    ]
    validation_losses = [float(validation_loss(at)) for at in candidates]
    best = int(np.argmin(validation_losses))
    assert 0 < best < 5 and int(result.num_steps) == best
    np.testing.assert_allclose(result.validation_losses, validation_losses, atol=1e-12)
    np.testing.assert_allclose(result.losses, [loss(at) for at in candidates[:-1]])
    for name, value in candidates[best].items():
        np.testing.assert_allclose(result.params[name], value, atol=1e-12)


def test_early_stopping_ignores_nan():
    plan = Adaptation(steps=3, learning_rate=1.0)
    start = {"x": jnp.full((), 2.0)}
    result = adapt_with_early_stopping(
        lambda at: -(at["x"] ** 2) * 1e200,
        lambda at: -at["x"] * jnp.where(at["x"] > 1e150, jnp.nan, 1),
        start,
        constant_lrs(start, plan),
        plan,
    )
    assert int(result.num_steps) == 0 and float(result.params["x"]) == 2
