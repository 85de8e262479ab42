"""From a face and a text to a finished clip, with untrained weights."""

import dataclasses

import numpy as np
import pytest
from untrained_talkers import save_parts, untrained_parts, untrained_taem

import avjax
from avjax import weights
from avjax.__main__ import main
from avjax.constants import FPS, SAMPLE_RATE
from avjax.errors import InputError
from avjax.media import audio_io, image_io, video_reader
from avjax.media.video_writer import VideoWriter
from avjax.models.cals import CalsConfig
from avjax.models.lipwarp import LipWarpConfig
from avjax.models.taem import TEXT_PART, TaemConfig
from avjax.pipelines.talking.audio_talkers import ContextTalker
from avjax.pipelines.talking.loading import default_weights
from avjax.pipelines.talking.talking_video import TalkingVideo
from avjax.text.phonemes import PHONEMES
from avjax.text.tts import synthesize

SIDE = 32
TALKER = CalsConfig(SIDE, 0.02, unit_dim=6, context_frames=2, layers=1, heads=2)
TAEM = TaemConfig(
    TALKER,
    len(PHONEMES),
    dim=8,
    heads=2,
    encoder_layers=1,
    refiner_layers=1,
    context_phonemes=3,
    context_frames=2,
)
EDITOR = LipWarpConfig(
    size=SIDE, code_dim=4, audio_dim=8, layers=1, heads=2, speech_code=(0.1,) * 4
)
TEXT, BOX = "Hello there, you.", (8, 8, 64, 64)
SRT = "1\n00:00:00,500 --> 00:00:01,000\nyes\n\n2\n00:00:01,800 --> 00:00:02,400\nno\n"
pytestmark = pytest.mark.usefixtures("quick_faces")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, quick_faces):
    """A photo, subtitles, and weights that use text or not."""
    folder = tmp_path_factory.mktemp("texts")
    photo = np.random.default_rng(0).integers(0, 256, (80, 96, 3), np.uint8)
    image_io.write_png(folder / "face.png", photo)
    (folder / "subtitles.srt").write_text(SRT)
    (folder / "torn.srt").write_text(SRT[:40])
    audio_io.write_wav(folder / "sound.wav", synthesize(TEXT).wave)
    variables = untrained_taem(TAEM)
    predictor = variables[TEXT_PART]["params"]["predictor"]
    predictor["out"]["bias"] += 2.2  # log(1 + 100 x), x = 0.08 s per phoneme
    save_parts(folder / "text", variables, TAEM)
    save_parts(folder / "sound", untrained_parts(TALKER), TALKER)
    editor = dataclasses.replace(TAEM, talker=EDITOR, speaker_inputs=())
    save_parts(folder / "editor", untrained_taem(editor), editor)
    return folder


def talk_with(folder, kind="text", **options) -> TalkingVideo:
    """Call `talk` with the photo and with weights of the folder."""
    return avjax.talk(folder / "face.png", weights=folder / kind, box=BOX, **options)


def stack_frames(video) -> np.ndarray:
    return np.stack(list(video)).astype(int)


def test_text_is_spoken_by_espeak_and_drives_the_lips(folder, tmp_path, capsys):
    out, box = tmp_path / "out.mp4", ",".join(map(str, BOX))
    options = {"--face": folder / "face.png", "--weights": folder / "text", "-o": out}
    words = [str(word) for pair in options.items() for word in pair]
    assert main(["talk", *words, "--box", box, "--text", TEXT, "--voice", "f3"]) == 0
    assert "the lips follow the text, with the timing" in capsys.readouterr().out
    expected, info = synthesize(TEXT, "en-us+f3").wave, video_reader.probe(out)
    seconds = len(expected) / SAMPLE_RATE
    assert info.has_audio and abs(info.num_frames / FPS - seconds) <= 1 / FPS
    wave = audio_io.read_audio(out)
    length = min(len(expected), len(wave))
    assert np.corrcoef(wave[:length], expected[:length])[0, 1] > 0.9


def test_lips_follow_the_phonemes_and_not_the_audio(folder, monkeypatch):
    video = talk_with(folder, text=TEXT)
    frames = stack_frames(video)
    assert frames.shape == (len(video), 80, 96, 3) and np.diff(frames, axis=0).any()
    monkeypatch.setattr(ContextTalker, "iter_latents", None)  # from audio
    np.testing.assert_array_equal(stack_frames(talk_with(folder, text=TEXT)), frames)
    other = stack_frames(talk_with(folder, text="Any other text."))
    length = min(len(frames), len(other))
    assert (other[:length] != frames[:length]).any()


def test_text_drives_a_talker_that_edits_frames(folder, monkeypatch):
    photo = image_io.read_image(folder / "face.png").astype(int)
    monkeypatch.setattr(ContextTalker, "iter_latents", None)  # from audio
    frames = stack_frames(talk_with(folder, "editor", text=TEXT))
    changed = (frames != photo).any(axis=(0, 3))
    assert changed.any() and not changed[:20].any(), "the mouth alone"
    other = stack_frames(talk_with(folder, "editor", text="Any other text."))
    length = min(len(frames), len(other))
    assert (other[:length] != frames[:length]).any()


def test_video_has_the_audio_of_the_voice(folder):
    video = talk_with(folder, text=TEXT, lang="de", voice="m3")
    np.testing.assert_array_equal(video.wave, synthesize(TEXT, "de+m3").wave)


def test_without_a_voice_the_audio_is_silent_and_as_long_as_predicted(folder):
    video = talk_with(folder, text=TEXT, voice="none")
    assert not video.wave.any() and len(list(video)) == len(video)
    assert len(video) == round(len(video.wave) / SAMPLE_RATE * FPS) > 5
    assert 0 < video.phones[-1].end <= len(video.wave) / SAMPLE_RATE
    report = video.report.details()
    assert "durations predicted by the model" in report and "in speech" in report


def test_talker_without_text_follows_the_audio_of_espeak(folder):
    video = talk_with(folder, "sound", text=TEXT)
    from_audio = talk_with(folder, "sound", audio=synthesize(TEXT).wave)
    np.testing.assert_array_equal(stack_frames(video), stack_frames(from_audio))
    assert "the lips follow eSpeak's audio" in str(video.report)
    assert "do not use text" in str(video.report)
    assert "eSpeak" not in str(from_audio.report)


def test_text_weights_can_be_driven_by_audio(folder):
    """They contain the talker."""
    loaded = weights.load(folder / "text")
    parts = "audio_to_lip", "lip_to_face"
    params, stats = (
        {part: tree[part] for part in parts if part in tree}
        for tree in (loaded.params, loaded.stats)
    )
    weights.save(folder / "alone", params, stats, TALKER, system="cals", card="")
    wave = synthesize(TEXT).wave
    with_text = stack_frames(talk_with(folder, "text", audio=wave))
    alone = stack_frames(talk_with(folder, "alone", audio=wave))
    np.testing.assert_array_equal(with_text, alone)


def test_text_is_aligned_with_audio(folder):
    video = talk_with(folder, audio=folder / "sound.wav", text=TEXT)
    frames, report = stack_frames(video), str(video.report)
    assert "the lips follow the text, aligned with the audio" in report
    wave = audio_io.read_audio(folder / "sound.wav")
    np.testing.assert_array_equal(video.wave, wave)
    ideal = stack_frames(talk_with(folder, text=TEXT))
    assert len(frames) == len(ideal)
    wrong_text = talk_with(folder, audio=folder / "sound.wav", text="You hello there.")
    other = stack_frames(wrong_text)
    error, other_error = (np.abs(some - ideal).mean() for some in (frames, other))
    assert error < other_error, "phones are close to their true times"


def test_report_warns_about_text_that_does_not_fit_the_audio(folder):
    wave = synthesize("Set white by G nine.").wave
    video = talk_with(folder, audio=wave, text="Which buffaloes amazingly waltz?")
    assert "the text does not fit the audio" in str(video.report)
    hum = np.sin(np.arange(32000) / 20).astype(np.float32)
    video = talk_with(folder, audio=hum, text=TEXT)
    assert "warning: the audio does not seem to be speech" in str(video.report)
    video = talk_with(folder, audio=np.zeros(32000, np.float32), text=TEXT)
    assert "warning: the audio is silent" in str(video.report)


def test_talker_without_text_ignores_the_text_of_audio(folder):
    video = talk_with(folder, "sound", audio=folder / "sound.wav", text=TEXT)
    assert "the lips follow the audio" in str(video.report)


@pytest.mark.parametrize("voice", [None, "none"])
def test_subtitles_are_spoken_at_their_times(folder, voice):
    video = talk_with(folder, srt=folder / "subtitles.srt", voice=voice)
    assert len(video) >= 60
    assert "2 subtitles were spoken" in "".join(video._speech.remarks)
    starts = [start for _, start, _ in video._speech.phones]
    assert 0.5 <= starts[0] < 0.8 and any(1.8 <= start < 2.1 for start in starts)
    frames = stack_frames(video)
    assert video.wave.any() == (voice is None) and len(frames) == len(video)


def test_clip_of_another_frame_rate_speaks_a_text(folder, tmp_path):
    with VideoWriter(tmp_path / "clip.mp4", 30) as writer:
        for _ in range(4):
            writer.write(image_io.read_image(folder / "face.png"))
    video = avjax.talk(
        tmp_path / "clip.mp4", weights=folder / "text", box=BOX, text=TEXT
    )
    assert video.fps == 30 and len(list(video)) == len(video)
    assert len(video) == round(len(video.wave) / SAMPLE_RATE * 30)


def test_default_weights_depend_on_what_drives_the_lips():
    assert default_weights(None, has_audio=True) == "lipwarp-people"
    assert default_weights(None, has_audio=False) == "taem-people"


def test_default_weights_belong_to_the_chosen_system():
    assert default_weights("cals", has_audio=True) == "cals-grid-s1"
    assert default_weights("taem", has_audio=True) == "taem-people"
    with pytest.raises(InputError, match="there is no system 'unknown'"):
        default_weights("unknown", has_audio=True)


GOOD = {"--face": "face.png", "--weights": "text", "-o": "out.mp4"}
BAD = [
    ([], "nothing to say: give --audio, --text or --srt"),
    (["--text", "a", "--srt", "subtitles.srt"], "subtitles cannot be combined"),
    (["--audio", "sound.wav", "--srt", "subtitles.srt"], "cannot be combined with"),
    (["--audio", "sound.wav", "--text", "a", "--voice", "f3"], "a voice is for"),
    (["--audio", "sound.wav", "--voice", "none"], "a voice is for text"),
    (["--audio", "sound.wav", "--lang", "de"], "a language is for"),
    (["--audio", "sound.wav", "--text", 30 * TEXT], "words do not fit into"),
    (["--audio", "missing.wav", "--text", "a"], "missing.wav"),
    (["--text", ""], "nothing to say"),
    (["--text", " ... "], "nothing to say in"),
    (["--text", "", "--voice", "none"], "nothing to say in the text"),
    (["--text", "привет"], "letters of another language"),
    (["--text", "yes", "--voice", "nobody"], "no voice 'nobody'"),
    (["--text", "yes", "--lang", "xx"], "unknown language 'xx'"),
    (
        ["--text", "yes", "--lang", "xx", "--voice", "none"],
        "unknown language 'xx' for --lang; ",
    ),
    (["--text", "yes", "--lookahead", "5"], "takes no lookahead"),
    (["--text", "yes", "--weights", "sound", "--voice", "none"], "do not use text"),
    (
        ["--text", "yes", "--weights", "sound", "--system", "taem"],
        "only weights of taem",
    ),
    (["--text", "yes", "--weights", "unknown-name"], "no weights at"),
    (["--text", "yes", "-o", "no/such/out.mp4"], "cannot write"),
    (["--srt", "torn.srt"], "no times"),
    (["--srt", "missing.srt"], "cannot read"),
    (["--srt", "face.png"], "not UTF-8 or UTF-16 text"),
]


@pytest.mark.parametrize(("words", "error"), BAD, ids=[x for _, x in BAD])
def test_invalid_input_prints_one_sentence_and_writes_nothing(
    words, error, folder, monkeypatch, capfd
):
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    good = [word for pair in GOOD.items() for word in pair]
    assert main(["talk", "--box", ",".join(map(str, BOX)), *good, *words]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("avjax: ") and error in line
    assert sorted(folder.rglob("*")) == before


def test_array_that_is_no_waveform_is_refused_with_a_text(folder):
    with pytest.raises(InputError, match="a waveform must be"):
        talk_with(folder, audio=np.zeros((10, 2), np.float32), text=TEXT)
    with pytest.raises(InputError, match="a waveform must be"):
        talk_with(folder, audio=[1, 2, 3], text=TEXT)
