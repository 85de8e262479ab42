"""What cleaning a photograph costs, and what it is worth.

    python -m avjax.train.ablations.denoise quality WEIGHTS PAIRS WORD...
    python -m avjax.train.ablations.denoise cost WEIGHTS MEGAPIXELS
    python -m avjax.train.ablations.denoise seam WEIGHTS
    python -m avjax.train.ablations.denoise together WEIGHTS
    python -m avjax.train.ablations.denoise through SIDE K

quality   mean PSNR over the photographs of PAIRS (NAME_real, NAME_mean) with one of the
          words in their names, at 8 bits: as given, without a step, and adapted
cost      seconds and memory of one picture: compiled before, and all of the process
seam      how far a picture of 1.5 megapixels in tiles is from the same in one piece
together  seconds for which two pictures adapt one after the other, and as a batch
through   what the gradient through K steps of the full-size network costs, of one crop
          of SIDE pixels: bytes that the compiled program asks for besides its arguments
          and results, and seconds; steps in a scan whose inside is computed again
          on the way back (as avjax does on accelerators), in a plain scan, and one
          after the other (as on a CPU)
"""

import functools
import itertools
import pathlib
import resource
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from avjax.algorithms import adaptation_plan, denoiser_adaptation
from avjax.algorithms import tiling
from avjax.algorithms.adaptation_plan import AdaptationPlan
from avjax.algorithms.meta_sgd import Adaptation, constant_lrs, inner_step
from avjax.compilation import cpu_options
from avjax.losses.restoration import restoration_l1
from avjax.media.photo_io import Photo, to_float01, read_photo
from avjax.metrics.image import psnr
from avjax.models.denoiser import DenoiserConfig, receptive_field
from avjax.pipelines.denoise import load_denoiser
from avjax.pipelines.denoiser import jit_adapt, jit_denoise_tile


def noise(height: int, width: int) -> np.ndarray:
    """A ramp with noise, u8 [h w 3]."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 200, width, dtype=np.float32)[None, :, None]
    made = np.empty((height, width, 3), np.uint8)
    for rows in np.array_split(np.arange(height), 1 + height // 100):
        grain = rng.normal(0, 12, (len(rows), width, 3)).astype(np.float32)
        made[rows] = np.clip(ramp + grain, 0, 255)
    return made


def quality(weights: str, folder: str, *words: str) -> None:
    denoisers = load_denoiser(weights, 0), load_denoiser(weights)
    rows = []
    for file in sorted(pathlib.Path(folder).glob("*_real.*")):
        if not any(word in file.name for word in words):
            continue
        noisy = read_photo(file)
        truth = read_photo(file.with_name(file.name.replace("_real", "_mean")))
        made = [denoiser.denoise(noisy, file) for denoiser in denoisers]
        pictures = noisy, *(one.photo for one in made)
        shares = [to_float01(picture.image) for picture in (*pictures, truth)]
        rows += [[float(psnr(jnp.array(x), shares[-1])) for x in shares[:-1]]]
        found = ", ".join(f"{x:.2f}" for x in rows[-1])
        print(f"{file.stem}: {found} dB; {made[1].num_steps} steps kept", flush=True)
    means = np.mean(rows, axis=0)
    print(f"{len(rows)} pictures: given, plain, adapted {means.round(2).tolist()} dB")
    gain = np.array(rows)[:, 2] - np.array(rows)[:, 1]
    print(f"adaptation: {gain.mean():+.3f} dB, {gain.min():+.3f} to {gain.max():+.3f}")


def cost(weights: str, megapixels: str) -> None:
    denoiser = load_denoiser(weights)
    denoiser.denoise(Photo(noise(64, 64)), "warm")
    programs = jit_adapt(denoiser.config, denoiser.plan), jit_denoise_tile(denoiser.config)
    side = round((float(megapixels) * 1e6 / 6) ** 0.5)
    photo = Photo(noise(2 * side, 3 * side))
    wall, spent = time.perf_counter(), time.process_time()
    denoiser.denoise(photo, "x")
    wall, spent = time.perf_counter() - wall, time.process_time() - spent
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    compiled = [program._cache_size() for program in programs]
    print(f"{6e-6 * side**2:.2f} megapixels: {wall:.1f} s, {spent:.1f} s of processor,")
    print(f"{most:.0f} MiB at most; programs compiled: {compiled}")


def seam(weights: str) -> None:
    denoiser = load_denoiser(weights, 0)
    picture = to_float01(noise(1000, 1500))
    made = denoiser.denoise_tiles(picture, denoiser.initial_params(), lambda: None)
    wide = np.pad(picture, ((receptive_field(),) * 2, (receptive_field(),) * 2, (0, 0)), "reflect")
    run = functools.partial(denoiser_adaptation.restore, denoiser.config)
    run = jax.jit(run, compiler_options=cpu_options())
    whole = run(denoiser.params["restorer"], wide[None]).clean[0]
    whole = np.clip(whole[receptive_field() : -receptive_field(), receptive_field() : -receptive_field()], 0, 1)
    apart, done = (255 * np.abs(whole - x).max() for x in (made, picture))
    print(f"{tiling.count_tiles(picture.shape)} tiles: {apart:.2g} grey levels apart,")
    print(f"where the network changes as many as {done:.1f}")


def together(weights: str) -> None:
    denoiser = load_denoiser(weights)
    squares = to_float01(np.stack([tiling.sample_patches(noise(512, 512))] * 2))
    given = squares[:, ~tiling.HELD_OUT], squares[:, tiling.HELD_OUT]
    alone = jit_adapt(denoiser.config, denoiser.plan)
    both = jax.jit(
        jax.vmap(alone.__wrapped__, in_axes=(None, None, 0, 0, None)),
        compiler_options=cpu_options(),
    )
    start, begun = (denoiser.params, denoiser.inner_lrs), denoiser.initial_params()
    pairs = list(zip(*given, strict=True))
    for name, run in (
        ("one by one", lambda: [alone(*start, *pair, begun) for pair in pairs]),
        ("as a batch", lambda: both(*start, *given, begun)),
    ):
        jax.block_until_ready(run())
        spent, wall = time.process_time(), time.perf_counter()
        jax.block_until_ready(run())
        spent, wall = time.process_time() - spent, time.perf_counter() - wall
        print(f"{name}: {wall:.2f} s, {spent:.2f} s of processor", flush=True)


def again(step, start, count):
    kept = jax.checkpoint(step, prevent_cse=False)
    return jax.lax.scan(kept, start, length=count)[0]


def scanned(step, start, count):
    return jax.lax.scan(step, start, length=count)[0]


def unrolled(step, start, count):
    for _ in range(count):
        start, _ = step(start, None)
    return start


WALKS = {"scan, computed again": again, "scan": scanned, "unrolled": unrolled}


def after_steps(plan, walk, params, noisy, clean):
    """The true error after the steps of a plan, taken in one of the ways above."""
    config, adaptation = DenoiserConfig(), plan.adaptation
    moving, fixed = adaptation_plan.split_trainable(config, plan, params["restorer"])
    loss = denoiser_adaptation.inner_loss(config, plan, params, noisy, jax.random.key(0))
    step = inner_step(loss, constant_lrs(moving, adaptation), adaptation)
    moving, _ = walk(step, (moving, optax.EmptyState()), adaptation.steps)
    made = denoiser_adaptation.restore(config, {**fixed, **moving}, noisy).clean
    return jnp.mean(restoration_l1(made, clean))


def through(side: str, steps: str) -> None:
    blank = denoiser_adaptation.blank(DenoiserConfig())
    params = {part: variables["params"] for part, variables in blank.items()}
    noisy = to_float01(noise(int(side), int(side)))[None]
    clean = np.full_like(noisy, 0.5)
    for moves, (name, walk) in itertools.product(("heads", "all"), WALKS.items()):
        plan = AdaptationPlan(Adaptation(int(steps)), moves)
        loss = functools.partial(after_steps, plan, walk)
        run = jax.jit(jax.value_and_grad(loss), compiler_options=cpu_options())
        begun = time.perf_counter()
        run = run.lower(params, noisy, clean).compile()
        compiled = time.perf_counter() - begun
        spent, wall = time.process_time(), time.perf_counter()
        _, grads = jax.block_until_ready(run(params, noisy, clean))
        spent, wall = time.process_time() - spent, time.perf_counter() - wall
        size = run.memory_analysis().temp_size_in_bytes / 2**20
        norm = optax.global_norm(grads)
        print(
            f"{moves}, {name}: {size:.0f} MiB, {wall:.1f} s, {spent:.1f} s of processor"
            f", compiled in {compiled:.0f} s; gradient {norm:.6g}",
            flush=True,
        )


if __name__ == "__main__":
    known = {f.__name__: f for f in (quality, cost, seam, together, through)}
    known[sys.argv[1]](*sys.argv[2:])
