"""The simulated encoder, and samplers written on TFP distributions and explicit noise."""

import numbers

import numpy as np
import tensorflow as tf

from course_utils import _checks


def stateless_seed(seed) -> tf.Tensor:
    """Return `seed` as TFP's stateless seed: the same seed draws the same numbers at every call.

    Args:
      seed: a pair of ints, or an int s, which means (0, s); or an int32 tensor of shape [2].

    Returns:
      An int32 tensor of shape [2].

    Raises:
      TypeError: `seed` is neither.
      ValueError: an int that does not fit 32 bits.
    """
    if isinstance(seed, tf.Tensor) and seed.dtype == tf.int32 and seed.shape == [2]:
        return seed
    several = isinstance(seed, tuple | list | np.ndarray) and getattr(seed, "ndim", 1) == 1
    pair = seed if several else (0, seed)
    whole = all(isinstance(s, numbers.Integral) and not isinstance(s, bool) for s in pair)
    if len(pair) != 2 or not whole:
        raise TypeError(f"seed must be an int or a pair of ints, got {seed!r}")
    if not all(-(2**31) <= s < 2**31 for s in pair):
        raise ValueError(f"seed must fit 32 bits, got {seed!r}")
    return tf.constant([int(s) for s in pair], tf.int32)


def standard_normal(shape, seed, dtype=tf.float32) -> tf.Tensor:
    """Draw the noise ε ~ N(0, 1) of the given shape, the same for the same seed.

    Args:
      shape: whole numbers of at least 0.
      seed: stateless, an int or a pair of ints.
      dtype: float32 or float64.

    Raises:
      TypeError, ValueError: `seed`, see `stateless_seed`; ValueError for any other `shape` or
        `dtype`.
    """
    seed = stateless_seed(seed)
    try:
        if tf.as_dtype(dtype).size < 4:
            raise TypeError
        return tf.random.stateless_normal(shape, seed, dtype=dtype)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError):
        raise ValueError(
            "shape must be whole numbers of at least 0 and dtype float32 or float64, got "
            f"{shape!r} and {dtype!r}"
        ) from None


def simulated_encoder(num_inputs: int, seed) -> tuple[tf.Tensor, tf.Tensor]:
    """Simulate an encoder's outputs for a latent space of two dimensions.

    Each input has its own mean and log-variance, near 0 as at the start of training:
    mean_j ~ N(m_j, .04²) with m = (-.05, .05), log_var_j ~ N(l_j, .04²) with l = (-.06, -.09).

    Args:
      num_inputs: how many inputs are encoded.
      seed: stateless, an int or a pair of ints.

    Returns:
      `mean` and `log_var`, each of shape [num_inputs, 2]. log_var is log σ².

    Raises:
      TypeError, ValueError: num_inputs is not a whole number of at least 1; `seed`, see
        `stateless_seed`.
    """
    num_inputs = _checks.whole_number("num_inputs", num_inputs)
    centre = tf.constant([-0.05, 0.05, -0.06, -0.09])
    outputs = centre + 0.04 * standard_normal([num_inputs, 4], seed)
    return outputs[:, :2], outputs[:, 2:]


def location_scale(loc, scale, noise) -> tf.Tensor:
    """Return z = loc + scale · noise: the path from the parameters to the sample.

    With noise ~ N(0, 1), Laplace(0, 1) or Logistic(0, 1), z is a sample of the Normal, Laplace or
    Logistic law with that loc and scale, and dz/dloc = 1, dz/dscale = noise.
    """
    return loc + scale * noise
