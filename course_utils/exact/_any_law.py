"""Any discrete law by a sum over its states, any one-dimensional law by quadrature."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy.integrate import tanhsinh
from scipy.special import expit
from tensorflow_probability import distributions as tfd

from course_utils import _checks, _special
from course_utils.exact._common import Answer, central, choose


def _states(distribution: tfd.Distribution) -> np.ndarray:
    """Every value of a discrete law, batch axes counted as event: [states, *batch, *event]."""
    base = _checks.discrete_base("enumerate_discrete", distribution)
    binary = isinstance(base, tfd.Bernoulli)
    shape = (*base.batch_shape, *base.event_shape)
    sites = int(np.prod(base.batch_shape))
    values = np.array([0.0, 1.0]) if binary else np.eye(shape[-1])
    if len(values) ** sites > 2**16:
        raise ValueError(f"{len(values)}^{sites} states are too many to enumerate")
    return np.array([values[list(s)] for s in np.ndindex(*[len(values)] * sites)]).reshape(
        -1, *shape
    )


def enumerate_discrete(
    estimator: str,
    cost: Callable,
    make_distribution: Callable,
    params: dict,
    *,
    baseline=0.0,
    num_samples=None,
) -> Answer:
    """Expected gradient and one-sample variance for a discrete law, by a sum over its states.

    Sums g(z) q(z) and g(z)² q(z), where g(z) is one sample's gradient:

        score_function     (f(z) − b) ∂ log q(z)/∂φ; its mean is the true gradient
        straight_through   Σ_j ∂f/∂z_j · ∂probs_j/∂φ; its mean is biased
        leave_one_out      K times the variance of the mean of K: V + (C² + I Var f)/(K − 1), with V
                           the variance at b = E f, C the gradient, I the variance of the score
        arm                see `control_variates.arm`; the sum is over the pairs of states that it
                           compares, three for each coin, and u is integrated within each

    Args:
      estimator: "score_function", "straight_through", "leave_one_out" or "arm".
      cost, make_distribution, params: as for an estimator; the law is Bernoulli, OneHotCategorical
        or Independent of either; for arm Bernoulli or Independent of it.
      baseline: of the score function, a number.
      num_samples: K of leave_one_out.

    Returns:
      A dict of param → (expected gradient, variance of one sample), each of the param's shape.

    Raises:
      TypeError: a law that is not covered.
      ValueError: an unknown estimator, probabilities of 0 or 1, or more than 2^16 states.

    Source: derived; leave_one_out by Hoeffding (1948), the variance of an average over pairs.
    """
    params = _checks.as_params(params, "float64")
    law, baseline = _checks.build(make_distribution, params), _checks.number("baseline", baseline)
    if (num_samples is None) == (estimator == "leave_one_out"):
        raise ValueError(f"num_samples goes with leave_one_out alone, got {num_samples!r}")
    if estimator == "arm":
        return _finite(lambda: _enumerate_arm(cost, make_distribution, params), params)
    states = tf.constant(_states(law))
    make_tiled = _checks.tiled_maker(make_distribution, params, law)
    tiled = _checks.tile(params, len(states))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((tiled, states))
        copies = make_tiled(**tiled)
        log_prob = copies.log_prob(states)
        probs = _checks.discrete_base("enumerate_discrete", copies).probs_parameter()
        values = _checks.cost_values(cost, states)
    axes = range(1, log_prob.shape.rank)
    weights = np.exp(np.sum(log_prob, axis=tuple(axes)))

    def moments(gradients):
        answer = {}
        for name, gradient in gradients.items():
            mean = np.tensordot(weights, gradient, 1)
            answer[name] = (mean, np.tensordot(weights, (gradient - mean) ** 2, 1))
        return answer

    def scored(centred):
        scores = tape.gradient(log_prob, tiled, unconnected_gradients="zero")
        return {n: (centred * s.numpy().T).T for n, s in scores.items()}

    def score_function():
        return moments(scored(np.asarray(values) - baseline))

    def leave_one_out():
        k = _checks.whole_number("num_samples", num_samples, at_least=2)
        centred = values.numpy() - weights @ values.numpy()
        spread, information = weights @ centred**2, moments(scored(np.ones_like(centred)))
        return {
            n: (mean, var + (mean**2 + spread * information[n][1]) / (k - 1))
            for n, (mean, var) in moments(scored(centred)).items()
        }

    def straight_through():
        slope = tape.gradient(values, states, unconnected_gradients="zero")
        gradients = tape.gradient(probs, tiled, slope, unconnected_gradients="zero")
        return moments({n: g.numpy() for n, g in gradients.items()})

    answers = dict(
        score_function=score_function,
        straight_through=straight_through,
        leave_one_out=leave_one_out,
    )
    return _finite(lambda: choose(estimator, answers), params)


def _finite(answer: Callable[[], Answer], params: dict) -> Answer:
    """The answer, unless a probability of 0 or 1 leaves it without numbers."""
    with np.errstate(invalid="ignore"):
        found = answer()
    for name, pair in found.items():
        if not np.all(np.isfinite(pair)):
            given = f"{name!r} = {_checks.show(params[name])}"
            raise ValueError(f"params must give probabilities inside (0, 1), got {given}")
    return found


def _enumerate_arm(cost: Callable, make_distribution: Callable, params: dict) -> Answer:
    """The same for ARM: each coin's u lies low, in the middle or high.

    Low and high are of length m = min(θ, 1 − θ) and give the coin (0, 1) and (1, 0) in the two
    states of the pair; in between it is the same in both.
    """
    with tf.GradientTape() as tape:
        tape.watch(params)
        law = _checks.discrete_base("arm", make_distribution(**params), (tfd.Bernoulli,))
        logits = tf.reshape(law.logits_parameter(), [-1])
    theta, other = expit(logits.numpy()), expit(-logits.numpy())
    if 3 ** len(theta) > 2**16:
        raise ValueError(f"3^{len(theta)} pairs of states are too many to enumerate")
    m, likely = np.minimum(theta, other), theta > 0.5
    mean, second = (m - 1) / 2, 1 / 4 - m / 2 + m**2 / 3  # of u − 1/2 on the low side
    middle = np.where(m < 0.5, (0.5 - m) ** 2 / 3, 0.0)
    case = np.array(list(np.ndindex(*[3] * len(theta))))  # 0 low, 1 middle, 2 high
    weight = np.prod(np.choose(case, [m, 1 - 2 * m, m]), axis=1)
    centre = np.choose(case, [mean, 0 * mean, -mean])
    spread = np.choose(case, [second, middle, second]) - centre**2
    shape = [-1, *law.batch_shape]
    first, second = (
        _checks.cost_values(cost, tf.reshape(tf.cast(b, tf.float64), shape)).numpy()
        for b in (np.choose(case, [0, likely, 1]), np.choose(case, [1, likely, 0]))
    )
    difference, answer = first - second, {}
    for name, jacobian in tape.jacobian(logits, params, unconnected_gradients="zero").items():
        flat = np.reshape(jacobian, [len(theta), -1])
        mean = (weight * difference) @ (centre @ flat)
        square = (weight * difference**2) @ ((centre @ flat) ** 2 + spread @ flat**2)
        pair = mean, central(square, mean)
        answer[name] = tuple(np.reshape(v, params[name].shape) for v in pair)
    return answer


def quadrature(
    estimator: str,
    cost: Callable,
    make_distribution: Callable,
    params: dict,
    *,
    support: tuple[float, float] = (-np.inf, np.inf),
    breaks: tuple[float, ...] = (),
    baseline: float = 0.0,
) -> Answer:
    """Gradient and one-sample variance of any one-dimensional law, by tanh-sinh quadrature.

    Integrates g(z) q(z) and g(z)² q(z), where g(z) is one sample's gradient:

        score_function   (f(z) − b) ∂ log q(z)/∂φ
        pathwise         f′(z) dz/dφ,  dz/dφ = −(∂F/∂φ)/q  from the law's CDF F

    Args:
      estimator: "score_function" or "pathwise"; the latter asks for a differentiable cdf.
      cost, make_distribution, params: as for an estimator; scalar parameters.
      support: where the law lives.
      breaks: points inside the support where cost or density is not smooth.
      baseline: of the score function.

    Returns:
      A dict of param → (gradient, variance of one sample).

    Raises:
      TypeError: a law that is not continuous, or for pathwise without a differentiable cdf.
      ValueError: an unknown estimator, a parameter that is not scalar, a support in which the
        law is not found as a whole, or no convergence.

    Source: Takahasi & Mori (1974), as scipy.integrate.tanhsinh; the path from the CDF as in
    Figurnov et al. (2018), section 3.
    """
    params = _checks.as_params(params, "float64")
    law = _special.inner_law(_checks.build(make_distribution, params))
    law = _special.inner_law(getattr(law, "components_distribution", law))
    if law.experimental_default_event_space_bijector() is None:
        raise TypeError(f"quadrature covers continuous laws, got {type(law).__name__}")
    baseline = _checks.number("baseline", baseline)
    if any(p.shape != [] for p in params.values()):
        raise ValueError(f"params must be scalars, got {params}")

    zero = dict(unconnected_gradients="zero")

    @functools.cache  # both powers ask for much the same nodes
    def sampled(nodes):
        """Ones, for the mass, and each parameter's gradients, by rows; and the density."""
        z = tf.constant(np.frombuffer(nodes))
        tiled = _checks.tile(params, len(z))
        with tf.GradientTape(persistent=True) as tape:
            tape.watch((z, tiled))
            law = make_distribution(**tiled)
            values = _checks.cost_values(cost, z, finite=False)  # z goes out to where q is 0
            log_prob = _special.log_prob(law, z)
            try:
                cdf = _special.cdf(law, z) if estimator == "pathwise" else None
            except NotImplementedError as error:
                raise TypeError(
                    f"quadrature does not cover this law by pathwise: {error}"
                ) from None
        if estimator == "score_function":
            factor, slopes, per = values - baseline, tape.gradient(log_prob, tiled, **zero), 1
        else:
            slope = tape.gradient(values, z, **zero)
            factor, slopes, per = -slope, tape.gradient(cdf, tiled, **zero), np.exp(log_prob)
        gradients = [(factor * slopes[name] / per).numpy() for name in params]
        return np.stack([np.ones(len(z)), *gradients]), np.exp(log_prob)

    if np.shape(support) != (2,) or np.ndim(breaks) != 1:
        raise TypeError(
            f"support must be a pair and breaks a sequence of numbers, got {support!r}, {breaks!r}"
        )
    edges = np.array([support[0], *sorted(breaks), support[1]], np.float64)
    rows = np.arange(1 + len(params))[:, None]

    def integrals(power, shift):
        def integrand(z, row, shift):
            nodes, places = np.unique(z, return_inverse=True)
            places = places.reshape(z.shape)
            g, density = sampled(nodes.astype(np.float64).tobytes())
            values = (g[row, places] + shift) ** power * density[places]
            return np.where(density[places] > 0, values, 0.0)

        shift = np.array(shift)[:, None]
        parts = tanhsinh(integrand, edges[:-1], edges[1:], args=(rows, shift), atol=1e-300)
        for name, converged in zip(["mass", *params], parts.success.all(axis=1), strict=True):
            if not converged:
                raise ValueError(f"the integral for {name!r} does not converge: name its breaks")
        return parts.integral.sum(axis=1)

    def answer():
        mass, *second = integrals(2, [0.0] * len(rows))
        if not abs(mass - 1) < 1e-6:
            raise ValueError(
                f"support must hold the whole law, got the mass {mass:.7g}: a narrow part is found "
                "where breaks name its ends"
            )
        shift = 2 * np.sqrt(second)  # a mean near 0 has no relative error
        _, *raised = integrals(1, [0.0, *shift])
        mean = raised - shift * mass
        return {n: (m, central(s, m)) for n, m, s in zip(params, mean, second, strict=True)}

    return choose(estimator, dict(score_function=answer, pathwise=answer))
