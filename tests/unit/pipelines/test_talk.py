"""From a face and audio to a finished clip, with tiny untrained weights."""

import subprocess
import sys

import jax
import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.__main__ import main
from avjax.constants import FPS, SAMPLE_RATE
from avjax.data import puppet
from avjax.errors import InputError
from avjax.media import audio_io, image_io, video_reader
from avjax.media.video_writer import VideoWriter
from avjax.models.synctalkface import SyncTalkFaceConfig, init_variables
from avjax.pipelines.talk import talk
from avjax.pipelines.talking import talker_functions

SIDE = 32
DEMO_TEXT = "Do you see me?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photo, a clip, a recording and weights."""
    folder = tmp_path_factory.mktemp("talk")
    person = puppet.make_puppet(0, 1)
    photo, box = puppet.render_portrait(person, 160)
    image_io.write_png(folder / "face.png", photo)
    np.save(folder / "box.npy", box)
    frames, _ = puppet.render_portrait_video(
        person, puppet.articulate((), 12), puppet.still_pose(12), 160
    )
    with VideoWriter(folder / "clip.mp4", 30, None) as writer:
        for number, frame in enumerate(frames):
            frame[:16, :16] = 20 * number  # identifies the frame
            writer.write(frame)
    audio_io.write_wav(folder / "sound.wav", syllables(1.3))
    config = SyncTalkFaceConfig(size=SIDE, width=0.02, num_slots=4)
    variables = init_variables(config, jax.random.key(0))["generator"]
    # Larger kernels than the initial ones, so that audio has an effect on the frames.
    params = jax.tree.map(lambda x: 2.5 * x if x.ndim == 4 else x, variables["params"])
    weights.save(
        folder / "weights",
        {"generator": params},
        {"generator": variables["batch_stats"]},
        config,
        system="synctalkface",
        card="",
    )
    return folder


def syllables(seconds: float) -> np.ndarray:
    """Synthesize syllables in the first half and silence in the second."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = np.sin(2 * np.pi * 140 * time) * np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    return (0.3 * voice * (time < seconds / 2)).astype(np.float32)


def read_box(folder) -> tuple[float, float, float, float]:
    """Return x, y, width and height of the face."""
    x0, y0, x1, y1 = np.load(folder / "box.npy").tolist()
    return x0, y0, x1 - x0, y1 - y0


def box_argument(folder) -> str:
    return ",".join(map(str, read_box(folder)))


def run_talk(folder, *arguments) -> int:
    """Run `avjax talk` with the weights and the recording of the folder."""
    common = "--weights", folder / "weights", "--audio", folder / "sound.wav"
    return main(["talk", *map(str, common), *map(str, arguments)])


def talk_with(folder, face, audio, **options):
    """Call `talk` with the weights and the box of the folder."""
    options = {"weights": folder / "weights", "box": read_box(folder), **options}
    return talk(face, audio, **options)


def test_a_photo_gives_the_frames_of_a_clip_that_repeats_it(folder):
    photo = image_io.read_image(folder / "face.png")
    options = {"weights": folder / "weights", "box": (40, 40, 80, 80)}
    wave = syllables(0.8)  # more than one chunk of frames
    still, clip = (
        np.stack(list(avjax.talk(face, wave, **options)))
        for face in (photo, np.stack([photo] * 2))
    )
    np.testing.assert_array_equal(still, clip)
    assert len(still) == 20 and (still[0] != still[-1]).any()


def test_video_of_a_photo_is_as_long_as_the_audio(folder, tmp_path):
    out = tmp_path / "out.mp4"
    box = box_argument(folder)
    assert run_talk(folder, "--face", folder / "face.png", "--box", box, "-o", out) == 0
    info = video_reader.probe(out)
    assert info.fps == 25 and info.has_audio
    seconds = info.num_frames / FPS
    assert abs(seconds - 1.3) <= 1 / FPS
    assert abs(len(audio_io.read_audio(out)) / SAMPLE_RATE - seconds) < 0.03


def test_save_writes_the_video_with_sound_and_returns_the_report(folder, tmp_path):
    video = talk_with(folder, folder / "face.png", folder / "sound.wav")
    report = video.save(tmp_path / "out.mp4")
    assert report is video.report and report.num_frames == len(video)
    info = video_reader.probe(tmp_path / "out.mp4")
    assert info.num_frames == len(video) and info.has_audio
    with pytest.raises(InputError):
        video.save(folder / "face.png")


def test_save_does_not_overwrite_an_input(folder, tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes((folder / "clip.mp4").read_bytes())
    video = talk_with(folder, clip, syllables(0.2))
    with pytest.raises(InputError):
        video.save(clip)
    assert clip.read_bytes() == (folder / "clip.mp4").read_bytes()


def test_short_clip_is_played_back_and_forth_at_its_own_rate(folder):
    video = talk_with(folder, folder / "clip.mp4", syllables(1.0))
    frames = list(video)
    assert video.fps == 30 and len(video) == len(frames) == 30
    originals = list(video_reader.read_frames(folder / "clip.mp4"))
    numbers = video_reader.ping_pong_indices(12, 30)
    for frame, number in zip(frames, numbers, strict=True):
        np.testing.assert_array_equal(frame[:16, :16], originals[number][:16, :16])


def test_only_the_lower_face_changes(folder):
    box = read_box(folder)
    photo = image_io.read_image(folder / "face.png")
    video = avjax.talk(photo, syllables(0.2), weights=folder / "weights", box=box)
    frame = next(iter(video))
    assert frame.shape == photo.shape and frame.dtype == np.uint8
    x, y, width, height = (round(number) for number in box)
    changed = np.abs(frame.astype(int) - photo).max(axis=-1) > 0
    outside = np.ones_like(changed)
    outside[y + height // 3 : y + height + 1, x : x + width + 1] = False
    assert not (changed & outside).any() and changed.any()


def test_native_frames_have_the_size_of_the_network(folder):
    video = talk_with(folder, folder / "face.png", syllables(0.2), native=True)
    assert next(iter(video)).shape == (SIDE, SIDE, 3)


def test_frames_do_not_depend_on_the_chunk_size(folder, monkeypatch):
    audio = syllables(0.8)
    large = np.stack(list(talk_with(folder, folder / "face.png", audio)))
    monkeypatch.setattr(talker_functions, "CHUNK_FRAMES", 7)
    small = np.stack(list(talk_with(folder, folder / "face.png", audio)))
    assert np.abs(large.astype(int) - small).max() <= 1


def test_lips_do_not_move_in_silence(folder):
    video = talk_with(folder, folder / "face.png", syllables(2.0))
    frames = np.stack(list(video)).astype(int)
    assert not (frames[32:48] - frames[31:47]).any()
    assert (frames[5:20] - frames[4:19]).any()
    assert "in silence" in video.report.details()


def test_video_is_described_by_its_repr(folder):
    video = talk_with(folder, folder / "clip.mp4", syllables(0.4))
    expected = "<TalkingVideo: 12 frames of 160x160 pixels, 30 fps, weights "
    assert repr(video).startswith(expected)


def test_frames_without_a_face_are_copied_and_reported(folder):
    video = talk_with(folder, folder / "clip.mp4", syllables(0.4))
    video._source.boxes[3:6] = np.nan
    originals = list(video_reader.read_frames(folder / "clip.mp4"))
    frames = list(video)
    np.testing.assert_array_equal(frames[4], originals[4])
    assert video.report.missed_frames == [3, 4, 5]
    report = str(video.report)
    assert "warning: found a face in 9 of 12 frames" in report and "3-5" in report


@pytest.fixture
def bad(folder, tmp_path):
    """Folder of files that cannot be used, named by what is wrong with them."""
    clip = (folder / "clip.mp4").read_bytes()
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"this is no video\n" * 50,
        "truncated.mp4": clip[: len(clip) // 3],
        "empty.wav": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    audio_io.write_wav(tmp_path / "nothing.wav", np.zeros(0, np.float32))
    image_io.write_png(tmp_path / "wall.png", np.full((64, 64, 3), 128, np.uint8))
    loaded = weights.load(folder / "weights")
    weights.save(
        tmp_path / "misfit",
        loaded.params,
        loaded.stats,
        {**loaded.config, "width": 0.03},
        system="synctalkface",
        card="",
    )
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    "option",
    [
        ("--face", "missing.mp4"),
        ("--face", "empty.mp4"),
        ("--face", "text.mp4"),
        ("--face", "truncated.mp4"),
        ("--face", "wall.png"),
        ("--face", "."),
        ("--audio", "missing.wav"),
        ("--audio", "empty.wav"),
        ("--audio", "nothing.wav"),
        ("--audio", "silent.mp4"),
        ("--weights", "unknown-name"),
        ("--weights", "broken"),
        ("--box", "10,10,9999,10"),
        ("--box", "nonsense"),
        ("--box", "nan,0,9,9"),
        ("--box", "0,0,0,9"),
        ("--face-index", "-1"),
        ("--face-index", "7"),
        ("--weights", "misfit"),
        ("-o", "no/such/folder/out.mp4"),
        ("-o", "."),
    ],
    ids=" ".join,
)
def test_invalid_input_prints_one_sentence_and_writes_nothing(
    option, folder, bad, capfd
):
    (bad / "silent.mp4").write_bytes((folder / "clip.mp4").read_bytes())
    before = sorted(bad.iterdir())
    name, value = option
    options = {
        "--face": folder / "face.png",
        "--audio": folder / "sound.wav",
        "--weights": folder / "weights",
        "-o": bad / "out.mp4",
        "--box": box_argument(folder),
    }
    if name in ("--face", "--face-index"):
        del options["--box"]
    is_file = name not in ("--box", "--face-index") and value != "unknown-name"
    options[name] = bad / value if is_file else value
    words = [str(word) for pair in options.items() for word in pair]
    assert main(["talk", *words]) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("avjax: ")
    assert sorted(bad.iterdir()) == before


def test_no_file_remains_if_the_disk_is_full(folder, tmp_path):
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    command = [sys.executable, "-m", "avjax", "talk", "-o", str(tmp_path / "o.mp4")]
    command += ["--weights", str(folder / "weights"), "--box", box_argument(folder)]
    command += ["--face", str(folder / "face.png")]
    command += ["--audio", str(folder / "sound.wav")]
    process = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1])),
    )
    assert process.returncode == 2, process.stderr
    assert not list(tmp_path.iterdir())


def test_weights_of_another_system_are_refused(folder, tmp_path):
    loaded = weights.load(folder / "weights")
    weights.save(
        tmp_path / "other",
        loaded.params,
        loaded.stats,
        loaded.config,
        system="sync_expert",
        card="",
    )
    with pytest.raises(InputError, match="belong to sync_expert"):
        talk(folder / "face.png", syllables(0.1), weights=tmp_path / "other")


def test_arrays_of_another_shape_are_refused(folder):
    photo, wave = image_io.read_image(folder / "face.png"), syllables(0.2)
    for face, audio in ((photo[..., 0], wave), (photo, wave[:, None])):
        with pytest.raises(InputError, match="array of"):
            talk_with(folder, face, audio)
