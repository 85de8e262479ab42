"""A talking face in real time: feed chunks of audio, get finished frames.

    session = live("me.jpg", lookahead=5)
    for chunk in microphone:            # f32 [n] at 16 kHz, of any length
        for frame in session.feed(chunk): show(frame)
    for frame in session.finish(): show(frame)

A frame is returned as soon as it is final, at most `delay` seconds after its audio.
The frames equal those of `talk(..., lookahead=5)` bit for bit, however the audio is
divided into chunks.
"""

from collections.abc import Iterator

import numpy as np

from avjax.audio.loudness import check_waveform
from avjax.config.arguments import checked_arguments
from avjax.console import status
from avjax.errors import InputError
from avjax.faces.source import open_face_source
from avjax.models.cals import CalsConfig
from avjax.pipelines.talking.audio_talkers import (
    CONTEXT_WEIGHTS,
    ContextTalker,
    load_talker,
)
from avjax.pipelines.talking.compositor import Compositor
from avjax.pipelines.talking.editing_compositor import make_compositor
from avjax.pipelines.talking.streaming_encoder import StreamingEncoder
from avjax.typing import PathLike
from avjax.weights import full_name


@checked_arguments
def live(
    face: PathLike | np.ndarray,
    *,
    weights: PathLike | None = None,
    lookahead: int = 5,
    box: tuple[float, float, float, float] | None = None,
    face_index: int = 0,
    native: bool = False,
    progress: bool = False,
) -> "LiveSession":
    """Start a session in which a face speaks audio that is still being recorded.

    Args:
        face: A photo or a clip: a file, an image u8 [h w 3], or frames u8 [t h w 3] at
            25 frames per second.
        weights: Name of bundled weights, or a folder of weights, of a system with audio
            context such as LipWarp or CALS. None: "lipwarp-people".
        lookahead: Video frames (1/25 s) of audio that the model waits for. A larger
            value gives better lips and a longer delay.
        box: x, y, width and height of the face in pixels. None: it is detected.
        face_index: Which face to animate; 0 is the most important.
        native: Return the generated faces alone, at the resolution of the network.
        progress: Show a progress display while the face is detected.

    Returns:
        The session.

    Raises:
        InputError: An argument cannot be used.
    """
    name = full_name(weights or CONTEXT_WEIGHTS, CalsConfig.system)
    talker = load_talker(name, lookahead=lookahead)
    assert isinstance(talker, ContextTalker), "others take no lookahead"
    with status("finding the face", progress=progress):
        source = open_face_source(face, box, face_index)
    return LiveSession(make_compositor(source, talker, native), talker)


class LiveSession:
    """A streaming session: feed audio chunks, get finished frames.

    Args:
        compositor: Makes frames of latents.
        talker: Makes latents of audio.

    Attributes:
        fps: Frames per second of the output: those of the clip, or 25 for a photo.
        delay: Largest time in seconds from the moment that a frame shows until the
            frame is final. It is returned with the chunk that completes it.
    """

    def __init__(self, compositor: Compositor, talker: ContextTalker):
        self._compositor = compositor
        self._encoder = StreamingEncoder(talker, compositor.fps)
        self._finished = False
        self.fps = compositor.fps
        self.delay = self._encoder.delay

    def feed(self, wave: np.ndarray) -> list[np.ndarray]:
        """Add audio.

        Args:
            wave: The next samples, f32 [n] at 16 kHz, of any length.

        Returns:
            The frames that became final, u8 [h w 3] each.

        Raises:
            InputError: `wave` is not a waveform, or the session is finished.
        """
        if self._finished:
            raise InputError("the session is finished: start a new one")
        wave = np.asarray(wave)
        check_waveform(wave)
        return self._composite(self._encoder.feed(wave))

    def finish(self) -> list[np.ndarray]:
        """End the audio.

        Returns:
            The remaining frames, u8 [h w 3] each. A second call returns no frames.
        """
        if self._finished:
            return []
        self._finished = True
        return self._composite(self._encoder.finish())

    def _composite(self, latents: Iterator[np.ndarray]) -> list[np.ndarray]:
        """Make frames of latents f32 [1 d]."""
        composite = self._compositor.composite
        return [image.frame for latent in latents for image in composite(latent)]
