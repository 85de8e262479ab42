"""Batches of a corpus: order, resumption, processes, buckets, and errors."""

import dataclasses
import re
import sys
from typing import ClassVar

import grain
import numpy as np
import pytest

from avjax.data.builders.corpus import build_corpus
from avjax.data.builders.image_pairs import CleanImageSource
from avjax.data.builders.source import CorpusSource
from avjax.data.examples.alignment import AlignmentClip
from avjax.data.examples.image_pairs import ImagePairCrop
from avjax.data.examples.lipreading import LipreadClip, LipToSpeechClip
from avjax.data.examples.talking import LandmarkExample, SyncExample, TalkTrainExample
from avjax.data.examples.talking_eval import TalkEvalClip
from avjax.data.examples.text_to_lip import TextEvalClip, TextToLipExample
from avjax.data.loader import Loader, read_vocabulary
from avjax.data.reel import Reel
from avjax.data.schema import make_record
from avjax.data.split_source import open_split
from avjax.data.train_batches import TrainBatches
from avjax.errors import InputError
from avjax.media.photo_io import Photo, write_photo


def equal(first, second):
    """Return whether two batches hold the same numbers."""
    return first.keys() == second.keys() and all(
        (first[k] == second[k]).all() for k in first
    )


def take(iterator, count):
    return [next(iterator) for _ in range(count)]


def test_batches_have_documented_shapes(numbered):
    talk = next(Loader(numbered, batch_size=4).train_batches())
    assert {key: (value.shape, value.dtype.name) for key, value in talk.items()} == {
        "frames": ((4, 9, 16, 16, 3), "uint8"),
        "reference": ((4, 5, 16, 16, 3), "uint8"),
        "mels": ((4, 5, 16, 80), "float32"),
        "mel": ((4, 16, 80), "float32"),
        "landmarks": ((4, 5, 20, 2), "float32"),
        "weight": ((4,), "float32"),
    }
    sync = next(Loader(numbered, transform=SyncExample(), batch_size=4).train_batches())
    assert {key: (value.shape, value.dtype.name) for key, value in sync.items()} == {
        "lips": ((4, 2, 5, 16, 16, 3), "uint8"),
        "mels": ((4, 2, 16, 80), "float32"),
        "start": ((4, 2), "int32"),
        "weight": ((4,), "float32"),
    }


@pytest.mark.parametrize("transform", [TalkTrainExample(), SyncExample()])
def test_training_resumes_at_saved_position(numbered, transform):
    loader = Loader(numbered, transform=transform, batch_size=4)
    straight = loader.train_batches()
    take(straight, 7)  # into the second epoch
    resumed = loader.train_batches(start=7)
    assert all(map(equal, take(straight, 6), take(resumed, 6)))


def test_processes_and_threads_read_the_same(numbered):
    threads = take(Loader(numbered, batch_size=4).train_batches(), 6)
    iterator = Loader(numbered, batch_size=4, num_workers=2).train_batches()
    assert all(map(equal, threads, take(iterator, 6)))
    iterator.close()


def test_seed_determines_order(numbered):
    first, again = (
        next(Loader(numbered, batch_size=8).train_batches()) for _ in range(2)
    )
    other = next(Loader(numbered, batch_size=8, seed=1).train_batches())
    assert equal(first, again) and not equal(first, other)


class ClipNumber:
    """A transform that returns only the number of its clip."""

    def random_map(self, record, rng):
        return {"clip": np.int32(record["clip"].split()[1])}

    def at(self, record, index, count):
        return {"clip": np.int32(record["clip"].split()[1]), "weight": np.float32(1)}


def test_epoch_has_every_clip_once_and_its_own_order(numbered):
    loader = Loader(numbered, transform=ClipNumber().random_map, batch_size=17)
    first, second = (
        batch["clip"].tolist() for batch in take(loader.train_batches(), 2)
    )
    assert sorted(first) == sorted(second) == list(range(17))
    assert first != second and first != sorted(first)


def test_processes_read_different_clips(numbered):
    loader = Loader(numbered, transform=ClipNumber().random_map, batch_size=4)
    shares = [loader.train_batches(index, 2) for index in range(2)]
    clips = [np.concatenate([b["clip"] for b in take(share, 4)]) for share in shares]
    assert len(clips[0]) == 8 and set(clips[0]).isdisjoint(clips[1])


def test_two_processes_read_the_same_examples_as_one(numbered):
    """A run may be continued with another number of processes; see TrainBatches."""
    loader = Loader(numbered, transform=SyncExample(), batch_size=8)
    alone = next(loader.train_batches())
    first, second = (next(loader.train_batches(index, 2)) for index in range(2))
    for key in alone:
        np.testing.assert_array_equal(alone[key], [*first[key], *second[key]])


def test_examples_are_drawn_again_in_every_epoch(numbered):
    loader = Loader(numbered, "test[:1]", SyncExample(), batch_size=1)
    starts = {int(batch["start"][0, 0]) for batch in take(loader.train_batches(), 20)}
    assert len(starts) > 3


@pytest.mark.parametrize("count", [1, 2])
def test_evaluation_reads_every_clip_once(numbered, count):
    loader = Loader(numbered, transform=ClipNumber(), batch_size=8, examples_per_clip=3)
    passes = [list(loader.eval_batches(index, count)) for index in range(count)]
    assert len({len(one) for one in passes}) == 1, "processes wait for one another"
    batches = [batch for one in passes for batch in one]
    assert all(len(batch["clip"]) == 8 // count for batch in batches)
    clip, weight = (np.concatenate([b[k] for b in batches]) for k in ("clip", "weight"))
    assert sorted(clip[weight > 0]) == sorted([*range(17)] * 3)
    assert len(clip) == 56  # 51, padded


def test_evaluation_is_repeatable(numbered):
    loader = Loader(numbered, "test", SyncExample(), batch_size=2, examples_per_clip=2)
    assert all(map(equal, loader.eval_batches(), loader.eval_batches()))


BUCKETS = 12, 18, 30  # for 4, 6 and 7 clips, of 9 to 25 frames
READ = LipreadClip(size=8, vocabulary=("", *"dforstw ö"))


@dataclasses.dataclass(frozen=True)
class Sized(grain.transforms.RandomMap):
    """A transform that returns the number of its clip, and `num_frames` zeros."""

    num_frames: int = 0

    def random_map(self, record, rng):
        return self.at(record, 0, 1) | {"random": rng.random()}

    def at(self, record, index, count):
        frames, clip = np.zeros(self.num_frames), int(record["clip"].split()[1])
        return {"frames": frames, "clip": clip, "weight": np.float32(1)}


def sized(root, batch, **changes):
    return Loader(
        root, transform=Sized(), batch_size=batch, bucket_frames=BUCKETS, **changes
    )


def fits(batch):
    """Return whether a batch has the smallest length that its clips fit into."""
    lengths = np.asarray(batch["clip"]) + 9
    buckets = np.searchsorted(BUCKETS, lengths)
    return {BUCKETS[bucket] for bucket in buckets} == {batch["frames"].shape[1]}


def test_buckets_keep_epochs_balanced(numbered):
    epochs = take(sized(numbered, 1).train_batches(), 3 * 17)
    assert all(map(fits, epochs))
    for epoch in range(3):
        clips = [int(b["clip"][0]) for b in epochs[17 * epoch : 17 * epoch + 17]]
        assert sorted(clips) == list(range(17))
    assert all(map(fits, take(sized(numbered, 4).train_batches(), 12)))


@pytest.mark.parametrize("count", [1, 2])
def test_evaluation_with_buckets_reads_every_clip_once(numbered, count):
    loader = sized(numbered, 4, examples_per_clip=2)
    passes = [list(loader.eval_batches(index, count)) for index in range(count)]
    lengths = [[batch["frames"].shape for batch in one] for one in passes]
    assert lengths[0] == lengths[-1], "processes wait for one another"
    batches = [batch for one in passes for batch in one]
    clip, weight = (np.concatenate([b[k] for b in batches]) for k in ("clip", "weight"))
    assert sorted(clip[weight > 0]) == sorted([*range(17)] * 2)
    assert len(clip) == 8 + 12 + 16 and all(map(fits, batches))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_training_with_buckets_resumes(numbered, num_workers):
    loader = Loader(
        numbered,
        transform=READ,
        batch_size=3,
        bucket_frames=BUCKETS,
        num_workers=num_workers,
    )
    straight = loader.train_batches()
    take(straight, 7)
    resumed = loader.train_batches(start=7)
    assert all(map(equal, take(straight, 9), take(resumed, 9)))
    straight.close()
    resumed.close()


def test_processes_read_the_same_bucket(numbered):
    """One bucket has fewer clips than there are processes."""
    loader = dataclasses.replace(sized(numbered, 2), bucket_frames=(9, 18, 30))
    alone = take(loader.train_batches(), 17)
    shares = [take(loader.train_batches(index, 2), 17) for index in range(2)]
    assert {batch["frames"].shape[1] for batch in alone} == {9, 18, 30}
    for one, first, second in zip(alone, *shares, strict=True):
        assert first["frames"].shape == second["frames"].shape
        for key in one:
            np.testing.assert_array_equal(one[key], [*first[key], *second[key]])


@pytest.mark.parametrize("read", [Loader.train_batches, Loader.eval_batches])
def test_clip_that_is_too_long_is_rejected(numbered, read):
    with pytest.raises(InputError, match="25 frames, and the largest bucket has 24"):
        read(Loader(numbered, transform=Sized(), bucket_frames=(12, 24)))
    with pytest.raises(InputError, match="frames; at most 10 are allowed"):
        short = dataclasses.replace(READ, num_frames=10)
        list(zip(read(Loader(numbered, transform=short)), range(9), strict=False))


def test_vocabulary_of_corpus_or_placeholders(numbered, tmp_path):
    assert read_vocabulary(numbered, 3) == ("söft words",)
    assert read_vocabulary(tmp_path / "none", 3) == ("word 0", "word 1", "word 2")


def test_part_of_split_can_be_opened(numbered):
    assert len(open_split(numbered, "train[:5]")) == 5
    assert open_split(numbered, "train[5:7]")[0]["clip"] == "clip 5"


def test_missing_corpus_is_rejected_with_advice(tmp_path):
    with pytest.raises(InputError, match="avjax data build --help"):
        Loader(str(tmp_path / "none")).train_batches()
    with pytest.raises(InputError, match="there is no corpus in"):
        Loader(str(tmp_path / "none")).eval_batches()  # before the first batch


def test_unknown_split_is_rejected(numbered):
    for split in ("tset", "train[", "train[:0]"):
        with pytest.raises(InputError, match="split"):
            open_split(numbered, split)


def test_slice_larger_than_the_split_is_shortened_with_a_message(numbered, capsys):
    count = len(open_split(numbered, "train"))
    assert len(open_split(numbered, "train[:1000]")) == count
    assert len(open_split(numbered, "train[2:1000]")) == count - 2
    assert f"has only {count} clips in train: train[:1000] is read as" in " ".join(
        capsys.readouterr().err.split()
    )


def test_slice_after_the_last_clip_is_rejected(numbered):
    with pytest.raises(InputError, match="cannot be taken from the split 'train'"):
        open_split(numbered, "train[900:1000]")


@pytest.mark.parametrize(
    "name", ["batch_size", "num_workers", "seed", "examples_per_clip"]
)
def test_number_below_minimum_is_rejected(numbered, name):
    loader = Loader(numbered, **{name: -1})
    for read in (Loader.train_batches, Loader.eval_batches):
        with pytest.raises(InputError, match=f"{name} of a loader must be at least"):
            next(read(loader))


def test_batch_size_must_be_divisible_by_processes(numbered):
    with pytest.raises(InputError, match="batch_size 8 is not divisible by 3"):
        Loader(numbered, batch_size=8).train_batches(0, 3)


def test_loading_does_not_import_tensorflow(numbered):
    next(Loader(numbered).train_batches())
    assert "tensorflow" not in sys.modules


@dataclasses.dataclass(frozen=True)
class UnlabelledSource(CorpusSource):
    """Two clips without any label."""

    name: ClassVar[str] = "unlabelled"
    face_size: ClassVar[int] = 16

    def list_clips(self):
        return {"train": [0, 1], "test": [2]}

    def read_clip(self, number):
        images = (np.zeros((9, side, side, c), np.uint8) for side, c in SIDES)
        face, mouth = map(Reel.from_frames, images)
        wave = np.zeros(9 * 640, np.float32)
        clip = f"clip {number}"
        return make_record(
            face=face, mouth=mouth, wave=wave, text="", speaker="s", clip=clip
        )


SIDES = (16, 3), (96, 1)  # side and channels of faces and mouths


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora") / "unlabelled"
    build_corpus(UnlabelledSource(), folder, num_workers=0)
    return str(folder)


@pytest.mark.parametrize("read", [Loader.train_batches, Loader.eval_batches])
@pytest.mark.parametrize(
    ("transform", "lack", "remedy"),
    [
        (LipreadClip(), "a transcript", ".vtt, .srt or .txt"),
        (LipreadClip(label_unit="words"), "a transcript", ".vtt, .srt or .txt"),
        (LipreadClip(label_unit="phones"), "phonemes with their times", "puppet, grid"),
        (AlignmentClip(), "a transcript", ".vtt, .srt or .txt"),
        (TextToLipExample(), "phonemes with their times", "puppet, grid"),
        (TextEvalClip(), "phonemes with their times", "puppet, grid"),
        (LandmarkExample(), "lip landmarks", "the corpus puppet"),
    ],
)
def test_corpus_without_labels_is_refused(unlabelled, read, transform, lack, remedy):
    message = f"no clip of the split 'train' has {lack}, which .*{re.escape(remedy)}"
    with pytest.raises(InputError, match=message):
        read(Loader(unlabelled, transform=transform))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A corpus of one clean image."""
    folder = tmp_path_factory.mktemp("images")
    write_photo(folder / "raw.png", Photo(np.zeros((32, 32, 3), np.uint8)))
    source = CleanImageSource(str(folder))
    build_corpus(source, folder / "corpus", num_workers=0)
    return str(folder / "corpus")


@pytest.mark.parametrize("read", [Loader.train_batches, Loader.eval_batches])
def test_corpus_of_another_kind_is_refused(unlabelled, pictures, read):
    message = "a corpus of clips of talking faces, and .* needs images; avjax data bui"
    with pytest.raises(InputError, match=message):
        read(Loader(unlabelled, transform=ImagePairCrop(16)))
    transforms = TalkTrainExample(), LipreadClip(), TalkEvalClip(), SyncExample()
    for transform in transforms:
        message = "is a corpus of images, and this experiment needs clips of talking"
        with pytest.raises(InputError, match=message):
            read(Loader(pictures, transform=transform))
    with pytest.raises(InputError, match="no image .* has a noisy image, .*set corrup"):
        read(Loader(pictures, transform=ImagePairCrop(16, corruptions=())))
    assert len(next(read(Loader(pictures, transform=ImagePairCrop(16))))["clean"])


def test_corpus_without_labels_fits_transforms_that_need_none(unlabelled):
    for transform in (TalkTrainExample(), SyncExample(), LipToSpeechClip(size=8)):
        batch = next(Loader(unlabelled, transform=transform).eval_batches())
        assert batch["weight"].sum() == 2


def test_clip_without_labels_has_no_weight(numbered):
    """In the corpus, every second clip has landmarks."""
    loader = Loader(numbered, "train[:4]", LandmarkExample(), batch_size=4)
    batch = next(loader.eval_batches())
    assert batch["weight"].tolist() == [0, 1, 0, 1]
    batch = next(loader.train_batches())
    assert (batch["weight"] == batch["landmarks"].any((1, 2, 3))).all()


def test_position_counts_batches_and_can_be_set(numbered):
    loader = Loader(numbered, transform=SyncExample(), batch_size=4)
    batches = TrainBatches(loader)
    third = [next(batches) for _ in range(3)][2]
    assert batches.position == 3
    batches.seek(2)
    assert equal(batches.peek(), third) and batches.position == 2
    assert equal(next(batches), third) and batches.position == 3


def test_loader_that_cannot_start_later_is_refused():
    class Old:
        def train_batches(self, process_index=0, process_count=1):
            return iter([])

    with pytest.raises(InputError, match="Old.train_batches must take the arguments"):
        TrainBatches(Old())
