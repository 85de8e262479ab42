"""Evidence for offsets of lips and audio."""

import numpy as np
import pytest

from avjax.metrics.sync import MAX_OFFSET_FRAMES
from avjax.metrics.sync_evidence import OFFSETS, evidence_by_offset, offset_log_probs


def test_evidence_is_the_product_of_embeddings_at_each_offset():
    """sync_people (3)"""
    rng = np.random.default_rng(0)
    lips, audio = rng.normal(size=(6, 4)), rng.normal(size=(36, 4))
    lip_mask, audio_mask = np.ones(6), np.ones(36)
    lip_mask[2], audio_mask[:17] = 0, 0
    evidence, pairs = evidence_by_offset(lips, audio, lip_mask, audio_mask)
    assert evidence.shape == pairs.shape == (6, len(OFFSETS))
    for t in range(6):
        for index, offset in enumerate(OFFSETS):
            moment = MAX_OFFSET_FRAMES + t - offset
            both = t != 2 and moment >= 17
            assert pairs[t, index] == both
            expected = lips[t] @ audio[moment] / 2 if both else 0
            assert evidence[t, index] == pytest.approx(expected, abs=1e-5)


def test_probabilities_of_offsets_and_of_none_sum_to_one():
    """sync_people (4)"""
    evidence, pairs = np.zeros(len(OFFSETS)), np.ones(len(OFFSETS))
    probs = np.exp(offset_log_probs(evidence, pairs))
    assert probs.sum() == pytest.approx(1) and probs[-1] == pytest.approx(0.5)
    evidence[20], pairs[3] = np.log(62), 0
    probs = np.exp(offset_log_probs(evidence, pairs))
    assert probs[3] == 0 and probs[20] / probs[-1] == pytest.approx(2, rel=1e-5)
