"""Edit the mouth in the frames of a photo or clip, at their own resolution."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from avjax.faces.editing import (
    MOUTH_SHAPE,
    AlignedFrame,
    Edit,
    apply_edit,
    crop_encoder_mouth,
    crop_lower_face_aligned,
)
from avjax.faces.source import FaceSource
from avjax.pipelines.formatting import format_frame_ranges, format_frames
from avjax.pipelines.talking.audio_talkers import Talker
from avjax.pipelines.talking.compositor import (
    CompositedFrame,
    Compositor,
    FrameChunk,
    PastingCompositor,
)
from avjax.pipelines.talking.person_clip import widest_mouth
from avjax.pipelines.talking.talker_functions import (
    CHUNK_FRAMES,
    edits_frames,
    jit_encode_mouths,
    jit_encode_silence,
    jit_predict_edit,
    mean_speech_code,
)

MAX_SAMPLES = 64  # frames of a clip in which a person's codes are measured
SAMPLE_EVERY = 3  # frames
# Factor of the change of a code for a photo, which has no frame with an open mouth; for
# a clip, see `LipWarpConfig.overshoot`.
PHOTO_OVERSHOOT = 2.6
MAX_CODE = 2.5  # largest number of a code after that
MIN_EYE_DISTANCE = 16  # pixels; smaller faces are reported


def describe_source(source: FaceSource, talker: Talker) -> tuple[str, ...]:
    """Describe what a talker cannot edit, before the work begins.

    Args:
        source: A photo or a clip with its face.
        talker: Generates or edits the faces.

    Returns:
        Sentences for the report.
    """
    if not edits_frames(talker.config):
        return ()
    remarks = []
    profile = np.flatnonzero(source.profile).tolist()
    if profile:
        ranges = ", ".join(format_frame_ranges(profile))
        remarks.append(
            f"warning: the face is seen from the side in {format_frames(len(profile))} "
            f"of the source, which stay unchanged: {ranges}"
        )
    eyes = float(np.nanmedian(np.hypot(*source.similarities.T[:2])))
    if eyes < MIN_EYE_DISTANCE:
        remarks.append(
            f"warning: the face is small, {eyes:.0f} pixels from eye to eye; the lips "
            f"are reliable from {MIN_EYE_DISTANCE}"
        )
    return tuple(remarks)


class Person(NamedTuple):
    """What the talker must know of a person.

    Attributes:
        code: What is added to the codes that the audio gives, f32 [d].
        reference: The frame that shows the most of the mouth's inside.
    """

    code: np.ndarray
    reference: AlignedFrame


class _EditInputs(NamedTuple):
    """A chunk of frames, and what is known of their faces.

    Attributes:
        chunk: The frames.
        faces: Their faces; None where there is none that can be edited.
        crops: Their lower faces, u8 [t s s 3].
        mouths: Their mouths, see `crop_encoder_mouth`, f32 [t h w 1].
    """

    chunk: FrameChunk
    faces: list[AlignedFrame | None]
    crops: np.ndarray
    mouths: np.ndarray


def make_compositor(source: FaceSource, talker: Talker, native: bool) -> Compositor:
    """Make the compositor that a talker needs.

    Args:
        source: A photo or a clip with its face.
        talker: Generates or edits the faces.
        native: Return the faces alone, at the resolution of the network.

    Returns:
        The compositor.
    """
    if edits_frames(talker.config):
        return EditingCompositor(source, talker, native)
    return PastingCompositor(source, talker, native)


class EditingCompositor(Compositor):
    """Edit the mouth in each frame; nothing else changes.

    Args:
        source: A photo or a clip with its face.
        talker: Edits the faces.
        native: Return the edited lower faces alone, at the resolution of the network.
    """

    def __init__(self, source: FaceSource, talker: Talker, native: bool):
        size = talker.config.size
        super().__init__(source, (size, size) if native else source.shape)
        self._source, self._talker, self._native = source, talker, native
        self._person: Person | None = None
        self._editable = np.isfinite(source.similarities[:, 0]) & ~source.profile
        overshoot = getattr(talker.config, "overshoot", 1.0)
        self._overshoot = PHOTO_OVERSHOOT if self.is_photo else overshoot

    def _prepare(self, chunk: FrameChunk) -> _EditInputs:
        """Crop the faces and their mouths; frames without a face are black."""
        if self._person is None:
            self._person = measure_person(self._source, self._talker)
        similarities = self._source.similarities[chunk.numbers]
        faces = [
            AlignedFrame(frame, similarity) if can_edit else None
            for frame, similarity, can_edit in zip(
                chunk.frames, similarities, self._editable[chunk.numbers], strict=True
            )
        ]
        size = self._talker.config.size
        crops = np.zeros((len(faces), size, size, 3), np.uint8)
        mouths = np.zeros((len(faces), *MOUTH_SHAPE, 1), np.float32)
        for number, face in enumerate(faces):
            if face is not None and (number == 0 or not self.is_photo):
                lower_face = crop_lower_face_aligned(face)
                crop = _resize(lower_face, size)
                mouth = crop_encoder_mouth(lower_face)[..., None] / 255
            if face is not None:
                crops[number], mouths[number] = crop, mouth
        return _EditInputs(chunk, faces, crops, mouths)

    def _draw(self, inputs: _EditInputs) -> tuple[_EditInputs, list[Edit]]:
        """Predict the edit of each frame."""
        config, variables = self._talker.config, self._talker.variables
        assert self._person is not None
        num_frames = len(inputs.faces)
        missing = CHUNK_FRAMES - num_frames if num_frames > 1 else 0
        crops, mouths, wanted = (
            np.pad(array, ((0, missing), *((0, 0),) * (array.ndim - 1)))
            for array in (
                inputs.crops,
                inputs.mouths,
                inputs.chunk.latents + self._person.code,
            )
        )
        shown = np.asarray(jit_encode_mouths(config)(variables, mouths))
        codes = shown + self._overshoot * (wanted - shown)
        maps = jit_predict_edit(config)(
            variables,
            crops,
            _network_crop(self._person.reference, config.size)[None],
            np.clip(codes, -MAX_CODE, MAX_CODE),
        )
        arrays = [np.asarray(array) for array in maps]
        return inputs, [Edit(*(a[n] for a in arrays)) for n in range(num_frames)]

    def _finish(self, outputs: tuple[_EditInputs, list[Edit]]) -> list[CompositedFrame]:
        """Apply the edits of a chunk."""
        (chunk, faces, _, _), edits = outputs
        boxes = self._source.boxes[chunk.numbers]
        return [
            self._apply(frame, face, edit, box)
            for frame, face, edit, box in zip(
                chunk.frames, faces, edits, boxes, strict=True
            )
        ]

    def _apply(
        self,
        frame: np.ndarray,
        face: AlignedFrame | None,
        edit: Edit,
        box: np.ndarray,
    ) -> CompositedFrame:
        """Apply an edit; a frame without a face stays as it is."""
        black = np.zeros((*self.shape, 3), np.uint8)
        if face is None or self._person is None:
            return CompositedFrame(black if self._native else frame, None, box)
        edited = apply_edit(face, self._person.reference, edit)
        size = self._talker.config.size
        patch = _network_crop(AlignedFrame(edited, face.similarity), size)
        return CompositedFrame(patch if self._native else edited, patch, box)


def measure_person(source: FaceSource, talker: Talker) -> Person:
    """Measure the lip codes of a person, and choose a reference.

    The audio network predicts codes but for a constant per person: what the person's
    mean code is beyond an ordinary mouth that is as far open. An ordinary mouth is
    between that of silence and the mean mouth of speech.

    Args:
        source: A photo or a clip with its face.
        talker: The talker.

    Returns:
        The constant and the reference.
    """
    config = talker.config
    faces = list(_sample_faces(source))
    mouths = [crop_encoder_mouth(crop_lower_face_aligned(face)) for face in faces]
    encode = jit_encode_mouths(config)
    codes = np.concatenate(
        [encode(talker.variables, mouth[None, ..., None] / 255) for mouth in mouths]
    )
    silence = np.asarray(jit_encode_silence(config)(talker.variables))
    own = codes.mean(0) - mean_speech_code(config)
    closed = float(np.clip(own @ silence / np.sum(silence**2), 0, 1))
    return Person(codes.mean(0) - closed * silence, faces[widest_mouth(codes)])


def _sample_faces(source: FaceSource) -> Iterator[AlignedFrame]:
    """Sample frames that show the face from the first ones of a source."""
    similarities = source.similarities
    present = np.flatnonzero(np.isfinite(similarities[:, 0]))
    frontal = present[~source.profile[present]]
    present = frontal if len(frontal) else present
    chosen = set(present[: SAMPLE_EVERY * MAX_SAMPLES : SAMPLE_EVERY].tolist())
    for number, image in enumerate(source.play(max(chosen) + 1)):
        if number in chosen:
            yield AlignedFrame(image, similarities[number])


def _network_crop(face: AlignedFrame, size: int) -> np.ndarray:
    """Crop the lower face at the size of the network, u8 [s s 3]."""
    return _resize(crop_lower_face_aligned(face), size)


def _resize(lower_face: np.ndarray, size: int) -> np.ndarray:
    """Resize a lower face, u8 [128 128 3] -> [s s 3]."""
    return cv2.resize(lower_face, (size, size), interpolation=cv2.INTER_AREA)
