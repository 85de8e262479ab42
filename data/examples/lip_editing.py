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
from avjax.data.examples.lip_edit_images import (
    blur_mouth,
    change_colours,
    change_light,
    paste_mask,
    paste_mouth,
    sample_colours,
    sample_paste_mask,
    sample_places,
    warp,
)
from avjax.faces.editing import crop_encoder_mouth

NUM_CANDIDATES = 6  # frames of which the one with the most similar pose is pasted
MIN_DISTANCE = 3  # frames between a frame and the one that is pasted
SAME_REFERENCE_PROB = 0.35  # that the reference is the pasted frame
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
        target, pasted, shown = (
            face[index].astype(np.float32) / 255 for index in (number, other, reference)
        )
        frame = paste_mouth(target, pasted, paste_mask())
        size = (self.size, self.size)
        images = [
            cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            for image in (target, frame, shown)
        ]
        return make_edit_example(images, crop_encoder_mouth(target))

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


def sample_frames(pose: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int]:
    """Sample a frame, one with a similar pose, and a reference.

    Args:
        pose: f32 [t 6].
        rng: Random generator.

    Returns:
        Three frame numbers.
    """
    number = int(rng.integers(len(pose)))
    other = nearest_pose(pose, number, rng.integers(0, len(pose), NUM_CANDIDATES))
    same = rng.random() < SAME_REFERENCE_PROB
    return number, other, other if same else int(rng.integers(len(pose)))


def nearest_pose(pose: np.ndarray, number: int, candidates: np.ndarray) -> int:
    """Find the frame with the most similar pose, but not a neighbour in time.

    Args:
        pose: f32 [t 6].
        number: The frame to compare with.
        candidates: Frame numbers, [c].

    Returns:
        One of the candidates; a neighbour if there are no others.
    """
    cost = np.abs(pose[candidates] - pose[number]).sum(-1)
    cost += 10 * (np.abs(candidates - number) < MIN_DISTANCE)
    return int(candidates[np.argmin(cost)])
