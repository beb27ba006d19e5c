"""Closed forms for the normal law."""

import numpy as np
from scipy.special import dawsn, erfc

from course_utils import _checks
from course_utils.exact._common import Answer, central, choose, floats


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
    loc, scale, k, num_dimensions = floats(loc=loc, scale=scale, k=k, num_dimensions=num_dimensions)
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
      ValueError: an unknown estimator, a scale or step that is not positive, a baseline without loc
        or scale.

    Source: derived; the setting of Mohamed et al. (2020), Figure 2.
    """
    loc, scale, k, num_dimensions = floats(loc=loc, scale=scale, k=k, num_dimensions=num_dimensions)
    if step is not None:
        floats(step=step)
    coupled, common = _checks.flag("coupled", coupled), _checks.flag("common", common)
    d, s2 = loc - k, scale**2
    mean_others = (num_dimensions - 1) * (d**2 + s2)
    var_others = (num_dimensions - 1) * (4 * d**2 * s2 + 2 * s2**2)
    baselines = baseline if isinstance(baseline, dict) else dict(loc=baseline, scale=baseline)
    if not {"loc", "scale"} <= baselines.keys():
        raise ValueError(f"baseline must name loc and scale, got {list(baselines)}")
    baselines = {name: floats(baseline=value)[0] for name, value in baselines.items()}

    def score_function():
        b = {name: value - mean_others for name, value in baselines.items()}
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
        (h,) = floats(step=step)
        if np.any(h >= scale):
            raise ValueError(f"step must be below scale, got {step!r}")

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
        for name, pair in choose(estimator, answers).items()
    }


def _difference(factor, plus, minus, both, coupled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of factor · (X − Y) from (E X, E X²), (E Y, E Y²) and E XY if coupled."""
    cross = both if coupled else plus[0] * minus[0]
    mean, second = plus[0] - minus[0], plus[1] + minus[1] - 2 * cross
    return factor * mean, factor**2 * central(second, mean)


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
    loc, scale, k = floats(loc=loc, scale=scale, frequency=frequency)
    coupled = _checks.flag("coupled", coupled)
    a, cos, sin = k * scale, np.cos(k * loc), np.sin(k * loc)
    cos2, one, two = np.cos(2 * k * loc), np.exp(-(a**2) / 2), np.exp(-2 * a**2)
    gradient = dict(loc=-k * sin * one, scale=-k * a * cos * one)

    def from_second(**second):
        return {name: (g, central(second[name], g)) for name, g in gradient.items()}

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
    return choose(estimator, answers)


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
    loc, scale, k = floats(loc=loc, scale=scale, k=k)
    coupled = _checks.flag("coupled", coupled)
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
        return {name: (g, central(second[name], g)) for name, g in gradient.items()}

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
    return choose(estimator, answers)


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
        *floats(loc=loc, scale=scale, target_loc=target_loc, target_scale=target_scale)
    )
    pull, slope = (loc - target_loc) / target_scale**2, scale / target_scale**2
    rest = slope - 1 / scale

    def from_slope(slope):
        return dict(loc=(pull, slope**2), scale=(rest, pull**2 + 2 * slope**2))

    answers = dict(
        pathwise=lambda: from_slope(slope), sticking_the_landing=lambda: from_slope(rest)
    )
    return choose(estimator, answers)
