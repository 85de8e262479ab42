"""One record of a corpus: a clip of one speaker at 25 fps, its sound and its words.

| key | what |
|---|---|
| face | Reel, u8 [t s s 3]: the square face region that media.face defines |
| mouth | Reel, u8 [t 96 96 1]: the square around the mouth, grey |
| wave | i16 [n], n = 640 t: 16 kHz |
| landmarks | f32 [t 20 2] in face-crop pixels, 48..67 of 68; [0 20 2] unknown |
| articulation | f32 [t a]: the puppet's articulators, or [0 1] unknown |
| words | {word, start, end}: lists of equal length, in seconds; empty where unknown |
| phones | {phone, start, end}: the same |
| text, speaker, clip | strings; clip names the recording within the corpus |
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.features import feature

from avjax.media.face_crop import MOUTH

FPS = 25
SAMPLES_PER_FRAME = 640  # 16 kHz / 25 fps
LANDMARKS = 20
QUALITY = 95  # of JPEG


class Reel(Sequence):
    """Frames kept as JPEG; only those that are asked for are decoded.

    reel[3] -> u8 [h w c], reel[2:9] -> u8 [t h w c]; c is 3 (RGB) or 1 (grey).
    """

    def __init__(self, blobs: Sequence[bytes], channels: int):
        self.blobs = tuple(blobs)
        self.channels = channels

    @classmethod
    def of(cls, frames: Iterable[np.ndarray]) -> "Reel":
        """frames u8 [t h w c], c 1 or 3, at least one of them."""
        frames = list(frames)
        return cls([encode(frame) for frame in frames], frames[0].shape[-1])

    def __len__(self) -> int:
        return len(self.blobs)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return np.stack([_decode(b, self.channels) for b in self.blobs[index]])
        return _decode(self.blobs[index], self.channels)

    def take(self, indices: Iterable[int]) -> np.ndarray:
        """The frames at these places, in this order -> u8 [t h w c]."""
        return np.stack([self[int(index)] for index in indices])


class Frames(tfds.features.FeatureConnector):
    """How a corpus stores a Reel: a list of JPEG files, one a frame."""

    def __init__(self, size: int, channels: int, doc=None):
        super().__init__(doc=doc)
        self.size, self.channels = size, channels

    def get_tensor_info(self):
        shape = (None, self.size, self.size, self.channels)
        return feature.TensorInfo(shape=shape, dtype=np.uint8)

    def get_serialized_info(self):
        return feature.TensorInfo(shape=(None,), dtype=np.object_)

    def encode_example(self, frames: Reel) -> list[bytes]:
        """Only a Reel is taken: the process that made the frames has encoded them."""
        if frames.channels != self.channels or frames[0].shape[0] != self.size:
            found = (*frames[0].shape,)
            raise ValueError(f"frames {found} where {self.get_tensor_info()} belongs")
        return list(frames.blobs)

    def decode_example(self, example):
        raise NotImplementedError("read with avjax.data.pipeline.source")

    def decode_example_np(self, example) -> Reel:
        return Reel(example, self.channels)

    def to_json_content(self):
        return {"size": self.size, "channels": self.channels}

    @classmethod
    def from_json_content(cls, value):
        return cls(size=int(value["size"]), channels=int(value["channels"]))


def features(size: int, tracks: int = 0) -> tfds.features.FeaturesDict:
    """The record of a corpus with faces of this size and so many articulators."""
    tensor, text = tfds.features.Tensor, tfds.features.Text
    times = {"start": np.float32, "end": np.float32}
    return tfds.features.FeaturesDict(
        {
            "face": Frames(size, 3),
            "mouth": Frames(MOUTH, 1),
            # Without an encoding TFDS stores integers as a list: 6 times slower.
            "wave": tensor(shape=(None,), dtype=np.int16, encoding="bytes"),
            "landmarks": _array((None, LANDMARKS, 2)),
            "articulation": _array((None, max(tracks, 1))),
            "words": tfds.features.Sequence({"word": text(), **times}),
            "phones": tfds.features.Sequence({"phone": text(), **times}),
            "text": text(),
            "speaker": text(),
            "clip": text(),
        }
    )


def record(
    *,
    face: Reel,
    mouth: Reel,
    wave: np.ndarray,
    landmarks: np.ndarray | None = None,
    articulation: np.ndarray | None = None,
    words: Iterable[tuple[str, float, float]] = (),
    phones: Iterable[tuple[str, float, float]] = (),
    text: str,
    speaker: str,
    clip: str,
) -> dict:
    """One example of the schema; the sound is cut or padded to the frames.

    wave f32 [n] in [-1, 1]; landmarks [t 20 2]; articulation [t a].
    """
    if landmarks is None:
        landmarks = np.zeros((0, LANDMARKS, 2))
    if articulation is None:
        articulation = np.zeros((0, 1))
    return {
        "face": face,
        "mouth": mouth,
        "wave": whole_numbers(wave, len(face) * SAMPLES_PER_FRAME),
        "landmarks": np.asarray(landmarks, np.float32),
        "articulation": np.asarray(articulation, np.float32),
        "words": _spans("word", words),
        "phones": _spans("phone", phones),
        "text": text,
        "speaker": speaker,
        "clip": clip,
    }


def whole_numbers(wave: np.ndarray, samples: int) -> np.ndarray:
    """wave f32 [n] in [-1, 1] -> i16 [samples], cut or padded by silence."""
    wave = np.pad(wave[:samples], (0, max(samples - len(wave), 0)))
    return np.clip(np.round(wave * 32768.0), -32768, 32767).astype(np.int16)


def sound(wave: np.ndarray) -> np.ndarray:
    """A record's wave, i16 [n] -> f32 [n] in [-1, 1)."""
    return wave.astype(np.float32) / 32768


def readable(example: dict) -> dict:
    """An example as TFDS reads it -> the same with str for bytes, arrays of times."""
    spans = {
        key: {
            name: [_text(word) for word in example[key][name]],
            "start": np.array(example[key]["start"], np.float32),
            "end": np.array(example[key]["end"], np.float32),
        }
        for key, name in (("words", "word"), ("phones", "phone"))
        if key in example  # a picture has none
    }
    strings = {
        key: _text(example[key])
        for key in ("text", "speaker", "clip")
        if key in example
    }
    return {**example, **spans, **strings}


def _spans(name: str, spans: Iterable[tuple[str, float, float]]) -> dict:
    spans = list(spans)
    return {
        name: [span[0] for span in spans],
        "start": np.array([span[1] for span in spans], np.float32),
        "end": np.array([span[2] for span in spans], np.float32),
    }


def _array(shape) -> tfds.features.Tensor:
    return tfds.features.Tensor(shape=shape, dtype=np.float32, encoding="bytes")


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def encode(frame: np.ndarray) -> bytes:
    frame = frame[..., ::-1] if frame.shape[-1] == 3 else frame
    flags = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return cv2.imencode(".jpg", np.ascontiguousarray(frame), flags)[1].tobytes()


def _decode(blob: bytes, channels: int) -> np.ndarray:
    flag = cv2.IMREAD_COLOR_RGB if channels == 3 else cv2.IMREAD_GRAYSCALE
    frame = cv2.imdecode(np.frombuffer(blob, np.uint8), flag)
    return frame.reshape(*frame.shape[:2], channels)
