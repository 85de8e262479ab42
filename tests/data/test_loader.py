"""Batches: resumable, shared by hosts, whole."""

import dataclasses
import json
import sys

import grain
import numpy as np
import pytest

from avjax.data.examples.lipreading import ReadClip
from avjax.data.examples.talking import SyncWindow, TalkWindow
from avjax.data.loader import Loader, batches, one_pass, source, vocabulary
from avjax.errors import InputError


def same(one, other):
    """Whether two batches hold the same numbers."""
    return one.keys() == other.keys() and all((one[k] == other[k]).all() for k in one)


def take(iterator, count):
    return [next(iterator) for _ in range(count)]


def test_batches_have_the_promised_shapes(numbered):
    talk = next(batches(Loader(numbered, batch=4)))
    assert {key: (value.shape, value.dtype.name) for key, value in talk.items()} == {
        "window": ((4, 9, 16, 16, 3), "uint8"),
        "reference": ((4, 5, 16, 16, 3), "uint8"),
        "mels": ((4, 5, 16, 80), "float32"),
        "mel": ((4, 16, 80), "float32"),
        "landmarks": ((4, 5, 20, 2), "float32"),
        "weight": ((4,), "float32"),
    }
    sync = next(batches(Loader(numbered, window=SyncWindow(), batch=4)))
    assert {key: (value.shape, value.dtype.name) for key, value in sync.items()} == {
        "lips": ((4, 2, 5, 16, 16, 3), "uint8"),
        "mels": ((4, 2, 16, 80), "float32"),
        "start": ((4, 2), "int32"),
        "weight": ((4,), "float32"),
    }


@pytest.mark.parametrize("window", [TalkWindow(), SyncWindow()])
def test_a_loader_that_was_stopped_goes_on_where_it_was(numbered, window):
    loader = Loader(numbered, window=window, batch=4)
    straight = batches(loader)
    take(straight, 7)  # into the second epoch
    state = json.loads(json.dumps(straight.get_state()))
    resumed = batches(loader)
    resumed.set_state(state)
    assert all(map(same, take(straight, 6), take(resumed, 6)))


def test_processes_read_what_threads_read(numbered):
    threads = take(batches(Loader(numbered, batch=4)), 6)
    iterator = batches(Loader(numbered, batch=4, workers=2))
    processes = take(iterator, 3)
    state = iterator.get_state()
    processes += take(iterator, 3)
    assert all(map(same, threads, processes))
    iterator.set_state(state)
    assert all(map(same, threads[3:], take(iterator, 3)))
    iterator.close()


def test_the_seed_makes_the_order(numbered):
    first, again = (next(batches(Loader(numbered, batch=8))) for _ in range(2))
    other = next(batches(Loader(numbered, batch=8, seed=1)))
    assert same(first, again) and not same(first, other)


class Who:
    """A window that only tells which clip it was given."""

    def random_map(self, record, rng):
        return {"clip": np.int32(record["clip"].split()[1])}

    def at(self, record, place, places):
        return {"clip": np.int32(record["clip"].split()[1]), "weight": np.float32(1)}


def test_an_epoch_holds_every_clip_once_and_the_next_another_order(numbered):
    loader = Loader(numbered, window=Who().random_map, batch=17)
    first, second = (batch["clip"].tolist() for batch in take(batches(loader), 2))
    assert sorted(first) == sorted(second) == list(range(17))
    assert first != second and first != sorted(first)


def test_hosts_share_the_clips(numbered):
    loader = Loader(numbered, window=Who().random_map, batch=4)
    shares = [batches(loader, host, 2) for host in range(2)]
    clips = [np.concatenate([b["clip"] for b in take(share, 4)]) for share in shares]
    assert len(clips[0]) == 8 and set(clips[0]).isdisjoint(clips[1])


def test_two_hosts_together_see_what_one_would(numbered):
    """Clips and draws: a run may go on with another number of hosts."""
    loader = Loader(numbered, window=SyncWindow(), batch=8)
    alone = next(batches(loader))
    first, second = (next(batches(loader, host, 2)) for host in range(2))
    for key in alone:
        np.testing.assert_array_equal(alone[key][0::2], first[key])
        np.testing.assert_array_equal(alone[key][1::2], second[key])


def test_windows_are_drawn_anew_in_every_epoch(numbered):
    loader = Loader(numbered, "test[:1]", SyncWindow(), batch=1)
    drawn = {int(batch["start"][0, 0]) for batch in take(batches(loader), 20)}
    assert len(drawn) > 3


@pytest.mark.parametrize("hosts", [1, 2])
def test_an_evaluation_sees_everything_once(numbered, hosts):
    loader = Loader(numbered, window=Who(), batch=8, windows=3)
    passes = [list(one_pass(loader, host, hosts)) for host in range(hosts)]
    assert len({len(one) for one in passes}) == 1, "hosts wait for one another"
    every = [batch for one in passes for batch in one]
    assert all(len(batch["clip"]) == 8 // hosts for batch in every)
    clip, weight = (np.concatenate([b[k] for b in every]) for k in ("clip", "weight"))
    assert sorted(clip[weight > 0]) == sorted([*range(17)] * 3)
    assert len(clip) == 56  # 51 made whole


def test_an_evaluation_is_the_same_each_time(numbered):
    loader = Loader(numbered, "test", SyncWindow(), batch=2, windows=2)
    assert all(map(same, one_pass(loader), one_pass(loader)))


BUCKETS = 12, 18, 30  # for 4, 6 and 7 clips, of 9 to 25 frames
READ = ReadClip(size=8, symbols=("", *"dforstw ö"))


@dataclasses.dataclass(frozen=True)
class Sized(grain.transforms.RandomMap):
    """A window that tells which clip it was given, and holds so many frames."""

    frames: int = 0

    def random_map(self, record, rng):
        return self.at(record, 0, 1) | {"drawn": rng.random()}

    def at(self, record, place, places):
        frames, clip = np.zeros(self.frames), int(record["clip"].split()[1])
        return {"frames": frames, "clip": clip, "weight": np.float32(1)}


def sized(root, batch, **changes):
    return Loader(root, window=Sized(), batch=batch, buckets=BUCKETS, **changes)


def fits(batch):
    """Whether a batch has the smallest length that each of its clips fits into."""
    lengths = np.asarray(batch["clip"]) + 9
    homes = np.searchsorted(BUCKETS, lengths)
    return {BUCKETS[home] for home in homes} == {batch["frames"].shape[1]}


def test_clips_are_in_batches_of_one_length_and_none_comes_more_often(numbered):
    epochs = take(batches(sized(numbered, 1)), 3 * 17)
    assert all(map(fits, epochs))
    for epoch in range(3):
        clips = [int(b["clip"][0]) for b in epochs[17 * epoch : 17 * epoch + 17]]
        assert sorted(clips) == list(range(17))
    assert all(map(fits, take(batches(sized(numbered, 4)), 12)))


@pytest.mark.parametrize("hosts", [1, 2])
def test_an_evaluation_by_buckets_sees_everything_once(numbered, hosts):
    loader = sized(numbered, 4, windows=2)
    passes = [list(one_pass(loader, host, hosts)) for host in range(hosts)]
    lengths = [[batch["frames"].shape for batch in one] for one in passes]
    assert lengths[0] == lengths[-1], "hosts wait for one another"
    every = [batch for one in passes for batch in one]
    clip, weight = (np.concatenate([b[k] for b in every]) for k in ("clip", "weight"))
    assert sorted(clip[weight > 0]) == sorted([*range(17)] * 2)
    assert len(clip) == 8 + 12 + 16 and all(map(fits, every))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_with_buckets_goes_on_where_it_was(numbered, workers):
    loader = Loader(numbered, window=READ, batch=3, buckets=BUCKETS, workers=workers)
    straight = batches(loader)
    take(straight, 7)
    state = json.loads(json.dumps(straight.get_state()))
    resumed = batches(loader)
    resumed.set_state(state)
    assert all(map(same, take(straight, 9), take(resumed, 9)))
    straight.close(), resumed.close()


def test_hosts_have_batches_of_one_length_and_together_see_what_one_would(numbered):
    """Also of a bucket with fewer clips than hosts."""
    loader = dataclasses.replace(sized(numbered, 2), buckets=(9, 18, 30))
    alone = take(batches(loader), 17)
    shares = [take(batches(loader, host, 2), 17) for host in range(2)]
    assert {batch["frames"].shape[1] for batch in alone} == {9, 18, 30}
    for one, first, second in zip(alone, *shares, strict=True):
        assert first["frames"].shape == second["frames"].shape
        for key in one:
            np.testing.assert_array_equal(one[key][0::2], first[key])
            np.testing.assert_array_equal(one[key][1::2], second[key])


@pytest.mark.parametrize("read", [batches, one_pass])
def test_a_clip_that_is_too_long_is_one_sentence(numbered, read):
    with pytest.raises(InputError, match="25 frames, and 24 is the largest bucket"):
        read(Loader(numbered, window=Sized(), buckets=(12, 24)))
    with pytest.raises(InputError, match="frames, and 10 are the most"):
        short = dataclasses.replace(READ, frames=10)
        list(zip(read(Loader(numbered, window=short)), range(9), strict=False))


def test_a_corpus_tells_its_vocabulary_and_before_it_is_there_words_have_no_name(
    numbered, tmp_path
):
    assert vocabulary(numbered, 3) == ("söft words",)
    assert vocabulary(tmp_path / "none", 3) == ("word 0", "word 1", "word 2")


def test_a_part_of_a_split_can_be_named(numbered):
    assert len(source(numbered, "train[:5]")) == 5
    assert source(numbered, "train[5:7]")[0]["clip"] == "clip 5"


def test_a_missing_corpus_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match="avjax data build --help"):
        batches(Loader(str(tmp_path / "none")))
    with pytest.raises(InputError, match="no corpus in"):
        one_pass(Loader(str(tmp_path / "none")))  # at once, not at the first batch


def test_an_unknown_split_says_what_there_is(numbered):
    for split in ("tset", "train[", "train[:0]"):
        with pytest.raises(InputError, match="split"):
            source(numbered, split)


@pytest.mark.parametrize("name", ["batch", "workers", "seed", "windows"])
def test_a_number_below_what_makes_sense_is_refused(numbered, name):
    loader = Loader(numbered, **{name: -1})
    for read in (batches, one_pass):
        with pytest.raises(InputError, match=f"{name} of a loader must be at least"):
            next(read(loader))


def test_a_batch_that_hosts_cannot_share_is_refused(numbered):
    with pytest.raises(InputError, match="8 cannot be shared by 3"):
        batches(Loader(numbered, batch=8), 0, 3)


def test_nothing_here_needs_tensorflow(numbered):
    next(batches(Loader(numbered)))
    assert "tensorflow" not in sys.modules
