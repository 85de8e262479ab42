"""Videos and arguments that `avjax sync` refuses."""

import numpy as np
import pytest

import avjax
from avjax.__main__ import COMMANDS, DELEGATED_COMMANDS, main
from avjax.cli import make_parser
from avjax.constants import FPS, SAMPLES_PER_FRAME
from avjax.media import video_reader
from avjax.media.video_writer import VideoWriter


def write_video(path, frames, wave):
    with VideoWriter(path, FPS, wave) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def bad_audio_files(bad_files, puppet_clip):
    """The unusable files, with some that only this command cannot use."""
    frames = list(video_reader.read_frames(puppet_clip))
    noise = np.random.default_rng(0).normal(0, 0.1, 20 * 25 * SAMPLES_PER_FRAME)
    noise = noise.astype(np.float32)
    black = [np.zeros((48, 64, 3), np.uint8)] * 40
    write_video(bad_files / "silence.mp4", frames, np.zeros_like(noise))
    write_video(bad_files / "short.mp4", frames[:35], noise)
    write_video(bad_files / "single.mp4", frames[:1], noise)
    write_video(bad_files / "faceless.mp4", black, noise)
    return bad_files


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["one.mp4", "--box", "8,0,48,48"], "no (audio|sound)"),
        (
            ["silence.mp4", "--box", "0,0,96,96", "--weights", "sync-puppet"],
            "silent",
        ),
        (["short.mp4", "--box", "0,0,96,96"], "36 frames of 25 a second"),
        (["single.mp4", "--box", "0,0,96,96"], "36 frames of 25 a second"),
        (["faceless.mp4"], "no face"),
        (
            ["faceless.mp4", "--face-index", "2"],
            "number 0 is the most important face, by its size",
        ),
        (
            ["faceless.mp4", "--weights", "sentences"],
            "only weights of sync_people, sync_expert, syncnet_v2 can be used here",
        ),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_invalid_input_prints_one_sentence_with_the_reason(
    words, reason, bad_audio_files, assert_refused
):
    assert_refused(lambda *words: main(["sync", *words]), *words)
    options = make_parser(COMMANDS, DELEGATED_COMMANDS).parse_args(["sync", *words])
    with pytest.raises(avjax.InputError, match=reason):
        options.run(options)


def test_common_invalid_arguments_are_refused(bad_arguments, assert_refused):
    assert_refused(lambda *words: main(["sync", *map(str, words)]), *bad_arguments)
