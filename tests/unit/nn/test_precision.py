"""Types of numbers, and activations that are not kept."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import print_saved_residuals
from step_cost import count_products

from avjax.models.bridging import BridgingConfig
from avjax.models.cals import AudioToLip, CalsConfig, LipToFace
from avjax.models.denoiser import DenoiserConfig, RestorationNet
from avjax.models.lipwarp import AudioToCode, LipWarpConfig
from avjax.models.synctalkface import SyncTalkFaceConfig
from avjax.models.taem import TaemConfig
from avjax.nn.duration import DurationPredictor
from avjax.nn.lip_editor import LipEditor, MouthEncoder
from avjax.nn.local_attention import LocalTransformer, Mlp
from avjax.nn.memory import Fusion, KeyValueMemory
from avjax.nn.motion_embedding import SyncEmbeddings
from avjax.nn.precision import as_factors, dense_type, to_full_precision
from avjax.nn.remat import rematerialise
from avjax.nn.speaker import SpeakerEncoder
from avjax.nn.temporal import BiGru, MelHead, MsTcn

B, T, D = 2, 6, 8
KEYS = dict(
    zip(("params", "dropout"), jax.random.split(jax.random.key(0)), strict=True)
)


def normal(*shape):
    return jax.random.normal(jax.random.key(1), shape)


CODES, MASK = normal(B, T, D), jnp.ones((B, T))
LOOKAHEAD = jnp.full(B, 3)
MODULES = {  # module of a type of products, its arguments, and products in float32
    "transformer": (
        lambda dtype: LocalTransformer(3, 2, 2, dtype=dtype),
        (CODES, MASK, LOOKAHEAD, True),
        0,
    ),
    "gru": (lambda dtype: BiGru(D, dtype=dtype), (CODES, MASK, True), 0),
    "tcn": (lambda dtype: MsTcn(1 / 32, dtype=dtype), (CODES, MASK, True), 0),
    "mel head": (lambda dtype: MelHead(D, dtype), (CODES, True), 0),
    "durations": (lambda dtype: DurationPredictor(dtype=dtype), (CODES, MASK, True), 0),
    "fusion": (lambda dtype: Fusion(D, dtype=dtype), (CODES, CODES, True), 0),
    "speaker": (
        lambda dtype: SpeakerEncoder(D, dtype),
        (jnp.ones((B, 16, 16, 3), jnp.uint8), True),
        0,
    ),
    "mouth encoder": (lambda dtype: MouthEncoder(4, dtype), (normal(B, 40, 56, 1),), 0),
    # The flow is enlarged in float32: two products, with a gradient each.
    "lip editor": (
        LipEditor,
        (normal(B, 32, 32, 3), normal(B, 32, 32, 3), normal(B, 4)),
        4,
    ),
    "lip codes": (
        lambda dtype: AudioToCode(LipWarpConfig(dtype=dtype, context_frames=3)),
        (normal(B, T, 16, 80), MASK, LOOKAHEAD, True),
        0,
    ),
    "sync": (
        lambda dtype: SyncEmbeddings(D, D, 0.1, dtype),
        (CODES, CODES, MASK, MASK, True),
        0,
    ),
    # Similarities are computed in float32: two products, with two gradients each.
    "memory": (lambda dtype: KeyValueMemory(4, D, dtype=dtype), (CODES, CODES), 6),
}


def init(module, arguments):
    return jax.jit(lambda: module.init(KEYS, *arguments))()


def loss_of(module, variables, arguments):
    """Return a function of the parameters, and their values."""
    others = {name: x for name, x in variables.items() if name != "params"}

    def loss(params):
        outputs, _ = module.apply(
            {**others, "params": params},
            *arguments,
            rngs=KEYS,
            mutable=["batch_stats"],
        )
        outputs = jax.tree.leaves(outputs)
        return sum(jnp.mean(jnp.square(x.astype(jnp.float32))) for x in outputs)

    return loss, variables["params"]


def norm(tree):
    return jnp.sqrt(sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(tree)))


@pytest.mark.parametrize("name", MODULES)
def test_products_have_the_type_and_parameters_and_losses_float32(name):
    make, arguments, wide = MODULES[name]
    variables = jax.eval_shape(lambda: make("bfloat16").init(KEYS, *arguments))

    def step(variables):
        loss, params = loss_of(make("bfloat16"), variables, arguments)
        return jax.value_and_grad(loss)(params)

    traced = jax.jit(step).trace(variables)
    lowered = traced.lower(lowering_platforms=("tpu",))
    types = {x.dtype for x in jax.tree.leaves((variables, lowered.out_info))}
    assert types == {jnp.dtype("float32")}
    products = count_products(lowered)
    assert products.narrow > 0 and products.count - products.narrow <= wide


@pytest.mark.parametrize("name", ["fusion", "memory"])
def test_gradient_is_nearly_that_of_float32(name):
    make, arguments, _ = MODULES[name]
    variables, norms = init(make("float32"), arguments), []
    for dtype in ("float32", "bfloat16"):
        loss, params = loss_of(make(dtype), variables, arguments)
        norms.append(jax.jit(lambda x, loss=loss: norm(jax.grad(loss)(x)))(params))
    np.testing.assert_allclose(norms[1], norms[0], rtol=0.05)
    assert norms[1] != norms[0]


def test_float32_leaves_numbers_as_they_are():
    double = jnp.ones(3, jnp.bfloat16)
    assert dense_type("float32") is None and dense_type("bfloat16") == "bfloat16"
    assert as_factors("float32", double)[0] is double
    assert as_factors("bfloat16", jnp.ones(3))[0].dtype == jnp.bfloat16
    assert to_full_precision(double).dtype == jnp.float32


@pytest.mark.parametrize(
    "config",
    [
        CalsConfig(dtype="bfloat16"),
        SyncTalkFaceConfig(dtype="bfloat16"),
        BridgingConfig(dtype="bfloat16"),
        DenoiserConfig(dtype="bfloat16"),
        TaemConfig(SyncTalkFaceConfig(dtype="bfloat16")),
    ],
    ids=lambda config: config.system,
)
def test_no_activation_is_computed_again_by_default(config):
    assert config.remat == () and config.dtype == "bfloat16"


TINY = CalsConfig(
    size=32, width=1 / 64, unit_dim=6, context_frames=3, layers=2, heads=2
)
AUDIO = normal(1, 4, 16, 80), jnp.ones((1, 4)), jnp.full(1, 3), None, True
FACES = normal(1, 2, 6), normal(1, 2, 32, 32, 6), True
STAGES = {
    "context": (AudioToLip, TINY, AUDIO),
    "audio": (AudioToLip, TINY, AUDIO),
    "identity": (LipToFace, TINY, FACES),
    "body": (RestorationNet, DenoiserConfig(base_channels=4), (normal(1, 8, 8, 3),)),
}


@pytest.mark.parametrize("stage", STAGES)
def test_stage_is_computed_again_if_the_config_names_it(stage):
    network, config, arguments = STAGES[stage]
    texts, shapes = [], []
    for remat in ((), (stage,)):
        module = network(dataclasses.replace(config, remat=remat))
        variables = jax.eval_shape(lambda m=module: m.init(KEYS, *arguments))

        def gradient(variables, module=module):
            loss, params = loss_of(module, variables, arguments)
            return jax.grad(loss)(params)

        texts.append(str(jax.make_jaxpr(gradient)(variables)))
        shapes.append(jax.tree.map(lambda x: x.shape, variables))
    assert shapes[0] == shapes[1]
    assert ["checkpoint[" in text or "remat" in text for text in texts] == [False, True]


def test_activations_of_a_stage_that_is_computed_again_are_not_kept(capsys):
    # Memory of a compiled program would not show it: XLA on a CPU merges both
    # computations again.
    codes, kept = normal(512, 16), []
    for enabled in (False, True):
        layer = rematerialise(Mlp, enabled)()
        variables = jax.eval_shape(lambda m=layer: m.init(KEYS, codes))

        def loss(variables, layer=layer):
            x = codes
            for _ in range(4):
                x = layer.apply(variables, x)
            return jnp.mean(jnp.square(x))

        print_saved_residuals(loss, variables)
        kept.append(capsys.readouterr().out.count("[512,64]"))
    assert kept[0] >= 4 and kept[1] == 0
