"""Gumbel-Softmax and the straight-through estimators: biased gradients for discrete laws.

The signature, its arguments and its errors are those of `estimators`, with two differences:

  make_distribution gives the *discrete* law: tfd.Bernoulli, tfd.OneHotCategorical, or
    tfd.Independent of either, by logits or by probs; the gradient is for the one given.
  cost must be differentiable, and defined where it is asked: Gumbel-Softmax evaluates it inside the
    simplex, the straight-through estimators at the corners alone.

With ℓ the logits of a Bernoulli or the log-probabilities of a OneHotCategorical, the noises
λ ~ Logistic(0, 1) and g_k ~ Gumbel(0, 1) independent, and τ the temperature, the relaxed sample is

    Bernoulli           z = sigmoid((ℓ + λ) / τ)
    OneHotCategorical   z = softmax((ℓ + g) / τ)

Its rounding (z > 1/2, the largest coordinate) has the discrete law at every temperature.

In `probs` of a OneHotCategorical only differences between coordinates count: log-probabilities are
normalised, so that Gumbel-Softmax and the score function have Σ_k probs_k ∂/∂probs_k = 0, and the
straight-through estimator differs from them by a constant along the coordinates.
"""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from course_utils import _checks
from course_utils._checks import Gradients, Params
from course_utils.sampling import stateless_seed

tfd = tfp.distributions


def _noise(law: tfd.Distribution, seed: tf.Tensor) -> tf.Tensor:
    """Return what is added to the logits of a law: logistic noise to a coin's, else Gumbel."""
    logits = law.logits_parameter()
    _checks.check_finite(f"logits of {type(law).__name__}", logits)  # probs of 0 or 1 have none
    zero, one = tf.zeros([], logits.dtype), tf.ones([], logits.dtype)
    noise = tfd.Logistic(zero, one) if isinstance(law, tfd.Bernoulli) else tfd.Gumbel(zero, one)
    return noise.sample(logits.shape, seed=seed)


def _squashed(law: tfd.Distribution, noisy_logits: tf.Tensor, temperature) -> tf.Tensor:
    """Return the relaxed sample, inside the simplex."""
    squash = tf.sigmoid if isinstance(law, tfd.Bernoulli) else tf.nn.softmax
    return squash(noisy_logits / _checks.like(temperature, noisy_logits))


def _rounded(law: tfd.Distribution, noisy_logits: tf.Tensor) -> tf.Tensor:
    """Return the corner that is nearest to the relaxed sample: it has the discrete law."""
    if isinstance(law, tfd.Bernoulli):
        return tf.cast(noisy_logits > 0, noisy_logits.dtype)
    return tf.one_hot(
        tf.argmax(noisy_logits, axis=-1), noisy_logits.shape[-1], dtype=noisy_logits.dtype
    )


def _straight(hard: tf.Tensor, soft: tf.Tensor) -> tf.Tensor:
    """Return `hard`, to the bit, with the derivative of `soft`."""
    return tf.stop_gradient(hard) + (soft - tf.stop_gradient(soft))


def _estimate(name, sample, cost, make_distribution, params, num_samples, seed) -> Gradients:
    """Differentiate cost(sample(law, seed)), with one copy of the law for each sample."""
    num_samples = _checks.whole_number("num_samples", num_samples)
    params = _checks.as_params(params)
    distribution = _checks.build(make_distribution, params)
    _checks.discrete_base(name, distribution)
    make_tiled = _checks.tiled_maker(make_distribution, params, distribution)
    tiled = _checks.tile(params, num_samples)
    with tf.GradientTape() as tape:
        tape.watch(tiled)
        law = _checks.discrete_base(name, make_tiled(**tiled))
        values = _checks.cost_values(cost, sample(law, stateless_seed(seed)))
    return _checks.checked(tape.gradient(values, tiled, unconnected_gradients="zero"), params)


@_checks.as_written
def gumbel_softmax(
    cost: Callable,
    make_distribution: Callable,
    params: Params,
    *,
    num_samples: int,
    seed,
    temperature: float,
) -> Gradients:
    """The Gumbel-Softmax (Concrete) estimator: ∇_φ f(z), z the relaxed sample at temperature τ.

    Unbiased for the gradient of the *relaxed* expectation E f(z), biased for the discrete one.  As
    τ → 0 the bias vanishes (for a cost with a bounded derivative) and the variance grows as 1/τ.

    For the same noise, at τ from .001 to 1000 and logits up to ±50, a gradient in the logits is
    within a few ε |f′|/τ of that of 40 digits, ε = 1e-7 in float32 and 2e-16 in float64; a sample
    within some τ of a tie feels the rounding of ℓ + λ too: times 1 + |ℓ|/τ.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.
      temperature: τ, positive; in a variable the gradients stay differentiable.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see `estimators`; TypeError for a law that is not covered, ValueError
        for probabilities of 0 or 1, whose logits are infinite.

    Source: Jang et al. (2017), section 2; Maddison et al. (2017), sections 3.1 and 3.2.
    """
    _checks.positive("temperature", temperature)

    def sample(law, seed):
        return _squashed(law, law.logits_parameter() + _noise(law, seed), temperature)

    return _estimate("gumbel_softmax", sample, cost, make_distribution, params, num_samples, seed)


@_checks.as_written
def straight_through(
    cost: Callable, make_distribution: Callable, params: Params, *, num_samples: int, seed
) -> Gradients:
    """The straight-through estimator: ∇f(b) · ∂probs/∂φ, b a sample of the discrete law.

    The cost sees the hard sample b; backward, b is taken for `probs`, so that ∂b/∂probs is the
    identity.  Biased, but for costs that are linear in each of independent variables.

    ∂probs/∂logits is right to the rounding of 1, 1e-7 in float32 and 2e-16 in float64.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see `estimators`; TypeError for a law that is not covered.

    Source: Hinton (2012), lectures; Bengio et al. (2013), which hands the gradient on to the logit
    as it is, or times the sigmoid's derivative, as here.
    """

    def sample(law, seed):
        probs = law.probs_parameter()
        return _straight(tf.cast(law.sample(seed=seed), probs.dtype), probs)

    return _estimate("straight_through", sample, cost, make_distribution, params, num_samples, seed)


@_checks.as_written
def straight_through_gumbel_softmax(
    cost: Callable,
    make_distribution: Callable,
    params: Params,
    *,
    num_samples: int,
    seed,
    temperature: float,
) -> Gradients:
    """Straight-through Gumbel-Softmax: ∇f(b) · ∂z/∂φ, b the rounding of the relaxed sample z.

    The cost sees the hard sample b, which has the discrete law; backward, b is taken for z.  With
    the same seed z is that of `gumbel_softmax`, and so is the accuracy.  Biased, at τ → 0 too
    unless f is quadratic.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.
      temperature: τ, positive; it acts on the backward pass alone.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: as `gumbel_softmax`.

    Source: Jang et al. (2017), section 2.2.
    """
    _checks.positive("temperature", temperature)

    def sample(law, seed):
        noisy_logits = law.logits_parameter() + _noise(law, seed)
        return _straight(_rounded(law, noisy_logits), _squashed(law, noisy_logits, temperature))

    return _estimate(
        "straight_through_gumbel_softmax",
        sample,
        cost,
        make_distribution,
        params,
        num_samples,
        seed,
    )
