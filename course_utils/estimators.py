"""Estimators of the gradient of an expectation, one gradient a sample, under one signature:

    gradients = estimator(cost, make_distribution, params, *, num_samples, seed, **its_own_options)

Each estimates  ∇_φ E_{z ~ q(z; φ)} [cost(z)]  for each parameter φ of the law q.

Args, the same for all:
  cost: maps z of shape [num_samples, *event] to [num_samples], built from TensorFlow operations.
    z has the params' float dtype, for discrete laws too.
  make_distribution: make_distribution(**params) gives the law q, a tfp.distributions.Distribution;
    a class such as tfd.Normal serves as it is.  It treats leading axes of its parameters as batch
    axes, as TFP does.  Batch axes of the law count as event axes.
  params: a dict of name → number or tensor.  Numbers take the tensors' dtype, else float32.
  num_samples: how many samples are drawn.
  seed: stateless, a pair of ints, or an int s, which means (0, s).  Laws from Gamma variables draw
    other numbers under a tape that watches their parameters, where TFP takes another sampler.

Returns, the same for all:
  A dict with the keys of `params`, each of shape [num_samples, *param.shape]: one gradient a
  sample, zero where the law does not depend on a parameter.  Their mean is the estimate.

Raises, the same for all:
  TypeError: an argument of the wrong type, mixed float dtypes, or a law that is not covered.
  ValueError: num_samples below 1 or above 10^8, parameters that are empty, not finite or outside
    the law's domain, a make_distribution that sums over leading axes, a cost of the wrong shape or
    not finite, samples that underflow or overflow, gradients that are not finite.  Inside a
    tf.function, where no value is known, such gradients are NaN, and a make_distribution that
    sums over leading axes goes unseen.

Speed: each parameter is tiled to [num_samples, *param.shape], so that one backward pass gives every
sample its own gradient.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from course_utils import _checks, _special
from course_utils._checks import Gradients, Params
from course_utils.control_variates import arm, rebar, relax  # noqa: F401
from course_utils.rejection import rejection_reparameterized  # noqa: F401
from course_utils.relaxations import (  # noqa: F401
    gumbel_softmax,
    straight_through,
    straight_through_gumbel_softmax,
)
from course_utils.sampling import standard_normal, stateless_seed

tfd = tfp.distributions

Baseline = None | float | str | dict[str, float]


def _column(values: tf.Tensor, param: tf.Tensor) -> tf.Tensor:
    """Reshape [num_samples] to multiply gradients of shape [num_samples, *param.shape]."""
    return tf.reshape(values, [-1, *[1] * len(param.shape)])


@_checks.as_written
def score_function(
    cost: Callable,
    make_distribution: Callable,
    params: Params,
    *,
    num_samples: int,
    seed,
    baseline: Baseline = None,
) -> Gradients:
    """The score-function estimator (REINFORCE, likelihood ratio): (f(z) − b) ∇_φ log q(z; φ).

    Unbiased where q is differentiable in φ and its support does not move with φ; f may be
    anything.  A baseline b that does not depend on z keeps it so.

    The score of a sample, as rounded, is right to rounding of its terms: a few ε for locations and
    scales, ε log z and ε ψ(α) for shapes α, with ε = 1e-7 in float32 and 2e-16 in float64.
    Probabilities below ε are below what the sampler resolves.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.
      baseline: None; a number; a dict of param → number (or tensor of the param's shape);
        "mean", the mean cost of these samples, biased by the factor (K − 1)/K at K samples;
        "leave_one_out", the mean cost of the other samples, unbiased, but the K gradients are
        then dependent: take standard errors over independent groups.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see the module; `baseline` is none of the above; TypeError for Zipf,
        Skellam, NoncentralChi2 and BetaQuotient, whose log_prob has a wrong derivative in TFP 0.25.

    Source: Glynn (1990); Williams (1992); Mohamed et al. (2020), sections 4 and 7.
    """
    least = 2 if isinstance(baseline, str) and baseline == "leave_one_out" else 1
    num_samples = _checks.whole_number("num_samples", num_samples, at_least=least)
    params = _checks.as_params(params)
    distribution = _checks.build(make_distribution, params)
    inner = _special.inner_law(distribution)
    if isinstance(inner, tfd.Zipf | tfd.Skellam | tfd.NoncentralChi2 | tfd.BetaQuotient):
        raise TypeError(
            f"score_function does not cover {type(inner).__name__}, whose log_prob has a wrong "
            "derivative in TFP: use finite_difference"
        )
    make_tiled = _checks.tiled_maker(make_distribution, params, distribution)
    z = tf.stop_gradient(distribution.sample(num_samples, seed=stateless_seed(seed)))
    lost = _checks.lost_samples(distribution, z, "score")
    tiled = _checks.tile(params, num_samples)
    with tf.GradientTape() as tape:
        tape.watch(tiled)
        log_prob = _special.log_prob(make_tiled(**tiled), z)
    scores = tape.gradient(log_prob, tiled, unconnected_gradients="zero")
    values = _checks.cost_values(cost, tf.cast(z, next(iter(params.values())).dtype))
    baselines = _baselines(baseline, values, params)
    gradients = {
        name: (_column(values, p) - baselines[name]) * scores[name] for name, p in params.items()
    }
    return _checks.checked(gradients, params, lost)


def _baselines(baseline: Baseline, values: tf.Tensor, params: dict) -> dict[str, tf.Tensor]:
    """What is subtracted from the costs, for each parameter."""
    if baseline is None:
        baseline = 0.0
    if isinstance(baseline, str) and baseline == "mean":
        baseline = tf.reduce_mean(values)
    elif isinstance(baseline, str) and baseline == "leave_one_out":
        others = (tf.reduce_sum(values) - values) / (values.shape[0] - 1)
        return {name: _column(others, p) for name, p in params.items()}
    if not isinstance(baseline, dict):
        baseline = dict.fromkeys(params, baseline)
    if baseline.keys() != params.keys():
        raise ValueError(f"baseline must name {list(params)}, got {list(baseline)}")
    expected = 'None, a number, "mean", "leave_one_out" or a dict of param → number'
    result = {}
    for name, value in baseline.items():
        try:
            result[name] = tf.cast(_checks.numeric("baseline", value)[0], values.dtype)
        except TypeError:
            raise TypeError(f"baseline must be {expected}, got {value!r}") from None
        if result[name].shape not in ([], params[name].shape):
            raise ValueError(f"baseline must be {expected}, got for {name!r} {_checks.show(value)}")
        _checks.check_finite(f"baseline of {name!r}", result[name])
    return result


@_checks.as_written
def pathwise(
    cost: Callable, make_distribution: Callable, params: Params, *, num_samples: int, seed
) -> Gradients:
    """The pathwise estimator (reparameterization): ∇_φ f(g(ε, φ)) = f′(z) ∂g/∂φ, with z = g(ε, φ).

    Unbiased where f is continuous and differentiable but for single points (on the circle for von
    Mises: f(−π) = f(π)), and TFP samples the law by a path that is differentiable in φ.

    Exact to rounding for location-scale laws.  Gamma, Beta, Dirichlet, StudentT, Chi2 and their
    like have the derivative of TensorFlow's Gamma sampler: in float64 right to 1e-10 up to shapes
    of 10 000; in float32 to 5e-5 up to 1000, and off by an eighth at 10 000.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see the module; TypeError for a law that TFP marks
        NOT_REPARAMETERIZED, and for TruncatedNormal, InverseGaussian, NormalInverseGaussian,
        ContinuousBernoulli, LinearGaussianStateSpaceModel and mixtures of Beta, StudentT or
        VonMises, whose samples have a wrong derivative in TFP 0.25; ValueError for a law from Gamma
        variables (Wishart too, and mixtures of Gamma) in float32 with a shape above 1000.

    Source: Kingma & Welling (2014), section 2.4; Mohamed et al. (2020), section 5.
    """
    num_samples = _checks.whole_number("num_samples", num_samples)
    params = _checks.as_params(params)
    distribution = _checks.build(make_distribution, params)
    if distribution.reparameterization_type != tfd.FULLY_REPARAMETERIZED:
        raise TypeError(
            f"pathwise needs a law that TFP samples by a differentiable path, and "
            f"{type(distribution).__name__} is NOT_REPARAMETERIZED: use score_function, which "
            "asks only for log_prob"
        )
    _check_path(_special.inner_law(distribution))
    off = _off_gamma_path(distribution, num_samples)
    make_tiled = _checks.tiled_maker(make_distribution, params, distribution)
    tiled = _checks.tile(params, num_samples)
    with tf.GradientTape() as tape:
        tape.watch(tiled)
        law = make_tiled(**tiled)
        z = law.sample(seed=stateless_seed(seed))
        lost = _checks.lost_samples(law, z)
        values = _checks.cost_values(cost, z)
    gradients = tape.gradient(values, tiled, unconnected_gradients="zero")
    return _checks.checked(gradients, params, lost, off)


def _check_path(law: tfd.Distribution) -> None:
    """Raise TypeError for a law whose samples have a wrong derivative in TFP 0.25."""
    scored = (tfd.NormalInverseGaussian, tfd.ContinuousBernoulli, tfd.LinearGaussianStateSpaceModel)
    wrong = (tfd.TruncatedNormal, tfd.InverseGaussian)
    if isinstance(law, tfd.MixtureSameFamily):
        law = _special.inner_law(law.components_distribution)
        wrong = (tfd.Beta, tfd.StudentT, tfd.VonMises)
    if isinstance(law, (*wrong, *scored)):
        raise TypeError(
            f"pathwise does not cover {type(law).__name__}, whose samples have a wrong derivative "
            f"in TFP: use {'score_function' if isinstance(law, scored) else 'implicit'}"
        )
    if isinstance(law, tfd.VonMises) and tf.executing_eagerly() and np.any(law.concentration == 0):
        raise ValueError("concentration of VonMises must not be 0 for pathwise: use implicit")


# Laws that TFP samples from Gamma variables; a mixture has the derivative of their cdf, as wrong.
_FROM_GAMMA = (
    *(tfd.Gamma, tfd.ExpGamma, tfd.InverseGamma, tfd.ExpInverseGamma, tfd.Chi, tfd.Chi2),
    *(tfd.Beta, tfd.SigmoidBeta, tfd.Dirichlet, tfd.StudentT, tfd.HalfStudentT, tfd.GammaGamma),
    *(tfd.TwoPieceStudentT, tfd.MultivariateStudentTLinearOperator, tfd.MatrixTLinearOperator),
    *(tfd.StudentTProcess, tfd.WishartLinearOperator, tfd.PowerSpherical, tfd.BetaQuotient),
    tfd.PERT,  # its temperature is the sum of the two shapes, but for 2
)


def _off_gamma_path(law: tfd.Distribution, num_samples: int):
    """Where the derivative of TensorFlow's Gamma sampler is not right: [num_samples], or None.

    Raises:
      ValueError: there are such shapes, and this is known: outside a `tf.function`.
    """
    law = _special.inner_law(law)
    if isinstance(law, tfd.MixtureSameFamily):
        law = _special.inner_law(law.components_distribution)
    given = law.parameters.items()
    shapes = {n: a for n, a in given if "concentration" in n or n in ("df", "temperature")}
    narrow = {n: a for n, a in shapes.items() if tf.is_tensor(a) and a.dtype == tf.float32}
    if not isinstance(law, _FROM_GAMMA) or not narrow:
        return None
    off = {name: tf.reduce_any(shape > 1000) for name, shape in narrow.items()}
    if not tf.executing_eagerly():
        return tf.fill([num_samples], tf.reduce_any(list(off.values())))
    for name, is_off in off.items():
        if is_off:
            raise ValueError(
                f"{name} of {type(law).__name__} must be at most 1000 for pathwise, got "
                f"{_checks.show(shapes[name])}, where TensorFlow's sampler has a wrong derivative "
                "in float32: use float64, or implicit where it covers the law"
            )
    return None


@_checks.as_written
def implicit(
    cost: Callable, make_distribution: Callable, params: Params, *, num_samples: int, seed
) -> Gradients:
    """The implicit (reparameterization) estimator: f′(z) dz/dφ, with dz/dφ = −(∂F/∂φ)/q(z; φ).

    The height u = F(z; φ) of a sample under its CDF F is held while φ moves.  Any sampler will do:
    z is drawn as it comes, and the derivatives are those of the law's cdf and density alone.  They
    are computed in float64 where make_distribution takes float64, else in the params' own dtype.
    Unbiased where f is continuous and differentiable but for single points (on the circle for von
    Mises: f(−π) = f(π)).

    Against references of 25 digits or more, for shapes from .05 to 1000 and quantiles from 1 % to
    99 %, dz/dφ is within 1e-9 of itself for Gamma, Beta and Student's t, 1e-7 for von Mises;
    farther out in the tails it loses digits as F or 1 − F nears 1e-16, and that of Gamma for larger
    shapes (5e-6 at 10 000).  Shapes of Beta and Student's t above some 1e6 are refused.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see the module; TypeError for a law that is no continuous law of one
        number (or Independent of such, or batches) with a cdf that is differentiable in `params`;
        ValueError where samples underflow or overflow.

    Source: Figurnov, Mohamed & Mnih (2018), section 3.
    """
    num_samples = _checks.whole_number("num_samples", num_samples)
    params = _checks.as_params(params)
    distribution = _checks.build(make_distribution, params)
    _check_continuous(_checks.inside_independent(distribution))
    make_tiled = _checks.tiled_maker(make_distribution, params, distribution)
    z = tf.stop_gradient(distribution.sample(num_samples, seed=stateless_seed(seed)))
    lost = _checks.lost_samples(distribution, z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        values = _checks.cost_values(cost, z)
    slope = tape.gradient(values, z, unconnected_gradients="zero")
    tiled = _checks.tile(params, num_samples)
    return _checks.checked(_implicit_derivative(make_tiled, tiled, z, slope), params, lost)


def _implicit_derivative(make_tiled: Callable, tiled: dict, z: tf.Tensor, slope) -> Gradients:
    """slope · dz/dφ for given z of shape [n, *event]: a dict of param → [n, *param.shape]."""
    wide = {name: tf.cast(p, tf.float64) for name, p in tiled.items()}
    try:
        gradients = _derivative_as(wide, make_tiled, z, slope)
        return {name: tf.cast(gradient, z.dtype) for name, gradient in gradients.items()}
    except (TypeError, ValueError, tf.errors.InvalidArgumentError):
        pass  # a constant of float32 inside
    return _derivative_as(tiled, make_tiled, z, slope)


def _derivative_as(tiled: dict, make_tiled: Callable, z: tf.Tensor, slope) -> Gradients:
    """slope · dz/dφ, computed in the dtype of `tiled`; TypeError for a law of another dtype."""
    dtype = next(iter(tiled.values())).dtype
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tiled)
        law = _checks.inside_independent(make_tiled(**tiled))
        if law.dtype != dtype:
            raise TypeError(law.dtype.name)
        log_prob = _special.log_prob(law, tf.cast(z, dtype))
        try:
            cdf = _special.cdf(law, tf.cast(z, dtype))
        except NotImplementedError as error:
            raise _not_covered(law, str(error)) from None
    weights = -tf.cast(slope, dtype) * tf.exp(-log_prob)
    gradients = {}
    for name, p in tiled.items():
        gradient = tape.gradient(cdf, p, output_gradients=weights)
        if gradient is None and tape.gradient(log_prob, p) is not None:
            raise _not_covered(law, f"its cdf has no derivative in {name!r}")
        gradients[name] = tf.zeros_like(p) if gradient is None else gradient
    return gradients


def _not_covered(law: tfd.Distribution, why: str) -> TypeError:
    return TypeError(
        "implicit covers continuous laws of one number with a differentiable cdf (Normal, Gamma, "
        "Beta, StudentT, VonMises, Exponential, MixtureSameFamily of such, ...) and Independent of "
        f"them, not {type(law).__name__}: {why}"
    )


def _check_continuous(law: tfd.Distribution) -> None:
    """Raise TypeError for a law of several numbers or of whole ones."""
    if law.event_shape.rank != 0:
        raise _not_covered(law, f"its samples have shape {list(law.event_shape)}")
    while isinstance(law, tfd.MixtureSameFamily):
        law = law.components_distribution
    try:
        space = law.experimental_default_event_space_bijector()  # None for discrete laws
    except (TypeError, NotImplementedError):
        space = None
    if isinstance(law, tfd.ContinuousBernoulli):
        raise _not_covered(law, "its cdf does not depend on probs between .499 and .501")
    if space is None:
        raise _not_covered(law, "it has no density that TFP knows to be continuous")


@_checks.as_written
def measure_valued(
    cost: Callable,
    make_distribution: Callable,
    params: Params,
    *,
    num_samples: int,
    seed,
    coupled: bool = True,
) -> Gradients:
    """The measure-valued estimator for normal laws: a difference of two costs, (f(z₊) − f(z₋)) c.

    The derivative of the density q is c (q₊ − q₋), with densities q₊ and q₋ of which z₊ and z₋ are
    samples.  One coordinate j differs from a sample z at a time, the others are the same on both
    sides:

        ∂μ_j: [f(z_j = μ_j + σ_j W) − f(z_j = μ_j − σ_j W′)] / (σ_j √(2π))
        ∂σ_j: [f(z_j = μ_j + σ_j M) − f(z_j = μ_j + σ_j ε)] / σ_j

    W and W′ are Weibull with concentration 2 and scale √2, density w exp(−w²/2); M is double-sided
    Maxwell, density m² exp(−m²/2) / √(2π); ε is standard normal.  Unbiased for any cost with an
    expectation under these laws; it may have jumps.  The derivatives with respect to μ and σ are
    then pulled back to `params`.

    Each vector of D coordinates, μ or σ, that depends on `params` takes 2D costs a sample.  The
    rounding of a cost, 1e-7 of it in float32, is divided by σ.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.
      coupled: whether the two sides share their noise: W′ = W and ε = U M, with U uniform on
        (0, 1), which makes U M standard normal.  Else they are independent.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see the module; TypeError for a law that is not Normal,
        MultivariateNormalDiag, or Independent of either.

    Source: Pflug (1989); Mohamed et al. (2020), section 6 and Table 1; the coupling of M and ε:
    Heidergott, Vázquez-Abad and Volk-Makarewicz (2008).
    """
    num_samples = _checks.whole_number("num_samples", num_samples)
    coupled = _checks.flag("coupled", coupled)
    params = _checks.as_params(params)
    distribution = _checks.build(make_distribution, params)
    _check_normal(distribution)
    make_tiled = _checks.tiled_maker(make_distribution, params, distribution)
    tiled = _checks.tile(params, num_samples)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tiled)
        law = make_tiled(**tiled)
        loc, scale = law.mean(), law.stddev()  # both of the full shape, [num_samples, *event]
    seeds = tfp.random.split_seed(stateless_seed(seed), 5)
    zero, one = tf.zeros([], loc.dtype), tf.ones([], loc.dtype)
    base = loc + scale * standard_normal(loc.shape, seeds[0], loc.dtype)

    def at_loc():
        rayleigh = tfd.Weibull(2 * one, 2**0.5 * one)
        up = rayleigh.sample(loc.shape, seed=seeds[1])
        down = up if coupled else rayleigh.sample(loc.shape, seed=seeds[2])
        difference = _differences(cost, base, loc + scale * up, loc - scale * down)
        return difference / (scale * (2 * np.pi) ** 0.5)

    def at_scale():
        # tfd.DoublesidedMaxwell cannot sample in float64; its length is that of a normal 3-vector
        noise = standard_normal([4, *loc.shape], seeds[3], loc.dtype)
        outer = tf.sign(noise[0]) * tf.norm(noise[1:], axis=0)
        if coupled:
            inner = outer * tfd.Uniform(zero, one).sample(loc.shape, seed=seeds[4])
        else:
            inner = standard_normal(loc.shape, seeds[4], loc.dtype)
        return _differences(cost, base, loc + scale * outer, loc + scale * inner) / scale

    def pulled_back(part, gradient):
        if all(g is None for g in tape.gradient(part, list(tiled.values()))):
            return {name: tf.zeros_like(t) for name, t in tiled.items()}  # no costs for it
        return tape.gradient(part, tiled, output_gradients=gradient(), unconnected_gradients="zero")

    from_loc, from_scale = pulled_back(loc, at_loc), pulled_back(scale, at_scale)
    return _checks.checked({name: from_loc[name] + from_scale[name] for name in params}, params)


def _check_normal(distribution: tfd.Distribution) -> None:
    law = _checks.inside_independent(distribution)
    if not isinstance(law, tfd.Normal | tfd.MultivariateNormalDiag):
        raise TypeError(
            "measure_valued covers Normal, MultivariateNormalDiag and Independent of either, got "
            f"{type(law).__name__}"
        )


def _differences(cost: Callable, base: tf.Tensor, plus: tf.Tensor, minus: tf.Tensor) -> tf.Tensor:
    """f(base with one coordinate of plus) − f(base with that of minus), coordinate by coordinate.

    Two calls of the cost for each coordinate; all shapes are [num_samples, *event].
    """
    event = base.shape[1:]
    size = event.num_elements()
    masks = tf.reshape(tf.cast(tf.eye(size), tf.bool), [size, *event])

    def costs(side, mask):
        return _checks.cost_values(cost, tf.where(mask, side, base))

    columns = [costs(plus, mask) - costs(minus, mask) for mask in tf.unstack(masks)]
    return tf.reshape(tf.stack(columns, axis=1), base.shape)


@_checks.as_written
def finite_difference(
    cost: Callable,
    make_distribution: Callable,
    params: Params,
    *,
    num_samples: int,
    seed,
    step: float,
    common: bool = True,
) -> Gradients:
    """The central finite difference: (f(z₊) − f(z₋)) / 2h, with z± ~ q(z; φ ± h).

    One coordinate of one parameter moves at a time: two draws and two costs for each, from the same
    seeds for all of them, so that their noises are not independent.  Its bias is of order h².  With
    common random numbers both draws use the same noise, which keeps the variance bounded as h → 0
    where the sample moves smoothly with φ; with independent noise the variance grows as 1/h².  The
    rounding of a cost, 1e-7 of it in float32, is divided by h.

    Args:
      cost, make_distribution, params, num_samples, seed: see the module.
      step: the h above, positive.
      common: whether both draws use the same noise.

    Returns:
      One gradient a sample: a dict of param → [num_samples, *param.shape].

    Raises:
      TypeError, ValueError: see the module; ValueError where a step leaves the law's domain, or is
        lost beside a parameter.

    Source: Glasserman (2003), section 7.1.
    """
    num_samples = _checks.whole_number("num_samples", num_samples)
    step, common = _checks.positive("step", step), _checks.flag("common", common)
    params = _checks.as_params(params)
    _checks.build(make_distribution, params)
    for name, p in params.items():
        if tf.executing_eagerly() and np.any(p + step == p):
            raise ValueError(f"step is lost beside {name!r} = {_checks.show(p)}, got {step!r}")
    seed = stateless_seed(seed)
    seeds = (seed, seed) if common else tfp.random.split_seed(seed, 2)

    def costs(name, direction, seed):
        moved = params | {name: params[name] + direction}
        try:
            distribution = _checks.build(make_distribution, moved)
        except ValueError as error:
            raise ValueError(f"step = {step} leaves the domain of {name!r}: {error}") from None
        z = distribution.sample(num_samples, seed=seed)
        return _checks.cost_values(cost, tf.cast(z, params[name].dtype))

    def difference(name, direction):
        up, down = costs(name, direction, seeds[0]), costs(name, -direction, seeds[1])
        p = params[name]
        taken = tf.reduce_sum((p + direction) - (p - direction))  # 2h, as rounding leaves it
        return (up - down) / taken

    gradients = {}
    for name, p in params.items():
        size = p.shape.num_elements()
        directions = tf.eye(size, dtype=p.dtype) * _checks.like(step, p)
        directions = tf.reshape(directions, [size, *p.shape])
        columns = [difference(name, direction) for direction in tf.unstack(directions)]
        gradients[name] = tf.reshape(tf.stack(columns, axis=1), [num_samples, *p.shape])
    return _checks.checked(gradients, params)
