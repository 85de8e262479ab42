"""From a face and a sound to a finished clip, with tiny untrained weights."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import avjax
from avjax import weights
from avjax.__main__ import DEMO_PUPPET, main
from avjax.audio.mel import RATE
from avjax.data import puppet
from avjax.data.puppet.portrait import film, portrait
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media import face_source as source
from avjax.media import image_io as image
from avjax.media import video_reader as video
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import talk
from avjax.pipelines import text_talker as prompter

SIDE = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A photo, a clip, a sound and weights."""
    folder = tmp_path_factory.mktemp("talk")
    person = puppet.make_puppet(0, 1)
    picture, box = portrait(person, 160)
    image.write_png(folder / "face.png", picture)
    np.save(folder / "box.npy", box)
    frames, _ = film(person, puppet.articulate((), 12), puppet.still(12), 160)
    with video.VideoWriter(folder / "clip.mp4", 30, None) as writer:
        for number, frame in enumerate(frames):
            frame[:16, :16] = 20 * number  # so that each can be told
            writer.write(frame)
    audio.write_wav(folder / "sound.wav", sound(1.3))
    config = SyncTalkFaceConfig(size=SIDE, width=0.02, slots=4)
    mels, faces = jnp.zeros((1, 5, 16, 80)), jnp.zeros((1, 5, SIDE, SIDE, 6))
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    window = jnp.zeros((1, 9, SIDE, SIDE, 3))
    found = SyncTalkFace(config).init(keys, mels, faces, window)
    # Untrained kernels let the sound fade away on its way; louder ones do not.
    params = jax.tree.map(lambda x: 2.5 * x if x.ndim == 4 else x, found["params"])
    parts = {"face": params}, {"face": found["batch_stats"]}
    weights.save(folder / "weights", *parts, config, system="synctalkface", card="")
    return folder


def sound(seconds: float) -> np.ndarray:
    """Syllables in the first half, nothing in the second."""
    time = np.arange(int(seconds * RATE)) / RATE
    voice = np.sin(2 * np.pi * 140 * time) * np.clip(np.sin(2 * np.pi * 4 * time), 0, 1)
    return (0.3 * voice * (time < seconds / 2)).astype(np.float32)


def box_of(folder) -> tuple[float, ...]:
    x0, y0, x1, y1 = np.load(folder / "box.npy").tolist()
    return x0, y0, x1 - x0, y1 - y0


def call(folder, *arguments) -> int:
    given = ("--weights", str(folder / "weights"), "--audio", str(folder / "sound.wav"))
    return main(["talk", *given, *map(str, arguments)])


def test_a_photo_talks_for_as_long_as_the_sound(folder, tmp_path):
    out = tmp_path / "out.mp4"
    box = ",".join(map(str, box_of(folder)))
    assert call(folder, "--face", folder / "face.png", "--box", box, "-o", out) == 0
    info = video.probe(out)
    assert info.fps == 25 and info.has_sound
    assert abs(info.frames / 25 - 1.3) <= 1 / 25
    assert abs(len(audio.read_sound(out)) / RATE - info.frames / 25) < 0.03


def test_a_clip_goes_to_and_fro_at_its_own_rate(folder):
    box = box_of(folder)
    made = talk.talk(
        folder / "clip.mp4", sound(1.0), weights=folder / "weights", box=box
    )
    frames = list(made)
    assert made.fps == 30 and len(made) == len(frames) == 30
    raw = list(video.read_frames(folder / "clip.mp4"))
    for frame, number in zip(frames, video.bounce(12, 30), strict=True):
        np.testing.assert_array_equal(frame[:16, :16], raw[number][:16, :16])


def test_only_the_lower_face_changes(folder):
    box = box_of(folder)
    picture = image.read_image(folder / "face.png").rgb
    made = avjax.talk(picture, sound(0.2), weights=folder / "weights", box=box)
    frame = next(iter(made))
    assert frame.shape == picture.shape and frame.dtype == np.uint8
    x, y, width, height = (round(number) for number in box)
    changed = np.abs(frame.astype(int) - picture).max(axis=-1) > 0
    outside = np.ones_like(changed)
    outside[y + height // 3 : y + height + 1, x : x + width + 1] = False
    assert not (changed & outside).any() and changed.any()


def test_native_frames_are_the_face_as_it_was_drawn(folder):
    face, given = folder / "face.png", {"weights": folder / "weights"}
    made = talk.talk(face, sound(0.2), box=box_of(folder), native=True, **given)
    assert next(iter(made)).shape == (SIDE, SIDE, 3)


def test_frames_do_not_depend_on_how_they_fall_into_chunks(folder, monkeypatch):
    given = {"weights": folder / "weights", "box": box_of(folder)}
    whole = list(talk.talk(folder / "face.png", sound(0.8), **given))
    monkeypatch.setattr(talkers, "CHUNK", 7)
    pieces = list(talk.talk(folder / "face.png", sound(0.8), **given))
    differ = np.abs(np.stack(whole).astype(int) - np.stack(pieces))
    assert differ.max() <= 1


def test_in_silence_the_lips_stand_still(folder):
    given = {"weights": folder / "weights", "box": box_of(folder)}
    made = talk.talk(folder / "face.png", sound(2.0), **given)
    frames = np.stack(list(made)).astype(int)
    assert not (frames[32:48] - frames[31:47]).any()
    assert (frames[5:20] - frames[4:19]).any()
    assert "in silence" in str(made.report)


def test_frames_without_a_face_pass_through_and_are_told(folder):
    given = {"weights": folder / "weights", "box": box_of(folder)}
    made = talk.talk(folder / "clip.mp4", sound(0.4), **given)
    made._source.boxes[3:6] = np.nan
    raw = list(video.read_frames(folder / "clip.mp4"))
    frames = list(made)
    np.testing.assert_array_equal(frames[4], raw[4])
    assert made.report.missed == [3, 4, 5]
    assert "3 frames showed no face" in str(made.report) and "3-5" in str(made.report)


@pytest.fixture
def bad(folder, tmp_path):
    """Files that cannot be used, by what is wrong with them."""
    whole = (folder / "clip.mp4").read_bytes()
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"this is no video\n" * 50,
        "truncated.mp4": whole[: len(whole) // 3],
        "empty.wav": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    audio.write_wav(tmp_path / "nothing.wav", np.zeros(0, np.float32))
    image.write_png(tmp_path / "wall.png", np.full((64, 64, 3), 128, np.uint8))
    found = weights.load(folder / "weights")
    misfit = {**found.config, "width": 0.03}
    parts = found.params, found.stats, misfit
    weights.save(tmp_path / "misfit", *parts, system="synctalkface", card="")
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
        ("--weights", "unheard-of"),
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
def test_bad_input_is_one_sentence_and_leaves_nothing(option, folder, bad, capfd):
    (bad / "silent.mp4").write_bytes((folder / "clip.mp4").read_bytes())
    before = sorted(bad.iterdir())
    given = {
        "--face": folder / "face.png",
        "--audio": folder / "sound.wav",
        "--weights": folder / "weights",
        "-o": bad / "out.mp4",
        "--box": ",".join(map(str, box_of(folder))),
    }
    if "--face" in option[0]:
        del given["--box"]
    plain = option[0] in ("--box", "--face-index") or option[1] == "unheard-of"
    given[option[0]] = option[1] if plain else bad / option[1]
    words = [str(word) for pair in given.items() for word in pair]
    assert main(["talk", *words]) == 2
    told = capfd.readouterr().err.strip().splitlines()
    assert len(told) == 1 and told[0].startswith("avjax: ")
    assert sorted(bad.iterdir()) == before


def test_a_disk_that_fills_up_leaves_no_file(folder, tmp_path, monkeypatch):
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    command = [sys.executable, "-m", "avjax", "talk", "-o", str(tmp_path / "o.mp4")]
    command += ["--weights", str(folder / "weights"), "--box"]
    command += [",".join(map(str, box_of(folder))), "--face", str(folder / "face.png")]
    command += ["--audio", str(folder / "sound.wav")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1])),
    )
    assert done.returncode == 2, done.stderr
    assert not list(tmp_path.iterdir())


def test_weights_of_another_system_are_refused(folder, tmp_path):
    found = weights.load(folder / "weights")
    parts = found.params, found.stats, found.config
    weights.save(tmp_path / "other", *parts, system="sync", card="")
    with pytest.raises(InputError, match="of sync"):
        talk.talk(folder / "face.png", sound(0.1), weights=tmp_path / "other")


def test_the_weights_that_verbs_take_by_themselves_come_with_the_package():
    assert {"synctalkface-grid-s1", "taem-puppet"} <= set(weights.bundled())
    assert talkers.open_talker(talk.BY_SOUND).config.size == 96
    assert prompter.open_prompter("taem-puppet").talker.config.size == 96


def test_arrays_that_are_no_picture_or_wave_are_refused(folder):
    picture, wave = image.read_image(folder / "face.png").rgb, sound(0.2)
    for face, heard in ((picture[..., 0], wave), (picture, wave[:, None])):
        with pytest.raises(InputError, match="is an array of"):
            given = {"weights": folder / "weights", "box": box_of(folder)}
            talk.talk(face, heard, **given)


def test_a_box_that_is_no_square_becomes_one_around_the_same_centre():
    box = source.square((10, 20, 20, 40), (100, 100))
    np.testing.assert_array_equal(box, [0, 20, 40, 60])


def test_the_demo_is_of_somebody_whom_no_training_has_seen(tmp_path, capsys):
    assert DEMO_PUPPET[1] >= puppet.SPEAKERS - puppet.TEST_SPEAKERS
    said = puppet.speak(puppet.make_puppet(*DEMO_PUPPET), "Do you see me?").wave
    assert main(["demo", str(tmp_path / "demo"), "--text", "Do you see me?"]) == 0
    names = {"face.png", "sound.wav", "talk.mp4", "contact_sheet.png"}
    assert {file.name for file in (tmp_path / "demo").iterdir()} == names
    info = video.probe(tmp_path / "demo" / "talk.mp4")
    spoken = audio.read_sound(tmp_path / "demo" / "sound.wav")
    np.testing.assert_allclose(spoken, said, atol=1e-4)
    assert abs(info.seconds - len(said) / RATE) <= 1 / 25


def test_the_demo_refuses_a_file_for_a_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["demo", str(tmp_path / "file")]) == 2


@pytest.mark.parametrize("text", ["", "...", "привет"])
def test_the_demo_refuses_what_a_puppet_cannot_say(text, tmp_path, capsys):
    assert main(["demo", str(tmp_path / "demo"), "--text", text]) == 2
    (told,) = capsys.readouterr().err.strip().splitlines()
    assert told.startswith("avjax: ") and not list(tmp_path.iterdir())
