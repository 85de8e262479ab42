"""The record of a corpus: one clip of one speaker at 25 fps, with audio and labels.

| key | value |
|---|---|
| face | Reel, u8 [t s s 3]: the square face region that `avjax.faces` defines |
| mouth | Reel, u8 [t 96 96 1]: the square around the mouth, grey |
| lower_face | Reel, u8 [t 128 128 3]: the aligned lower face; no frames: unknown |
| pose | f32 [t 6]: eyes and nose of the aligned face; [0 6]: unknown |
| wave | i16 [n], n = 640 t: audio at 16 kHz |
| gain | f64 [4 t]: `avjax.audio.loudness.speech_gain` of it; [0]: not stored |
| landmarks | f32 [t 20 2]: points 48..67 of 68, pixels of `face`; [0 20 2]: unknown |
| articulation | f32 [t a]: articulators of a puppet; [0 1]: unknown |
| words | {word, start, end}: lists of equal length, in seconds; empty: unknown |
| phones | {phone, start, end}: lists of equal length, in seconds; empty: unknown |
| text | string: the transcript |
| speaker | string: name of the speaker |
| clip | string: name of the clip within the corpus |
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.features import feature

from avjax.audio.loudness import speech_gain
from avjax.constants import NUM_LIP_POINTS, SAMPLES_PER_FRAME
from avjax.data.reel import Reel
from avjax.faces.crop import MOUTH_SIZE
from avjax.faces.editing import LOWER_FACE_SIZE, POSE_SIZE

INT16_SCALE = 32768  # 16-bit sample of an amplitude of 1.0
NO_LOWER_FACE, NO_POSE = Reel((), 3), np.zeros((0, POSE_SIZE), np.float32)
NO_GAIN = np.zeros(0)
LabelTimes = tuple[str, float, float]  # label, start and end in seconds
PUPPETS_HAVE_THEM = "the corpus puppet of avjax data build has them"
# Labels that a record may lack: what they are, and how to get them.
LABEL_SOURCES = {
    "text": (
        "a transcript",
        "put a .vtt, .srt or .txt file with the same name beside each video, and build "
        "the corpus again",
    ),
    "phones": (
        "phonemes with their times",
        "the corpora puppet, grid and lrs2 of avjax data build have them",
    ),
    "landmarks": ("lip landmarks", PUPPETS_HAVE_THEM),
    "articulation": ("values of the articulators", PUPPETS_HAVE_THEM),
    "noisy": (
        "a noisy image",
        "set corruptions, or use a corpus of avjax data build pairs",
    ),
}
CLIPS, IMAGES = "clips of talking faces", "images"  # kinds of records
BUILDERS = {  # how to get a corpus of each kind
    CLIPS: "avjax data build clips, for instance, makes such a corpus",
    IMAGES: "avjax data build pairs (noisy and clean images) or pictures (clean "
    "images) makes such a corpus",
}


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
        shape = frames[0].shape if len(frames) else (self.size, 0, self.channels)
        if (shape[0], shape[2]) != (self.size, self.channels):
            raise ValueError(
                f"frames are {shape}, and the corpus stores {self.get_tensor_info()}"
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
            "lower_face": ReelFeature(LOWER_FACE_SIZE, 3),
            "pose": _float_array((None, POSE_SIZE)),
            # Without an encoding TFDS stores integers as a list: 6 times slower.
            "wave": tensor(shape=(None,), dtype=np.int16, encoding="bytes"),
            "gain": tensor(shape=(None,), dtype=np.float64, encoding="bytes"),
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
    lower_face: Reel | None = None,
    pose: np.ndarray | None = None,
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
        lower_face: Aligned lower faces [t 128 128 3]; None: unknown.
        pose: Eyes and nose [t 6], see `avjax.faces.editing`; None: unknown.
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
    if lower_face is None or pose is None:
        lower_face, pose = NO_LOWER_FACE, NO_POSE
    if landmarks is None:
        landmarks = np.zeros((0, NUM_LIP_POINTS, 2))
    if articulation is None:
        articulation = np.zeros((0, 1))
    samples = to_int16(wave, len(face) * SAMPLES_PER_FRAME)
    return {
        "face": face,
        "mouth": mouth,
        "lower_face": lower_face,
        "pose": np.asarray(pose, np.float32),
        "wave": samples,
        "gain": speech_gain(to_float(samples)),
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
        example: The record as TFDS reads it; it may lack keys. Corpora of older
            versions have no lower faces and no gain.

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
    new = {"lower_face": NO_LOWER_FACE, "pose": NO_POSE, "gain": NO_GAIN}
    return {**(new if "face" in example else {}), **example, **labels, **strings}


def kind_of(record: Mapping[str, Any]) -> str:
    """Tell what a corpus consists of.

    Args:
        record: One of its records.

    Returns:
        `CLIPS` or `IMAGES`, a key of `BUILDERS`.
    """
    return IMAGES if "clean" in record else CLIPS


def has_label(record: Mapping[str, Any], label: str) -> bool:
    """Tell whether a label of a record is known.

    Args:
        record: The record.
        label: A key of `LABEL_SOURCES`.

    Returns:
        True if it is known.
    """
    value = record[label]
    return len(value["start"] if isinstance(value, Mapping) else value) > 0


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
