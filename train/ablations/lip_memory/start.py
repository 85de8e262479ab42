"""A memory that works before the face is trained with it.

    python -m avjax.train.ablations.lip_memory.start CORPUS FACE OUT [--root FOLDER]
        [--seeds SEED...] [--slots SLOTS...] [--steps N]

CORPUS is grid or puppet; FACE is weights of SyncTalkFace or Wav2Lip, for instance
synctalkface-puppet. OUT/control gets the face without a memory, OUT/SLOTS-SEED the same
face with one, which the experiments synctalkface_grid and synctalkface_puppet continue:

    to_value    the linear map from lip codes of the frozen sync expert to the audio
                embeddings of the same frames, by ridge regression. Its results are lip
                features that the decoder understands.
    values      centres of the lip features, by spherical k-means
    keys        mean audio embeddings of the frames that address a slot by their lips
    fusion      the mean of audio embedding and recalled lip feature, which is scaled
                to the variance of the former

Then keys and values are trained by the two losses of the memory for N steps, with Adam.
If SLOTS is "random", there are 96 slots that start at random. OUT/SLOTS-SEED-untrained
is the memory before its training. A memory that FACE has is left out: its recalled
feature is replaced by its mean.
"""

import dataclasses
import itertools
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
from einops import rearrange

from avjax import weights
from avjax.compilation import cpu_options
from avjax.config import replace_all
from avjax.models import load_system
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.nn.apply import apply_network
from avjax.nn.memory import KeyValueMemory
from avjax.train.ablations.lip_memory.fit import (
    STEPS,
    Codes,
    mixing_fusion,
    recall,
    start_memory,
)
from avjax.train.ablations.results import make_parser
from avjax.train.ablations.studies.variants import load_part, training_corpus
from avjax.train.experiments import EXPERIMENTS
from avjax.train.init_from import tree_set
from avjax.train.tasks.synctalkface import SyncTalkFaceTask
from avjax.typing import Array, Batch, Params

NUM_BATCHES, BATCH_SIZE = 120, 16  # of five frames, for the maps and the memory
RANDOM_SLOTS = 96


def load_face(name: str) -> tuple[SyncTalkFaceConfig, Params]:
    """Load the config and the variables of a talking face, or of TAEM's talker."""
    config, parts = load_system(name)
    return getattr(config, "talker", config), parts["generator"]


def collect_codes(
    task: SyncTalkFaceTask, expert: Params, face: Params, corpus: Any
) -> Codes:
    """Encode audio and lips of random training frames.

    Args:
        task: The task, whose model takes codes of the sync expert.
        expert: Variables of the sync expert.
        face: Variables of the face.
        corpus: Loader of training batches.

    Returns:
        The codes.
    """

    def encode(batch: Batch) -> tuple[Array, Array]:
        params = {"sync_expert": expert["params"]}
        stats = {"sync_expert": expert["batch_stats"]}
        inputs = task.inputs(batch)
        lips = task.expert_lips(params, stats, inputs.window)
        audio = apply_network(
            SyncTalkFace(task.model), face, inputs.mels, method="encode_audio"
        )
        return rearrange(audio, "b t d -> (b t) d"), rearrange(lips, "b t e -> (b t) e")

    compiled = jax.jit(encode, compiler_options=cpu_options())
    batches = corpus.train_batches()
    codes = [compiled(next(batches)) for _ in range(NUM_BATCHES)]
    return Codes(*(jnp.concatenate(x) for x in zip(*codes, strict=True)))


def without_memory(face: Params, audio: Array, kappa: float) -> Params:
    """Leave out the memory of a face; its mean recall goes into the decoder.

    Args:
        face: Variables of the face.
        audio: Audio embeddings of training frames, [n d].
        kappa: Inverse temperature of the addresses.

    Returns:
        Variables of Wav2Lip.
    """
    modules = ("audio", "identity", "decoder")
    params = {name: face["params"][name] for name in modules}
    stats = {name: face["batch_stats"][name] for name in modules}
    if "memory" not in face["params"]:
        return {"params": params, "batch_stats": stats}
    slots, dim = face["params"]["memory"]["keys"].shape
    memory = KeyValueMemory(slots, dim, kappa)
    recalled = recall(memory, face["params"]["memory"], audio)
    fusion = face["params"]["fusion"]["proj"]
    bias = fusion["bias"] + jnp.mean(recalled, axis=0) @ fusion["kernel"][dim:]
    first = params["decoder"]["stage_0"]["block_0"]["conv"]
    kernel = first["kernel"][0, 0]
    folded = {
        "kernel": (fusion["kernel"][:dim] @ kernel)[None, None],
        "bias": first["bias"] + bias @ kernel,
    }
    path = ["decoder", "stage_0", "block_0", "conv"]
    return {"params": tree_set(params, path, folded), "batch_stats": stats}


def save(folder: pathlib.Path, variables: Params, config: SyncTalkFaceConfig) -> None:
    """Write the weights of a face."""
    params, stats = jax.device_get((variables["params"], variables["batch_stats"]))
    card = "A face before it is trained with a memory.\n"
    weights.save(
        folder,
        {"generator": params},
        {"generator": stats},
        config,
        system=config.system,
        card=card,
    )


def main() -> None:
    """Make the face without and with a memory."""
    parser = make_parser(__doc__)
    parser.add_argument("corpus", metavar="CORPUS", choices=("grid", "puppet"))
    parser.add_argument("face", metavar="FACE")
    parser.add_argument("out", metavar="OUT", type=pathlib.Path)
    parser.add_argument("--root", metavar="FOLDER", help="folder of the corpus")
    parser.add_argument("--seeds", metavar="SEED", type=int, nargs="*", default=[0])
    parser.add_argument("--slots", metavar="SLOTS", nargs="*", default=["96"])
    parser.add_argument("--steps", metavar="N", type=int, default=STEPS)
    options = parser.parse_args()
    experiment = EXPERIMENTS[f"synctalkface_{options.corpus}"]()
    task: Any = experiment.task
    config, face = load_face(options.face)
    expert = load_part(experiment.init_from["sync_expert"], "sync_expert")
    loader = dataclasses.replace(
        training_corpus(experiment), batch_size=BATCH_SIZE, num_workers=0
    )
    if options.root:
        loader = dataclasses.replace(loader, root=options.root)
    codes = collect_codes(task, expert, face, loader)
    control = without_memory(face, codes.audio, config.inverse_temperature)
    save(options.out / "control", control, replace_all(task.model, num_slots=0))
    kappa = task.model.inverse_temperature
    for seed, name in itertools.product(options.seeds, options.slots):
        slots = RANDOM_SLOTS if name == "random" else int(name)
        is_random = name == "random"
        memories = start_memory(codes, slots, kappa, seed, is_random, options.steps)
        network = KeyValueMemory(slots, codes.audio.shape[1], kappa)
        fusion = mixing_fusion(codes.audio, recall(network, memories[1], codes.audio))
        for memory, suffix in zip(memories, ("-untrained", ""), strict=True):
            params = {**control["params"], "memory": memory, "fusion": fusion}
            folder = options.out / f"{name}-{seed}{suffix}"
            model = replace_all(task.model, num_slots=slots)
            save(folder, {**control, "params": params}, model)


if __name__ == "__main__":
    main()
