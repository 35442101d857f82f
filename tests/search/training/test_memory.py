"""A step that would not fit into memory is refused with one that does; running out of it is explained."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from msc.search.training.health import TrainError
from msc.search.training.memory import StepMemory, check_memory, explained, step_memory
from msc.search.training.processes import ALONE, Ranks
from msc.search.training.samples import Samples
from msc.search.training.settings import BFLOAT16, Settings
from tests.search.training.scarce import network_and_samples

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of address space need Linux")
ROOT = Path(__file__).parents[3]
HEAD = """
import re
import torch
from tests.search.training.scarce import *
from msc.search.training.available import available_bytes, return_freed_memory
from msc.search.training.health import TrainError
from msc.search.training.learner import Learner
from msc.search.training.memory import check_memory, explained, step_memory
from msc.search.training.settings import Settings
from msc.search.training.start import Start

def resident(key):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(key))
"""


def process(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    command = [sys.executable, "-c", HEAD + script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def ran(script: str) -> str:
    """Run a script that must succeed; returns what it printed."""
    done = process(script)
    assert done.returncode == 0, done.stderr
    return done.stdout


GROWTH = """
return_freed_memory()  # else a step may find room in what earlier ones left
for motif, side, timesteps, batch, tuned in ((FE, 12, 2, 400, 0), (FBI, 16, 6, 40, 0), (FBI, 16, 6, 40, 1)):
    samples, settings = random_samples(batch, side), Settings(batch=batch)
    lowered = network(motif, side, timesteps)
    start = Start("loihi", {}, random_model(lowered, 0).weights) if tuned else None
    learner = Learner(lowered, samples, None, 10, settings, start=start)
    estimate = step_memory(learner.module, samples, 10, settings).of(batch)
    open("/proc/self/clear_refs", "w").write("5")  # forgets the highest resident set so far
    before = resident("VmRSS:")
    learner.epoch()
    print(estimate, resident("VmHWM:") - before)
"""


@LINUX
def test_the_estimate_is_what_a_step_really_takes() -> None:
    for line in ran(GROWTH).splitlines():
        estimate, grown = map(int, line.split())
        assert grown > 50e6
        assert 0.9 * grown < estimate < 1.25 * grown


LIMITED = """
samples = random_samples(300)
step_memory(network_and_samples(1)[0], samples, 10, Settings())  # what torch loads for it is there already
leave(200_000_000)

def train(batch, accumulate):
    Learner(network(), samples, None, 10, Settings(batch=batch, accumulate=accumulate)).epoch()

try:
    train(300, 1)
except TrainError as error:
    told = str(error)
print(told)
batch, parts = map(int, re.search(r"--batch (\\d+), or --accumulate (\\d+)", told).groups())
train(batch, 1)
train(300, parts)
with explained(Settings(batch=300)):
    torch.empty(200_000_000, dtype=torch.uint8)
"""


@LINUX
def test_a_batch_above_a_limit_is_refused_and_those_named_work_under_the_same_limit() -> None:
    """Afterwards the limit still holds: an allocation of as much fails, and is explained."""
    done = process(LIMITED)
    named = re.fullmatch(
        r"--batch 300: one step needs about [\d.]+ MB, [\d.]+ MB are free; use --batch (\d+), or "
        r"--accumulate (\d+), which computes the same batch in more parts, each normalised alone\n",
        done.stdout,
    )
    assert named, done.stdout + done.stderr
    batch, parts = map(int, named.groups())
    assert 32 <= batch < 300
    assert 2 <= parts <= 10
    assert "DefaultCPUAllocator" in done.stderr
    assert "TrainError: --batch 300: memory ran out; use --batch 128" in done.stderr
    assert done.returncode == 1


TOO_BIG_AT_ALL = """
module, samples = network_and_samples(8)
settings = Settings(batch=8)
step_memory(module, samples, 10, settings)  # what torch loads for it is there already
leave(1_500_000)
try:
    check_memory(module, samples, 10, settings)
except TrainError as error:
    print(error)
"""


@LINUX
def test_where_not_even_one_sample_fits_the_genome_must_change() -> None:
    told = ran(TOO_BIG_AT_ALL)
    assert re.fullmatch(
        r"--batch 8: even one sample needs about [\d.]+ MB, [\d.]+ MB are free; free memory, or make the "
        r"genome with fewer --channels or --timesteps, or a smaller --input-shape, or train with "
        r"--precision bfloat16\n",
        told,
    ), told


def many(samples: Samples, count: int) -> Samples:
    """Take the first sample over and over."""
    return replace(samples, chosen=np.zeros(count, np.int64))


@LINUX
def test_no_machine_has_memory_for_a_million_samples() -> None:
    """Each named batch cuts into parts that fit, whatever there is free here."""
    module, samples = network_and_samples(2)
    settings = Settings(batch=10**6, accumulate=3)
    with pytest.raises(TrainError) as caught:
        check_memory(module, many(samples, 10**7), 10, settings)
    named = re.search(r"use --batch (\d+), or --accumulate (\d+)", str(caught.value))
    assert named
    batch, parts = map(int, named.groups())
    assert batch % 3 == 0
    assert (batch // 3).bit_count() == 1
    assert parts > 3
    check_memory(module, many(samples, 10**7), 10, replace(settings, batch=batch))
    check_memory(module, many(samples, 10**7), 10, replace(settings, accumulate=parts))


def test_a_batch_larger_than_the_data_counts_as_the_data() -> None:
    module, samples = network_and_samples(4)
    check_memory(module, samples, 10, Settings(batch=10**6))


def test_more_samples_need_more_and_what_fits_is_undone_by_one_more() -> None:
    memory = StepMemory(1000, 30)
    assert memory.of(10) == 1300
    assert memory.fits(1300) == 10
    assert memory.fits(1299) == 9
    assert memory.fits(10) == 0


def test_processes_keep_buffers_for_gradients_beside_them() -> None:
    module, samples = network_and_samples(2)
    alone, together = (step_memory(module, samples, 10, Settings(), n) for n in (1, 2))
    weights = sum(p.nbytes for p in module.parameters())
    assert together.fixed_bytes - alone.fixed_bytes == weights
    assert alone.fixed_bytes >= 3 * weights
    assert together.bytes_per_sample == alone.bytes_per_sample


def test_the_gradients_of_all_parts_are_held_until_they_are_added_up() -> None:
    module, samples = network_and_samples(2)
    weights = sum(p.nbytes for p in module.parameters())
    one, six = (
        step_memory(module, samples, 10, Settings(accumulate=a, threads=t)) for a, t in ((1, 1), (3, 2))
    )
    assert six.fixed_bytes - one.fixed_bytes == 5 * weights
    assert six.bytes_per_sample == one.bytes_per_sample


def test_halves_of_numbers_take_less() -> None:
    module, samples = network_and_samples(2)
    whole, half = (step_memory(module, samples, 10, Settings(precision=p)) for p in ("float32", BFLOAT16))
    assert half.bytes_per_sample != whole.bytes_per_sample


def test_measuring_leaves_the_network_and_random_numbers_alone() -> None:
    module, samples = network_and_samples(3)
    module.eval()
    kept = next(module.parameters())
    kept.grad = torch.full_like(kept, 7)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"]
    first = step_memory(module, samples, 10, Settings())
    assert not module.training
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert torch.equal(kept.grad, torch.full_like(kept, 7))
    assert [p.grad is None for p in module.parameters()].count(False) == 1
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], numpy_state)
    assert step_memory(module, samples, 10, Settings()) == first


def by_torch() -> Any:
    return torch.empty(1 << 55, dtype=torch.uint8)


def by_numpy() -> Any:
    return np.ones(1 << 55, np.uint8)


def by_a_gpu() -> Any:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


@pytest.mark.parametrize("allocate", [by_torch, by_numpy, by_a_gpu])
def test_running_out_of_memory_names_half_the_batch(allocate: Any) -> None:
    with pytest.raises(TrainError) as caught, explained(Settings(batch=100)):
        allocate()
    assert str(caught.value) == (
        "--batch 100: memory ran out; use --batch 32, or --accumulate 2, which computes the same batch in "
        "more parts, each normalised alone"
    )
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("settings", "ranks", "samples", "fix"),
    [
        (Settings(batch=64), ALONE, None, "use --batch 32, or --accumulate 2,"),
        (Settings(batch=64, accumulate=4), ALONE, None, "use --batch 32, or --accumulate 8,"),
        (Settings(batch=64), Ranks(1, 4, 1), None, "use --batch 32, or --accumulate 2,"),
        (Settings(batch=4096), ALONE, 10, "use --batch 4, or --accumulate 2,"),
        (Settings(batch=3), Ranks(0, 2), None, "use --batch 2$"),
        (
            Settings(batch=2, accumulate=2),
            ALONE,
            None,
            "free memory, or make the genome with fewer --channels",
        ),
        (Settings(batch=1, precision=BFLOAT16), ALONE, None, "a smaller --input-shape$"),
    ],
)
def test_what_to_do_depends_on_the_parts(settings: Settings, ranks: Ranks, samples: int, fix: str) -> None:
    with pytest.raises(TrainError, match=f"--batch {settings.batch}: memory ran out; .*{fix}"):  # noqa: SIM117
        with explained(settings, ranks, samples):
            raise MemoryError


def test_other_errors_pass_through() -> None:
    with pytest.raises(RuntimeError, match=r"^a bug$"), explained(Settings()):
        raise RuntimeError("a bug")
    with pytest.raises(KeyError), explained(Settings()):
        raise KeyError("a bug")
