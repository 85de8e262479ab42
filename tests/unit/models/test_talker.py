"""Latent spaces: frames decoded from latents are those of the networks themselves."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_variables import untrained

from avjax.audio.mel import mel_window_starts, mel_windows
from avjax.models.cals import AudioToLip, CalsConfig, LipToFace
from avjax.models.registry import get_system
from avjax.models.synctalkface import SyncTalkFace, SyncTalkFaceConfig
from avjax.models.talker import latent_space
from avjax.pipelines.talking.audio_talkers import make_talker
from avjax.pipelines.talking.talker_functions import decoder_inputs

SIDE, FRAMES = 32, 20  # more than one chunk
SMALL = {"size": SIDE, "width": 0.02}
CONFIGS = {
    "synctalkface": SyncTalkFaceConfig(**SMALL, num_slots=4),
    "cals": CalsConfig(**SMALL, unit_dim=6, context_frames=2, layers=1, heads=2),
}
RNG = np.random.default_rng(0)
MEL = RNG.uniform(-4, 4, (1 + FRAMES * 16 // 5, 80)).astype(np.float32)
CROPS = RNG.integers(0, 256, (FRAMES, SIDE, SIDE, 3), np.uint8)
pytestmark = pytest.mark.usefixtures("quick_faces")


def load_untrained(config):
    variables = untrained(get_system(config.system).variable_shapes(config))
    assert set(variables) == set(latent_space(config).parts)
    return make_talker(config, variables)


def frames_of_networks(config, variables, mels, faces):
    """Generate frames without a latent space."""
    if isinstance(config, SyncTalkFaceConfig):
        outputs = SyncTalkFace(config).apply(
            variables["generator"], mels, faces, method="generate"
        )
        return outputs.frames
    units = AudioToLip(config).apply(
        variables["audio_to_lip"],
        mels,
        jnp.ones((1, FRAMES)),
        jnp.array([config.context_frames]),
    )
    return LipToFace(config).apply(variables["lip_to_face"], units, faces)


@pytest.mark.parametrize("name", CONFIGS)
def test_frames_of_a_talker_are_those_of_its_networks(name):
    config = CONFIGS[name]
    talker = load_untrained(config)
    latents = list(talker.iter_latents(MEL, FRAMES, Fraction(25)))
    assert [chunk.shape for chunk in latents] == [
        (16, config.latent_dim),
        (4, config.latent_dim),
    ]
    chunks = zip(latents, (CROPS[:16], CROPS[16:]), strict=True)
    frames = np.concatenate(
        [talker.decode_frames(*chunk, CROPS[0]) for chunk in chunks]
    )
    mels = mel_windows(MEL, mel_window_starts(FRAMES, 25))[None]
    crops = jnp.asarray(CROPS)
    faces = decoder_inputs(crops, crops[:1], config.pixel_range)
    compute = jax.jit(
        lambda variables, mels, faces: frames_of_networks(
            config, variables, mels, faces
        )
    )
    expected = compute(talker.variables, mels, faces)
    assert np.abs(127.5 * (expected[0] + 1) - frames).max() < 1, "pixel values"
    repeated = np.repeat(latents[1][:1], 4, axis=0)
    other = talker.decode_frames(repeated, CROPS[16:], CROPS[0])
    assert (other != frames[16:]).any(), "latents change the frames"
