"""A denoised image, and how the network was adapted to it."""

from typing import Any, NamedTuple

import jax
import numpy as np

from avjax.algorithms.meta_sgd import SelectedAdaptation
from avjax.media.photo_io import Photo, write_photo
from avjax.media.pixels import mean_change
from avjax.typing import PathLike


class DenoiseResult(NamedTuple):
    """A denoised image, and how the network was adapted to it.

    Attributes:
        photo: The denoised image with the metadata of the input.
        losses: Loss on the patches that were adapted to, before each step, f32 [i].
        validation_losses: Loss that decides how many steps are kept, before the first
            step and after each step, f32 [i+1].
        num_steps: Number of steps after which the validation loss was lowest.
        change: Mean absolute change of the pixel values, which are in [0, 1]; None if
            it was not measured.
        noise_levels: Estimated standard deviation of the noise in luma and in chroma,
            in pixel values of 8 bits, f32 [2]; None if it is no input of the network.
    """

    photo: Photo
    losses: np.ndarray
    validation_losses: np.ndarray
    num_steps: int
    change: float | None = None
    noise_levels: np.ndarray | None = None

    @property
    def image(self) -> np.ndarray:
        """Pixel values [h w c], of the dtype of the input."""
        return self.photo.image

    def save(self, path: PathLike) -> None:
        """Write the image as PNG, JPEG, TIFF or WebP, chosen by the suffix.

        Args:
            path: The file to write.

        Raises:
            InputError: The file cannot be written.
        """
        write_photo(path, self.photo)

    def to_json(self) -> dict[str, Any]:
        """Convert to values that `json.dumps` accepts.

        Returns:
            {"height", "width", "steps", "kept_steps", "losses", "validation_losses",
            "change", "noise_levels"}.
        """
        levels = self.noise_levels
        height, width = self.image.shape[:2]
        return {
            "height": height,
            "width": width,
            "steps": len(self.losses),
            "kept_steps": int(self.num_steps),
            "losses": np.asarray(self.losses).tolist(),
            "validation_losses": np.asarray(self.validation_losses).tolist(),
            "change": self.change,
            "noise_levels": None if levels is None else levels.tolist(),
        }

    def __str__(self) -> str:
        """Format as one sentence."""
        megapixels = self.image[..., 0].size / 1e6
        summary = f"{megapixels:.2f} megapixels{describe_change(self.change)}"
        if self.noise_levels is not None:
            luma, chroma = self.noise_levels
            levels = f"noise of {luma:.1f} (luma) and {chroma:.1f} (chroma) of 255"
            return f"{summary}, {levels}"
        if not len(self.losses):
            return f"{summary}, without adaptation"
        summary += f", {self.num_steps} of {len(self.losses)} adaptation steps kept"
        if self.num_steps:
            losses = self.validation_losses
            gain = 1 - losses[self.num_steps] / losses[0]
            summary += f", self-supervised loss {100 * gain:.1f} % lower"
        return summary


def make_result(
    photo: Photo, adapted: SelectedAdaptation, noisy: np.ndarray | None = None
) -> DenoiseResult:
    """Combine a denoised image with the losses of its adaptation.

    Args:
        photo: The denoised image.
        adapted: The result of the adaptation.
        noisy: The image before, to measure the change; None: it is not measured.

    Returns:
        The result, with losses as numpy arrays.
    """
    change = None if noisy is None else mean_change(noisy, photo.image)
    losses, validation_losses, num_steps = jax.device_get(
        (adapted.losses, adapted.validation_losses, adapted.num_steps)
    )
    levels = None
    if "levels" in adapted.params:
        levels = np.exp(jax.device_get(adapted.params["levels"]))
    return DenoiseResult(
        photo, losses, validation_losses, int(num_steps), change, levels
    )


def describe_change(change: float | None) -> str:
    """Describe the change of an image as the end of a sentence; see `DenoiseResult`."""
    if change is None:
        return ""
    return f", changed by {255 * change:.2f} of 255 pixel values on average"
