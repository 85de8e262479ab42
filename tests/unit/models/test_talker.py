"""One protocol for all talkers: sound goes through latents to the same frames."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.audio import mel as audio
from avjax.models.cals import AudioToLip, CalsConfig, LipToFace
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.models.talker import latents_of, start_talker
from avjax.pipelines import audio_talkers as talkers

SIDE, FRAMES = 32, 20  # more than go through at once
SMALL = {"size": SIDE, "width": 0.02}
CONFIGS = {
    "synctalkface": SyncTalkFaceConfig(**SMALL, slots=4),
    "cals": CalsConfig(**SMALL, units=6, window=2, layers=1, heads=2),
}
RNG = np.random.default_rng(0)
MEL = RNG.uniform(-4, 4, (1 + FRAMES * 16 // 5, 80)).astype(np.float32)
CROPS = RNG.integers(0, 256, (FRAMES, SIDE, SIDE, 3), np.uint8)
pytestmark = pytest.mark.usefixtures("quick_faces")


def talker_of(config):
    variables = untrained(
        jax.eval_shape(lambda: start_talker(config, jax.random.key(0)))
    )
    assert set(variables) == set(latents_of(config).parts)
    if isinstance(config, CalsConfig):
        return talkers.ContextTalker(config, variables)
    return talkers.Talker(config, variables["face"])


def spoken(config, variables, mels, faces):
    """Frames, by the networks themselves."""
    if isinstance(config, SyncTalkFaceConfig):
        return SyncTalkFace(config).apply(variables, mels, faces, method="speak").frames
    sound = mels, jnp.ones((1, FRAMES)), jnp.array([config.window])
    units = AudioToLip(config).apply(variables["audio_to_lip"], *sound)
    return LipToFace(config).apply(variables["lip_to_face"], units, faces)


@pytest.mark.parametrize("name", CONFIGS)
def test_frames_drawn_from_latents_are_those_that_are_spoken(name):
    config = CONFIGS[name]
    talker = talker_of(config)
    told = list(talker.tell(MEL, FRAMES, Fraction(25)))
    assert [latents.shape for latents in told] == [
        (16, config.latent),
        (4, config.latent),
    ]
    pieces = zip(told, (CROPS[:16], CROPS[16:]), strict=True)
    drawn = np.concatenate([talker.draw(*piece, CROPS[0]) for piece in pieces])
    mels = audio.windows(MEL, audio.frame_starts(FRAMES, 25))[None]
    crops = jnp.asarray(CROPS)
    faces = talkers.faces_of(crops, crops[:1], config.signed)
    expected = jax.jit(lambda *given: spoken(config, *given))(
        talker.variables, mels, faces
    )
    assert np.abs(127.5 * (expected[0] + 1) - drawn).max() < 1, "grey levels"
    same = talker.draw(np.repeat(told[1][:1], 4, axis=0), CROPS[16:], CROPS[0])
    assert (same != drawn[16:]).any(), "the sound is seen"
