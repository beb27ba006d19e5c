"""Mean, standard error, variance and signal-to-noise ratio of per-sample gradients; sweeps."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from course_utils import _checks


class Estimate(NamedTuple):
    """What N independent per-sample gradients say; each field has the parameter's shape.

    mean: the estimate of the gradient.
    standard_error: of the mean, s / √N.
    variance: of one sample's gradient, s², with N − 1.
    variance_error: the standard error of s², √((m₄ − s⁴) / N + 2s⁴ / (N (N − 1))), m₄ the fourth
      central moment; the second term counts where the first vanishes, for a fair coin.
    signal_to_noise: |mean| / s, of one sample's gradient; at s = 0 infinite, or NaN at mean 0.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    variance: np.ndarray
    variance_error: np.ndarray
    signal_to_noise: np.ndarray

    def __str__(self) -> str:
        """The mean as `estimate ± standard error`, element by element."""
        return _text(self.mean, self.standard_error)

    @property
    def variance_text(self) -> str:
        """The variance of one sample's gradient as `estimate ± standard error`."""
        return _text(self.variance, self.variance_error)


def _text(values: np.ndarray, errors: np.ndarray) -> str:
    texts = [plus_minus(*pair) for pair in zip(np.ravel(values), np.ravel(errors), strict=True)]
    return texts[0] if np.ndim(values) == 0 else f"[{', '.join(texts)}]"


def plus_minus(estimate: float, error: float) -> str:
    """Format `estimate ± error` with the digits that the error supports: "3.94 ± 0.05".

    The error keeps two digits where they are below 36, else one (the rule of the Particle Data
    Group's Review, section 5.3), and the estimate stops where the error does.
    """
    estimate, error = float(estimate), float(error)
    if not (math.isfinite(estimate) and 1e-300 < error < 1e300 and abs(estimate) < 1e300):
        return f"{estimate:.4g} ± {error:.2g}"
    exponent = math.floor(math.log10(error))
    digits = -exponent + (error / 10.0**exponent < 3.55)
    error = round(error, digits)
    estimate = round(estimate, digits) + 0.0  # no minus zero
    return f"{estimate:.{max(digits, 0)}f} ± {error:.{max(digits, 0)}f}"


def _moments(gradients: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Mean, second, third and fourth central moments over the first axis, in float64."""
    gradients = tf.cast(gradients, tf.float64)
    mean = tf.reduce_mean(gradients, axis=0)
    offsets = gradients - mean
    squares = tf.square(offsets)  # outside a tf.function, ** 2 calls pow, ten times slower
    powers = squares, squares * offsets, tf.square(squares)
    return mean, *(tf.reduce_mean(power, axis=0) for power in powers)


def _merged(a: tuple, b: tuple) -> tuple:
    """Number, mean and central moments of two batches together, from those of each.

    With p and q = 1 − p the batches' parts of the whole, and d = mean_b − mean_a:

        mean = mean_a + q d
        m2 = p a2 + q b2 + p q d²
        m3 = p a3 + q b3 + 3 p q d (b2 − a2) + p q (p − q) d³
        m4 = p a4 + q b4 + 4 p q d (b3 − a3) + 6 p q d² (q a2 + p b2) + p q (p³ + q³) d⁴

    Moments about 0, which cancel where the mean is large, are never formed.

    Source: Chan, Golub and LeVeque (1983), equations 1.5a and 1.5b; Pébay (2008).
    """
    (number_a, mean_a, a2, a3, a4), (number_b, mean_b, b2, b3, b4) = a, b
    number = number_a + number_b
    p, q, d = number_a / number, number_b / number, mean_b - mean_a
    second = p * a2 + q * b2 + p * q * d**2
    third = p * a3 + q * b3 + 3 * p * q * d * (b2 - a2) + p * q * (p - q) * d**3
    fourth = p * a4 + q * b4 + 4 * p * q * d * (b3 - a3)
    fourth += 6 * p * q * d**2 * (q * a2 + p * b2) + p * q * (p**3 + q**3) * d**4
    return number, mean_a + q * d, second, third, fourth


def _estimate(name: str, num_samples: int, mean, second, fourth) -> Estimate:
    mean, second, fourth = (np.asarray(m, np.float64) for m in (mean, second, fourth))
    if not np.all(np.isfinite(mean)):
        raise ValueError(f"gradients[{name!r}] must be finite, got the mean {_checks.show(mean)}")
    if not np.all(np.isfinite(fourth)):
        raise ValueError(f"gradients[{name!r}] must be below 1e75, or their moments overflow")
    variance = second * num_samples / (num_samples - 1)
    pairs = num_samples * (num_samples - 1)
    spread = np.sqrt(np.maximum(fourth - second**2, 0) / num_samples + 2 * second**2 / pairs)
    with np.errstate(divide="ignore", invalid="ignore"):
        signal_to_noise = np.abs(mean) / np.sqrt(variance)
    return Estimate(mean, np.sqrt(variance / num_samples), variance, spread, signal_to_noise)


def summarize(
    gradients: dict[str, tf.Tensor] | Iterable[dict[str, tf.Tensor]],
) -> dict[str, Estimate]:
    """Return, for each parameter, what its per-sample gradients say.

    Batches are merged one by one, so that only one of them has to fit into memory:

        summarize(pathwise(..., num_samples=100_000, seed=seed) for seed in range(100))

    Args:
      gradients: what an estimator returns, param → [num_samples, *param.shape], or an iterable of
        such batches, each from a seed of its own; the samples are independent (those of a
        leave-one-out baseline are not).

    Returns:
      A dict of param → Estimate.

    Raises:
      ValueError: fewer than two samples, gradients not finite or whose fourth power is not,
        no batch at all, or batches of different parameters.
      TypeError: a batch that is no dict, or gradients without a sample axis.
    """
    totals = None
    for batch in _batches(gradients):
        parts = {
            name: (len(values), *(m.numpy() for m in _moments(values)))
            for name, values in batch.items()
        }
        _check_alike(parts if totals is None else totals, parts)
        totals = {n: _merged(totals[n], p) for n, p in parts.items()} if totals else parts
    if not totals:
        raise ValueError("gradients must hold a parameter's gradients, got none")
    result = {}
    for name, (num_samples, mean, second, _, fourth) in totals.items():
        if num_samples < 2:
            raise ValueError(
                f"gradients[{name!r}] must hold two samples or more, got {num_samples}"
            )
        result[name] = _estimate(name, num_samples, mean, second, fourth)
    return result


def _batches(gradients) -> Iterable[dict]:
    """The batches one by one, each a dict whose gradients have a sample axis."""
    if not isinstance(gradients, Iterable) or isinstance(gradients, str | tf.Tensor | np.ndarray):
        raise TypeError(f"gradients must be a dict of param → gradients, got {gradients!r}")
    for batch in [gradients] if isinstance(gradients, dict) else gradients:
        if not isinstance(batch, dict):
            raise TypeError(f"gradients must be a dict of param → gradients, got {batch!r}")
        for name, values in batch.items():
            if np.ndim(values) == 0:
                raise TypeError(f"gradients[{name!r}] must be [num_samples, ...], got {values!r}")
        yield {n: _checks.numeric(f"gradients[{n!r}]", values)[0] for n, values in batch.items()}


def _check_alike(first: dict[str, tuple], other: dict[str, tuple]) -> None:
    """Raise ValueError where two batches are not of the same parameters."""
    one, two = ({name: list(part[1].shape) for name, part in b.items()} for b in (first, other))
    if one != two:
        raise ValueError(f"gradients must be batches of the same params, got {one} and {two}")


def assert_near(estimate: Estimate, gradient, variance=None) -> None:
    """Assert that a mean is within 4 standard errors of the exact gradient.

    A right mean is farther off once in 16 000 times; a fixed seed makes it always or never.

    Args:
      estimate: what the samples say.
      gradient: the exact gradient.
      variance: the exact variance of one sample's gradient; where it is given, the measured one
        must lie within 4 of its own standard errors.

    Raises:
      AssertionError: it does not.
    """
    pairs = [("mean", gradient, estimate.mean, estimate.standard_error)]
    if variance is not None:
        pairs.append(("variance", variance, estimate.variance, estimate.variance_error))
    for name, exact, value, error in pairs:
        with np.errstate(over="ignore"):  # an error of 0
            off = np.max(np.abs(value - exact) / np.maximum(error, 1e-300))
        assert off < 4, f"{name} {_text(value, error)} is {off:.3g} standard errors off {exact}"


def _check_number(sampled, num_samples: int) -> dict:
    """Return per-sample gradients of that many samples."""
    if not isinstance(sampled, dict):
        raise TypeError(f"gradients must return a dict of param → gradients, got {sampled!r}")
    for name, g in sampled.items():
        if list(np.shape(g))[:1] != [num_samples]:
            raise ValueError(
                f"gradients must return as many samples as it is asked for, one gradient each: "
                f"{num_samples} of {name!r}, got shape {list(np.shape(g))}"
            )
    return sampled


def sweep(
    gradients: Callable[[tf.Tensor, int], dict[str, tf.Tensor]],
    values: Iterable[float],
    *,
    num_samples: int,
) -> dict[str, Estimate]:
    """Return what the per-sample gradients say at each value of one quantity.

    `gradients` is traced once and called as one compiled function for each value.  Arguments are
    checked at the smallest and at the largest value: the domain of a parameter is an interval.

    Args:
      gradients: (value, num_samples) → what an estimator returns; the value is a float32 scalar.
      values: where to evaluate it, shape [V].
      num_samples: how many samples at each value.

    Returns:
      A dict of param → Estimate, whose fields have shape [V, *param.shape].

    Raises:
      TypeError, ValueError: what `gradients` raises at either end; num_samples below 2; values that
        are not finite numbers; a gradient that is not finite; another number of gradients than
        num_samples.
    """
    num_samples = _checks.whole_number("num_samples", num_samples, at_least=2)
    if not callable(gradients):
        raise TypeError(f"gradients must be callable, got {gradients!r}")
    try:
        given, values = values, np.asarray(list(values))
        if values.dtype.kind not in "iuf":  # "12", 1j and None are no numbers
            raise TypeError
        values = values.astype(np.float32)
    except (TypeError, ValueError):
        raise TypeError(f"values must be a sequence of numbers, got {values!r}") from None
    if values.ndim != 1 or not len(values) or not np.all(np.isfinite(values)):
        raise ValueError(f"values must be a sequence of finite numbers, got {given!r}")
    for end in (values.min(), values.max()):
        _check_number(gradients(tf.constant(end), 2), 2)

    @tf.function
    def moments(value):
        sampled = _check_number(gradients(value, num_samples), num_samples)
        found = {name: _moments(g) for name, g in sampled.items()}
        return {name: (mean, second, fourth) for name, (mean, second, _, fourth) in found.items()}

    rows = [moments(tf.constant(value)) for value in values]
    result = {}
    for name in rows[0]:
        columns = [np.stack([row[name][i] for row in rows]) for i in range(3)]
        result[name] = _estimate(name, num_samples, *columns)
    return result
