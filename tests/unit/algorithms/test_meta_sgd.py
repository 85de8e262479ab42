"""Steps of gradient descent, and the gradient through them."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from avjax.algorithms.meta_sgd import Adaptation, adapt, adapt_judged, even_rates, split
from avjax.models.denoiser import DenoiserConfig, MaskNet, RestorationNet

TINY = DenoiserConfig("rebuilt", base=2, more=1, mask_base=2, dtype="float64")
THREE = Adaptation(steps=3, rate=0.02)
HEADS = RestorationNet(TINY)


@pytest.fixture(autouse=True)
def exact():
    with jax.enable_x64(True):
        yield


def drawn(tree, seed):
    """float64 numbers of the shapes of a tree, as large as kernels of 3 x 3 x 2 are."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(0, 0.2, x.shape)), tree)


@pytest.fixture
def case():
    """Parameters of heads and of a mask; features, a noisy picture and a clean one."""
    rng = np.random.default_rng(0)
    clean, features = (jnp.asarray(rng.uniform(size=(1, 8, 8, c))) for c in (3, 2))
    noisy = clean + jnp.asarray(rng.normal(0, 0.1, clean.shape))
    key = jax.random.key(0)
    networks = HEADS, MaskNet(TINY)
    shapes = [jax.eval_shape(network.init, key, noisy) for network in networks]
    params, mask = (drawn(x["params"], seed) for seed, x in enumerate(shapes))
    heads, _ = split(params, ("primary", "auxiliary"))
    return {"heads": heads, "masker": mask}, (features, noisy, clean)


def rebuilding_error(heads, features, noisy, mask):
    """Square errors: smooth, as finite differences want it."""
    call = functools.partial(HEADS.apply, {"params": heads})
    restored = call(features, noisy, method="restore")
    rebuilt = call(restored, method="rebuild")
    return jnp.mean(jnp.square(rebuilt - noisy) * mask)


def cleaning_error(heads, features, noisy, clean):
    restored = HEADS.apply({"params": heads}, features, noisy, method="restore")
    return jnp.mean(jnp.square(restored.clean - clean))


def after(params, pictures, adaptation):
    """The error of heads that were adapted by what a mask shows of the picture."""
    features, noisy, clean = pictures
    mask = MaskNet(TINY).apply({"params": params["masker"]}, noisy)
    loss = functools.partial(
        rebuilding_error, features=features, noisy=noisy, mask=mask
    )
    heads = params["heads"]
    adapted = adapt(loss, heads, even_rates(heads, adaptation), adaptation).params
    return cleaning_error(adapted, features, noisy, clean)


@functools.cache
def compiled(adaptation):
    return jax.jit(jax.value_and_grad(functools.partial(after, adaptation=adaptation)))


def gradient(case, adaptation):
    return compiled(adaptation)(*case)[1]


def norm(tree):
    return float(jnp.sqrt(sum(jnp.sum(x**2) for x in jax.tree.leaves(tree))))


@pytest.mark.parametrize("adaptation", [THREE, Adaptation(3, 0.01, "adam")])
def test_the_gradient_through_the_steps_is_that_of_finite_differences(case, adaptation):
    """denoiser (6), denoiser (8)"""
    params, pictures = case
    grads, apart = gradient(case, adaptation), 1e-5
    for part in params:
        way = drawn(params[part], 7)

        def moved(by, part=part, way=way):
            there = jax.tree.map(lambda x, w: x + by * w, params[part], way)
            return float(compiled(adaptation)({**params, part: there}, pictures)[0])

        expected = (moved(apart) - moved(-apart)) / (2 * apart)
        found = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, grads[part], way)))
        assert abs(expected) > 1e-6
        np.testing.assert_allclose(float(found), expected, rtol=1e-4)


def test_both_orders_agree_where_the_rate_is_zero_and_differ_elsewhere(case):
    """The mask acts through the steps alone: it learns by the second order alone."""
    for second, equal in ((dataclasses.replace(THREE, rate=0.0), True), (THREE, False)):
        first = dataclasses.replace(second, second_order=False)
        grads = [gradient(case, one) for one in (first, second)]
        heads = [one["heads"] for one in grads]
        apart = norm(jax.tree.map(jnp.subtract, *heads)) / norm(heads[1])
        assert (apart < 1e-12) == equal
        masks = [norm(one["masker"]) for one in grads]
        assert masks[0] == 0 and (masks[1] > 1e-7) != equal


@pytest.mark.parametrize("written_out", [True, False])
@pytest.mark.parametrize("second_order", [True, False])
def test_the_steps_are_those_of_a_loop(case, second_order, written_out, monkeypatch):
    monkeypatch.setattr("avjax.algorithms.meta_sgd.writes_out", lambda: written_out)
    params, (features, noisy, clean) = case
    adaptation = dataclasses.replace(THREE, second_order=second_order)
    loss = functools.partial(
        rebuilding_error, features=features, noisy=noisy, mask=jnp.ones_like(noisy)
    )

    def unrolled(heads):
        values = []
        for _ in range(adaptation.steps):
            value, grads = jax.value_and_grad(loss)(heads)
            if not second_order:
                grads = jax.lax.stop_gradient(grads)
            values.append(value)
            heads = jax.tree.map(lambda p, g: p - adaptation.rate * g, heads, grads)
        return heads, jnp.stack(values)

    def scanned(heads):
        return tuple(adapt(loss, heads, even_rates(heads, adaptation), adaptation))

    def compared(function):
        def judged(heads):
            adapted, losses = function(heads)
            return cleaning_error(adapted, features, noisy, clean), (adapted, losses)

        return jax.jit(jax.grad(judged, has_aux=True))(params["heads"])

    pairs = zip(*map(jax.tree.leaves, map(compared, (scanned, unrolled))), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-14)


def test_no_step_is_the_plain_network(case):
    params, pictures = case
    plain = cleaning_error(params["heads"], *pictures)
    assert after(*case, Adaptation(steps=0)) == plain
    assert compiled(THREE)(*case)[0] != plain


def test_a_tensor_of_rate_zero_stays_and_rates_can_be_learnt(case):
    params, (features, noisy, _) = case
    heads = params["heads"]
    before = jax.tree.map(np.array, heads)
    gentle = dataclasses.replace(THREE, rate=1e-3)
    rates = even_rates(heads, gentle)
    rates["primary"]["last"]["kernel"] = jnp.zeros(())
    loss = functools.partial(
        rebuilding_error, features=features, noisy=noisy, mask=jnp.ones_like(noisy)
    )

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def slopes(rates):
        found = adapt(loss, heads, rates, gentle)
        return loss(found.params), found

    steeper, found = slopes(rates)
    assert all(float(slope) < 0 for slope in jax.tree.leaves(steeper))
    assert found.losses[2] < found.losses[0]
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), found.params, heads)
    assert moved["primary"].pop("last") == {"kernel": False}
    assert all(jax.tree.leaves(moved))
    for old, new in zip(*map(jax.tree.leaves, (before, heads)), strict=True):
        np.testing.assert_array_equal(old, new)


def test_modules_are_split_by_their_names(case):
    heads = case[0]["heads"]
    moving, fixed = split(heads, ("primary",))
    assert moving == {"primary": heads["primary"]}
    assert fixed == {"auxiliary": heads["auxiliary"]}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_judge_keeps_the_step_that_it_finds_best(optimizer):
    plan = Adaptation(steps=5, rate=0.15, optimizer=optimizer, second_order=False)
    start = {"x": jnp.zeros(()), "y": jnp.ones(())}
    rates = even_rates(start, plan)

    def loss(at):
        return (at["x"] - 1) ** 2 + at["y"] ** 2

    def judge(at):
        return jnp.abs(at["x"] - 0.5)

    found = adapt_judged(loss, judge, start, rates, plan)
    after = [
        adapt(loss, start, rates, dataclasses.replace(plan, steps=steps)).params
        for steps in range(6)
    ]
    scores = [float(judge(at)) for at in after]
    best = int(np.argmin(scores))
    assert 0 < best < 5 and int(found.kept) == best
    np.testing.assert_allclose(found.scores, scores, atol=1e-12)
    np.testing.assert_allclose(found.losses, [loss(at) for at in after[:-1]])
    for name, value in after[best].items():
        np.testing.assert_allclose(found.params[name], value, atol=1e-12)


def test_a_judge_keeps_no_step_that_ends_in_no_number():
    plan = Adaptation(steps=3, rate=1.0)
    start = {"x": jnp.full((), 2.0)}
    found = adapt_judged(
        lambda at: -(at["x"] ** 2) * 1e200,
        lambda at: -at["x"] * jnp.where(at["x"] > 1e150, jnp.nan, 1),
        start,
        even_rates(start, plan),
        plan,
    )
    assert int(found.kept) == 0 and float(found.params["x"]) == 2
