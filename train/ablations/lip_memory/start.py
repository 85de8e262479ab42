"""A memory that works before the face is trained with it.

    python -m avjax.train.ablations.lip_memory.start CORPUS FACE OUT [SEED] [--slots M]
        [--random]

CORPUS is grid or puppet; FACE is weights of SyncTalkFace or Wav2Lip, for instance
synctalkface-puppet. OUT/control gets the face without a memory, OUT/memory the same
face with one, which the experiments synctalkface_grid and synctalkface_puppet continue:

    to_value    the linear map from lip codes of the frozen sync expert to the audio
                embeddings of the same frames, by ridge regression. Its results are lip
                features that the decoder understands.
    values      centres of the lip features, by spherical k-means; with --random, random
    keys        mean audio embeddings of the frames that address a slot by their lips
    fusion      the mean of audio embedding and recalled lip feature

Then keys and values are trained by the two losses of the memory, with Adam. A memory
that FACE has is left out: its recalled feature is replaced by its mean.
"""

import dataclasses
import pathlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from einops import rearrange
from scipy.cluster.vq import kmeans2

from avjax import weights
from avjax.compilation import cpu_options
from avjax.config import replace_all
from avjax.losses.memory import address_kl, memory_reconstruction_loss
from avjax.metrics.memory import effective_slots
from avjax.models import load_system
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.nn.apply import apply_network
from avjax.nn.memory import KeyValueMemory, cosine_to_slots, l2_normalize
from avjax.train.ablations.results import make_parser
from avjax.train.ablations.studies.variants import load_part, training_corpus
from avjax.train.experiments import EXPERIMENTS
from avjax.train.init_from import tree_set
from avjax.train.tasks.synctalkface import SyncTalkFaceTask
from avjax.typing import Array, Batch, Params

NUM_BATCHES, BATCH_SIZE = 120, 16  # of five frames, for the maps and the memory
RIDGE = 1e-2  # of the mean variance of the lip codes
STEPS, FRAMES, LEARNING_RATE = 2000, 512, 3e-3  # of the training of the memory


class Codes(NamedTuple):
    """Codes of training frames.

    Attributes:
        audio: Audio embeddings, [n d].
        lips: Lip codes of the sync expert, [n e].
    """

    audio: Array
    lips: Array


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
    variables = {"params": face["params"]["memory"]}
    address = apply_network(memory, variables, audio, method="address")
    recalled = apply_network(memory, variables, address, method="read")
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


def start_memory(
    codes: Codes, num_slots: int, kappa: float, seed: int, is_random: bool
) -> tuple[Params, Params]:
    """Make a memory of lip features, and the fusion that reads it.

    Args:
        codes: Codes of training frames.
        num_slots: Number of slots, m.
        kappa: Inverse temperature of the addresses.
        seed: Seed of k-means, of random slots and of the training.
        is_random: Start from random slots.

    Returns:
        Parameters of the memory before and after its training.
    """
    audio_mean, lip_mean = codes.audio.mean(0), codes.lips.mean(0)
    audio, lips = codes.audio - audio_mean, codes.lips - lip_mean
    gram = lips.T @ lips
    ridge = RIDGE * jnp.trace(gram) / len(gram) * jnp.eye(len(gram))
    to_value = jnp.linalg.solve(gram + ridge, lips.T @ audio)
    features = lips @ to_value
    error = jnp.sum((features - audio) ** 2) / jnp.sum(audio**2)
    print(f"variance of audio embeddings explained by lips: {1 - error:.2f}")
    rng = np.random.default_rng(seed)
    shape = num_slots, audio.shape[1]
    if is_random:
        keys, values = (rng.normal(0, 0.5, shape).astype(np.float32) for _ in range(2))
    else:
        unit = np.asarray(l2_normalize(features), np.float64)
        centres, _ = kmeans2(unit, num_slots, iter=20, minit="++", seed=rng)
        values = l2_normalize(jnp.asarray(centres, jnp.float32))
        values = values * jnp.mean(jnp.linalg.norm(features, axis=-1))
        address = jax.nn.softmax(kappa * cosine_to_slots(features, values))
        keys = address.T @ audio / (address.sum(0)[:, None] + 1e-6)
    start = {
        "keys": jnp.asarray(keys),
        "values": jnp.asarray(values),
        "to_key": {"kernel": jnp.eye(shape[1]), "bias": -audio_mean},
        "to_value": {"kernel": to_value, "bias": -lip_mean @ to_value},
    }
    memory = KeyValueMemory(num_slots, shape[1], kappa)
    return start, train_memory(memory, start, codes, seed)


def train_memory(
    memory: KeyValueMemory, params: Params, codes: Codes, seed: int
) -> Params:
    """Train keys, values and the projection of audio by the losses of the memory.

    Args:
        memory: The memory.
        params: Its parameters.
        codes: Codes of training frames.
        seed: Seed of the batches.

    Returns:
        The trained parameters; `to_value` stays as it is.
    """
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, STEPS))

    def loss(trained: Params, batch: Codes) -> tuple[Array, dict[str, Array]]:
        variables = {"params": {**params, **trained}}
        stored, by_lips, target = apply_network(
            memory, variables, batch.lips, method="store"
        )
        by_audio = apply_network(memory, variables, batch.audio, method="address")
        store = jnp.mean(memory_reconstruction_loss(stored, target))
        align = jnp.mean(address_kl(by_audio, by_lips))
        recalled = apply_network(memory, variables, by_audio, method="read")
        logs = {
            "store": store / jnp.mean(jnp.var(target, axis=0)),
            "recall": jnp.mean((recalled - target) ** 2)
            / jnp.mean(jnp.var(target, axis=0)),
            "align": align,
            "slots_by_lips": effective_slots(by_lips[None]),
            "slots_by_audio": effective_slots(by_audio[None]),
        }
        return store / jnp.mean(jnp.var(target, axis=0)) + align, logs

    def step(carry: Any, key: Any) -> tuple[Any, Any]:
        trained, state = carry
        rows = jax.random.randint(key, (FRAMES,), 0, len(codes.audio))
        batch = Codes(codes.audio[rows], codes.lips[rows])
        grads, logs = jax.grad(loss, has_aux=True)(trained, batch)
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(trained, updates), state), logs

    trained = {name: params[name] for name in ("keys", "values", "to_key")}
    keys = jax.random.split(jax.random.key(seed), STEPS)
    scan = jax.jit(lambda carry: jax.lax.scan(step, carry, keys))
    (trained, _), logs = scan((trained, optimizer.init(trained)))
    for row in (0, -1):
        print({name: round(float(values[row]), 3) for name, values in logs.items()})
    return {**params, **trained}


def mixing_fusion(audio_mean: Array) -> Params:
    """Make the fusion that takes the mean of two features.

    Args:
        audio_mean: Mean audio embedding, which recalled features lack, [d].

    Returns:
        Parameters of `Fusion`.
    """
    half = jnp.eye(len(audio_mean)) / 2
    kernel = jnp.concatenate([half, half])
    return {"proj": {"kernel": kernel, "bias": audio_mean / 2}}


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
    parser.add_argument("seed", metavar="SEED", nargs="?", type=int, default=0)
    parser.add_argument("--root", help="folder of the corpus")
    parser.add_argument("--slots", type=int, default=96)
    parser.add_argument("--random", action="store_true")
    options = parser.parse_args()
    experiment = EXPERIMENTS[f"synctalkface_{options.corpus}"]()
    task: Any = experiment.task
    config, face = load_face(options.face)
    expert = load_part(experiment.init_from["sync_expert"], "sync_expert")
    loader = dataclasses.replace(training_corpus(experiment), batch_size=BATCH_SIZE)
    if options.root:
        loader = dataclasses.replace(loader, root=options.root)
    codes = collect_codes(task, expert, face, loader)
    control = without_memory(face, codes.audio, config.inverse_temperature)
    model = replace_all(task.model, num_slots=0)
    save(options.out / "control", control, model)
    kappa = task.model.inverse_temperature
    memories = start_memory(codes, options.slots, kappa, options.seed, options.random)
    model = replace_all(task.model, num_slots=options.slots)
    fusion = mixing_fusion(codes.audio.mean(0))
    for name, memory in zip(("memory-untrained", "memory"), memories, strict=True):
        params = {**control["params"], "memory": memory, "fusion": fusion}
        save(options.out / name, {**control, "params": params}, model)


if __name__ == "__main__":
    main()
