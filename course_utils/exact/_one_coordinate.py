"""One coordinate of a cost that adds up: six numbers for each estimator, from sums over nodes."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy.special import expit
from tensorflow_probability import distributions as tfd

from course_utils.exact._bernoulli import _NODES, _noise_grid
from course_utils.exact._common import floats

Numbers = dict[str, dict[str, float]]
Parts = tuple[np.ndarray, ...]


@functools.cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(160)


def _nodes(log_density: Callable, *edges: float) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes between the edges, 160 to a piece, and the mass of each."""
    x, weights = _legendre()
    low, half = np.array(edges[:-1])[:, None], np.diff(edges)[:, None] / 2
    x = (low + half * (1 + x)).ravel()
    mass = (half * weights).ravel() * np.exp(log_density(x))
    return x, mass / np.sum(mass)


def _slope(cost: Callable, z) -> np.ndarray:
    with tf.GradientTape() as tape:
        tape.watch(z := tf.constant(z, tf.float64))
        value = cost(z)
    return tape.gradient(value, z, unconnected_gradients="zero").numpy()


def _path(make: Callable, z: np.ndarray, value: float) -> np.ndarray:
    """dz/dφ = −(∂F/∂φ)/q."""
    copies = tf.fill(z.shape, tf.constant(value, tf.float64))
    with tf.GradientTape() as tape:
        tape.watch(copies)
        law = make(copies)
        cdf = law.cdf(z)
    return -tape.gradient(cdf, copies).numpy() / law.prob(z).numpy()


def _numbers(mass, A, w, B) -> dict[str, float]:
    A, w, B = (np.broadcast_to(np.asarray(part, np.float64), mass.shape) for part in (A, w, B))
    w = w - mass @ w  # zero but for rounding
    g, level = A * w + B, mass @ A
    numbers = dict(mean=mass @ g, V=mass @ (g - mass @ g) ** 2, C=mass @ (g * w))
    return numbers | dict(A=level, var_A=mass @ (A - level) ** 2, I=mass @ w**2)


def _normal(f, slope, loc, step) -> dict[str, Parts]:
    edges = np.clip(np.array([0.5, 0.5 - step, 0.5 + step]) - loc, -9, 9)
    eps, mass = _nodes(lambda e: -(e**2) / 2, *np.unique([-9.0, 0.0, 9.0, *edges]))
    edge = np.clip(abs(0.5 - loc), 0, 9)
    w, rayleigh = _nodes(lambda w: np.log(w) - w**2 / 2, *np.unique([0.0, edge, 9.0]))
    coupled = (f(loc + w) - f(loc - w)) / np.sqrt(2 * np.pi)
    return dict(
        score_function=(mass, f(loc + eps), eps, 0),
        pathwise=(mass, 0, 0, slope(loc + eps)),
        measure_valued=(rayleigh, 0, 0, coupled),
        finite_difference=(mass, 0, 0, (f(loc + eps + step) - f(loc + eps - step)) / (2 * step)),
    )


def _gamma(f, slope, alpha, _) -> dict[str, Parts]:
    edges = np.log(0.5) + np.array([-25 / alpha - 5, -4, 0, 2, 3, 3.5, 4.3 + np.log1p(alpha)])
    log_z, mass = _nodes(lambda t: alpha * t - np.exp(t), *edges)
    z, digamma, d = np.exp(log_z), tf.math.digamma(np.float64(alpha)).numpy(), alpha - 1 / 3
    x = np.cbrt(z / d) - 1  # the noise of Marsaglia and Tsang over √(9α − 3)
    vote = 3 * (np.log1p(x) - x) + 1.5 * x**2 / (1 + x) + x**3 / 2
    vote = vote + np.log(d) - 1 / (6 * d) - digamma
    path = _path(lambda a: tfd.Gamma(a, tf.ones_like(a)), z, alpha)
    return dict(
        score_function=(mass, f(z), log_z - digamma, 0),
        implicit=(mass, 0, 0, slope(z) * path),
        rejection_reparameterized=(mass, f(z), vote, slope(z) * (1 + x) ** 2 * (1 - x / 2)),
    )


def _von_mises(f, slope, kappa, _) -> dict[str, Parts]:
    z, mass = _nodes(lambda a: kappa * (np.cos(a) - 1), -np.pi, 0, 0.5, np.pi)
    path = _path(lambda k: tfd.VonMises(tf.zeros_like(k), k), z, kappa)
    score = np.cos(z) - mass @ np.cos(z)
    return dict(score_function=(mass, f(z), score, 0), implicit=(mass, 0, 0, slope(z) * path))


def _coin(f, slope, logit, temperature) -> dict[str, Parts]:
    theta, coin = expit(logit), np.array([0.0, 1.0])
    z, dz, density, _ = _noise_grid(logit, 0.0, temperature)
    law = np.array([1 - theta, theta])
    u, even = _nodes(np.zeros_like, *np.unique([0.0, theta, 1 - theta, 1.0]))
    return dict(
        score_function=(law, f(coin), coin - theta, 0),
        straight_through=(law, 0, 0, slope(coin) * theta * (1 - theta)),
        gumbel_softmax=(density, 0, 0, slope(z) * dz),
        straight_through_gumbel_softmax=(density, 0, 0, slope(1.0 * (_NODES > 0)) * dz),
        arm=(even, f(1.0 * (u > 1 - theta)) - f(1.0 * (u < theta)), u - 0.5, 0),
    )


def _with_surrogate(f, c, c_slope, logit, temperature, eta=1.0) -> dict[str, float]:
    """REBAR and RELAX: given b, the noises of z and z̃ are independent with one law."""
    theta = expit(logit)
    z, dz, density, _ = _noise_grid(logit, 0.0, temperature)
    parts = []
    for b, prob in ((0.0, 1 - theta), (1.0, theta)):
        side, w = (_NODES > 0) == b, b - theta
        law, path = density[side] / np.sum(density[side]), eta * c_slope(z[side]) * dz[side]
        moves = 1 - (1 - prob) / expit((2 * b - 1) * (_NODES[side] - logit))
        A = f(np.array(b)) - eta * c(z[side])
        back = A * w - path * moves
        means = [law @ part for part in (A, path + back)]
        spreads = [law @ (part - law @ part) ** 2 for part in (A, path, back)]
        parts.append((prob, w, *means, spreads[0], spreads[1] + spreads[2]))
    prob, w, A, g, var_A, var_g = np.array(parts).T
    level, mean = prob @ A, prob @ g
    numbers = dict(mean=mean, V=prob @ (var_g + (g - mean) ** 2), C=prob @ (g * w), I=prob @ w**2)
    return numbers | dict(A=level, var_A=prob @ (var_A + (A - level) ** 2))


def one_coordinate(
    family: str,
    cost: Callable,
    value: float,
    *,
    temperature: float = 0.5,
    eta: float = 1.0,
    step: float = 0.1,
) -> Numbers:
    """Six numbers for each estimator that applies to one coordinate of a law.

    One sample's gradient is  g = A w + B:  A a sum of values of the cost, w a weight of mean zero
    (the score), B made of slopes or differences of the cost.  The numbers are

        mean = E g,  V = Var g,  C = Cov(g, w),  A = E A,  var_A = Var A,  I = E w²

    and give the variance for a cost Σ_j f(z_j) of D alike and independent coordinates, with the
    baseline b:  V + 2LC + L² I + (D − 1) var_A I,  L = (D − 1) A − b.

    Args:
      family: "normal", N(value, 1) by its location; "gamma", Gamma(value, 1) by its concentration,
        value ≥ 1; "von Mises", about zero, by its concentration; "coin", Bernoulli by its logit.
      cost: f, elementwise on arrays and float64 tensors; it may jump at 1/2, and nowhere else, and
        waves faster than cos(40 z) are lost between the nodes.
      value: the parameter.
      temperature: τ of the relaxations of a coin.  The surrogate of "relax" is a straight line
        through the cost's two values, c(y) = f(0) + (f(1) − f(0)) sigmoid(y/τ).
      eta: the coefficient η of "rebar".
      step: of the finite difference, with common noise.

    Returns:
      A dict of estimator → its six numbers.

    Raises:
      ValueError: an unknown family; a value that is not finite; a Gamma concentration below 1, one
        of von Mises, a temperature or a step that is not positive; a value that is too far out for
        these sums, at a concentration of 20 or a logit beyond 30 at the earliest.

    Source: derived; the estimators are those of `course_utils.estimators`.
    """

    def f(z):
        return np.asarray(cost(tf.constant(z, tf.float64)))

    def slope(z):
        return _slope(cost, z)

    floats(value=value, temperature=temperature, eta=eta, step=step)
    makers = {"normal": _normal, "gamma": _gamma, "von Mises": _von_mises, "coin": _coin}
    if family not in makers:
        raise ValueError(f"family must be one of {list(makers)}, got {family!r}")
    if (family == "gamma" and value < 1) or (family == "von Mises" and value <= 0):
        raise ValueError(f"value of {family} is too small: {value!r}")
    with np.errstate(all="ignore"):  # what is not finite is refused below
        recipes = makers[family](f, slope, value, temperature if family == "coin" else step)
        numbers = {name: _numbers(*recipe) for name, recipe in recipes.items()}
    if family == "coin":
        low, high = f(np.array([0.0, 1.0]))
        line = (lambda z: low + (high - low) * z, lambda z: np.full_like(z, high - low))
        numbers["rebar"] = _with_surrogate(f, f, slope, value, temperature, eta)
        numbers["relax"] = _with_surrogate(f, *line, value, temperature)
    far = family == "coin" and abs(value) > 30
    if far or not np.all(np.isfinite([list(found.values()) for found in numbers.values()])):
        raise ValueError(f"value of {family} is too far out for these sums: {value!r}")
    return numbers
