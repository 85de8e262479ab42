"""Write the shards of a corpus, each at once and in bounded memory."""

import json
import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from array_record.python.array_record_module import ArrayRecordWriter
from tensorflow_datasets.proto import tf_example_pb2

from avjax.data.builders.source import CorpusSource
from avjax.data.builders.stretches import divide_record
from avjax.errors import InputError
from avjax.media.files import write_text

MAX_SHARDS = 512  # in a split, because a reader keeps one file open for each
# Every record can be read alone. They are not compressed, because nearly all of a
# record is JPEG, and reading would take twice as long.
_WRITER_OPTIONS = "group_size:1,uncompressed"


class SkippedClip(NamedTuple):
    """A clip that is not in the corpus.

    Attributes:
        clip: Name of the clip.
        reason: Reason for which it cannot be used.
    """

    clip: str
    reason: str


class Shard(NamedTuple):
    """One file of a corpus.

    Attributes:
        split: Name of the split.
        index: Number of the shard in its split.
        count: Number of shards of the split.
        clips: The clips of the source that it holds.
    """

    split: str
    index: int
    count: int
    clips: tuple[Any, ...]

    def file_name(self, corpus: str) -> str:
        """Return the name of its file, as TFDS names it.

        Args:
            corpus: Name of the corpus.

        Returns:
            The name.
        """
        number = f"{self.index:05d}-of-{self.count:05d}"
        return f"{corpus}-{self.split}.array_record-{number}"


class ShardReport(NamedTuple):
    """What became of the clips of a shard.

    Attributes:
        records: Number of records.
        frames: Number of video frames.
        skipped: Clips that were left out.
        texts: The different texts, sorted.
        unaligned: Number of clips whose phones were searched for and not found.
    """

    records: int
    frames: int
    skipped: tuple[SkippedClip, ...]
    texts: tuple[str, ...]
    unaligned: int


def plan_shards(source: CorpusSource) -> list[Shard]:
    """Divide the clips of each split into shards.

    Args:
        source: Where the clips come from.

    Returns:
        The shards of all splits, in order; a split without clips has none.
    """
    shards = []
    for split, clips in source.list_clips().items():
        size = max(source.records_per_shard, -(-len(clips) // MAX_SHARDS))
        starts = range(0, len(clips), size)
        shards += [
            Shard(split, index, len(starts), tuple(clips[start : start + size]))
            for index, start in enumerate(starts)
        ]
    return shards


def write_shard(
    source: CorpusSource, folder: pathlib.Path, reports: pathlib.Path, shard: Shard
) -> ShardReport:
    """Write one shard, unless it has already been written.

    The file gets its name when it is complete, and the report is written after it. One
    clip at a time is in memory.

    Args:
        source: Where the clips come from.
        folder: Where the file is written.
        reports: Where the report is written; it tells that the shard is complete. Also
            where the file is until then.
        shard: The shard.

    Returns:
        The report.
    """
    note = reports / f"{shard.split}-{shard.index:05d}.json"
    if not note.exists():
        handle, temporary = tempfile.mkstemp(prefix=".shard-", dir=reports)
        os.close(handle)
        try:
            report = _write_records(source, shard, temporary)
            os.chmod(temporary, 0o644)  # mkstemp makes it readable for the owner alone
            os.replace(temporary, folder / shard.file_name(source.name))
        finally:
            pathlib.Path(temporary).unlink(missing_ok=True)
        write_text(note, json.dumps(report._asdict()))
        source.release_clips(shard.clips)
    content = json.loads(note.read_text(encoding="utf-8"))
    skipped = tuple(SkippedClip(*clip) for clip in content["skipped"])
    return ShardReport(
        **{**content, "skipped": skipped, "texts": tuple(content["texts"])}
    )


def _write_records(source: CorpusSource, shard: Shard, path: str) -> ShardReport:
    """Write the records of a shard to a file."""
    features = source.features()
    skipped, texts = [], set()
    records = frames = unaligned = 0
    writer = ArrayRecordWriter(path, _WRITER_OPTIONS)
    for record in _read_clips(source, shard.clips, skipped):
        writer.write(_to_equal_bytes(features.serialize_example(record)))
        records += 1
        if "face" in record:  # a clip, not an image
            frames += len(record["face"])
            texts.add(record["text"])
            if source.aligner is not None:
                unaligned += not record["phones"]["phone"]
    writer.close()
    return ShardReport(records, frames, tuple(skipped), tuple(sorted(texts)), unaligned)


def _read_clips(
    source: CorpusSource, clips: Sequence[Any], skipped: list[SkippedClip]
) -> Iterator[dict[str, Any]]:
    """Read clips as records of limited length; note those that cannot be used."""
    for clip in clips:
        try:
            record = source.read_clip(clip)
        except InputError as error:
            skipped.append(SkippedClip(_to_unicode(str(clip)), _to_unicode(str(error))))
            continue
        for part in divide_record(record):
            yield {
                name: _to_unicode(value) if isinstance(value, str) else value
                for name, value in part.items()
            }


def _to_equal_bytes(example: bytes) -> bytes:
    """Sort the fields of a stored record, whose order differs between processes."""
    proto: Any = tf_example_pb2  # generated, without types
    stored = proto.Example.FromString(example)
    return stored.SerializeToString(deterministic=True)


def _to_unicode(text: str) -> str:
    """Replace bytes that are no characters, as names of files may have, by codes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
