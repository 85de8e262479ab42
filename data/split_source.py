"""Random access to the records of a split, and to the examples of an evaluation."""

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, SupportsIndex

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from avjax.console import CONSOLE, format_count
from avjax.data import schema
from avjax.data.examples.base import Example, ExampleTransform, Record
from avjax.data.reel import Reel
from avjax.errors import InputError
from avjax.media.paths import as_path, is_remote
from avjax.typing import PathLike

INFO_FILE = "dataset_info.json"
SLICE = re.compile(r"(\w+)\[(\d*):(\d+)\]")


class SplitSource:
    """The records of one split, by number. It is pickled as its name, without data."""

    def __init__(self, root: str, split: str):
        self.root, self.split = root, split
        self._source = _open_source(root, split)
        self._decode = RecordDecoder(self._source.dataset_info.features)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: SupportsIndex) -> Record:
        return self._decode(self._source[index])

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self)))

    def __reduce__(self):
        return SplitSource, (self.root, self.split)


class RecordDecoder:
    """Decodes records as they are stored. The frames of reels stay JPEG files.

    TFDS would copy every frame into an array first, which takes longer than all else.
    """

    def __init__(self, features: tfds.features.FeaturesDict):
        reels = {
            key: feature
            for key, feature in features.items()
            if isinstance(feature, schema.ReelFeature)
        }
        self.channels = {key: feature.channels for key, feature in reels.items()}
        self.others = tfds.features.FeaturesDict(
            {key: feature for key, feature in features.items() if key not in reels}
        )

    def __call__(self, stored: bytes) -> Record:
        proto: Any = tf_example_pb2  # generated, without types
        example = proto.Example.FromString(stored)
        fields = example.features.feature
        reels = {
            key: Reel(fields[key].bytes_list.value, channels)
            for key, channels in self.channels.items()
        }
        for key in reels:
            del fields[key]
        others: Any = self.others.deserialize_example_np(example.SerializeToString())
        return schema.decode_record({**others, **reels})


class Subset:
    """Some records of a split, chosen by their numbers."""

    def __init__(self, records: SplitSource, indices: Sequence[int]):
        self.records, self.indices = records, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: SupportsIndex) -> Record:
        return self.records[self.indices[int(index)]]


class Records(Protocol):
    """Records by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: SupportsIndex) -> Record: ...


class EvalExamples:
    """All examples of an evaluation, clip after clip."""

    def __init__(
        self,
        records: Records,
        transform: ExampleTransform,
        examples_per_clip: int,
    ):
        self.records, self.transform = records, transform
        self.examples_per_clip = examples_per_clip

    def __len__(self) -> int:
        return len(self.records) * self.examples_per_clip

    def __getitem__(self, index: SupportsIndex) -> Example:
        clip, example = divmod(int(index), self.examples_per_clip)
        return self.transform.at(self.records[clip], example, self.examples_per_clip)


class PaddedExamples:
    """Examples, followed by copies of weight 0 up to a multiple of the batch size."""

    def __init__(self, examples: EvalExamples, batch_size: int):
        self.examples, self.batch_size = examples, batch_size

    def __len__(self) -> int:
        return -(-len(self.examples) // self.batch_size) * self.batch_size

    def __getitem__(self, index: SupportsIndex) -> Example:
        if int(index) < len(self.examples):
            return self.examples[index]
        return {**self.examples[0], "weight": np.float32(0)}


def open_split(root: PathLike, split: str) -> SplitSource:
    """Open the records of one split of a corpus.

    Args:
        root: Folder of the corpus.
        split: A split, or a part of one as TFDS writes it: "train[:10%]". A part that
            ends after the last clip ends with it.

    Returns:
        The records by number, as `avjax.data.schema` describes them.

    Raises:
        InputError: There is no such corpus or split.
    """
    folder = as_path(root)
    if SLICE.fullmatch(split) and (folder / INFO_FILE).is_file():
        split = _clamp_slice(str(folder), split, time_of_change(folder))
    return SplitSource(str(folder), split)


def time_of_change(folder: PathLike) -> float:
    """Return when a corpus was written: another one may have taken its place.

    Args:
        folder: Folder of the corpus.
    """
    status: Any = (as_path(folder) / INFO_FILE).stat()
    name = "mtime" if is_remote(as_path(folder)) else "st_ctime_ns"
    return getattr(status, name)


def check_records(records: SplitSource, transform: ExampleTransform) -> None:
    """Check that a split has the records and the labels that a transform needs.

    Args:
        records: The split. It is read up to the first record that has the labels.
        transform: The example transform.

    Raises:
        InputError: The split has another kind of records, or none has a label.
    """
    found = schema.kind_of(records[0])
    needed = getattr(transform, "record_kind", schema.CLIPS)
    if found != needed:
        raise InputError(
            f"{records.root} is a corpus of {found}, and this experiment needs "
            f"{needed}; {schema.BUILDERS[needed]}"
        )
    for label in getattr(transform, "required_labels", ()):
        if not any(schema.has_label(record, label) for record in records):
            name, remedy = schema.LABEL_SOURCES[label]
            record = "image" if found == schema.IMAGES else "clip"
            raise InputError(
                f"{records.root}: no {record} of the split {records.split!r} has "
                f"{name}, which this experiment needs; {remedy}"
            )


@functools.cache
def _clamp_slice(root: str, split: str, created: float) -> str:
    """Shorten "test[:40]" to the clips of a corpus that was created at this time."""
    match = SLICE.fullmatch(split)
    name, start, end = match.groups() if match else (split, "", "0")
    splits = tfds.builder_from_directory(root).info.splits
    count = splits[name].num_examples if name in splits else 0
    if not int(start or 0) < count < int(end):
        return split
    shorter = f"{name}[{start}:{count}]"
    clips = format_count(count, "clip")
    message = f"{root} has only {clips} in {name}: {split} is read as {shorter}"
    CONSOLE.print(message, markup=False, soft_wrap=True)
    return shorter


def _open_source(root: str, split: str):
    """Open a split with TFDS."""
    if not (as_path(root) / INFO_FILE).is_file():
        raise InputError(
            f"there is no corpus in {root}; `avjax data build --help` shows how to "
            "build one"
        )
    builder: Any = tfds.builder_from_directory(root)
    splits = builder.info.splits
    try:
        empty = not splits[split].num_examples
    except (KeyError, ValueError) as error:
        name = split.partition("[")[0]
        if name in splits:
            raise InputError(
                f"{root}: {split!r} cannot be taken from the split {name!r}, which has "
                f"{format_count(splits[name].num_examples, 'clip')}"
            ) from error
        known = ", ".join(splits)
        remedy = "; build it again to have val" if name == "val" else ""
        raise InputError(
            f"{root} has no split {split!r}; it has {known}{remedy}"
        ) from error
    if empty:
        raise InputError(f"{root}: the split {split!r} has no clips")
    stored = tfds.decode.DeserializeMethod.RAW_BYTES
    return builder.as_data_source(split=split, deserialize_method=stored)
