"""REBAR, RELAX and ARM: unbiased gradients for discrete laws, with control variates of their own.

The signature, its arguments and its errors are those of `estimators`; as in `relaxations`,
make_distribution gives the *discrete* law: tfd.Bernoulli, tfd.OneHotCategorical, or
tfd.Independent of either (ARM: Bernoulli alone), by logits or by probs, and the gradient is for
the one given.

With ℓ the logits of a Bernoulli or the log-probabilities of a OneHotCategorical, and noises
λ ~ Logistic(0, 1) and g_k ~ Gumbel(0, 1), the relaxed sample before it is squashed, y, the hard
sample b that it rounds to, and a second draw ỹ from the law of y given b are

    Bernoulli           y = ℓ + λ,  b = 1[y > 0]
                        ỹ = softplus(λ′ + softplus(ℓ)) if b = 1, −softplus(λ′ + softplus(−ℓ)) else
    OneHotCategorical   y = ℓ + g,  b the class with the largest y_k
                        ỹ_b = g′_b,  ỹ_k = −log(exp(−ỹ_b) + exp(−ℓ_k − g′_k)) for the others

with new noises λ′, g′.  ỹ depends on ℓ also where b and the noise are held, and only with that
derivative is  E[−c(ỹ) ∇ log q(b) + ∇c(y) − ∇c(ỹ)] = 0  for a smooth c: a control variate.
"""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from course_utils import _checks
from course_utils._checks import Gradients, Params
from course_utils.relaxations import _noise, _rounded, _squashed
from course_utils.sampling import stateless_seed

tfd = tfp.distributions


def _logits(law: tfd.Distribution) -> tf.Tensor:
    logits = law.logits_parameter()
    return logits if isinstance(law, tfd.Bernoulli) else tf.nn.log_softmax(logits)


def _conditional(law: tfd.Distribution, hard: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return ỹ, drawn from the law of y given that it rounds to `hard`."""
    logits, noise = _logits(law), _noise(law, seed)
    if isinstance(law, tfd.Bernoulli):
        sign = 2 * hard - 1
        return sign * tf.nn.softplus(noise + tf.nn.softplus(sign * logits))
    top = tf.reduce_sum(hard * noise, axis=-1, keepdims=True)
    below = top - tf.nn.softplus(top - logits - noise)  # −log(exp(−top) + exp(−ℓ − g′))
    return tf.where(hard > 0, top, below)


def _estimate(name, cost, control, make_distribution, params, num_samples, seed) -> Gradients:
    """Return (f(b) − c(ỹ)) ∇ log q(b) + ∇c(y) − ∇c(ỹ), where c(y) is control(law, y)."""
    num_samples = _checks.whole_number("num_samples", num_samples)
    params = _checks.as_params(params)
    distribution = _checks.build(make_distribution, params)
    _checks.discrete_base(name, distribution)
    make_tiled = _checks.tiled_maker(make_distribution, params, distribution)
    tiled = _checks.tile(params, num_samples)
    seeds = tfp.random.split_seed(stateless_seed(seed), 2)
    with tf.GradientTape() as tape:
        tape.watch(tiled)
        law = _checks.discrete_base(name, make_tiled(**tiled))
        y = _logits(law) + _noise(law, seeds[0])
        hard = tf.stop_gradient(_rounded(law, y))
        log_prob = law.log_prob(hard)
        conditional = control(law, _conditional(law, hard, seeds[1]))
        difference = control(law, y) - conditional
    # No gradient is stopped from here on: c may hold variables that an outer tape trains.
    values = _checks.cost_values(cost, hard) - conditional
    values = tf.reshape(values, [-1, *[1] * (log_prob.shape.rank - 1)])
    gradients = tape.gradient(
        [log_prob, difference],
        tiled,
        output_gradients=[tf.broadcast_to(values, log_prob.shape), tf.ones_like(difference)],
        unconnected_gradients="zero",
    )
    return _checks.checked(gradients, params)


@_checks.as_written
def rebar(
    cost: Callable,
    make_distribution: Callable,
    params: Params,
    *,
    num_samples: int,
    seed,
    temperature: float,
    eta: float = 1.0,
) -> Gradients:
    """REBAR: the score function with the cost of a relaxed sample as its control variate.

        (f(b) − η f(z̃)) ∇ log q(b) + η ∇f(z) − η ∇f(z̃),  z = sigmoid or softmax of y/τ, z̃ of ỹ/τ

    Unbiased at every τ and η for a cost that is continuous inside the simplex and differentiable
    but for single points; its values there are arbitrary.  Three costs a sample: one at b, two
    inside.  The noises λ and λ′ are independent.  At η = 0 it is the score function; as
    τ → ∞, the score function with the baseline η f(1/2) or η f(1/K, …, 1/K).  Its accuracy is that
    of `gumbel_softmax`.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.
      temperature: τ, positive.
      eta: η, a number, or a scalar variable, in which the gradients stay differentiable; so they
        do in the temperature.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see `estimators`; TypeError for a law that is not covered, ValueError
        for probabilities of 0 or 1, whose logits are infinite.

    Source: Tucker et al. (2017), section 3, and its appendix for the Gumbels.
    """
    _checks.positive("temperature", temperature)
    _checks.number("eta", eta)

    def control(law, y):
        return _checks.like(eta, y) * _checks.cost_values(cost, _squashed(law, y, temperature))

    return _estimate("rebar", cost, control, make_distribution, params, num_samples, seed)


@_checks.as_written
def relax(
    cost: Callable,
    make_distribution: Callable,
    params: Params,
    *,
    num_samples: int,
    seed,
    surrogate: Callable,
) -> Gradients:
    """RELAX: the score function with any smooth function c of the relaxed sample against its noise.

        (f(b) − c(ỹ)) ∇ log q(b) + ∇c(y) − ∇c(ỹ)

    Unbiased for every c that is continuous, and differentiable but for single points.  Nothing is
    asked of the cost, which is evaluated once a sample, at b.  The gradients stay differentiable
    in the variables of c: a tape around this call over their mean square, which differs from their
    variance by a constant, trains them.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.
      surrogate: c, from y of shape [num_samples, *event], before it is squashed, to [num_samples].

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: as `rebar`.

    Source: Grathwohl et al. (2018), on discrete variables and conditional reparameterization.
    """

    def control(law, y):
        return _checks.cost_values(surrogate, y, "surrogate")

    return _estimate("relax", cost, control, make_distribution, params, num_samples, seed)


@_checks.as_written
def arm(
    cost: Callable, make_distribution: Callable, params: Params, *, num_samples: int, seed
) -> Gradients:
    """ARM, augment-REINFORCE-merge, for Bernoulli variables: two costs at mirrored uniform noise.

        in the logits:  (f(1[u > sigmoid(−ℓ)]) − f(1[u < sigmoid(ℓ)])) (u − 1/2),  u ~ U(0, 1)

    with one u for each variable; by probs, that times dℓ/dprobs.  Unbiased for any cost, where the
    probabilities are not below the steps of u, 1e-7 in float32 and 2e-16 in float64.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: as `rebar`; TypeError for a law that is not Bernoulli or Independent
        of it.

    Source: Yin & Zhou (2019), Theorem 1.
    """
    num_samples = _checks.whole_number("num_samples", num_samples)
    params = _checks.as_params(params)
    distribution = _checks.build(make_distribution, params)
    _checks.discrete_base("arm", distribution, (tfd.Bernoulli,))
    make_tiled = _checks.tiled_maker(make_distribution, params, distribution)
    tiled = _checks.tile(params, num_samples)
    with tf.GradientTape() as tape:
        tape.watch(tiled)
        law = _checks.discrete_base("arm", make_tiled(**tiled))
        logits = law.logits_parameter()
    _checks.check_finite("logits of Bernoulli", logits)
    zero, one = tf.zeros([], logits.dtype), tf.ones([], logits.dtype)
    u = tfd.Uniform(zero, one).sample(logits.shape, seed=stateless_seed(seed))
    up, down = u > tf.sigmoid(-logits), u < tf.sigmoid(logits)
    costs = [_checks.cost_values(cost, tf.cast(b, logits.dtype)) for b in (up, down)]
    difference = tf.reshape(costs[0] - costs[1], [-1, *[1] * (logits.shape.rank - 1)])
    weights = difference * (u - 0.5)
    gradients = tape.gradient(logits, tiled, weights, unconnected_gradients="zero")
    return _checks.checked(gradients, params)
