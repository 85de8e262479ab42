"""The record of a corpus: one clip of one speaker at 25 fps, with audio and labels.

| key | value |
|---|---|
| face | Reel, u8 [t s s 3]: the square face region that `avjax.faces` defines |
| mouth | Reel, u8 [t 96 96 1]: the square around the mouth, grey |
| wave | i16 [n], n = 640 t: audio at 16 kHz |
| landmarks | f32 [t 20 2]: points 48..67 of 68, pixels of `face`; [0 20 2]: unknown |
| articulation | f32 [t a]: articulators of a puppet; [0 1]: unknown |
| words | {word, start, end}: lists of equal length, in seconds; empty: unknown |
| phones | {phone, start, end}: lists of equal length, in seconds; empty: unknown |
| text | string: the transcript |
| speaker | string: name of the speaker |
| clip | string: name of the clip within the corpus |
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import cv2
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.features import feature

from avjax.constants import NUM_LIP_POINTS, SAMPLES_PER_FRAME
from avjax.faces.crop import MOUTH_SIZE

JPEG_QUALITY = 95
INT16_SCALE = 32768  # 16-bit sample of an amplitude of 1.0
LabelTimes = tuple[str, float, float]  # label, start and end in seconds


class Reel(Sequence):
    """Frames stored as JPEG; a frame is decoded when it is read.

    `reel[3]` is u8 [h w c], and `reel[2:9]` is u8 [t h w c].

    Attributes:
        blobs: JPEG files, one for each frame.
        channels: 3 (RGB) or 1 (grey).
    """

    def __init__(self, blobs: Sequence[bytes], channels: int):
        self.blobs = tuple(blobs)
        self.channels = channels

    @classmethod
    def from_frames(cls, frames: Iterable[np.ndarray]) -> "Reel":
        """Encode frames.

        Args:
            frames: At least one frame, each u8 [h w c] with c = 1 or 3.

        Returns:
            The frames as a reel.
        """
        frames = list(frames)
        blobs = [encode_jpeg(frame) for frame in frames]
        return cls(blobs, frames[0].shape[-1])

    def __len__(self) -> int:
        return len(self.blobs)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> np.ndarray: ...
    def __getitem__(self, index):
        if isinstance(index, slice):
            frames = [_decode_jpeg(blob, self.channels) for blob in self.blobs[index]]
            return np.stack(frames)
        return _decode_jpeg(self.blobs[index], self.channels)

    def take(self, indices: Iterable[int]) -> np.ndarray:
        """Return the frames with these numbers, in this order, u8 [t h w c].

        Args:
            indices: Frame numbers, [t].
        """
        return np.stack([self[int(index)] for index in indices])


class ReelFeature(tfds.features.FeatureConnector):
    """The TFDS feature that stores a `Reel` as a list of JPEG files."""

    ALIASES = ["avjax.data.schema.Frames"]  # its name in corpora of older versions

    def __init__(self, size: int, channels: int, doc=None):
        super().__init__(doc=doc)
        self.size, self.channels = size, channels

    def get_tensor_info(self) -> feature.TensorInfo:
        """Describe the decoded frames. See `FeatureConnector.get_tensor_info`."""
        shape = (None, self.size, self.size, self.channels)
        return feature.TensorInfo(shape=shape, dtype=np.uint8)

    def get_serialized_info(self) -> feature.TensorInfo:
        """Describe the files. See `FeatureConnector.get_serialized_info`."""
        return feature.TensorInfo(shape=(None,), dtype=np.object_)

    def encode_example(self, frames: Reel) -> list[bytes]:
        """Return the files of a reel. See `FeatureConnector.encode_example`."""
        height, _, channels = frames[0].shape
        if (height, channels) != (self.size, self.channels):
            raise ValueError(
                f"frames are {frames[0].shape}, and the corpus stores "
                f"{self.get_tensor_info()}"
            )
        return list(frames.blobs)

    def decode_example(self, example):
        """Refuse to decode with TensorFlow. See `decode_example_np`."""
        raise NotImplementedError("read the corpus with avjax.data.split_source")

    def decode_example_np(self, example) -> Reel:
        """Wrap the files in a reel. See `FeatureConnector.decode_example_np`."""
        return Reel(example, self.channels)

    def to_json_content(self) -> dict[str, int]:
        """Return the fields. See `FeatureConnector.to_json_content`."""
        return {"size": self.size, "channels": self.channels}

    @classmethod
    def from_json_content(cls, value: Mapping[str, Any]) -> "ReelFeature":
        """Make the feature. See `FeatureConnector.from_json_content`."""
        return cls(size=int(value["size"]), channels=int(value["channels"]))


def record_features(
    face_size: int, num_articulators: int = 0
) -> tfds.features.FeaturesDict:
    """Describe the records of a corpus for TFDS.

    Args:
        face_size: Side of the face crops in pixels.
        num_articulators: Number of known articulators; 0: unknown.

    Returns:
        The features of a record.
    """
    tensor, text = tfds.features.Tensor, tfds.features.Text
    times = {"start": np.float32, "end": np.float32}
    return tfds.features.FeaturesDict(
        {
            "face": ReelFeature(face_size, 3),
            "mouth": ReelFeature(MOUTH_SIZE, 1),
            # Without an encoding TFDS stores integers as a list: 6 times slower.
            "wave": tensor(shape=(None,), dtype=np.int16, encoding="bytes"),
            "landmarks": _float_array((None, NUM_LIP_POINTS, 2)),
            "articulation": _float_array((None, max(num_articulators, 1))),
            "words": tfds.features.Sequence({"word": text(), **times}),
            "phones": tfds.features.Sequence({"phone": text(), **times}),
            "text": text(),
            "speaker": text(),
            "clip": text(),
        }
    )


def make_record(
    *,
    face: Reel,
    mouth: Reel,
    wave: np.ndarray,
    landmarks: np.ndarray | None = None,
    articulation: np.ndarray | None = None,
    words: Iterable[LabelTimes] = (),
    phones: Iterable[LabelTimes] = (),
    text: str,
    speaker: str,
    clip: str,
) -> dict[str, Any]:
    """Make one record of a corpus. The audio is cut or padded to the frames.

    Args:
        face: Face crops, [t s s 3].
        mouth: Mouth crops, [t 96 96 1].
        wave: Audio at 16 kHz, f32 [n] in [-1, 1].
        landmarks: Lip landmarks [t 20 2] in pixels of the face crops; None: unknown.
        articulation: Articulators [t a]; None: unknown.
        words: (word, start, end) in seconds; empty: unknown.
        phones: (phone, start, end) in seconds; empty: unknown.
        text: The transcript.
        speaker: Name of the speaker.
        clip: Name of the clip within the corpus.

    Returns:
        The record, as TFDS writes it.
    """
    if landmarks is None:
        landmarks = np.zeros((0, NUM_LIP_POINTS, 2))
    if articulation is None:
        articulation = np.zeros((0, 1))
    return {
        "face": face,
        "mouth": mouth,
        "wave": to_int16(wave, len(face) * SAMPLES_PER_FRAME),
        "landmarks": np.asarray(landmarks, np.float32),
        "articulation": np.asarray(articulation, np.float32),
        "words": _label_columns("word", words),
        "phones": _label_columns("phone", phones),
        "text": text,
        "speaker": speaker,
        "clip": clip,
    }


def to_int16(wave: np.ndarray, num_samples: int) -> np.ndarray:
    """Quantise audio to 16 bits, cut or padded with silence to a number of samples.

    Args:
        wave: Audio, f32 [n] in [-1, 1].
        num_samples: Length of the result.

    Returns:
        Audio, i16 [num_samples].
    """
    wave = np.pad(wave[:num_samples], (0, max(num_samples - len(wave), 0)))
    samples = np.round(wave * float(INT16_SCALE))
    return np.clip(samples, -INT16_SCALE, INT16_SCALE - 1).astype(np.int16)


def to_float(wave: np.ndarray) -> np.ndarray:
    """Convert the audio of a record to floating point.

    Args:
        wave: Audio, i16 [n].

    Returns:
        Audio, f32 [n] in [-1, 1).
    """
    return wave.astype(np.float32) / INT16_SCALE


def decode_record(example: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a record as TFDS reads it: bytes to strings, lists of times to arrays.

    Args:
        example: The record as TFDS reads it; it may lack keys.

    Returns:
        The record as described above, with f32 arrays of times.
    """
    labels = {
        key: {
            name: [_decode_text(label) for label in example[key][name]],
            "start": np.array(example[key]["start"], np.float32),
            "end": np.array(example[key]["end"], np.float32),
        }
        for key, name in (("words", "word"), ("phones", "phone"))
        if key in example  # records of images have none
    }
    strings = {
        key: _decode_text(example[key])
        for key in ("text", "speaker", "clip")
        if key in example
    }
    return {**example, **labels, **strings}


def encode_jpeg(frame: np.ndarray) -> bytes:
    """Encode a frame as a JPEG file.

    Args:
        frame: Frame, u8 [h w c] with c = 1 (grey) or 3 (RGB).

    Returns:
        Content of the file.
    """
    frame = frame[..., ::-1] if frame.shape[-1] == 3 else frame
    flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(".jpg", np.ascontiguousarray(frame), flags)[1].tobytes()


def _decode_jpeg(blob: bytes, channels: int) -> np.ndarray:
    """Decode a JPEG file to u8 [h w c]."""
    flag = cv2.IMREAD_COLOR_RGB if channels == 3 else cv2.IMREAD_GRAYSCALE
    frame = cv2.imdecode(np.frombuffer(blob, np.uint8), flag)
    assert frame is not None, "a corpus holds a damaged JPEG file"
    return frame.reshape(*frame.shape[:2], channels)


def _label_columns(name: str, labels: Iterable[LabelTimes]) -> dict[str, Any]:
    """Convert (label, start, end) to one list and two arrays."""
    labels = list(labels)
    return {
        name: [label[0] for label in labels],
        "start": np.array([label[1] for label in labels], np.float32),
        "end": np.array([label[2] for label in labels], np.float32),
    }


def _float_array(shape: tuple[int | None, ...]) -> tfds.features.Tensor:
    """Describe an f32 array that is stored as bytes."""
    return tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes")


def _decode_text(value: bytes | str) -> str:
    """Return text that TFDS may have read as bytes."""
    return value.decode() if isinstance(value, bytes) else value
