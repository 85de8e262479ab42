"""What an experiment leaves to the number of devices: batches, rates, types."""

import dataclasses

import pytest

from avjax.config import leaves, to_json
from avjax.data.loader import Loader
from avjax.errors import InputError
from avjax.train.experiment import check, check_same_run
from avjax.train.experiments import EXPERIMENTS
from avjax.train.optimizers import Adam, Muon, Sgd
from avjax.train.parallel.scaling import (
    batch_size_of,
    fit_to_devices,
    scale_rate,
    scaling_note,
)

FULL_SIZE = [
    name for name, make in EXPERIMENTS.items() if make().min_batch_per_device > 0
]


def test_all_full_size_experiments_scale():
    assert {"synctalkface_lrs2", "cals_lrs2", "bridging_lrw"} <= set(FULL_SIZE)
    assert {"taem_wav2lip_lrs2", "denoiser_sidd", "sync_lrs2"} <= set(FULL_SIZE)


@pytest.mark.parametrize("name", FULL_SIZE)
def test_published_batch_is_kept_until_devices_would_have_too_little(name):
    experiment = EXPERIMENTS[name]()
    least, published = experiment.min_batch_per_device, batch_size_of(experiment.train)
    assert fit_to_devices(experiment, 1).train == experiment.train
    for devices in (3, 8, 64, 256):
        derived = fit_to_devices(experiment, devices)
        check(derived)
        size = batch_size_of(derived.train)
        assert size % devices == 0 and size >= max(published, least * devices)
        assert size - devices < max(published, least * devices)
        for loader in derived.evals.values():
            assert batch_size_of(loader) % devices == 0
        assert fit_to_devices(derived, devices) == derived


def test_learning_rate_follows_the_rule_of_the_optimizer():
    for optimizer in (Adam(1e-3), Muon(1e-3)):
        assert scale_rate(optimizer, 4.0).learning_rate == 2e-3
    assert scale_rate(Sgd(1e-3), 4.0).learning_rate == 4e-3
    experiment = EXPERIMENTS["bridging_lrw"]()
    derived = fit_to_devices(experiment, 16)
    rates = [x.optim["reader"].learning_rate for x in (experiment, derived)]
    assert rates[1] == 2 * rates[0] and derived.optim["reader"].warmup == 0
    note = scaling_note(experiment, derived, 16)
    assert note.startswith("batch 640 instead of 320, for 16 devices")
    assert note.endswith("learning rates x 2; min_batch_per_device=0 keeps 320")
    assert not scaling_note(experiment, fit_to_devices(experiment, 8), 8)


def test_microbatches_count_as_devices():
    experiment = EXPERIMENTS["cals_lrs2"]()
    changed = dataclasses.replace(experiment, accumulate=4)
    assert batch_size_of(fit_to_devices(changed, 8).train) == 8 * 4 * 5


def test_type_of_products_is_set_in_all_models_of_the_task():
    experiment = EXPERIMENTS["taem_wav2lip_lrs2"]()
    assert experiment.task.model.dtype == "float32"
    derived = fit_to_devices(experiment, 1)
    assert derived.task.model.dtype == derived.task.model.talker.dtype == "bfloat16"
    for name in FULL_SIZE:
        task = to_json(fit_to_devices(EXPERIMENTS[name](), 1).task)
        types = {x for path, x in leaves(task) if path.endswith("dtype")}
        # The networks of LipWarp are small, and its experiments are made for a CPU.
        assert types == {"float32" if name.startswith("lipwarp") else "bfloat16"}


def test_small_experiments_do_not_depend_on_the_devices():
    for name in ("synctalkface_puppet", "bridging_grid"):
        experiment = EXPERIMENTS[name]()
        assert fit_to_devices(experiment, 4) == experiment


def test_loader_without_a_batch_size_is_refused(experiment):
    changed = dataclasses.replace(experiment, min_batch_per_device=1)
    with pytest.raises(InputError, match="a loader with the field batch_size, and Toy"):
        fit_to_devices(changed, 2)
    assert fit_to_devices(experiment, 2) == experiment


def test_run_may_continue_on_fewer_devices_with_the_same_batch(experiment):
    base = dataclasses.replace(
        experiment, train=Loader("corpus", batch_size=4), min_batch_per_device=2
    )
    stored = to_json(fit_to_devices(base, 8))
    assert stored["train"]["batch_size"] == 16
    more = dataclasses.replace(base, min_batch_per_device=4)
    check_same_run(fit_to_devices(more, 4), stored)
    with pytest.raises(InputError, match="train.batch_size was 16 and is now 8"):
        check_same_run(fit_to_devices(base, 4), stored)


def test_run_of_a_version_with_fewer_fields_may_continue(experiment):
    stored = to_json(experiment)
    del stored["dtype"], stored["ema"], stored["profile"]
    check_same_run(experiment, stored)
    with pytest.raises(InputError, match="ema was None and is now 0.9"):
        check_same_run(dataclasses.replace(experiment, ema=0.9), stored)


@pytest.mark.parametrize("profile", ["3", "0:2", "5:4", "1:13", "a:b"])
def test_profile_outside_of_the_run_is_refused(experiment, profile):
    check(dataclasses.replace(experiment, profile="1:12"))
    with pytest.raises(InputError, match=f"profile={profile} must be START:STOP"):
        check(dataclasses.replace(experiment, profile=profile))


@pytest.mark.parametrize("ema", [-0.1, 1.0])
def test_decay_out_of_range_is_refused(experiment, ema):
    with pytest.raises(InputError, match="must be at least 0 and less than 1"):
        check(dataclasses.replace(experiment, ema=ema))
