"""Examples to learn to edit mouths: frames whose mouth is wrong, and the right ones.

The wrong mouth is pasted from another frame of the clip with a similar pose. Nothing
is masked: the editor sees skin, light and pose in the frame itself.
"""

import dataclasses
from typing import Any

import cv2
import grain
import numpy as np

from avjax.data.corruptions import compress_jpeg
from avjax.data.examples.base import (
    Example,
    Record,
    known_lower_face,
    spread_index,
)
from avjax.faces.editing import crop_encoder_mouth
from avjax.faces.wrong_mouths import (
    blur_mouth,
    held_out_pair,
    nearest_pose,
    paste_mouth,
    sample_frames,
    sample_paste_mask,
    sample_places,
    warp,
)

ERASE_PROB = 0.25  # that the pasted mouth is also blurred
BLUR_PROB, BLUR_SIGMA = 0.3, (0.3, 1.2)  # of the images, in pixels
JPEG_PROB, JPEG_QUALITY = 0.2, (30, 89)  # of the images that are not blurred


@dataclasses.dataclass(frozen=True)
class LipEditExample(grain.transforms.RandomMap):
    """A frame with a wrong mouth, the true frame, and a reference.

    Attributes:
        size: s, side of the network's images in pixels.

    Keys:
        frame: f32 [s s 3] in [0, 1], with the mouth of another frame.
        target: f32 [s s 3] in [0, 1], the true frame.
        reference: f32 [s s 3] in [0, 1], another frame of the clip.
        mouth: f32 [40 56] in [0, 1], the mouth of the target for the mouth encoder.
        weight: f32 [], 1.
    """

    size: int = 96

    def random_map(self, record: Record, rng: np.random.Generator) -> Example:
        """Sample frames; change colours, position and sharpness of all of them.

        See `ExampleTransform`.
        """
        face = known_lower_face(record)
        number, other, reference = sample_frames(record["pose"], rng)
        target, pasted, shown = (
            face[index].astype(np.float32) / 255 for index in (number, other, reference)
        )
        mouth = crop_encoder_mouth(
            target,
            shift=tuple(rng.normal(0, 1.5, 2)),
            angle=rng.normal(0, 0.05),
            zoom=np.exp(rng.normal(0, 0.05)),
        )
        frame = paste_mouth(target, pasted, sample_paste_mask(rng))
        if rng.random() < ERASE_PROB:
            frame = blur_mouth(frame, rng)
        flip = rng.random() < 0.5
        images = self.varied_images((target, frame), shown, flip, rng)
        mouth = change_light(mouth[:, ::-1] if flip else mouth, rng)
        return make_edit_example(images, mouth)

    def at(self, record: Record, index: int, count: int) -> Example:
        """Spread the frames over the clip; nothing is changed but the mouth.

        See `ExampleTransform.at`.
        """
        face = known_lower_face(record)
        number = spread_index(0, len(face) - 1, index, count)
        other = nearest_pose(record["pose"], number, np.arange(len(face)))
        reference = (number + len(face) // 2) % len(face)
        images = face[number], face[other], face[reference]
        return {
            **held_out_pair(images, self.size),
            "mouth": crop_encoder_mouth(images[0] / np.float32(255)),
            "weight": np.float32(1),
        }

    def varied_images(
        self,
        pair: tuple[np.ndarray, np.ndarray],
        reference: np.ndarray,
        flip: bool,
        rng: np.random.Generator,
    ) -> list[np.ndarray]:
        """Change colours, position and sharpness of images.

        Args:
            pair: Target and frame, f32 [128 128 3].
            reference: The reference, f32 [128 128 3], which is moved differently.
            flip: Mirror all images.
            rng: Random generator.

        Returns:
            Target, frame and reference, f32 [s s 3].
        """
        place, other_place = sample_places(self.size, rng)
        colours = sample_colours(rng)
        images = [
            change_colours(warp(image, matrix, self.size), *colours)
            for image, matrix in (
                (pair[0], place),
                (pair[1], place),
                (reference, other_place),
            )
        ]
        if flip:
            images = [image[:, ::-1] for image in images]
        if rng.random() < BLUR_PROB:
            sigma = rng.uniform(*BLUR_SIGMA)
            images = [cv2.GaussianBlur(image, (0, 0), sigma) for image in images]
        elif rng.random() < JPEG_PROB:
            quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
            images = [compress_jpeg(image, (quality, quality), rng) for image in images]
        return images


@dataclasses.dataclass(frozen=True)
class LipEditClip:
    """Frames of one clip with wrong mouths, to measure how lips follow their codes.

    Attributes:
        num_frames: t, frames that are spread evenly over the clip.
        size: s, side of the network's images in pixels.

    Keys:
        frame, target, reference, mouth: f32 [t ...], as `LipEditExample` has them.
        weight: f32 [], 1.
    """

    num_frames: int = 12
    size: int = 96

    def at(self, record: Record, index: int, count: int) -> Example:
        """Return the same frames for every index. See `ExampleTransform.at`."""
        single = LipEditExample(self.size)
        frames = [
            single.at(record, number, self.num_frames)
            for number in range(self.num_frames)
        ]
        return {
            **{key: np.stack([frame[key] for frame in frames]) for key in frames[0]},
            "weight": np.float32(1),
        }


def make_edit_example(images: Any, mouth: np.ndarray) -> Example:
    """Make an example.

    Args:
        images: Target, frame and reference, f32 [s s 3].
        mouth: The mouth of the target, f32 [40 56].

    Returns:
        The example, as `LipEditExample` describes it.
    """
    target, frame, reference = (
        np.ascontiguousarray(image, np.float32) for image in images
    )
    return {
        "frame": frame,
        "target": target,
        "reference": reference,
        "mouth": np.ascontiguousarray(mouth, np.float32),
        "weight": np.float32(1),
    }


def sample_colours(
    rng: np.random.Generator,
) -> tuple[float, np.ndarray, np.ndarray, float]:
    """Sample gamma, a mixture of the channels [3 3], their gains [3] and an offset."""
    gamma, gain = np.exp(rng.normal(0, 0.25)), np.exp(rng.normal(0, 0.15, 3))
    offset = rng.normal(0, 0.06)
    mix = np.eye(3) + rng.normal(0, 0.12, (3, 3))
    return gamma, mix / mix.sum(1, keepdims=True), gain, offset


def change_colours(
    image: np.ndarray, gamma: float, mix: np.ndarray, gain: np.ndarray, offset: float
) -> np.ndarray:
    """Change the colours of an image f32 [s s 3]; see `sample_colours`."""
    image = np.clip(image, 1e-4, 1) ** np.float32(gamma) @ mix.T.astype(np.float32)
    return np.clip(image * gain + offset, 0, 1).astype(np.float32)


def change_light(mouth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change the light of a grey mouth f32 [40 56], and add noise."""
    mouth = np.clip(mouth, 0, 1) ** np.exp(rng.normal(0, 0.3))
    mouth = mouth * np.exp(rng.normal(0, 0.2)) + rng.normal(0, 0.05)
    mouth += rng.normal(0, 0.015, mouth.shape)
    return np.clip(mouth, 0, 1).astype(np.float32)
