"""From a face and a text to a finished clip, by weights that nobody trained."""

import jax
import numpy as np
import pytest
from random_variables import untrained

import avjax
from avjax import weights
from avjax.__main__ import main
from avjax.errors import InputError
from avjax.media import audio_io as audio
from avjax.media import image_io as image
from avjax.media import video_reader as video
from avjax.models.cals import CalsConfig
from avjax.models.taem import TaemConfig
from avjax.models.talker import blank_cals
from avjax.pipelines import audio_talkers as talkers
from avjax.pipelines import talk
from avjax.pipelines import text_talker as prompter
from avjax.text.phonemes import SOUNDS
from avjax.text.tts import utter

SIDE, RATE = 32, 16_000
TALKER = CalsConfig(SIDE, 0.02, units=6, window=2, layers=1, heads=2)
SIZES = {"dim": 8, "heads": 2, "encoder": 1, "refiner": 1, "reach": 3, "window": 2}
TAEM = TaemConfig(TALKER, len(SOUNDS), **SIZES)
TEXT, BOX = "Hello there, you.", (8, 8, 64, 64)
SRT = "1\n00:00:00,500 --> 00:00:01,000\nyes\n\n2\n00:00:01,800 --> 00:00:02,400\nno\n"
pytestmark = pytest.mark.usefixtures("quick_faces")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, quick_faces):
    """A photo, subtitles, and weights that take text or not."""
    folder = tmp_path_factory.mktemp("texts")
    picture = np.random.default_rng(0).integers(0, 256, (80, 96, 3), np.uint8)
    image.write_png(folder / "face.png", picture)
    (folder / "said.srt").write_text(SRT)
    (folder / "torn.srt").write_text(SRT[:40])
    audio.write_wav(folder / "sound.wav", utter(TEXT).wave)
    found = untrained(jax.eval_shape(lambda: prompter.blank(TAEM)))
    scale = found[prompter.OURS]["batch_stats"]["scale"]
    found[prompter.OURS]["batch_stats"]["scale"] = {**scale, "square": np.ones(6)}
    save(folder / "text", found, TAEM)
    hearing = untrained(jax.eval_shape(lambda: blank_cals(TALKER)))
    save(folder / "sound", hearing, TALKER)
    return folder


def save(where, found, config) -> None:
    params, stats = (
        {part: tree[kind] for part, tree in found.items() if kind in tree}
        for kind in ("params", "batch_stats")
    )
    system = weights.system_of(type(config))
    weights.save(where, params, stats, config, system=system, card="")


def say(folder, kind="text", **given) -> talk.Talk:
    face = folder / "face.png"
    return avjax.talk(face, weights=str(folder / kind), box=BOX, **given)


def frames_of(made) -> np.ndarray:
    return np.stack(list(made)).astype(int)


def test_a_text_is_said_by_espeak_and_moves_the_lips(folder, tmp_path, capsys):
    out, box = tmp_path / "out.mp4", ",".join(map(str, BOX))
    given = {"--face": folder / "face.png", "--weights": folder / "text", "-o": out}
    words = [str(word) for pair in given.items() for word in pair]
    assert main(["talk", *words, "--box", box, "--text", TEXT, "--voice", "f3"]) == 0
    assert "the text moves the lips, as espeak says it" in capsys.readouterr().out
    said, info = utter(TEXT, "en-us+f3").wave, video.probe(out)
    assert info.has_sound and abs(info.frames / 25 - len(said) / RATE) <= 1 / 25
    heard = audio.read_sound(out)
    length = min(len(said), len(heard))
    assert np.corrcoef(heard[:length], said[:length])[0, 1] > 0.9


def test_lips_follow_the_times_of_the_sounds_and_not_the_sound(folder, monkeypatch):
    made = say(folder, text=TEXT)
    frames = frames_of(made)
    assert frames.shape == (made.count, 80, 96, 3) and np.diff(frames, axis=0).any()
    monkeypatch.setattr(talkers.ContextTalker, "tell", None)  # hears
    np.testing.assert_array_equal(frames_of(say(folder, text=TEXT)), frames)
    other = frames_of(say(folder, text="Any other text."))
    shared = min(len(frames), len(other))
    assert (other[:shared] != frames[:shared]).any()


def test_the_sound_is_given_with_the_frames(folder):
    made = say(folder, text=TEXT, lang="de", voice="m3")
    np.testing.assert_array_equal(made.wave, utter(TEXT, "de+m3").wave)


def test_without_a_voice_the_track_is_silent_and_as_long_as_foretold(folder):
    made = say(folder, text=TEXT, voice="none")
    assert not made.wave.any() and len(list(made)) == made.count
    assert made.count == round(len(made.wave) / RATE * 25) > 5
    told = str(made.report)
    assert "as fast as the weights foretell" in told and "in speech" in told


def test_weights_that_hear_are_told_by_the_sound_of_espeak(folder):
    made = say(folder, "sound", text=TEXT)
    by_sound = say(folder, "sound", audio=utter(TEXT).wave)
    np.testing.assert_array_equal(frames_of(made), frames_of(by_sound))
    assert "espeak's sound moves the lips" in str(made.report)
    assert "take no text" in str(made.report) and "espeak" not in str(by_sound.report)


def test_weights_of_a_text_can_still_hear(folder):
    """They hold the talker as it was."""
    found = weights.load(folder / "text")
    parts = "audio_to_lip", "lip_to_face"
    trees = ({part: t[part] for part in parts if part in t} for t in found[:2])
    weights.save(folder / "alone", *trees, TALKER, system="cals", card="")
    wave = utter(TEXT).wave
    frames = [frames_of(say(folder, kind, audio=wave)) for kind in ("text", "alone")]
    np.testing.assert_array_equal(*frames)


def test_a_text_is_found_in_a_sound(folder):
    made = say(folder, audio=folder / "sound.wav", text=TEXT)
    frames, told = frames_of(made), str(made.report)
    assert "as it was found in the sound" in told
    np.testing.assert_array_equal(made.wave, audio.read_sound(folder / "sound.wav"))
    ideal = frames_of(say(folder, text=TEXT))
    assert len(frames) == len(ideal)
    other = frames_of(say(folder, audio=folder / "sound.wav", text="You hello there."))
    off, far = (np.abs(some - ideal).mean() for some in (frames, other))
    assert off < far, "the phones are where espeak said them, nearly"


def test_a_text_that_is_not_said_in_a_sound_is_doubted(folder):
    strange = "Which buffaloes amazingly waltz?"
    made = say(folder, audio=utter("Set white by G nine.").wave, text=strange)
    assert "hardly fits what is heard there" in str(made.report)
    made = say(folder, audio=np.zeros(32000, np.float32), text=TEXT)
    assert "the sound does not seem to be speech" in str(made.report)


def test_weights_that_hear_need_no_text_beside_a_sound(folder):
    made = say(folder, "sound", audio=folder / "sound.wav", text=TEXT)
    assert "the sound alone moves the lips" in str(made.report)


@pytest.mark.parametrize("voice", [None, "none"])
def test_subtitles_are_said_at_their_times(folder, voice):
    made = say(folder, srt=folder / "said.srt", voice=voice)
    assert made.count >= 60 and "2 subtitles were said" in "".join(made._said.remarks)
    starts = [start for _, start, _ in made._said.spans]
    assert 0.5 <= starts[0] < 0.8 and any(1.8 <= start < 2.1 for start in starts)
    frames = frames_of(made)
    assert made.wave.any() == (voice is None) and len(frames) == made.count


def test_a_clip_of_another_rate_says_a_text(folder, tmp_path):
    with video.VideoWriter(tmp_path / "clip.mp4", 30) as writer:
        for _ in range(4):
            writer.write(image.read_image(folder / "face.png").rgb)
    given = {"weights": str(folder / "text"), "box": BOX, "text": TEXT}
    made = talk.talk(tmp_path / "clip.mp4", **given)
    assert made.fps == 30 and len(list(made)) == made.count
    assert made.count == round(len(made.wave) / RATE * 30)


def test_what_speaks_where_nothing_is_named_is_what_comes_with_the_package(
    monkeypatch,
):
    kept = ["synctalkface-grid-s1", "taem-puppet", "taem-grid-s1"]
    monkeypatch.setattr(weights, "bundled", lambda: kept)
    assert talk.default_weights(written=True) == "taem-grid-s1"
    assert talk.default_weights(written=False) == "grid-s1"
    monkeypatch.setattr(weights, "bundled", lambda: kept[:2])
    assert talk.default_weights(written=True) == "grid-s1"


GOOD = {"--face": "face.png", "--weights": "text", "-o": "out.mp4"}
BAD = [
    ([], "nothing is to be said"),
    (["--text", "a", "--srt", "said.srt"], "subtitles go without"),
    (["--audio", "sound.wav", "--srt", "said.srt"], "subtitles go without"),
    (["--audio", "sound.wav", "--text", "a", "--voice", "f3"], "a voice says"),
    (["--audio", "sound.wav", "--voice", "none"], "a voice says"),
    (["--audio", "sound.wav", "--lang", "de"], "a language is"),
    (["--audio", "sound.wav", "--text", 30 * TEXT], "cannot be said in"),
    (["--audio", "missing.wav", "--text", "a"], "missing.wav"),
    (["--text", ""], "nothing to say"),
    (["--text", " ... "], "nothing to say"),
    (["--text", "", "--voice", "none"], "nothing to say"),
    (["--text", "привет"], "letters of another language"),
    (["--text", "yes", "--voice", "nobody"], "no voice 'nobody'"),
    (["--text", "yes", "--lang", "xx"], "no voice 'xx'"),
    (["--text", "yes", "--lang", "xx", "--voice", "none"], "no voice 'xx'"),
    (["--text", "yes", "--lookahead", "5"], "takes no lookahead"),
    (["--text", "yes", "--weights", "sound", "--voice", "none"], "take no text"),
    (["--text", "yes", "--weights", "sound", "--system", "taem"], "not of taem"),
    (["--text", "yes", "--weights", "unheard-of"], "no weights at"),
    (["--text", "yes", "-o", "no/such/out.mp4"], "cannot write"),
    (["--srt", "torn.srt"], "no times"),
    (["--srt", "missing.srt"], "cannot read"),
    (["--srt", "face.png"], "no text in UTF-8"),
]


@pytest.mark.parametrize(("words", "error"), BAD, ids=[x for _, x in BAD])
def test_bad_input_is_one_sentence_and_leaves_nothing(
    words, error, folder, monkeypatch, capfd
):
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    good = [word for pair in GOOD.items() for word in pair]
    assert main(["talk", "--box", ",".join(map(str, BOX)), *good, *words]) == 2
    (told,) = capfd.readouterr().err.strip().splitlines()
    assert told.startswith("avjax: ") and error in told
    assert sorted(folder.rglob("*")) == before


def test_a_wave_that_is_none_is_refused_beside_a_text(folder):
    with pytest.raises(InputError, match="a wave is an array"):
        say(folder, audio=np.zeros((10, 2), np.float32), text=TEXT)
    with pytest.raises(InputError, match="a wave is an array"):
        say(folder, audio=[1, 2, 3], text=TEXT)
