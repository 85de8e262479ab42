import pathlib
import re

import pytest

from avjax.metrics.units import UNITS, Unit, find_unit, split_baseline, split_part

GUIDE = pathlib.Path(__file__).parents[3] / "docs/guides/train.md"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("test/psnr", Unit("dB", "higher")),
        ("test/lmd_open", Unit("pixels", "lower")),
        ("test/reference_lmd", Unit("pixels")),
        ("val/masked_error", Unit("0 to 2", "lower")),
        ("val/velocity_error", Unit("pixels/frame", "lower")),
        ("test/phoneme_within_20", Unit("fraction", "higher")),
        ("test/tts_cascade_lmd_open", Unit("pixels")),
        ("test/oracle_pesq_wide", Unit("1 to 4.6")),
        ("test/wer_grammar", Unit("fraction", "lower")),
        ("test/a_metric_of_your_own", Unit("")),
        ("test/gap_error", Unit("")),
        ("test/vowel_accuracy", Unit("")),
    ],
)
def test_variants_have_the_unit_of_the_metric(name, unit):
    assert find_unit(name) == unit


def test_baselines_and_parts_name_the_metric_that_they_belong_to():
    names = {"val/lmd", "val/lmd_open", "val/loss", "word_within_20"}
    assert split_baseline("val/wrong_speaker_audio_lmd_open", names) == (
        "wrong speaker audio",
        "val/lmd_open",
    )
    assert split_baseline("val/reference_psnr", names) == ("", "val/reference_psnr")
    assert split_part("val/lmd_open", names) == ("val/lmd", "open")
    assert split_part("word_within_20", names) is None


def test_units_of_a_task_take_the_place_of_those_of_avjax():
    units = {"error": Unit("pixels", "lower")}
    assert find_unit("test/reference_error", units) == Unit("pixels")
    assert find_unit("test/lmd", units) == Unit("")


def test_directions_agree_with_the_guide():
    directions = {}
    for line in GUIDE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3:
            names = re.findall(r"`([a-z0-9_]+)(?:_MS)?`", cells[0])
            for name in names:
                directions.setdefault(name, []).append(cells[2])
    for name, (_, better) in UNITS.items():
        assert name in directions, f"{name} is not in the guide"
        assert any(better in cell for cell in directions[name]), name
