"""Examples for the web page: a puppet as photo and clip, made when the page starts."""

import pathlib
from typing import NamedTuple

import numpy as np

from avjax.constants import FPS, SAMPLE_RATE
from avjax.data import puppet
from avjax.media import image_io
from avjax.media.video_writer import VideoWriter
from avjax.text.intervals import Interval

PUPPET = 0, 164  # seed and index of a person that is in no training set
SENTENCE = "bin blue at f two now"
PAUSE_FRAMES = 10  # of silence before and after the sentence
CLIP_SIDE, PHOTO_SIDE, NOISY_SIDE = 320, 512, 256  # pixels
NOISE = 12.0  # standard deviation, in pixel values


class Examples(NamedTuple):
    """Files of a puppet.

    Attributes:
        photo: A portrait.
        clip: A clip of two seconds in which the puppet says a sentence.
        noisy: A portrait with noise.
    """

    photo: str
    clip: str
    noisy: str


def make_examples(folder: pathlib.Path) -> Examples:
    """Render a puppet; takes a few seconds.

    Args:
        folder: The folder to make.

    Returns:
        The files in it.
    """
    folder.mkdir()
    files = Examples(*(str(folder / f"puppet{end}") for end in ENDINGS))
    person = puppet.make_puppet(*PUPPET)
    image_io.write_png(files.photo, puppet.render_portrait(person, PHOTO_SIDE)[0])
    still = puppet.render_portrait(person, NOISY_SIDE)[0]
    noise = np.random.default_rng(0).normal(0, NOISE, still.shape)
    image_io.write_png(files.noisy, np.clip(still + noise, 0, 255).astype(np.uint8))
    _write_clip(files.clip, person)
    return files


ENDINGS = "-photo.png", "-clip.mp4", "-noisy.png"  # in the order of Examples


def _write_clip(file: str, person: puppet.Puppet) -> None:
    """Write a clip in which a puppet says the sentence."""
    speech = puppet.speak(person, SENTENCE)
    lead = PAUSE_FRAMES / FPS
    samples = SAMPLE_RATE // FPS
    count = 2 * PAUSE_FRAMES + -(-len(speech.wave) // samples)
    wave = np.zeros(count * samples, np.float32)
    start = PAUSE_FRAMES * samples
    wave[start : start + len(speech.wave)] = speech.wave
    phones = tuple(
        Interval(phone.label, phone.start + lead, phone.end + lead)
        for phone in speech.phones
    )
    articulation = puppet.articulate(phones, count, FPS)
    pose = puppet.sample_pose(count, FPS, [*PUPPET, 4])
    frames, _ = puppet.render_portrait_video(person, articulation, pose, CLIP_SIDE)
    with VideoWriter(file, FPS, wave, sample_rate=SAMPLE_RATE) as writer:
        for frame in frames:
            writer.write(frame)
