"""Which self-supervised task moves the heads of a denoiser as the truth would.

    python -m avjax.train.ablations.auxiliary CLEAN PAIRS [SEED [TASK...]]

CLEAN holds colour pictures, PAIRS photographs with their truth (NAME_real, NAME_mean).
A small network learns to clean pictures of all but 20 of CLEAN, and then for a little
while both that and one task.  On noise and pictures that it has not seen, one crop at a
time, the gradient of the task over the first head is compared with that of the true
error: their cosine, mean and deviation over crops; and what five steps of Adam by the
task alone are worth in dB.

The published task rebuilds what was given from the clean picture and its residual.
Their difference is the answer, whatever they are: hence the question.
"""

import functools
import pathlib
import sys
import time

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import optax

from avjax.algorithms.meta_sgd import Adaptation, adapt, constant_lrs, split_by_name
from avjax.compilation import cpu_options
from avjax.data.corruptions import CameraNoise, GaussianNoise, MixedNoise
from avjax.metrics.image import psnr
from avjax.models.denoiser import (
    DenoiserConfig,
    MaskNet,
    ReconstructionHead,
    RestorationNet,
    halve,
)

CONFIG = DenoiserConfig("reconstruction", base_channels=8, channel_step=4, mask_channels=8)
NETWORK, SIGHTED = RestorationNet(CONFIG), ReconstructionHead(CONFIG.base_channels)
SIDE, BATCH, HELD = 48, 4, 20
ALONE, TOGETHER, THROUGH = 400, 50, 40  # steps of training
CROPS = 10  # that each row is a mean of
HEADS = "primary", "auxiliary", "sighted"
KNOWN = MixedNoise(), CameraNoise("dnd", jpeg_quality=(60, 95))
UNSEEN = {
    "mix": MixedNoise(),
    "phone": CameraNoise("sidd"),
    "white 60": GaussianNoise((60.0, 60.0)),
}
RATES = 1e-4, 4e-4  # of the five steps of Adam
fast = functools.partial(jax.jit, compiler_options=cpu_options())


def init(key):
    crop = jnp.zeros((1, SIDE, SIDE, 3))
    params = NETWORK.init(key, crop)["params"]
    seen = jnp.zeros((1, SIDE, SIDE, CONFIG.base_channels + 3))
    return {**params, "sighted": SIGHTED.init(key, seen)["params"]}


class Look:
    """What the body sees of a picture, for heads that are given later."""

    def __init__(self, params, picture):
        self.picture = picture
        body = {"params": {"body": params["body"]}}
        self.features = NETWORK.apply(body, picture, method="features")

    def restore(self, heads):
        given = self.features, self.picture
        return NETWORK.apply({"params": heads}, *given, method="restore")


def apart(one, other):
    return jnp.mean(jnp.abs(one - other))


# Each task: (params, noisy, key) -> a loss of the heads.  The body has looked before.


def published(params, noisy, key):
    look = Look(params, noisy)

    def loss(heads):
        restored = look.restore(heads)
        rebuilt = NETWORK.apply({"params": heads}, restored, method="reconstruct")
        return apart(rebuilt, noisy)

    return loss


def sighted(params, noisy, key):
    """The second head sees features and residual, but not the clean picture."""
    look = Look(params, noisy)

    def loss(heads):
        seen = jnp.concatenate([look.features, look.restore(heads).residual], -1)
        return apart(SIGHTED.apply({"params": heads["sighted"]}, seen), noisy)

    return loss


def hidden(params, noisy, key, block=1):
    """A sixteenth of the picture is replaced by what lies `block` pixels beside it."""
    b, h, w, _ = noisy.shape
    cells = b, -(-h // block), -(-w // block), 1
    chosen = jax.random.bernoulli(key, 1 / 16, cells).astype(jnp.float32)
    mask = jnp.repeat(jnp.repeat(chosen, block, 1), block, 2)[:, :h, :w]
    beside = jnp.roll(noisy, (block, block), (1, 2))
    look = Look(params, jnp.where(mask > 0, beside, noisy))

    def loss(heads):
        error = jnp.abs(look.restore(heads).clean - noisy) * mask
        return jnp.sum(error) / (3 * jnp.sum(mask) + 1)

    return loss


def neighbours(params, noisy, key, gap=1):
    """Every so many pixels make one picture, those beside them another."""
    stride = 2 * gap
    one, other = noisy[:, ::stride, ::stride], noisy[:, gap::stride, gap::stride]
    looks = Look(params, one), Look(params, other)

    def loss(heads):
        clean = [look.restore(heads).clean for look in looks]
        return (apart(clean[0], other) + apart(clean[1], one)) / 2

    return loss


def smaller(params, noisy, key):
    """At half the size there is less noise: what is clean there is clean here."""
    look, small = Look(params, noisy), Look(params, halve(noisy))
    goal = jax.lax.stop_gradient(small.restore(params).clean)
    return lambda heads: apart(halve(look.restore(heads).clean), goal)


def residual_elsewhere(params, noisy, key):
    """What the network takes for the noise, from another place, and what is left."""
    first = jax.lax.stop_gradient(Look(params, noisy).restore(params))
    shift = jax.random.randint(key, (2,), SIDE // 4, 3 * SIDE // 4)
    return first.clean, -jnp.roll(first.residual, shift, (1, 2))


def renoised(params, noisy, key):
    """The same noise, elsewhere on what was cleaned: it has to come off again."""
    clean, moved = residual_elsewhere(params, noisy, key)
    look = Look(params, jnp.clip(clean + moved, 0, 1))
    return lambda heads: apart(look.restore(heads).clean, clean)


def recorrupted(params, noisy, key, more=0.5):
    """More noise on one copy, less by as much on another: their errors are unrelated.

    Source  Pang et al., 2021, "Recorrupted-to-Recorrupted"
    """
    _, moved = residual_elsewhere(params, noisy, key)
    look, goal = Look(params, noisy + more * moved), noisy - moved / more
    return lambda heads: apart(look.restore(heads).clean, goal)


def neighbours_and_renoised(params, noisy, key):
    losses = neighbours(params, noisy, key), renoised(params, noisy, key)
    return lambda heads: sum(loss(heads) for loss in losses)


TASKS = {
    "published": published,
    "features and residual": sighted,
    "hidden pixels": hidden,
    "hidden blocks of 4": functools.partial(hidden, block=4),
    "neighbours": neighbours,
    "neighbours 2 apart": functools.partial(neighbours, gap=2),
    "half the size": smaller,
    "renoised": renoised,
    "recorrupted": recorrupted,
    "neighbours and renoised": neighbours_and_renoised,
}


def oracle(params, noisy, clean):
    look = Look(params, noisy)
    return lambda heads: apart(look.restore(heads).clean, clean)


def joint_loss(task):
    def loss(params, noisy, clean, key):
        value = oracle(params, noisy, clean)(params)
        return value + (task(params, noisy, key)(params) if task else 0)

    return loss


def masked(mask, params, noisy):
    """The published task where a mask shows it."""
    look = Look(params, noisy)
    weight = MaskNet(CONFIG).apply({"params": mask}, noisy)

    def loss(heads):
        restored = look.restore(heads)
        rebuilt = NETWORK.apply({"params": heads}, restored, method="reconstruct")
        return jnp.mean(jnp.abs(rebuilt - noisy) * weight)

    return loss


def meta_loss(params, noisy, clean, key):
    """What the published task is worth after two of its own steps on one crop each."""
    plan = Adaptation(steps=2, learning_rate=0.05)
    restorer, mask = params

    def one(pair):
        given, truth = (x[None] for x in pair)
        heads, _ = split_by_name(restorer, HEADS)
        rates = constant_lrs(heads, plan)
        moved = adapt(masked(mask, restorer, given), heads, rates, plan).params
        return oracle(restorer, given, truth)(moved)

    return jnp.mean(jax.lax.map(one, (noisy, clean)))


def train(loss, params, pictures, steps, rate, seed):
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps))
    rng = np.random.default_rng(seed)

    @fast
    def step(params, state, noisy, clean, key):
        value, grads = jax.value_and_grad(loss)(params, noisy, clean, key)
        updates, state = optimizer.update(grads, state)
        return optax.apply_updates(params, updates), state, value

    state = optimizer.init(params)
    for number in range(steps):
        batch = examples(pictures, KNOWN, BATCH, rng)
        key = jax.random.fold_in(jax.random.key(seed), number)
        params, state, _ = jax.block_until_ready(step(params, state, *batch, key))
    return params


def examples(pictures, kinds, count, rng):
    clean = [crop(pictures[rng.integers(len(pictures))], rng) for _ in range(count)]
    noisy = [kinds[rng.integers(len(kinds))].add(one, rng) for one in clean]
    return jnp.asarray(np.stack(noisy)), jnp.asarray(np.stack(clean))


def crop(picture, rng):
    top, left = (rng.integers(side - SIDE + 1) for side in picture.shape[:2])
    return picture[top : top + SIDE, left : left + SIDE]


def vector(heads):
    return jnp.concatenate([x.ravel() for x in jax.tree.leaves(heads["primary"])])


def judge(task, params, held):
    """[n 2 + rates]: cosine, length of the task's gradient, and gains in dB a crop."""
    plan = Adaptation(steps=5, optimizer="adam", second_order=False)

    def one(given):
        noisy, clean, key = given
        noisy, clean = noisy[None], clean[None]
        heads, _ = split_by_name(params, HEADS)
        loss, truth = task(params, noisy, key), oracle(params, noisy, clean)
        ours, theirs = (vector(jax.grad(f)(heads)) for f in (loss, truth))
        lengths = jnp.linalg.norm(ours), jnp.linalg.norm(theirs)
        cosine = ours @ theirs / (lengths[0] * lengths[1] + 1e-12)
        look = Look(params, noisy)

        def quality(heads):
            return psnr(jnp.clip(look.restore(heads).clean, 0, 1), clean)[0]

        def gain(rate):
            rates = jax.tree.map(lambda _: rate, heads)
            return quality(adapt(loss, heads, rates, plan).params) - quality(heads)

        gains = jax.lax.map(gain, jnp.array(RATES))
        return jnp.array([cosine, lengths[0] / lengths[1], *gains])

    keys = jax.random.split(jax.random.key(5), CROPS)
    return jax.lax.map(one, (*held, keys))


def tell(name, task, params, tests):
    judged = fast(functools.partial(judge, task))
    for noise, held in tests.items():
        found = np.asarray(judged(params, held))
        mean, spread = found.mean(0), found.std(0)
        gains = ", ".join(
            f"{g:+.2f}±{s:.2f}" for g, s in zip(mean[2:], spread[2:], strict=True)
        )
        print(
            f"{name:24} {noise:10} cosine {mean[0]:+.3f}±{spread[0]:.3f}  "
            f"length {mean[1]:.2f}  dB {gains}",
            flush=True,
        )


def read(path):
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    return picture.astype(np.float32) / 255


def main(clean: str, pairs: str, seed: str = "0", *names: str) -> None:
    seed = int(seed)
    rng = np.random.default_rng(seed + 1)
    files = sorted(pathlib.Path(clean).iterdir())
    pictures = [
        read(files[i]) for i in np.random.default_rng(0).permutation(len(files))
    ]
    held, known = pictures[:HELD], pictures[HELD:]
    tests = {n: examples(held, (kind,), CROPS, rng) for n, kind in UNSEEN.items()}
    real = sorted(pathlib.Path(pairs).glob("*_real.*"))
    real = [real[i] for i in rng.choice(len(real), CROPS, replace=False)]
    both = [
        crop(np.concatenate([read(f), read(str(f).replace("_real", "_mean"))], -1), rng)
        for f in real
    ]
    tests["real"] = tuple(jnp.asarray(x) for x in np.split(np.stack(both), 2, axis=-1))

    begun = time.perf_counter()
    plain = train(
        joint_loss(None), init(jax.random.key(seed)), known, ALONE, 2e-3, seed
    )
    for noise, (noisy, truth) in tests.items():
        made = fast(lambda x: oracle_clean(plain, x))(noisy)
        before, after = (float(psnr(x, truth).mean()) for x in (noisy, made))
        print(f"{noise:10} {before:.2f} dB, cleaned {after:.2f} dB")
    print(f"{time.perf_counter() - begun:.0f} s", flush=True)
    for name in names or TASKS:
        task = TASKS[name]
        trained = train(joint_loss(task), plain, known, TOGETHER, 5e-4, seed + 2)
        tell(name, task, trained, tests)
        if name == "published":
            mask = MaskNet(CONFIG).init(jax.random.key(seed), tests["real"][0])[
                "params"
            ]
            both = train(meta_loss, (trained, mask), known, THROUGH, 5e-4, seed + 3)
            learnt = lambda p, y, _, mask=both[1]: masked(mask, p, y)  # noqa: E731
            tell("published, through steps", learnt, both[0], tests)
        print(f"{time.perf_counter() - begun:.0f} s", flush=True)


def oracle_clean(params, noisy):
    return jnp.clip(Look(params, noisy).restore(params).clean, 0, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
