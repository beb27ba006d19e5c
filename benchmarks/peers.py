"""The same per-sample gradients by other means; each draws its own noise and returns when done."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

LOOPED = 200


def _named(name: str, *functions: Callable) -> Callable:
    """The function of that name."""
    return {function.__name__: function for function in functions}[name]


def by_numpy(estimator: str, num_samples: int, params: list, targets, temperature: float):
    """The gradients worked out by hand."""
    shape = (num_samples, len(targets))

    def pathwise(rng):
        loc, scale = params
        noise = rng.standard_normal(shape, np.float32)
        slope = 2 * (loc + scale * noise - targets)
        return slope, slope * noise

    def score_function(rng):
        loc, scale = params
        noise = rng.standard_normal(shape, np.float32)
        cost = np.sum((loc + scale * noise - targets) ** 2, axis=1, keepdims=True)
        return cost * noise / scale, cost * (noise**2 - 1) / scale

    def gumbel_softmax(rng):
        (logits,) = params
        exponential = np.maximum(rng.standard_exponential(shape, np.float32), 1e-37)  # it has zeros
        scores = (logits - np.log(exponential)) / temperature
        z = np.exp(scores - scores.max(axis=1, keepdims=True))
        z /= z.sum(axis=1, keepdims=True)
        slope = 2 * (z - targets)
        return (z * (slope - np.sum(slope * z, axis=1, keepdims=True)) / temperature,)

    chosen = _named(estimator, pathwise, score_function, gumbel_softmax)
    return lambda seed: chosen(np.random.default_rng(seed))


def by_torch(estimator: str, num_samples: int, params: list, targets, temperature: float):
    """torch.func.vmap over samples of torch.func.grad."""
    import torch

    *params, targets = (torch.from_numpy(np.array(array)) for array in [*params, targets])
    shape = num_samples, len(targets)

    def cost(z):
        return ((z - targets) ** 2).sum()

    def pathwise(loc, scale, noise):
        return cost(loc + scale * noise)

    def score_function(loc, scale, noise):
        z = (loc + scale * noise).detach()
        return cost(z) * (-(((z - loc) / scale) ** 2) / 2 - scale.log()).sum()

    def gumbel_softmax(logits, noise):
        return cost(torch.softmax((logits + noise) / temperature, dim=0))

    places = tuple(range(len(params)))
    one = torch.func.grad(
        _named(estimator, pathwise, score_function, gumbel_softmax), argnums=places
    )
    every = torch.func.vmap(one, in_dims=(*[None] * len(params), 0))

    def call(seed):
        generator = torch.Generator().manual_seed(seed)
        if estimator == "gumbel_softmax":
            noise = -torch.empty(shape).exponential_(generator=generator).clamp_(1e-37).log()
        else:
            noise = torch.randn(shape, generator=generator)
        return every(*params, noise)

    return call


def by_jax(estimator: str, num_samples: int, params: list, targets, temperature: float):
    """A compiled jax.jacfwd of the vector of all samples' costs, as optax's estimators are made."""
    import jax
    import jax.numpy as jnp

    *params, targets = (jnp.asarray(array) for array in [*params, targets])
    shape = num_samples, len(targets)

    def cost(z):
        return jnp.sum((z - targets) ** 2, axis=-1)

    def pathwise(loc, scale, noise):
        return cost(loc + scale * noise)

    def score_function(loc, scale, noise):
        z = jax.lax.stop_gradient(loc + scale * noise)
        log_prob = jnp.sum(-(((z - loc) / scale) ** 2) / 2 - jnp.log(scale), axis=-1)
        return cost(z) * log_prob

    def gumbel_softmax(logits, noise):
        return cost(jax.nn.softmax((logits + noise) / temperature))

    surrogate = _named(estimator, pathwise, score_function, gumbel_softmax)
    draw = jax.random.gumbel if estimator == "gumbel_softmax" else jax.random.normal

    @jax.jit
    def gradients(key, *params):
        places = tuple(range(len(params)))
        return jax.jacfwd(surrogate, argnums=places)(*params, draw(key, shape))

    return lambda seed: jax.block_until_ready(gradients(jax.random.key(seed), *params))


def by_loop(estimator: str, num_samples: int, params: list, targets, temperature: float):
    """A TensorFlow tape for each sample, `LOOPED` of them or fewer."""
    params, targets = [tf.constant(p) for p in params], tf.constant(targets)

    def cost(z):
        return tf.reduce_sum((z - targets) ** 2)

    def pathwise(seed):
        loc, scale = params
        return cost(loc + scale * tf.random.stateless_normal(loc.shape, seed))

    def score_function(seed):
        loc, scale = params
        noise = tf.random.stateless_normal(loc.shape, seed)
        z = tf.stop_gradient(loc + scale * noise)
        return cost(z) * tf.reduce_sum(-(((z - loc) / scale) ** 2) / 2 - tf.math.log(scale))

    def gumbel_softmax(seed):
        (logits,) = params
        noise = -tf.math.log(-tf.math.log(tf.random.stateless_uniform(logits.shape, seed, 1e-7)))
        return cost(tf.nn.softmax((logits + noise) / temperature))

    surrogate = _named(estimator, pathwise, score_function, gumbel_softmax)

    def call(seed):
        gradients = []
        for sample in range(min(num_samples, LOOPED)):
            with tf.GradientTape() as tape:
                tape.watch(params)
                value = surrogate([seed, sample])
            gradients.append(tape.gradient(value, params))
        return [tf.stack(column) for column in zip(*gradients, strict=True)]

    return call


class Peer(NamedTuple):
    """A way to the same gradients: `make` gives a function of a seed; `scale` its time's factor."""

    label: str
    make: Callable
    scale: Callable[[int], float] = lambda num_samples: 1.0


PEERS = [
    Peer("NumPy, by hand", by_numpy),
    Peer("PyTorch, vmap(grad)", by_torch),
    Peer("JAX, jit(jacfwd)", by_jax),
    Peer("a loop of tapes, extrapolated", by_loop, lambda n: n / min(n, LOOPED)),
]


def normal_by_numpy(shape: tuple[int, int]):
    """Standard normal noise; call it with a seed."""
    return lambda seed: np.random.default_rng(seed).standard_normal(shape, np.float32)


def normal_by_torch(shape: tuple[int, int]):
    """The same by PyTorch."""
    import torch

    return lambda seed: torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def normal_by_jax(shape: tuple[int, int]):
    """The same by JAX, compiled."""
    import jax

    draw = jax.jit(lambda key: jax.random.normal(key, shape))
    return lambda seed: jax.block_until_ready(draw(jax.random.key(seed)))


NORMALS = {"NumPy's": normal_by_numpy, "PyTorch's": normal_by_torch, "JAX's": normal_by_jax}
