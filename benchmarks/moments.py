"""What many per-sample gradients say: a sweep over one quantity, and ten million samples."""

import functools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from benchmarks.table import Row, alternate
from course_utils import variance
from course_utils.estimators import pathwise

ROOT = Path(__file__).resolve().parent.parent
LIMIT_MB = 2000


def gradients_at(scale: tf.Tensor, num_samples: int, dims: int, seed) -> dict[str, tf.Tensor]:
    """Pathwise gradients of E Σ_j (z_j − ½)² for a normal z."""
    params = dict(loc=tf.zeros(dims), scale=scale * tf.ones(dims))

    def cost(z):
        return tf.reduce_sum((z - 0.5) ** 2, axis=-1)

    return pathwise(cost, tfd.Normal, params, num_samples=num_samples, seed=seed)


def sweep_rows(
    num_values: int = 50, num_samples: int = 100_000, dims: int = 10, repeats: int = 5
) -> list[Row]:
    """A whole sweep, its checks and its tracing included, against its values times one estimate.

    One estimate is a compiled call for mean and variances, without checks; its seed is an argument,
    so that it draws its noise, as whoever asks for one estimate does.
    """
    traced = []

    def gradients(scale, count):
        traced.append(count)
        return gradients_at(scale, count, dims, seed=1)

    @tf.function
    def one(scale, seed):
        found = gradients_at(scale, num_samples, dims, seed)
        return {name: variance._moments(values) for name, values in found.items()}

    scales = np.geomspace(0.3, 3, num_values).astype(np.float32)

    def whole(seed):
        traced.clear()
        variance.sweep(gradients, scales, num_samples=num_samples)

    def single(seed):
        one(tf.constant(scales[seed % num_values]), tf.constant([0, seed]))

    mine, theirs = alternate(whole, single, repeats=repeats)
    row = Row(
        f"a sweep of {num_values} values × {num_samples} × {dims}",
        f"{num_values} × one estimate",
        mine,
        [num_values * time for time in theirs],
        at_most=1.2,
        holds=("traced once", traced.count(num_samples) == 1),
    )
    return [row]


@functools.cache
def _compiled(batch: int, dims: int):
    """One batch of gradients; call it with a seed."""

    @tf.function
    def draw(seed):
        return gradients_at(tf.constant(1.0), batch, dims, seed)

    return draw


def summarize_many(num_samples: int, batch: int, dims: int, seed: int = 0) -> float:
    """Summarize gradients batch by batch; return the milliseconds that it takes once compiled."""
    draw = _compiled(batch, dims)
    draw(tf.constant([seed, 0]))
    start = time.perf_counter()
    seeds = (tf.constant([seed, 1 + i]) for i in range(num_samples // batch))
    variance.summarize(draw(s) for s in seeds)
    return 1000 * (time.perf_counter() - start)


def peaks(num_samples: int, batch: int, dims: int) -> list[float]:
    """The peak megabytes of a fresh process, before and after it summarizes."""
    code = f"""from benchmarks import memory, moments
print(memory.megabytes()[1])
moments.summarize_many({num_samples}, {batch}, {dims})
print(memory.megabytes()[1])"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def samples_rows(
    least: int = 100_000, most: int = 10_000_000, dims: int = 10, repeats: int = 3
) -> list[Row]:
    """The time at the most samples against that at the least, in proportion; and the memory."""
    times = [[], []]
    for repeat in range(repeats):
        few = [summarize_many(least, least, dims, seed=i) for i in range(repeat, repeat + 10)]
        times[1].append(float(np.median(few)) * most / least)
        times[0].append(summarize_many(most, least, dims, seed=repeat))
    what = f"mean, standard error, variance of {most:.0e} × {dims}"
    linear = Row(what, f"{most // least} × {least:.0e} × {dims}", *times, at_most=1.3)
    before, after = peaks(most, least, dims)
    limits = dict(unit="MB", limit=LIMIT_MB)
    return [linear, Row("its peak memory", "the imports alone", [after], [before], **limits)]
