"""What `avjax convert` takes, and that it gives networks that compute as the published.

    AVJAX_GOLDEN=… python tests/benchmarks/convert.py

Every published network is filled by the rule of its numbers, written as PyTorch writes
(before and since 1.6), as .safetensors or as .npz, converted by the command, loaded,
and run.  Wav2Lip's file is as large as the published one, 436 MB, for it holds the
state of an optimizer as well.  A row: seconds, memory in MiB at most, the size of the
file, and how far the worst output is from the published one, by the output's scale.
"""

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np
from einops import rearrange
from safetensors.numpy import save_file

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "helpers"))
from reference import GOLDEN, by_rule, numbers_of  # noqa: E402
from torch_files import write_old, write_zip  # noqa: E402

from avjax import weights
from avjax.compilation import cpu_options  # noqa: E402
from avjax.config import from_json  # noqa: E402
from avjax.losses.memory import address_divergence, storage_error  # noqa: E402
from avjax.models.bridging import Bridging, BridgingConfig, word_logits  # noqa: E402
from avjax.models.denoiser import (  # noqa: E402
    DenoiserConfig,
    MaskNet,
    RestorationNet,
)
from avjax.models.sync_expert import SyncConfig, SyncExpert
from avjax.models.syncnet_v2 import SyncNet, SyncNetConfig
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig  # noqa: E402
from avjax.nn.wav2lip import Discriminator


def made(file: str) -> dict[str, np.ndarray]:
    """{key: tensor} of a published file, by the rule."""
    about = json.loads((GOLDEN / f"{file}.json").read_text())
    arrays = {}
    for index, (key, shape) in enumerate(about["tensors"]):
        if key.endswith("num_batches_tracked"):
            arrays[key] = np.zeros(shape, np.int64)
            continue
        value = by_rule(key, tuple(shape), about["seed"], index, about["gain"])
        arrays[key] = np.asarray(value, np.float32)
    return arrays


def trained(arrays: dict) -> dict:
    """As Wav2Lip's programs save: in a wrapper, with the moments of Adam."""
    learnt = [a for key, a in arrays.items() if "running" not in key and a.ndim]
    moments = {
        number: {"step": 1, "exp_avg": np.zeros_like(a), "exp_avg_sq": np.zeros_like(a)}
        for number, a in enumerate(learnt)
    }
    groups = [{"lr": 1e-4, "betas": (0.9, 0.999), "params": list(moments)}]
    state = {f"module.{key}": array for key, array in arrays.items()}
    optimizer = {"state": moments, "param_groups": groups}
    return {"state_dict": state, "optimizer": optimizer, "global_step": 1}


def reader(slots: int, backend: str) -> dict:
    return {
        "v_front_state_dict": made("bridging_visual_front"),
        "a_front_state_dict": made("bridging_audio_front"),
        "mem_state_dict": made(f"bridging_memory{slots}"),
        "back_state_dict": made(f"bridging_{backend}"),
    }


def face() -> dict:
    return {
        "model_state_dict": made("synctalkface_encoder"),
        "dec_state_dict": made("synctalkface_decoder"),
        "disc_state_dict": made("synctalkface_disc"),
    }


def denoiser() -> dict:
    networks = {"restoration_net": "restoration", "mask_net": "mask"}
    states = {
        f"{name}_state_dict": made(f"denoiser_{file}")
        for name, file in networks.items()
    }
    return {"epoch": 150, "iteration": 19_500, **states}


def red(pictures: np.ndarray) -> np.ndarray:
    """The published numbers are blue first, three channels to a picture."""
    threes = pictures.reshape(*pictures.shape[:-1], -1, 3)
    return threes[..., ::-1].reshape(pictures.shape)


def run(function, *inputs):
    fast = jax.jit(function, compiler_options=cpu_options())
    return jax.tree.map(np.asarray, fast(*jax.tree.map(jnp.asarray, inputs)))


def talks(found: weights.Weights, variables: dict, numbers: dict) -> dict:
    module = SyncTalkFace(from_json(SyncTalkFaceConfig, found.config))
    if not module.config.slots:
        mels = rearrange(numbers["mel"], "b 1 k f -> b 1 f k")
        faces = red(rearrange(numbers["face"], "b c h w -> b 1 h w c"))

        def both(bound, mels, faces):
            heard = bound.hear(mels)
            return heard, bound.speak_codes(heard, faces).frames

        given = variables, mels, faces
        heard, frames = run(lambda *x: module.apply(*x, method=both), *given)
        frames = rearrange(red(frames), "b 1 h w c -> b c h w")
        return {"audio_embedding": heard[:, 0], "out": frames}
    mels = rearrange(numbers["mel"], "b t 1 k f -> b t f k")
    faces = red(rearrange(numbers["face"], "b c t h w -> b t h w c"))
    lips = red(rearrange(numbers["lip"], "b t c five h w -> (b t) five h w c"))

    def paths(bound, mels, faces, lips):
        heard, codes = bound.hear(mels), bound.encode_lips(lips)
        codes, maps = rearrange(codes, "(b t) 1 d -> b t d", t=5), bound.look(faces)
        by_audio = bound.memory.address(heard)
        stored, by_lips, goal = bound.memory.store(codes)
        te = bound.fusion(heard, bound.memory.read(by_audio), False)
        tr = bound.fusion(heard, stored, False)
        return {
            **{"te": te, "tr": tr, "key_address": by_audio, "value_address": by_lips},
            "store": jnp.mean(storage_error(stored, goal), axis=-1),
            "align": jnp.mean(address_divergence(by_audio, by_lips), axis=-1),
            "te_frames": bound.draw(te, maps, False),
            "tr_frames": bound.draw(tr, maps, False),
        }

    given = variables, mels, faces, lips
    out = run(lambda *x: module.apply(*x, method=paths), *given)
    for name in ("te_frames", "tr_frames"):
        out[name] = rearrange(red(out[name]), "b t h w c -> b c t h w")
    return out


def criticises(found: weights.Weights, variables: dict, numbers: dict) -> dict:
    faces = red(rearrange(numbers["frames"], "b c t h w -> (t b) h w c"))
    logits = run(Discriminator(**found.config).apply, variables, faces)
    return {"out": np.asarray(jax.nn.sigmoid(logits))[:, None]}


def compares(found: weights.Weights, variables: dict, numbers: dict) -> dict:
    mel = rearrange(numbers["mel"], "b 1 k f -> b f k")
    mouths = red(rearrange(numbers["lips"], "b (t c) h w -> b t h w c", t=5))
    faces = np.concatenate([np.zeros_like(mouths), mouths], axis=2)
    module = SyncExpert(**dataclasses.asdict(from_json(SyncConfig, found.config)))
    heard, seen = run(lambda *x: module.apply(*x, False), variables, mel, faces)
    return {"audio": heard, "video": seen}


def judges(found: weights.Weights, variables: dict, numbers: dict) -> dict:
    mfcc = rearrange(numbers["mfcc"], "b 1 k f -> b f k")
    faces = red(rearrange(numbers["lips"], "b c t h w -> b t h w c"))
    module = SyncNet(from_json(SyncNetConfig, found.config))
    heard, seen = run(lambda *x: module.apply(*x, False), variables, mfcc, faces)
    return {"audio": heard, "video": seen}


def reads(found: weights.Weights, variables: dict, numbers: dict) -> dict:
    """Every part by its own numbers, for the published ones are not of one clip."""
    module = Bridging(from_json(BridgingConfig, found.config))

    def parts(bound, lips, mel, visual, audio, x):
        recalled, by_lips = bound.recall(visual)
        stored, by_sound, _ = bound.memory.store(audio)
        frames = bound.answers(bound.backend(x, jnp.ones(x.shape[:2]), False))
        return {
            "visual_front/out": bound.watch(lips),
            "audio_front/out": bound.hear(mel),
            "memory/recalled": bound.fusion(visual, recalled, False),
            "memory/real": bound.fusion(visual, audio, False),
            "memory/save": jnp.mean(storage_error(stored, audio), axis=-1),
            "memory/bridge": jnp.mean(address_divergence(by_lips, by_sound), axis=-1),
            "backend/out": word_logits(frames, jnp.ones(x.shape[:2])),
        }

    lips = rearrange(numbers["visual_front/lips"], "b c t h w -> b t h w c")
    mel = rearrange(numbers["audio_front/mel"], "b 1 k f -> b f k")
    rest = (numbers[f"memory/{name}"] for name in ("visual", "audio"))
    given = variables, lips, mel, *rest, numbers["backend/x"]
    return run(lambda *x: module.apply(*x, method=parts), *given)


def cleans(found: weights.Weights, _: dict, numbers: dict) -> dict:
    """Both parts, each by its own numbers."""
    config = from_json(DenoiserConfig, found.config)
    network, mask = RestorationNet(config), MaskNet(config)
    params = {part: {"params": tree} for part, tree in found.params.items()}

    def both(params, noisy, other):
        made = network.apply(params["restorer"], noisy)
        again = network.apply(params["restorer"], made, method="rebuild")
        shown = mask.apply(params["masker"], other)
        outputs = {"restoration/clean": made.clean, "restoration/noisy_rec": again}
        return outputs | {"mask/out": shown}

    given = (
        rearrange(numbers[f"{part}/noisy"], "b c h w -> b h w c")
        for part in ("restoration", "mask")
    )
    outputs = run(both, params, *given)
    return {key: rearrange(x, "b h w c -> b c h w") for key, x in outputs.items()}


def of_parts(files: dict[str, str]) -> dict[str, np.ndarray]:
    """{part/name: array} of {part: file}."""
    return {
        f"{part}/{name}": array
        for part, file in files.items()
        for name, array in numbers_of((file,)).items()
    }


def of_reader(slots: int, backend: str) -> dict[str, np.ndarray]:
    files = {"visual_front": "visual_front", "audio_front": "audio_front"}
    files |= {"memory": f"memory{slots}", "backend": backend}
    return of_parts({part: f"bridging_{file}" for part, file in files.items()})


def of_denoiser() -> dict[str, np.ndarray]:
    return of_parts({part: f"denoiser_{part}" for part in ("restoration", "mask")})


def measured(source: pathlib.Path, folder: pathlib.Path) -> tuple[float, float]:
    """Seconds and MiB of the command."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "avjax", "convert", str(source), str(folder)]
    watched = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    given = [sys.executable, "-c", watched, *command]
    done = subprocess.run(given, check=True, capture_output=True, text=True)
    return time.perf_counter() - begin, float(done.stdout.split()[-1])


def golden(*files: str):
    return lambda: numbers_of(files)


STF = "synctalkface_encoder", "synctalkface_decoder"
CASES = {  # file: what is in it, how it is written, how it is run, and on what
    "wav2lip_gan.pth": (
        lambda: trained(made("wav2lip")),
        *(write_old, talks, golden("wav2lip")),
    ),
    "wav2lip_new.pth": (
        lambda: trained(made("wav2lip")),
        *(write_zip, talks, golden("wav2lip")),
    ),
    "visual_quality_disc.pth": (
        lambda: made("wav2lip_disc"),
        *(write_zip, criticises, golden("wav2lip_disc")),
    ),
    "lipsync_expert.pth": (
        lambda: {"state_dict": made("syncnet_color")},
        *(write_old, compares, golden("syncnet_color")),
    ),
    "syncnet_v2.model": (
        lambda: made("syncnet_v2"),
        *(write_old, judges, golden("syncnet_v2")),
    ),
    "GRU_Back_Ckpt.ckpt": (
        lambda: reader(88, "gru"),
        *(write_zip, reads, lambda: of_reader(88, "gru")),
    ),
    "MSTCN_Back_Ckpt.ckpt": (
        lambda: reader(168, "mstcn"),
        *(write_old, reads, lambda: of_reader(168, "mstcn")),
    ),
    "synctalkface.pt": (face, write_zip, talks, golden(*STF)),
    "disc.safetensors": (
        lambda: made("synctalkface_disc"),
        *(lambda path, value: save_file(value, path), criticises),
        golden("synctalkface_disc"),
    ),
    "syncnet.npz": (
        lambda: made("synctalkface_syncnet"),
        *(lambda path, value: np.savez(path, **value), compares),
        golden("synctalkface_syncnet"),
    ),
    "denoiser.pth": (denoiser, write_zip, cleans, of_denoiser),
}


def main() -> None:
    print("file                      MB      s    MiB  farthest output, of its scale")
    with tempfile.TemporaryDirectory() as place:
        for name, (content, write, compute, numbers) in CASES.items():
            source, folder = pathlib.Path(place, name), pathlib.Path(place, "out")
            write(source, content())
            seconds, memory = measured(source, folder)
            size = source.stat().st_size / 1e6
            source.unlink()
            found, published = weights.load(folder), numbers()
            given = {"params": found.params, "batch_stats": found.stats}
            variables = {
                kind: tree for kind, of in given.items() for tree in of.values()
            }
            outputs = compute(found, variables, published)
            apart = {
                key: np.abs(output - published[key]).max()
                / np.abs(published[key]).max()
                for key, output in outputs.items()
            }
            worst = max(apart, key=apart.get)
            figures = f"{size:5.0f} {seconds:6.1f} {memory:6.0f}"
            print(f"{name:24} {figures}  {apart[worst]:.1e} {worst}", flush=True)
            assert apart[worst] < 1e-4


if __name__ == "__main__":
    main()
