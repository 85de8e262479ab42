"""How well does audio predict the lip codes of people whom no training has seen?

    python -m avjax.train.ablations.lip_codes.audio ROOT WEIGHTS... [--split SPLIT]
        [--json PATH]

WEIGHTS are talkers of LipWarp with one mouth encoder, such as lipwarp-people and runs
of the experiment lipwarp_audio_clips. ROOT is a corpus of `avjax data build clips`. A
row has the weights, a group of speakers and the mean over its clips of the correlation
of predicted and true codes along each of the three directions in which the codes of the
split vary most. Speakers named NAME-N are the group NAME. The last group is all clips.
"""

import collections
import functools
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from avjax.compilation import cpu_options
from avjax.data.examples.lip_codes import LipCodeExample
from avjax.data.loader import Loader
from avjax.data.split_source import open_split
from avjax.losses.editing import center_clips, main_directions
from avjax.metrics.lip_codes import clip_correlation
from avjax.models import load_system
from avjax.models.lipwarp import LipWarpConfig
from avjax.nn.apply import apply_network
from avjax.train.ablations.results import ResultTable, make_parser
from avjax.train.tasks.lipwarp.audio import MIN_STD, AudioToCodeTask
from avjax.typing import Batch, Params

BATCH_SIZE = 8
COLUMNS = "weights", "people", "clips", "first", "second", "third"


class CodeStudy:
    """True codes of the clips of a split, and the correlation of others with them."""

    def __init__(
        self,
        root: str,
        split: str,
        weights: str,
        num_frames: int = LipCodeExample.num_frames,
    ):
        """Read the clips, and encode their mouths with the mouth encoder of weights."""
        records = open_split(root, split)
        speakers = [records[index]["speaker"] for index in range(len(records))]
        self.groups = [speaker.partition("-")[0] for speaker in speakers]
        example = LipCodeExample(num_frames)
        loader = Loader(root, split, example, batch_size=BATCH_SIZE)
        self.batches = list(loader.eval_batches())
        config, parts = load_system(weights, LipWarpConfig.system)
        self.task = AudioToCodeTask(config)
        self.true = self.run(self.encode, {x: parts[x]["params"] for x in parts})
        self.mask = self.stack([batch["frame_mask"] for batch in self.batches])
        centred = np.asarray(center_clips(self.true, self.mask))
        flat = centred.reshape(-1, centred.shape[-1])
        covariance = flat.T @ flat / self.mask.sum() + MIN_STD**2 * np.eye(
            flat.shape[1]
        )
        self.std = np.sqrt(np.diagonal(covariance))
        self.directions = main_directions(jnp.asarray(covariance))

    def encode(self, params: Params, batch: Batch) -> jax.Array:
        """Encode the mouths of a batch, [b t d]."""
        return self.task.target_codes(params, batch)

    def predict(self, params: Params, batch: Batch) -> jax.Array:
        """Predict the codes of a batch from its audio, [b t d]."""
        inputs = batch["mels"], batch["frame_mask"], self.task.lookahead(batch)
        return apply_network(self.task.network, {"params": params}, *inputs)

    def run(
        self, function: Any, params: Params, mels: np.ndarray | None = None
    ) -> jax.Array:
        """Compute something for all clips, perhaps with other audio, [n t f k]."""
        compiled = jax.jit(function, compiler_options=cpu_options())
        compiled = functools.partial(compiled, jax.tree.map(jnp.asarray, params))
        batches = self.batches
        if mels is not None:
            starts = range(0, len(mels), BATCH_SIZE)
            parts = [mels[start : start + BATCH_SIZE] for start in starts]
            parts[-1] = np.resize(parts[-1], batches[-1]["mels"].shape)  # padding
            batches = [{**x, "mels": y} for x, y in zip(batches, parts, strict=True)]
        return self.stack([compiled(batch) for batch in batches])

    def stack(self, values: list[Any]) -> jax.Array:
        """Join the values of batches, without padding."""
        return jnp.concatenate(list(map(jnp.asarray, values)))[: len(self.groups)]

    def correlate(self, weights: str, mels: np.ndarray | None = None) -> np.ndarray:
        """Correlate the codes that weights predict with the true ones; see `run`."""
        part = load_system(weights, LipWarpConfig.system)[1]["audio_to_code"]
        return self.compare(self.run(self.predict, part["params"], mels))

    def compare(self, pred: jax.Array) -> np.ndarray:
        """Correlate codes [n t d] with the true ones, [n c=3]."""
        pred, true = (
            codes / self.std[None, None] @ self.directions
            for codes in (pred, self.true)
        )
        return np.asarray(clip_correlation(pred, true, self.mask))


def add_rows(
    table: ResultTable, name: str, groups: Iterable[str], correlations: np.ndarray
) -> None:
    """Add the means of each group of people, and those of all clips.

    Args:
        table: The table.
        name: What predicted the codes.
        groups: The group of each clip.
        correlations: Result of `CodeStudy.compare`, [n c=3].
    """
    rows = collections.defaultdict(list)
    for group, row in zip(groups, correlations, strict=True):
        rows[group].append(row)
        rows["all"].append(row)
    rows["all"] = rows.pop("all")  # the last row
    for group, values in rows.items():
        means = np.mean(values, axis=0).tolist()
        table.add(name, group, len(values), *(round(x, 3) for x in means))


def main() -> None:
    """Print the correlations of all weights."""
    parser = make_parser(__doc__)
    parser.add_argument("root", metavar="ROOT")
    parser.add_argument("weights", metavar="WEIGHTS", nargs="+")
    parser.add_argument("--split", default="val")
    options = parser.parse_args()
    study = CodeStudy(options.root, options.split, options.weights[0])
    table = ResultTable("Lip codes from audio", *COLUMNS)
    for weights in options.weights:
        add_rows(table, weights, study.groups, study.correlate(weights))
    table.write(options.json, data=f"{len(study.groups)} clips of {options.split}")


if __name__ == "__main__":
    main()
