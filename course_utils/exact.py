"""Exact gradients and exact variances of one sample's gradient: the truth line of every figure.

Closed forms take numbers or arrays, elementwise, and answer in float64.  Every function returns a
dict of param → (gradient, variance of one sample).
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy.integrate import tanhsinh
from scipy.special import dawsn, erfc, expit, logit
from tensorflow_probability import distributions as tfd

from course_utils import _checks, _special

Answer = dict[str, tuple[np.ndarray, np.ndarray]]

_POSITIVE = {"scale", "target_scale", "step", "frequency", "temperature"}


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
        if name in _POSITIVE and not np.all(array > 0):
            raise ValueError(f"{name} must be positive, got {value!r}")
        arrays.append(array)
    return arrays


def normal_quadratic_baselines(loc, scale, k, num_dimensions=1) -> dict[str, np.ndarray]:
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
    estimator: str,
    *,
    loc,
    scale,
    k,
    baseline=0.0,
    step=None,
    common=True,
    coupled=True,
    num_dimensions=1,
) -> Answer:
    """Gradient and one-sample variance for z_j ~ N(loc, scale²), cost Σ_j (z_j − k)², j = 1 ... D.

    With d = loc − k and σ = scale the gradients are ∂μ = 2d and ∂σ = 2σ.  At D = 1:

        score_function   ∂μ: [d⁴ + 18d²σ² + 15σ⁴ − 2b(d² + 3σ²) + b²]/σ² − 4d²
                         ∂σ: [2d⁴ + 60d²σ² + 78σ⁴ − 2b(2d² + 10σ²) + 2b²]/σ² − 4σ²
        pathwise         ∂μ: 4σ²     ∂σ: 4d² + 8σ²
        measure_valued   ∂μ: 4d²(4/π − 1)     ∂σ: 4d² + 4σ²; not coupled:
                         ∂μ: (8/π − 2)d² + 4σ²/π     ∂σ: 16d² + 8σ²
        finite_difference, common noise: as pathwise, at any step h; else [V(+) + V(−)]/4h² with
                         V = 4d²σ² + 2σ⁴ at d ± h or at σ ± h

    In D dimensions the other coordinates add a cost R of mean M = (D − 1)(d² + σ²) and variance
    V = (D − 1)(4d²σ² + 2σ⁴): the score function's variance is that at the baseline b − M, plus
    V/σ² for ∂μ, 2V/σ² for ∂σ; that of independent differences gains 2V/4h²; pathwise,
    measure-valued and common differences do not change.

    Args:
      estimator: "score_function", "pathwise", "measure_valued" or "finite_difference".
      loc, scale, k: numbers or arrays; the D coordinates are alike.
      baseline: a number or array, or a dict of param → number; for the score function.
      step, common: of the finite difference.
      coupled: of the measure-valued estimator.
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

    def measure_valued():
        at_loc = 4 * d**2 * (4 / np.pi - 1), (8 / np.pi - 2) * d**2 + 4 * s2 / np.pi
        at_scale = 4 * d**2 + 4 * s2, 16 * d**2 + 8 * s2
        which = 0 if coupled else 1
        return dict(loc=(2 * d, at_loc[which]), scale=(2 * scale, at_scale[which]))

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
        score_function=score_function,
        pathwise=pathwise,
        measure_valued=measure_valued,
        finite_difference=finite_difference,
    )
    given = [loc, scale, k, num_dimensions, 0.0 if step is None else step, *baselines.values()]
    shape = np.broadcast_shapes(*(np.shape(value) for value in given))
    return {
        name: tuple(np.broadcast_to(part, shape) for part in pair)
        for name, pair in _choose(estimator, answers).items()
    }


def _difference(factor, plus, minus, both, coupled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of factor · (X − Y) from (E X, E X²), (E Y, E Y²) and E XY if coupled."""
    cross = both if coupled else plus[0] * minus[0]
    mean, second = plus[0] - minus[0], plus[1] + minus[1] - 2 * cross
    return factor * mean, factor**2 * (second - mean**2)


def normal_cosine(estimator: str, *, loc, scale, frequency, coupled=True) -> Answer:
    """Gradient and one-sample variance for z ~ N(loc, scale²), cost cos(k z).

    With μ = loc, σ = scale, k = frequency and a = kσ the gradients are ∂μ = −k sin(kμ) e^(−a²/2)
    and ∂σ = −k² σ cos(kμ) e^(−a²/2).  With c = cos(2kμ) e^(−2a²) the second moments are

        score_function   ∂μ: [1 + c(1 − 4a²)]/2σ²     ∂σ: [2 + c(16a⁴ − 16a² + 2)]/2σ²
        pathwise         ∂μ: (k²/2)(1 − c)            ∂σ: (k²/2)[1 − c(1 − 4a²)]
        measure_valued   ∂μ: sin²(kμ)[1 − C(2a)]/πσ²
                         ∂σ: [1 − e^(−a²/2) + cos(2kμ)(e^(−a²/2) − (1 + 2a²) e^(−2a²))]/σ²

    where C(t) = E cos(tW) = 1 − √2 t D(t/√2), D is Dawson's integral and W as in
    estimators.measure_valued.  As k → ∞ the score function's variance for ∂μ tends to 1/2σ²,
    that of pathwise grows as k²/2, and that of measure_valued follows sin²(kμ)/πσ².

    Args:
      estimator: "score_function", "pathwise" or "measure_valued".
      loc, scale, frequency: numbers or arrays.
      coupled: of the measure-valued estimator.

    Returns:
      A dict of loc and scale → (gradient, variance of one sample).

    Raises:
      ValueError: an unknown estimator, a scale or frequency that is not positive.

    Source: derived; the setting of Mohamed et al. (2020), Figure 3.
    """
    loc, scale, k = _floats(loc=loc, scale=scale, frequency=frequency)
    a, cos, sin = k * scale, np.cos(k * loc), np.sin(k * loc)
    cos2, one, two = np.cos(2 * k * loc), np.exp(-(a**2) / 2), np.exp(-2 * a**2)
    gradient = dict(loc=-k * sin * one, scale=-k * a * cos * one)

    def from_second(**second):
        return {name: (g, second[name] - g**2) for name, g in gradient.items()}

    def score_function():
        at_loc = 1 + cos2 * (1 - 4 * a**2) * two
        at_scale = 2 + cos2 * (16 * a**4 - 16 * a**2 + 2) * two
        return from_second(loc=at_loc / (2 * scale**2), scale=at_scale / (2 * scale**2))

    def pathwise():
        at_scale = 1 - cos2 * (1 - 4 * a**2) * two
        return from_second(loc=k**2 / 2 * (1 - cos2 * two), scale=k**2 / 2 * at_scale)

    def measure_valued():
        def wave(t):  # E cos(tW) and E sin(tW)
            rayleigh = 1 - np.sqrt(2) * t * dawsn(t / np.sqrt(2))
            return rayleigh, t * np.sqrt(np.pi / 2) * np.exp(-(t**2) / 2)

        (c1, s1), (c2, s2) = wave(a), wave(2 * a)
        sin2 = np.sin(2 * k * loc)
        up = cos * c1 - sin * s1, (1 + cos2 * c2 - sin2 * s2) / 2
        down = cos * c1 + sin * s1, (1 + cos2 * c2 + sin2 * s2) / 2
        at_loc = 1 / (scale * np.sqrt(2 * np.pi)), up, down, (cos2 + c2) / 2
        outer = cos * (1 - a**2) * one, (1 + cos2 * (1 - 4 * a**2) * two) / 2
        inner = cos * one, (1 + cos2 * two) / 2
        at_scale = 1 / scale, outer, inner, (cos2 * (2 * two - one) + one) / 2
        return dict(loc=_difference(*at_loc, coupled), scale=_difference(*at_scale, coupled))

    answers = dict(score_function=score_function, pathwise=pathwise, measure_valued=measure_valued)
    return _choose(estimator, answers)


def normal_exp_square(estimator: str, *, loc, scale, k, coupled=True) -> Answer:
    """Gradient and one-sample variance for z ~ N(loc, scale²), cost exp(−k z²).

    A power f^n of the cost tilts the law into another normal law: with A = 1 + 2nkσ²

        E[f^n h(z)] = Z E[h(z′)],  z′ ~ N(μ/A, σ²/A),  Z = A^(−½) exp(−nkμ²/A)

    so that every moment is a polynomial's under a normal law.  For the measure-valued ∂μ the
    integrals over W > 0 leave an error function; for its ∂σ, coupled, the mean over U is taken by
    a Gauss–Legendre sum of 64 nodes.

    Args:
      estimator: "score_function", "pathwise" or "measure_valued".
      loc, scale, k: numbers or arrays; k is positive.
      coupled: of the measure-valued estimator.

    Returns:
      A dict of loc and scale → (gradient, variance of one sample).

    Raises:
      ValueError: an unknown estimator, a scale or k that is not positive.

    Source: derived; the setting of Mohamed et al. (2020), Figure 3.
    """
    loc, scale, k = _floats(loc=loc, scale=scale, k=k)
    if not np.all(k > 0):
        raise ValueError(f"k must be positive, got {k}")

    def tilted(n):
        """Z, and mean and variance of ε = (z′ − μ)/σ."""
        a = 1 + 2 * n * k * scale**2
        return np.exp(-n * k * loc**2 / a) / np.sqrt(a), -2 * n * k * loc * scale / a, 1 / a

    def noise_moments(n):
        """E[f^n ε^m] for m = 0 ... 4."""
        z, b, c = tilted(n)
        powers = [1, b, b**2 + c, b**3 + 3 * b * c, b**4 + 6 * b**2 * c + 3 * c**2]
        return [z * power for power in powers]

    first, m = noise_moments(1), noise_moments(2)
    gradient = dict(loc=first[1] / scale, scale=(first[2] - first[0]) / scale)

    def from_second(**second):
        return {name: (g, second[name] - g**2) for name, g in gradient.items()}

    def score_function():
        at_scale = m[4] - 2 * m[2] + m[0]
        return from_second(loc=m[2] / scale**2, scale=at_scale / scale**2)

    def pathwise():
        def slope(i):  # E[f² z² εⁱ]
            return loc**2 * m[i] + 2 * loc * scale * m[i + 1] + scale**2 * m[i + 2]

        return from_second(loc=4 * k**2 * slope(0), scale=4 * k**2 * slope(2))

    def measure_valued():
        def half(n, sign):  # E[f^n(μ ± σW)], the integral of w exp(−A w²/2 − B w) over w > 0
            a, b = 1 + 2 * n * k * scale**2, 2 * n * k * loc * scale * sign
            tail = b * np.sqrt(np.pi / (2 * a)) * erfc(b / np.sqrt(2 * a))
            return (np.exp(-n * k * loc**2) - tail * np.exp(-n * k * loc**2 / a)) / a

        up, down = ((half(1, sign), half(2, sign)) for sign in (1, -1))
        both = np.exp(-2 * k * loc**2) / (1 + 4 * k * scale**2)
        at_loc = 1 / (scale * np.sqrt(2 * np.pi)), up, down, both
        outer, inner = (first[2], m[2]), (first[0], m[0])
        at_scale = 1 / scale, outer, inner, outer_times_inner()
        return dict(loc=_difference(*at_loc, coupled), scale=_difference(*at_scale, coupled))

    def outer_times_inner():  # E[f(μ + σM) f(μ + σUM)], given U again a tilted normal law
        nodes, weights = np.polynomial.legendre.leggauss(64)
        total = 0.0
        for u, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            a, b = 1 + 2 * k * scale**2 * (1 + u**2), -2 * k * loc * scale * (1 + u)
            z = np.exp(b**2 / (2 * a) - 2 * k * loc**2) / np.sqrt(a)
            total = total + weight * z * (1 / a + (b / a) ** 2)
        return total

    answers = dict(score_function=score_function, pathwise=pathwise, measure_valued=measure_valued)
    return _choose(estimator, answers)


def normal_kl(estimator: str, *, loc, scale, target_loc, target_scale) -> Answer:
    """Gradient and one-sample variance of KL(q‖p), q = N(loc, scale²), p = N(target_loc, ...²).

    The cost log q(z; φ) − log p(z), the negative ELBO up to a constant, depends on φ itself.  With
    z = loc + scale·ε, d = loc − target_loc, σ = scale, v = target_scale² and c = σ/v − 1/σ the
    gradients are ∂μ = d/v and ∂σ = c, and one sample's gradient is

        pathwise               ∂μ: (d + σε)/v     ∂σ: ε(d + σε)/v − 1/σ
        sticking_the_landing   ∂μ: d/v + cε       ∂σ: εd/v + cε²

    with the variances σ²/v² and d²/v² + 2σ²/v², against c² and d²/v² + 2c².  Sticking the landing
    wins where |c| < σ/v, which is σ² > v/2, for both parameters.

    Args:
      estimator: "pathwise", the total derivative, or "sticking_the_landing", which drops the score
        term: the derivative of log q(z; φ) at a fixed z.
      loc, scale, target_loc, target_scale: numbers or arrays; of the target, too, the scale is a
        standard deviation.

    Returns:
      A dict of loc and scale → (gradient, variance of one sample).

    Raises:
      ValueError: an unknown estimator, a scale that is not positive.

    Source: derived; the second estimator is that of Roeder et al. (2017).
    """
    loc, scale, target_loc, target_scale = np.broadcast_arrays(
        *_floats(loc=loc, scale=scale, target_loc=target_loc, target_scale=target_scale)
    )
    pull, slope = (loc - target_loc) / target_scale**2, scale / target_scale**2
    rest = slope - 1 / scale

    def from_slope(slope):
        return dict(loc=(pull, slope**2), scale=(rest, pull**2 + 2 * slope**2))

    answers = dict(
        pathwise=lambda: from_slope(slope), sticking_the_landing=lambda: from_slope(rest)
    )
    return _choose(estimator, answers)


# Nodes on (0, ∞) of the double exponential rule y = exp(s − exp(−s)), which a sum of equal steps in
# s integrates to rounding for a function that is smooth on y > 0 and falls off as an exponential.
_S = np.linspace(-4.0, 5.0, 1001)
_HALF = np.exp(_S - np.exp(-_S))
_WEIGHTS = np.tile((1 + np.exp(-_S)) * _HALF * (_S[1] - _S[0]), 2)
_NODES = np.concatenate([-_HALF, _HALF])


def _noise_grid(logits, t, temperature):
    """Nodes y = logit + λ, split at y = 0 where b = 1[y > 0] jumps, as a last axis.

    Returns z = sigmoid(y/τ), its slope dz/dy, the weights times the logistic density, and t.
    """
    logits, t, temperature = (np.asarray(a)[..., None] for a in (logits, t, temperature))
    z, other = expit(_NODES / temperature), expit(-_NODES / temperature)
    density = _WEIGHTS * expit(_NODES - logits) * expit(logits - _NODES)
    return z, z * other / temperature, density, t


def _relaxed_moments(gradient: Callable, logits, t, temperature) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of gradient(z, b, t) · dz/dlogit over the logistic noise λ."""
    z, slope, density, t = _noise_grid(logits, t, temperature)
    values = gradient(z, _NODES > 0, t) * slope
    mean = np.sum(values * density, axis=-1)
    return mean, np.sum(values**2 * density, axis=-1) - mean**2


def _rebar_moments(logits, t, temperature, eta) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of REBAR's gradient in the logit.

    Given b the noises of z and z̃ are independent with one law, that of y on one side of 0, so that
    all moments are sums over one side.  There, at a held quantile, dy/dlogit = 1 − (1 − P(b))/F,
    with F = sigmoid(±(y − logit)).
    """
    z, slope, density, t = _noise_grid(logits, t, temperature)
    theta, logits = expit(logits), np.asarray(logits)[..., None]
    mean = second = 0.0
    for b in (0, 1):
        side, prob, sign = (_NODES > 0) == b, theta if b else 1 - theta, 2 * b - 1
        law = density[..., side] / prob[..., None]
        relaxed, path = (z[..., side] - t) ** 2, 2 * (z[..., side] - t) * slope[..., side]
        moves = 1 - (1 - prob[..., None]) / expit(sign * (_NODES[side] - logits))
        back = -relaxed * (b - theta[..., None]) - path * moves
        averages = [np.sum(part * law, axis=-1) for part in (path, back)]
        spread = sum(np.sum(part**2 * law, axis=-1) for part in (path, back))
        given = (b - t[..., 0]) ** 2 * (b - theta) + eta * sum(averages)
        mean = mean + prob * given
        second = second + prob * (given**2 + eta**2 * (spread - sum(m**2 for m in averages)))
    return mean, second - mean**2


def bernoulli_quadratic(
    estimator: str,
    *,
    t,
    probs=None,
    logits=None,
    baseline=0.0,
    temperature=None,
    eta=1.0,
    num_samples=None,
) -> Answer:
    """Expected gradient and one-sample variance for b ~ Bernoulli, cost (b − t)².

    With θ the probability, ℓ its logit and λ ~ Logistic(0, 1), one sample's gradient in ℓ is

        score_function                    ((b − t)² − baseline) (b − θ)
        gumbel_softmax                    2 (z − t) z (1 − z)/τ,  z = sigmoid((ℓ + λ)/τ)
        straight_through                  2 (b − t) θ (1 − θ)
        straight_through_gumbel_softmax   2 (b − t) z (1 − z)/τ,  b = 1[z > 1/2]
        rebar, arm                        see `control_variates`
        leave_one_out                     (f_i − mean of the other f) (b_i − θ),  f_i = (b_i − t)²

    and in θ it is that over θ(1 − θ).  The true gradient is 1 − 2t in θ.  The relaxed two and
    straight-through are biased: what is returned is the mean of the estimator itself, so that the
    bias is the difference.  With Δ = 1 − 2t and p = θ(1 − θ), in the logit:

        straight_through   mean 2(θ − t)p, variance 4p³
        arm                variance Δ² (1/12 − (2/3)|θ − 1/2|³ − p²)
        leave_one_out      variance Δ² p (1 − 4p + 2p/(K − 1)) for the mean of K, times K

    The relaxed two and rebar are integrated over the noise, by a double exponential rule of fixed
    nodes, to about 1e-12.

    Args:
      estimator: one of those above.
      t: the target of the cost, a number or array.
      probs, logits: the parameter, one of the two; the gradient is for the one given.
      baseline: of the score function, a number or array.
      temperature: τ of the relaxed two and of rebar, a number or array.
      eta: η of rebar, a number or array.
      num_samples: K of leave_one_out, whose gradients are dependent: K times the variance of their
        mean is what is returned, to be compared with the variance of one sample.

    Returns:
      A dict of "probs" or "logits" → (expected gradient, variance of one sample).

    Raises:
      ValueError: an unknown estimator, both or neither parameter, a probability not inside (0, 1),
        a temperature that is missing, not positive or given to an estimator without one.

    Source: derived; the toy problem of Tucker et al. (2017), section 4; the rule is that of
    Takahasi & Mori (1974).
    """
    if (probs is None) == (logits is None):
        raise ValueError(f"give one of probs and logits, got probs={probs!r}, logits={logits!r}")
    name = "probs" if logits is None else "logits"
    theta, t = _floats(probs=probs if logits is None else expit(logits), t=t)
    if not np.all((theta > 0) & (theta < 1)):
        raise ValueError(f"probs must lie inside (0, 1), got {probs!r}")
    slope = theta * (1 - theta)
    chain = 1.0 if name == "probs" else slope
    if (temperature is None) == (estimator.endswith("gumbel_softmax") or estimator == "rebar"):
        raise ValueError(f"temperature goes with the relaxed estimators alone, got {temperature!r}")
    if (num_samples is None) == (estimator == "leave_one_out"):
        raise ValueError(f"num_samples goes with leave_one_out alone, got {num_samples!r}")

    def score_function():
        gradient = chain * (1 - 2 * t)
        at_one, at_zero = (1 - t) ** 2 - baseline, t**2 - baseline
        second = chain**2 * (at_one**2 / theta + at_zero**2 / (1 - theta))
        return {name: (gradient, second - gradient**2)}

    def straight_through():
        return {name: (2 * chain * (theta - t), 4 * chain**2 * slope)}

    def in_name(mean, var):  # from the logit
        return {name: (mean * chain / slope, var * (chain / slope) ** 2)}

    def relaxed(moments, *options):
        (tau,) = _floats(temperature=temperature)
        at = logit(theta) if logits is None else np.asarray(logits, np.float64)
        return in_name(*moments(at, t, tau, *options))

    def soft(gradient):
        return relaxed(lambda *at: _relaxed_moments(gradient, *at))

    def arm():
        var = 1 / 12 - 2 / 3 * np.abs(theta - 0.5) ** 3 - slope**2
        return in_name(slope * (1 - 2 * t), (1 - 2 * t) ** 2 * var)

    def leave_one_out():  # Δ times the unbiased sample variance of the K coins
        k = _checks.whole_number("num_samples", num_samples, at_least=2)
        var = slope * (1 - 4 * slope + 2 * slope / (k - 1))
        return in_name(slope * (1 - 2 * t), (1 - 2 * t) ** 2 * var)

    answers = dict(
        score_function=score_function,
        gumbel_softmax=lambda: soft(lambda z, b, t: 2 * (z - t)),
        straight_through=straight_through,
        straight_through_gumbel_softmax=lambda: soft(lambda z, b, t: 2 * (b - t)),
        rebar=lambda: relaxed(_rebar_moments, np.asarray(eta, np.float64)),
        arm=arm,
        leave_one_out=leave_one_out,
    )
    return _choose(estimator, answers)


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
      ValueError: an unknown estimator, or more than 2^16 states.

    Source: derived; leave_one_out by Hoeffding (1948), the variance of an average over pairs.
    """
    params = _checks.as_params({name: np.asarray(p, np.float64) for name, p in params.items()})
    law = _checks.build(make_distribution, params)
    if (num_samples is None) == (estimator == "leave_one_out"):
        raise ValueError(f"num_samples goes with leave_one_out alone, got {num_samples!r}")
    if estimator == "arm":
        return _enumerate_arm(cost, make_distribution, params)
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
    return _choose(estimator, answers)


def _enumerate_arm(cost: Callable, make_distribution: Callable, params: dict) -> Answer:
    """The same for ARM: each coin's u lies low, in the middle or high.

    Low and high are of length m = min(θ, 1 − θ) and give the coin (0, 1) and (1, 0) in the two
    states of the pair; in between it is the same in both.
    """
    with tf.GradientTape() as tape:
        tape.watch(params)
        law = _checks.discrete_base("arm", make_distribution(**params), (tfd.Bernoulli,))
        logits = tf.reshape(law.logits_parameter(), [-1])
    theta = expit(logits.numpy())
    if 3 ** len(theta) > 2**16:
        raise ValueError(f"3^{len(theta)} pairs of states are too many to enumerate")
    m, likely = np.minimum(theta, 1 - theta), theta > 0.5
    mean, second = (m - 1) / 2, (1 / 8 - (0.5 - m) ** 3) / (3 * m)  # of u − 1/2 on the low side
    middle = np.where(m < 0.5, (0.5 - m) ** 2 / 3, 0.0)
    case = np.array(list(np.ndindex(*[3] * len(theta))))  # 0 low, 1 middle, 2 high
    weight = np.prod(np.choose(case, [m, 1 - 2 * m, m]), axis=1)
    centre = np.choose(case, [mean, 0 * mean, -mean])
    spread = np.choose(case, [second, middle, second]) - centre**2
    shape = [-1, *law.batch_shape]
    first, other = (
        _checks.cost_values(cost, tf.reshape(tf.cast(b, tf.float64), shape)).numpy()
        for b in (np.choose(case, [0, likely, 1]), np.choose(case, [1, likely, 0]))
    )
    difference, answer = first - other, {}
    for name, jacobian in tape.jacobian(logits, params, unconnected_gradients="zero").items():
        flat = np.reshape(jacobian, [len(theta), -1])
        mean = (weight * difference) @ (centre @ flat)
        square = (weight * difference**2) @ ((centre @ flat) ** 2 + spread @ flat**2)
        answer[name] = tuple(np.reshape(v, params[name].shape) for v in (mean, square - mean**2))
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
            log_prob = _special.log_prob(law, z)
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
