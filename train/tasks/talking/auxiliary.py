"""The auxiliary networks that train and evaluate a talking face.

Frames [b paths t h w c] come from one or more paths of a network, in its pixel range.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
from einops import repeat

from avjax.constants import MEL_WINDOW, NUM_MELS, SYNC_FRAMES
from avjax.losses.adversarial import bce_fake, bce_real
from avjax.losses.base import masked_mean
from avjax.losses.sync import speech_mask, sync_loss
from avjax.metrics.talking_face import EvaluationNetworks
from avjax.models.lip_landmarks import LipLandmarks
from avjax.models.sync_expert import SyncExpert
from avjax.nn.apply import apply_network
from avjax.nn.pixels import PixelRange, denormalize
from avjax.nn.remat import rematerialise
from avjax.nn.wav2lip import Discriminator
from avjax.train.task import LossAux
from avjax.train.tasks.parts import variables_of
from avjax.typing import Array, Key, Params


@dataclasses.dataclass(frozen=True)
class AuxiliaryNetworks:
    """Config of the networks that train and evaluate a talking face.

    The sync expert and the landmark detector are frozen; their widths must be those of
    the weights that `Experiment.init_from` names.

    Attributes:
        sync_expert_width: Factor of the channels of the sync expert.
        discriminator_width: Factor of the channels of the discriminator.
        landmark_width: Factor of the channels of the landmark detector.
        prob_floor: Added to the probability of the sync expert; it limits the gradient
            of the sync loss to 1 / prob_floor.
        remat: Networks whose activations are not kept, see `nn.remat`.
    """

    sync_expert_width: float = 1.0
    discriminator_width: float = 1.0
    landmark_width: float = 1.0
    prob_floor: float = 1e-7
    remat: tuple[Literal["discriminator", "sync_expert"], ...] = ()


@dataclasses.dataclass(frozen=True)
class AuxiliaryModels:
    """The auxiliary networks of one talker, and the losses that they give.

    Attributes:
        config: Widths and constants.
        size: Side of a face crop in pixels.
        pixel_range: Range of the talker's frames.
        dtype: Type of the products in training; evaluations have float32.
    """

    config: AuxiliaryNetworks
    size: int
    pixel_range: PixelRange
    dtype: str

    @property
    def discriminator(self) -> Discriminator:
        """The discriminator of real and generated faces."""
        config = self.config
        network = rematerialise(Discriminator, "discriminator" in config.remat)
        return network(self.size, config.discriminator_width, self.dtype)

    @property
    def sync_expert(self) -> SyncExpert:
        """The frozen sync expert."""
        return SyncExpert(self.size, self.config.sync_expert_width, self.dtype)

    @property
    def lip_landmarks(self) -> LipLandmarks:
        """The frozen landmark detector."""
        return LipLandmarks(self.size, self.config.landmark_width)

    def init(self, keys: Mapping[str, Key]) -> dict[str, Params]:
        """Initialise some of the networks.

        Args:
            keys: `{part: PRNG key}`.

        Returns:
            `{part: variables}`.
        """
        clip = jnp.zeros((1, SYNC_FRAMES, self.size, self.size, 3))
        mel = jnp.zeros((1, MEL_WINDOW, NUM_MELS))
        networks = {
            "discriminator": (self.discriminator, clip[0]),
            "sync_expert": (self.sync_expert, mel, clip, False),
            "lip_landmarks": (self.lip_landmarks, clip[0], False),
        }
        return {
            part: networks[part][0].init(key, *networks[part][1:])
            for part, key in keys.items()
        }

    def encode_video(self, params: Params, stats: Params, frames: Array) -> Array:
        """Encode clips of five frames by the sync expert.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            frames: Clips in the pixel range of the talker, [... t=5 h w c=3].

        Returns:
            Embeddings of unit length, [... d].
        """
        clips = denormalize(frames.reshape(-1, *frames.shape[-4:]), self.pixel_range)
        expert = variables_of(params, stats, "sync_expert")
        encode: Any = functools.partial(
            apply_network, self.sync_expert, method="encode_frames"
        )
        if "sync_expert" in self.config.remat:
            encode = jax.checkpoint(encode)
        video = encode(expert, clips)
        return video.reshape(*frames.shape[:-4], -1)

    def sync_loss(
        self, params: Params, stats: Params, video: Array, mel: Array, weight: Array
    ) -> Array:
        """Compute the sync loss of generated clips.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.
            video: Embeddings of the generated clips, [b paths d].
            mel: Log-mel window that starts with the clip, f32 [b f=16 k=80].
            weight: Weights of the examples, [b].

        Returns:
            The loss, summed over the paths.

        Source:
            SyncTalkFace (8), CALS (7).
        """
        expert = variables_of(params, stats, "sync_expert")
        audio = apply_network(self.sync_expert, expert, mel, method="encode_audio")
        audio = repeat(audio, "b d -> b p d", p=video.shape[1])
        match = jnp.ones(video.shape[:2])
        # synctalkface (8), cals (7)
        error = sync_loss(audio, video, match, self.config.prob_floor)
        return sum_over_paths(error, weight * speech_mask(mel))

    def discriminator_logits(self, params: Params, frames: Array) -> Array:
        """Rate each frame by the discriminator.

        Args:
            params: Parameters, `{part: tree}`.
            frames: Frames in the pixel range of the talker, [... t h w c=3].

        Returns:
            Logits, positive for *real*, [... t].
        """
        faces = frames.reshape(-1, *frames.shape[-3:])
        logits = apply_network(
            self.discriminator, {"params": params["discriminator"]}, faces
        )
        return logits.reshape(frames.shape[:-3])

    def generator_adversarial_loss(
        self, params: Params, frames: Array, weight: Array
    ) -> Array:
        """Compute the adversarial loss of the generator.

        Args:
            params: Parameters, `{part: tree}`.
            frames: Generated frames, [b paths t h w c=3].
            weight: Weights of the examples, [b].

        Returns:
            The loss, summed over the paths.

        Source:
            SyncTalkFace (10), CALS (9).
        """
        logits = self.discriminator_logits(params, frames)
        return sum_over_paths(bce_real(logits), weight)

    def discriminator_loss(
        self, params: Params, real: Array, generated: Array, weight: Array
    ) -> tuple[Array, LossAux]:
        """Compute the loss of the discriminator.

        Args:
            params: Parameters, `{part: tree}`.
            real: Real frames in the pixel range of the talker, [b t h w c=3].
            generated: Generated frames, [b paths t h w c=3].
            weight: Weights of the examples, [b].

        Returns:
            The loss; and its accuracy, among the logs.

        Source:
            SyncTalkFace (10), CALS (9).
        """
        real_logits = self.discriminator_logits(params, real)
        fake_logits = self.discriminator_logits(params, generated)
        real_loss = masked_mean(bce_real(real_logits), weight)
        fake_loss = sum_over_paths(bce_fake(fake_logits), weight)
        accuracy = (jnp.mean(real_logits > 0) + jnp.mean(fake_logits < 0)) / 2
        return real_loss + fake_loss, LossAux({"accuracy": accuracy})

    def evaluation_networks(self, params: Params, stats: Params) -> EvaluationNetworks:
        """Bind the frozen networks to their variables, for evaluations.

        Args:
            params: Parameters, `{part: tree}`.
            stats: Running statistics, `{part: tree}`.

        Returns:
            The networks.
        """
        network = dataclasses.replace(self, dtype="float32").sync_expert
        expert: Any = network.bind(variables_of(params, stats, "sync_expert"))
        landmarks: Any = self.lip_landmarks.bind(
            variables_of(params, stats, "lip_landmarks")
        )
        return EvaluationNetworks(expert.encode_frames, expert.encode_audio, landmarks)


def sum_over_paths(values: Array, weight: Array) -> Array:
    """Average over the examples and sum over the paths.

    Args:
        values: [b paths ...].
        weight: Weights of the examples, [b].

    Returns:
        The sum of the paths' weighted means, a scalar.
    """
    paths = (masked_mean(values[:, i], weight) for i in range(values.shape[1]))
    return sum(paths, start=jnp.zeros(()))
