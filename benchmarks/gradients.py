"""Per-sample gradients of three estimators, compiled, against their noise alone and against peers.

The cost is Σ_j (z_j − t_j)²; z is normal with a loc and a scale of [dims], or relaxed one-hot with
logits of [dims].  Each side draws its own noise inside the timing, in float32.
"""

import functools

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from benchmarks import peers
from benchmarks.table import Row, alternate, keep_freed_memory
from course_utils import estimators

LIMITS = {"pathwise": 1.5, "score_function": 2.0, "gumbel_softmax": 2.0}
TEMPERATURE = 0.5


def setting(estimator: str, dims: int) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """The parameters that an estimator is differentiated in, and the cost's t."""
    targets = tf.linspace(0.0, 1.0, dims)
    if estimator == "gumbel_softmax":
        return {"logits": tf.linspace(-1.0, 1.0, dims)}, targets
    return {"loc": tf.linspace(-1.0, 1.0, dims), "scale": tf.linspace(0.5, 1.5, dims)}, targets


def ours(estimator: str, num_samples: int, dims: int):
    """The package's estimator, compiled; call it with a seed.

    Parameters, seed and temperature are arguments: TensorFlow would fold constants.
    """
    law = tfd.OneHotCategorical if estimator == "gumbel_softmax" else tfd.Normal
    params, targets = setting(estimator, dims)
    options = {"temperature": tf.constant(TEMPERATURE)} if estimator == "gumbel_softmax" else {}

    @tf.function
    def gradients(params, targets, seed, options):
        def cost(z):
            return tf.reduce_sum((z - targets) ** 2, axis=-1)

        estimate = getattr(estimators, estimator)
        return estimate(cost, law, params, num_samples=num_samples, seed=seed, **options)

    return lambda seed: gradients(params, targets, tf.constant([0, seed]), options)


def noise(estimator: str, num_samples: int, dims: int):
    """The noise that the estimator draws, alone and compiled; call it with a seed."""
    law = tfd.Gumbel if estimator == "gumbel_softmax" else tfd.Normal

    @tf.function
    def draw(zero, one, seed):
        return law(zero, one).sample([num_samples, dims], seed=seed)

    return lambda seed: draw(tf.constant(0.0), tf.constant(1.0), tf.constant([0, seed]))


def against(what: str, peer: str, make, side, repeats: int, scale: float = 1.0, **aims) -> Row:
    """The row of one side against the peer's that `make` gives, or that says it is missing."""
    try:
        other = make()
    except ImportError:
        note = "not installed: pip install -e .[bench]"
        return Row(what, peer, *alternate(side, repeats=3), [], note=note)
    mine, theirs = alternate(side, other, repeats=repeats)
    return Row(what, peer, mine, [time * scale for time in theirs], **aims)


def rows(num_samples: int = 100_000, dims: int = 10, repeats: int = 31) -> list[Row]:
    """Three rows against the noise, then each estimator against each peer, and the noises alone."""
    keep_freed_memory()
    size = f"{num_samples:,} × {dims}".replace(",", " ")
    result = []
    for estimator, limit in LIMITS.items():
        sides = ours(estimator, num_samples, dims), noise(estimator, num_samples, dims)
        times = alternate(*sides, repeats=repeats)
        what = f"{estimator}, {size}"
        result.append(Row(what, "drawing the same noise", *times, at_most=limit))
    for estimator in LIMITS:
        params, targets = setting(estimator, dims)
        arrays = [p.numpy() for p in params.values()], targets.numpy()
        side = ours(estimator, num_samples, dims)
        for peer in peers.PEERS:
            make = functools.partial(peer.make, estimator, num_samples, *arrays, TEMPERATURE)
            scale = peer.scale(num_samples)
            what = f"{estimator}, {size}"
            result.append(against(what, peer.label, make, side, repeats, scale, faster=1.0))
    for label, draw in peers.NORMALS.items():
        make = functools.partial(draw, (num_samples, dims))
        side = noise("pathwise", num_samples, dims)
        result.append(against(f"the normal noise alone, {size}", label, make, side, repeats))
    return result
