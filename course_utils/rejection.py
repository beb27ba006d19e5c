"""Reparameterized rejection sampling: a path for the accepted noise, and a term for its law.

The signature, its arguments and its errors are those of `estimators`.
"""

import math
from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from course_utils import _checks
from course_utils._checks import Gradients, Params
from course_utils.sampling import stateless_seed

tfd = tfp.distributions

# A round accepts with a probability above .65 (below, each law says its own): a sample is still
# without an answer after 100 rounds once in 10^45 times, and is then refused.
_ROUNDS = 100


@_checks.as_written
def rejection_reparameterized(
    cost: Callable,
    make_distribution: Callable,
    params: Params,
    *,
    num_samples: int,
    seed,
    augmentation: int = 0,
) -> Gradients:
    """The reparameterized rejection estimator: f′(z) ∂h/∂φ + f(z) ∇_φ log(a(ε; φ) / P(φ)).

    A proposal z = h(ε, φ), from noise ε of a fixed density s, is accepted with probability
    a(ε; φ).  The accepted ε has the density s(ε) a(ε; φ) / P(φ), with the acceptance rate P = E a.
    It depends on φ, hence the second term, the *correction*; a/P = q(h)/r(h), with q the law of z
    and r that of the proposals.  Unbiased where f is continuous and differentiable but for single
    points, and f q vanishes at the edge of the proposals.

        Gamma(α, rate β), α ≥ 1: with d = α − 1/3, x = ε / √(9d), v = (1 + x)³, ε standard normal,

            z = d v / β,   a = exp(ε²/2 + d − d v + d log v) where v > 0,   P > .95
            ∂z/∂α = (1 + x)² (1 − x/2) / β,   ∂z/∂β = −z/β
            ∇_α log(a/P) = 3(log(1 + x) − x) + 3x²/(2 + 2x) + x³/2 + log d − 1/(6d) − ψ(α)

        The rate has no correction.  Augmentation draws Gamma(α + B) and multiplies by u_i^(1/(α+i))
        for i = 0 ... B − 1, u_i uniform: z is still Gamma(α), and the correction is smaller.  Up to
        α + B = 4/3 the correction has no fourth moment, and standard errors do not settle: augment.

        VonMisesFisher(μ, κ) in d ≠ 3 dimensions: with S = √(4κ² + (d − 1)²), x₀ = 2κ/(d − 1 + S),
        y uniform on the sphere, t = μ·y, s = x₀ t and w = μ·z,

            z = [(x₀ + t) μ + √(1 − x₀²) (y − t μ)] / (1 + s)
            a = exp((d − 1) [s/(1 + s) − log(1 + s)]),   P > .65
            ∂z/∂κ = (μ − w z) / S,   ∇_κ log(a/P) = w − A(κ) + [κ(1 − w²) − (d − 1) w] / S

        where A = E w.  That is Wood's algorithm; for d = 2 Best and Fisher's.  For d = 3 the CDF of
        w has an inverse, w = 1 + log(u + (1 − u) e^(−2κ)) / κ with u = (1 + t)/2: no rejection and
        no correction.  When μ turns, z turns with it, in the plane of μ and its change,
        dz = w dμ − (z·dμ) μ: the gradient of mean_direction, w f′ − (f′·μ) z, is tangent to the
        sphere at μ, that of the expected cost as a function of μ/|μ|.

    All of this is computed in float64 and rounded to the params' dtype at the end.

    Args:
      cost, make_distribution, params, num_samples, seed: see `estimators`.
      augmentation: B, for Gamma alone; where α < 1 at least 1.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see `estimators`; TypeError for a law that is not Gamma (Exponential
        is), VonMisesFisher or Independent of either; ValueError where samples underflow.

    Source: Naesseth et al. (2017), sections 3 and 5; Marsaglia & Tsang (2000); Wood
    (1994), algorithm VM*; Best & Fisher (1979).
    """
    num_samples = _checks.whole_number("num_samples", num_samples)
    augmentation = _checks.whole_number("augmentation", augmentation, at_least=0)
    params = _checks.as_params(params)
    distribution = _checks.build(make_distribution, params)
    kind = _covered(distribution)
    if augmentation and kind is not tfd.Gamma:
        raise ValueError(f"augmentation is of Gamma laws alone, got {augmentation!r}")
    make_tiled = _checks.tiled_maker(make_distribution, params, distribution)
    tiled = _checks.tile(params, num_samples)
    with tf.GradientTape() as tape:
        tape.watch(tiled)
        law = _checks.inside_independent(make_tiled(**tiled))
        inputs = _gamma_inputs(law) if kind is tfd.Gamma else _directional_inputs(law)
    seed = stateless_seed(seed)
    if kind is tfd.Gamma:
        z, gradients = _gamma(*inputs, augmentation, seed)
    else:
        z, gradients = _von_mises_fisher(*inputs, seed)
    z = tf.cast(z, law.dtype)
    lost = _checks.lost_samples(law, z)
    with tf.GradientTape() as cost_tape:
        cost_tape.watch(z)
        values = _checks.cost_values(cost, z)
    slope = cost_tape.gradient(values, z, unconnected_gradients="zero")
    column = tf.reshape(values, [-1, *[1] * (inputs[0].shape.rank - 1)])
    upstream = gradients(tf.cast(slope, tf.float64), tf.cast(column, tf.float64))
    gradients = tape.gradient(inputs, tiled, list(upstream), unconnected_gradients="zero")
    return _checks.checked(gradients, params, lost)


def _covered(distribution: tfd.Distribution) -> type:
    law = _checks.inside_independent(distribution)
    for kind in (tfd.Gamma, tfd.VonMisesFisher):
        if isinstance(law, kind):
            return kind
    raise TypeError(
        "rejection_reparameterized covers Gamma, VonMisesFisher and Independent of either, got "
        f"{type(law).__name__}"
    )


def _first_accepted(log_acceptance: Callable, shape: list, event: list, seed) -> tf.Tensor:
    """The first accepted noise of each element, [*shape, *event]; proposals are standard normal."""

    def one_round(count, noise, pending):
        seeds = tfp.random.split_seed(tf.random.fold_in(seed, count), 2)  # each round has its own
        new = tf.random.stateless_normal([*shape, *event], seeds[0], dtype=tf.float64)
        u = tf.random.stateless_uniform(shape, seeds[1], dtype=tf.float64)
        accepted = pending & (tf.math.log1p(-u) <= log_acceptance(new))
        mask = tf.reshape(accepted, [*shape, *[1] * len(event)])
        return count + 1, tf.where(mask, new, noise), pending & ~accepted

    _, noise, pending = tf.while_loop(
        lambda count, noise, pending: tf.reduce_any(pending),
        one_round,
        (tf.constant(0), tf.zeros([*shape, *event], tf.float64), tf.ones(shape, tf.bool)),
        maximum_iterations=_ROUNDS,
    )
    check = tf.debugging.Assert(~tf.reduce_any(pending), [f"none accepted in {_ROUNDS} rounds"])
    with tf.control_dependencies([check]):
        return tf.identity(noise)


def _gamma_inputs(law: tfd.Gamma) -> list[tf.Tensor]:
    """Concentration and rate, of the law's full shape, in float64."""
    rate = tf.exp(law.log_rate) if law.rate is None else law.rate
    return [
        tf.cast(tf.broadcast_to(p, law.batch_shape), tf.float64) for p in (law.concentration, rate)
    ]


def _gamma(concentration, rate, augmentation: int, seed) -> tuple[tf.Tensor, Callable]:
    """Samples, and (f′, f) → the gradients in concentration and rate."""
    seeds = tfp.random.split_seed(seed, 2)
    steps = tf.where(concentration < 1, max(augmentation, 1), augmentation)
    alpha = concentration + tf.cast(steps, tf.float64)
    d = alpha - 1 / 3

    def log_acceptance(noise):
        x = noise / tf.sqrt(9 * d)
        inside = tf.where(x > -1, x, 0)
        log_a = noise**2 / 2 + d * (3 * (tf.math.log1p(inside) - x) - 3 * x**2 - x**3)
        return tf.where(x > -1, log_a, -math.inf)

    x = _first_accepted(log_acceptance, d.shape, [], seeds[0]) / tf.sqrt(9 * d)
    score = 3 * (tf.math.log1p(x) - x) + 1.5 * x**2 / (1 + x) + x**3 / 2
    score += tf.math.log(d) - 1 / (6 * d) - tf.math.digamma(alpha)
    log_shrink, slope_shrink = tf.zeros_like(d), tf.zeros_like(d)
    for i, s in enumerate(tf.unstack(tfp.random.split_seed(seeds[1], max(augmentation, 1)))):
        u = tf.random.stateless_uniform(d.shape, s, dtype=tf.float64)
        log_u = tf.where(i < steps, tf.math.log1p(-u), 0)
        log_shrink += log_u / (concentration + i)
        slope_shrink -= log_u / (concentration + i) ** 2
    shrink = tf.exp(log_shrink) / rate
    z = d * (1 + x) ** 3 * shrink
    dz = (1 + x) ** 2 * (1 - x / 2) * shrink + z * slope_shrink
    return z, lambda slope, values: (slope * dz + values * score, -slope * z / rate)


def _directional_inputs(law: tfd.VonMisesFisher) -> list[tf.Tensor]:
    """Concentration and mean direction, of the law's full shape, in float64."""
    batch, event = law.batch_shape, law.event_shape
    return [
        tf.cast(tf.broadcast_to(law.concentration, batch), tf.float64),
        tf.cast(tf.broadcast_to(law.mean_direction, [*batch, *event]), tf.float64),
    ]


def _von_mises_fisher(concentration, mean_direction, seed) -> tuple[tf.Tensor, Callable]:
    """Samples, and (f′, f) → the gradients in concentration and mean direction."""
    dim = mean_direction.shape[-1]
    kappa, mu = concentration[..., None], mean_direction
    mu /= tf.norm(mu, axis=-1, keepdims=True)  # float32 rounds its length
    root = tf.sqrt(4 * kappa**2 + (dim - 1) ** 2)
    x0 = 2 * kappa / (dim - 1 + root)

    def dot(a, b):
        return tf.reduce_sum(a * b, axis=-1, keepdims=True)

    def on_sphere(normal):
        return normal / tf.norm(normal, axis=-1, keepdims=True)

    def log_acceptance(normal):
        s = x0 * dot(mu, on_sphere(normal))
        return ((dim - 1) * (s / (1 + s) - tf.math.log1p(s)))[..., 0]

    def always(normal):
        return tf.zeros_like(concentration)

    shape = concentration.shape
    y = on_sphere(_first_accepted(always if dim == 3 else log_acceptance, shape, [dim], seed))
    t = dot(mu, y)
    across = y - t * mu
    if dim == 3:
        w, speed = _inverse_cdf(kappa, (1 - t) / 2)
        z = w * mu + tf.sqrt((1 - w) * (1 + w)) * on_sphere(across)
        score = tf.zeros_like(concentration)
    else:
        z = ((x0 + t) * mu + tf.sqrt(2 * (dim - 1) / (dim - 1 + root)) * across) / (1 + x0 * t)
        w, speed = dot(mu, z), 1 / root
        mean = tfp.math.bessel_iv_ratio(tf.constant(dim / 2, tf.float64), kappa)
        score = (w - mean + (kappa * (1 - w**2) - (dim - 1) * w) / root)[..., 0]
    dz = speed * (mu - w * z)

    def gradients(slope, values):
        at_concentration = dot(slope, dz)[..., 0] + values * score
        return at_concentration, w * slope - dot(slope, mu) * z

    return z, gradients


def _inverse_cdf(kappa, p) -> tuple[tf.Tensor, tf.Tensor]:
    """w = μ·z of VonMisesFisher in 3 dimensions at the height 1 − p, and (dw/dκ) / (1 − w²)."""
    p = tf.clip_by_value(p, 1e-100, 1 - 1e-16)
    safe = tf.maximum(kappa, 1e-5)
    decay = p * tf.math.expm1(-2 * safe)
    below = -tf.math.log1p(decay) / safe  # 1 − w
    slope = (below - 2 * p * tf.exp(-2 * safe) / (1 + decay)) / safe
    speed = slope / tf.maximum(below * (2 - below), 1e-16)
    small = kappa < safe  # the first two terms of each in κ
    w = tf.where(small, 1 - 2 * p + 2 * kappa * p * (1 - p), 1 - below)
    return w, tf.where(small, 0.5 - kappa * (1 - 2 * p) / 6, speed)
