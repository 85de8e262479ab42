"""How well an editor of mouths restores true frames: scores of held-out clips."""

from collections.abc import Sequence
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np

from avjax.data.examples.base import Record, spread_index
from avjax.data.examples.lip_editing import LipEditExample
from avjax.faces.editing import LOWER_FACE_SIZE, crop_encoder_mouth
from avjax.faces.wrong_mouths import warp
from avjax.metrics.lip_codes import clip_correlation
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.talker import latent_space
from avjax.nn.lip_editor import mouth_mask
from avjax.train.ablations.studies.lip_editors import DisplacedFaces, scale_matrix
from avjax.train.tasks.lipwarp.editing import LipEditingTask
from avjax.typing import Params

NUM_FRAMES = 12  # of each clip
METRICS = "lips", "error", "sharp"


class Judge:
    """A mouth encoder that measures the editors of other seeds."""

    def __init__(self, config: LipWarpConfig, encoder: Params):
        """Take the variables of the part `mouth_encoder`."""
        space, variables = latent_space(config), {"mouth_encoder": encoder}
        self.encode = jax.jit(lambda mouths: space.encode_mouths(variables, mouths))

    def __call__(self, images: Sequence[np.ndarray]) -> jax.Array:
        """Encode the mouths of lower faces f32 [128 128 3] as codes [t d]."""
        mouths = np.stack([crop_encoder_mouth(image) for image in images])
        return self.encode(mouths[..., None])


def score_editor(
    task: LipEditingTask,
    params: Params,
    judge: Judge,
    records: Sequence[Record],
    aligned: bool,
) -> dict[str, float]:
    """Edit frames of clips, and compare them with the true ones.

    Args:
        task: The task of the editor.
        params: Its parameters.
        judge: Encodes the mouths that are seen.
        records: The clips.
        aligned: Show the editor aligned crops.

    Returns:
        `METRICS`, means over clips.
    """
    edit = jax.jit(
        lambda params, frame, reference, mouth: task.edit(
            params, frame, reference, task.encode(params, mouth)
        )[0]
    )
    example, rng = LipEditExample(task.model.size), np.random.default_rng(0)
    values = []
    for record in records:
        true = record["lower_face"]
        faces = true if aligned else DisplacedFaces(true, rng)
        numbers = [
            spread_index(0, len(true) - 1, n, NUM_FRAMES) for n in range(NUM_FRAMES)
        ]
        shown = {**record, "lower_face": faces}
        examples = [example.at(shown, n, NUM_FRAMES) for n in range(NUM_FRAMES)]
        batch = {key: np.stack([x[key] for x in examples]) for key in examples[0]}
        inputs = batch["frame"], batch["reference"], batch["mouth"]
        edited = edit(params, *inputs)
        images = [
            [
                place_back(image, faces, n)
                for image, n in zip(crops, numbers, strict=True)
            ]
            for crops in (np.asarray(edited), batch["frame"], batch["target"])
        ]
        values.append(compare(judge, *images))
    return dict(zip(METRICS, np.mean(values, axis=0).tolist(), strict=True))


def place_back(image: np.ndarray, faces: Any, number: int) -> np.ndarray:
    """Enlarge a crop f32 [s s 3], and align it, f32 [128 128 3]."""
    matrix = np.vstack([scale_matrix(len(image)), [0, 0, 1]])
    if isinstance(faces, DisplacedFaces):
        matrix = np.vstack([faces.matrices[number], [0, 0, 1]]) @ matrix
    return warp(image, np.linalg.inv(matrix)[:2], LOWER_FACE_SIZE)


def compare(
    judge: Judge,
    edited: Sequence[np.ndarray],
    unedited: Sequence[np.ndarray],
    true: Sequence[np.ndarray],
) -> tuple[float, float, float]:
    """Compare aligned lower faces, f32 [t 128 128 3] each; see `METRICS`."""
    codes, true_codes = (judge(images)[None] for images in (edited, true))
    lips = clip_correlation(codes, true_codes, jnp.ones(codes.shape[:2]))
    mask = np.asarray(mouth_mask(LOWER_FACE_SIZE))[..., 0]
    errors, edges = [], []
    for images in (edited, unedited, true):
        grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
        edges.append(
            np.mean([cv2.Laplacian(x, cv2.CV_32F)[mask > 0.5].var() for x in grey])
        )
        difference = np.abs(np.stack(images) - np.stack(true)).mean(-1)
        errors.append(np.sum(mask * difference))
    return float(jnp.mean(lips)), errors[0] / errors[1], float(edges[0] / edges[2])
