"""Exact gradients and exact variances of one sample's gradient: the truth line of every figure.

Closed forms take numbers or arrays, elementwise, and answer in float64.  Every function returns a
dict of param → (gradient, variance of one sample).
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy.integrate import tanhsinh
from scipy.special import expit

from course_utils import _checks, _special

Answer = dict[str, tuple[np.ndarray, np.ndarray]]


def _choose(estimator: str, answers: dict[str, Callable[[], Answer]]) -> Answer:
    if estimator not in answers:
        raise ValueError(f"estimator must be one of {list(answers)}, got {estimator!r}")
    return answers[estimator]()


def _floats(**values) -> list[np.ndarray]:
    arrays = []
    for name, value in values.items():
        array = np.asarray(value, np.float64)
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name} must be finite, got {value!r}")
        if name in ("scale", "step", "frequency") and not np.all(array > 0):
            raise ValueError(f"{name} must be positive, got {value!r}")
        arrays.append(array)
    return arrays


def normal_quadratic_baselines(loc, scale, k, num_dimensions: int = 1) -> dict[str, np.ndarray]:
    """Baselines for the score function under N(loc, scale²) and the cost Σ_j (z_j − k)².

    With d = loc − k, σ = scale and M = (D − 1)(d² + σ²), the mean cost of the other coordinates:

        mean: d² + σ² + M      loc (optimal): d² + 3σ² + M      scale (optimal): d² + 5σ² + M

    Args:
      loc, scale, k: numbers or arrays; the D coordinates are alike.
      num_dimensions: D.

    Returns:
      A dict with the keys mean, loc and scale.
    """
    loc, scale, k = _floats(loc=loc, scale=scale, k=k)
    others = (num_dimensions - 1) * ((loc - k) ** 2 + scale**2)
    own = {"mean": 1, "loc": 3, "scale": 5}
    return {name: (loc - k) ** 2 + times * scale**2 + others for name, times in own.items()}


def normal_quadratic(
    estimator: str, *, loc, scale, k, baseline=0.0, step=None, common=True, num_dimensions: int = 1
) -> Answer:
    """Gradient and one-sample variance for z_j ~ N(loc, scale²), cost Σ_j (z_j − k)², j = 1 ... D.

    With d = loc − k and σ = scale the gradients are ∂μ = 2d and ∂σ = 2σ.  At D = 1:

        score_function   ∂μ: [d⁴ + 18d²σ² + 15σ⁴ − 2b(d² + 3σ²) + b²]/σ² − 4d²
                         ∂σ: [2d⁴ + 60d²σ² + 78σ⁴ − 2b(2d² + 10σ²) + 2b²]/σ² − 4σ²
        pathwise         ∂μ: 4σ²     ∂σ: 4d² + 8σ²
        finite_difference, common noise: as pathwise, at any step h; else [V(+) + V(−)]/4h² with
                         V = 4d²σ² + 2σ⁴ at d ± h or at σ ± h

    In D dimensions the other coordinates add a cost R of mean M = (D − 1)(d² + σ²) and variance
    V = (D − 1)(4d²σ² + 2σ⁴): the score function's variance is that at the baseline b − M, plus
    V/σ² for ∂μ, 2V/σ² for ∂σ; that of independent differences gains 2V/4h²; pathwise and common
    differences do not change.

    Args:
      estimator: "score_function", "pathwise" or "finite_difference".
      loc, scale, k: numbers or arrays; the D coordinates are alike.
      baseline: a number or array, or a dict of param → number; for the score function.
      step, common: of the finite difference.
      num_dimensions: D.

    Returns:
      A dict of loc and scale → (gradient, variance of one sample), for one coordinate.

    Raises:
      ValueError: an unknown estimator, a scale or step that is not positive.

    Source: derived; the setting of Mohamed et al. (2020), Figure 2.
    """
    loc, scale, k = _floats(loc=loc, scale=scale, k=k)
    d, s2 = loc - k, scale**2
    mean_others = (num_dimensions - 1) * (d**2 + s2)
    var_others = (num_dimensions - 1) * (4 * d**2 * s2 + 2 * s2**2)
    baselines = baseline if isinstance(baseline, dict) else dict(loc=baseline, scale=baseline)

    def score_function():
        b = {name: np.asarray(value) - mean_others for name, value in baselines.items()}
        at_loc = d**4 + 18 * d**2 * s2 + 15 * s2**2 - 2 * b["loc"] * (d**2 + 3 * s2) + b["loc"] ** 2
        at_scale = (
            2 * d**4 + 60 * d**2 * s2 + 78 * s2**2 - 4 * b["scale"] * (d**2 + 5 * s2)
        ) + 2 * b["scale"] ** 2
        return dict(
            loc=(2 * d, (at_loc + var_others) / s2 - 4 * d**2),
            scale=(2 * scale, (at_scale + 2 * var_others) / s2 - 4 * s2),
        )

    def pathwise():
        return dict(loc=(2 * d, 4 * s2), scale=(2 * scale, 4 * d**2 + 8 * s2))

    def finite_difference():
        if common:
            return pathwise()
        (h,) = _floats(step=step)

        def variance(d, s):
            return 4 * d**2 * s**2 + 2 * s**4 + var_others

        at_loc = variance(d + h, scale) + variance(d - h, scale)
        at_scale = variance(d, scale + h) + variance(d, scale - h)
        return dict(loc=(2 * d, at_loc / (4 * h**2)), scale=(2 * scale, at_scale / (4 * h**2)))

    answers = dict(
        score_function=score_function, pathwise=pathwise, finite_difference=finite_difference
    )
    given = [loc, scale, k, *([] if step is None else [step]), *baselines.values()]
    shape = np.broadcast_shapes(*(np.shape(value) for value in given))
    return {
        name: tuple(np.broadcast_to(part, shape) for part in pair)
        for name, pair in _choose(estimator, answers).items()
    }


def bernoulli_quadratic(estimator: str, *, t, probs=None, logits=None, baseline=0.0) -> Answer:
    """Gradient and one-sample variance for b ~ Bernoulli, cost (b − t)².

    With θ the probability and b the baseline, ∂θ = 1 − 2t, and the two values of one sample's
    gradient give the variance:

        score_function, in θ:  θ ((1 − t)² − b)²/θ² + (1 − θ)(t² − b)²/(1 − θ)² − (1 − 2t)²

    In the logit the gradient is θ(1 − θ) times, the variance θ²(1 − θ)² times that in θ.

    Args:
      estimator: "score_function".
      t: the target of the cost, a number or array.
      probs, logits: the parameter, one of the two; the gradient is for the one given.
      baseline: a number or array.

    Returns:
      A dict of "probs" or "logits" → (gradient, variance of one sample).

    Raises:
      ValueError: an unknown estimator, both or neither parameter, a probability not inside (0, 1).

    Source: derived; the toy problem of Tucker et al. (2017), section 4.
    """
    if (probs is None) == (logits is None):
        raise ValueError(f"give one of probs and logits, got probs={probs!r}, logits={logits!r}")
    name = "probs" if logits is None else "logits"
    theta, t = _floats(probs=probs if logits is None else expit(logits), t=t)
    if not np.all((theta > 0) & (theta < 1)):
        raise ValueError(f"probs must lie inside (0, 1), got {probs!r}")
    chain = 1.0 if name == "probs" else theta * (1 - theta)

    def score_function():
        gradient = chain * (1 - 2 * t)
        at_one, at_zero = (1 - t) ** 2 - baseline, t**2 - baseline
        second = chain**2 * (at_one**2 / theta + at_zero**2 / (1 - theta))
        return {name: (gradient, second - gradient**2)}

    return _choose(estimator, dict(score_function=score_function))


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
      ValueError: an unknown estimator, a parameter that is not scalar, or no convergence.

    Source: Takahasi & Mori (1974), as scipy.integrate.tanhsinh; the path from the CDF as in
    Figurnov et al. (2018), equation 5.
    """
    params = _checks.as_params({name: np.asarray(p, np.float64) for name, p in params.items()})
    _checks.build(make_distribution, params)
    if any(p.shape != [] for p in params.values()):
        raise ValueError(f"params must be scalars, got {params}")

    def gradient(z, name):
        tiled = _checks.tile(params, len(z))
        with tf.GradientTape(persistent=True) as tape:
            tape.watch((z, tiled))
            law = make_distribution(**tiled)
            values = cost(z)
            log_prob = law.log_prob(z)
            cdf = _special.cdf(law, z) if estimator == "pathwise" else None
        if estimator == "score_function":
            return (values - baseline) * tape.gradient(log_prob, tiled[name]), log_prob
        slope = tape.gradient(values, z, unconnected_gradients="zero")
        return -slope * tape.gradient(cdf, tiled[name]) * tf.exp(-log_prob), log_prob

    def moment(name, power, atol=0.0):
        def integrand(z):
            nodes = tf.constant(np.ravel(z), tf.float64)
            g, log_prob = gradient(nodes, name)
            density = np.exp(log_prob)
            values = np.where(density > 0, np.asarray(g) ** power * density, 0.0)
            return values.reshape(np.shape(z))

        edges = [support[0], *sorted(breaks), support[1]]
        parts = tanhsinh(integrand, np.array(edges[:-1]), np.array(edges[1:]), atol=atol)
        if not np.all(parts.success):
            raise ValueError(f"the integral for {name!r} does not converge: name its breaks")
        return parts.integral.sum()

    def answer():
        result = {}
        for name in params:
            second = moment(name, 2)
            mean = moment(
                name, 1, atol=1e-12 * np.sqrt(second)
            )  # a mean of 0 has no relative error
            result[name] = (mean, second - mean**2)
        return result

    return _choose(estimator, dict(score_function=answer, pathwise=answer))
