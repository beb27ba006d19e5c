"""Closed forms and sums for one coin."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit

from course_utils import _checks
from course_utils.exact._common import Answer, central, choose, floats

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
    return mean, central(np.sum(values**2 * density, axis=-1), mean)


def _rebar_moments(logits, t, temperature, eta) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of REBAR's gradient in the logit.

    Given b the noises of z and z̃ are independent with one law, that of y on one side of 0, so that
    all moments are sums over one side.  There, at a held quantile, dy/dlogit = 1 − (1 − P(b))/F,
    with F = sigmoid(±(y − logit)).
    """
    z, slope, density, t = _noise_grid(logits, t, temperature)
    mean = second = 0.0
    for b, sign in ((0, -1), (1, 1)):
        side, prob, other = (_NODES > 0) == b, expit(sign * logits), expit(-sign * logits)
        law = density[..., side] / prob[..., None]
        relaxed, path = (z[..., side] - t) ** 2, 2 * (z[..., side] - t) * slope[..., side]
        moves = 1 - other[..., None] / expit(sign * (_NODES[side] - logits[..., None]))
        back = -relaxed * sign * other[..., None] - path * moves
        averages = [np.sum(part * law, axis=-1) for part in (path, back)]
        spread = sum(np.sum(part**2 * law, axis=-1) for part in (path, back))
        given = (b - t[..., 0]) ** 2 * sign * other + eta * sum(averages)
        mean = mean + prob * given
        second = second + prob * (given**2 + eta**2 * (spread - sum(m**2 for m in averages)))
    return mean, central(second, mean)


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
    nodes, at logits up to ±50: the mean to 1e-12 of the root mean square of one gradient, and the
    variance to 1e-12 of its mean square, that of rebar to 1e-9.

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
        a temperature that is missing, not positive or given to an estimator without one, logits
        beyond ±50 for the relaxed two and rebar.

    Source: derived; the toy problem of Tucker et al. (2017), section 5.1; the rule is that of
    Takahasi & Mori (1974).
    """
    if (probs is None) == (logits is None):
        raise ValueError(f"give one of probs and logits, got probs={probs!r}, logits={logits!r}")
    name = "probs" if logits is None else "logits"
    t, baseline, eta = floats(t=t, baseline=baseline, eta=eta)
    (given,) = floats(**{name: probs if logits is None else logits})
    theta, other = (given, 1 - given) if logits is None else (expit(given), expit(-given))
    if not np.all((theta > 0) & (other > 0)):
        raise ValueError(f"{name} must give probabilities inside (0, 1), got {given}")
    slope = theta * other
    chain = np.ones_like(slope) if name == "probs" else slope
    if (temperature is None) == (estimator.endswith("gumbel_softmax") or estimator == "rebar"):
        raise ValueError(f"temperature goes with the relaxed estimators alone, got {temperature!r}")
    if (num_samples is None) == (estimator == "leave_one_out"):
        raise ValueError(f"num_samples goes with leave_one_out alone, got {num_samples!r}")

    def score_function():
        gradient = chain * (1 - 2 * t) + 0 * baseline
        at_one, at_zero = (1 - t) ** 2 - baseline, t**2 - baseline
        second = chain**2 * (at_one**2 / theta + at_zero**2 / other)
        return {name: (gradient, central(second, gradient))}

    def straight_through():
        return {name: (2 * chain * (theta - t), 4 * chain**2 * slope * np.ones_like(t))}

    def in_name(mean, var):  # from the logit
        return {name: (mean * chain / slope, var * (chain / slope) ** 2)}

    def relaxed(moments, *options):
        (tau,) = floats(temperature=temperature)
        at = logit(theta) if logits is None else given
        if np.any(np.abs(at) > 50):
            raise ValueError(f"{name} must have logits from -50 to 50 for {estimator}, got {given}")
        return in_name(*moments(at, t, tau, *options))

    def soft(gradient):
        return relaxed(lambda *at: _relaxed_moments(gradient, *at))

    def arm():
        m = np.minimum(theta, other)
        var = m / 2 - m**2 + 2 * m**3 / 3 - slope**2
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
        rebar=lambda: relaxed(_rebar_moments, eta),
        arm=arm,
        leave_one_out=leave_one_out,
    )
    return choose(estimator, answers)
