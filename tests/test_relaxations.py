"""The relaxed estimators against quadrature, enumeration and each other: shape, mean, variance."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from course_utils import estimators, exact, variance
from course_utils.relaxations import (
    gumbel_softmax,
    straight_through,
    straight_through_gumbel_softmax,
)

RELAXED = [gumbel_softmax, straight_through_gumbel_softmax]
ALL = [*RELAXED, straight_through]
PI = [0.5, 0.3, 0.2]
VALUES = tf.constant([[0.3, -1.0, 2.0]])


def quadratic(b):
    return (b - 0.45) ** 2


def summed(b):
    return tf.reduce_sum(b**2 * tf.cast(VALUES, b.dtype) - 0.5 * b, axis=-1)


def total(b):
    return tf.reduce_sum(summed(b), axis=tuple(range(1, b.shape.rank - 1)))


def independent(law):
    return lambda **p: tfd.Independent(law(**p), 1)


def run(estimator, cost=quadratic, law=tfd.Bernoulli, params=None, num_samples=10, seed=1, tau=0.5):
    params = dict(logits=0.4) if params is None else params
    options = dict(temperature=tau) if estimator in RELAXED else {}
    return estimator(cost, law, params, num_samples=num_samples, seed=seed, **options)


def numpy_logistic_noise(shape, seed=1):
    return tfd.Logistic(0.0, 1.0).sample(shape, seed=(0, seed)).numpy()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# --- mean and variance


@pytest.mark.parametrize("tau", [0.1, 0.5, 2.0, 10.0])
@pytest.mark.parametrize("params", [dict(logits=0.4), dict(probs=0.7), dict(logits=-2.0)])
@pytest.mark.parametrize("estimator", ALL)
def test_mean_and_variance_are_the_exact_ones(agrees, estimator, params, tau):
    options = dict(temperature=tau) if estimator in RELAXED else {}
    answer = exact.bernoulli_quadratic(estimator.__name__, t=0.45, **params, **options)
    for name, gradient in run(estimator, params=params, num_samples=100_000, tau=tau).items():
        assert gradient.shape == (100_000,)
        agrees(variance.summarize({name: gradient})[name], answer[name])


LAWS = [
    (tfd.Bernoulli, dict(logits=[0.4, -1.0, 0.1])),
    (tfd.Bernoulli, dict(probs=PI)),
    (independent(tfd.Bernoulli), dict(logits=[0.4, -1.0, 0.1])),
    (tfd.OneHotCategorical, dict(logits=[0.4, -1.0, 0.1])),
    (tfd.OneHotCategorical, dict(probs=PI)),
    (independent(tfd.OneHotCategorical), dict(logits=[[0.4, -1.0, 0.1], [0.0, 0.0, 2.0]])),
]


@pytest.mark.parametrize(("law", "params"), LAWS)
def test_straight_through_of_several_variables_is_the_enumeration(agrees, law, params):
    cost = total if np.ndim(next(iter(params.values()))) > 1 else summed
    estimates = variance.summarize(run(straight_through, cost, law, params, num_samples=100_000))
    answer = exact.enumerate_discrete("straight_through", cost, law, params)
    for name, value in params.items():
        assert estimates[name].mean.shape == np.shape(value)
        mean, var = answer[name]
        moves = var > 1e-12  # a gradient may be the same for every sample
        estimate = variance.Estimate(*(field[moves] for field in estimates[name]))
        agrees(estimate, (mean[moves], var[moves]))
        np.testing.assert_allclose(estimates[name].mean[~moves], mean[~moves], atol=1e-6)


@pytest.mark.parametrize(("law", "params"), LAWS)
@pytest.mark.parametrize("estimator", RELAXED)
def test_at_a_low_temperature_a_quadratic_cost_has_the_true_gradient(estimator, law, params):
    """The bias at τ = 0.02 is below the tolerance of a hundredth."""
    cost = total if np.ndim(next(iter(params.values()))) > 1 else summed
    runs = run(estimator, cost, law, params, num_samples=200_000, tau=0.02)
    truth = exact.enumerate_discrete("score_function", cost, law, params)
    for name, estimate in variance.summarize(runs).items():
        assert np.all(abs(estimate.mean - truth[name][0]) < 0.01 + 4 * estimate.standard_error)


def test_three_classes_against_a_two_dimensional_quadrature(agrees):
    """Given the first two of three Gumbels' differences from the third, by a grid over both."""
    logits, tau = np.array([0.4, -1.0, 0.1]), 0.7
    # the differences x_k = g_k − g_3 have the density 2 e^{−x₁−x₂}/(1 + e^{−x₁} + e^{−x₂})³
    x = np.linspace(-36, 36, 1441)
    u, v = np.meshgrid(x, x, indexing="ij")
    big = np.maximum(np.maximum(-u, -v), 0)
    norm = np.exp(-big) + np.exp(-u - big) + np.exp(-v - big)
    density = 2 * np.exp(-u - v - 3 * big) / norm**3 * (x[1] - x[0]) ** 2
    assert density.sum() == pytest.approx(1, abs=1e-6)
    y = (np.stack([u, v, np.zeros_like(u)], axis=-1) + logits) / tau
    z = np.exp(y - y.max(-1, keepdims=True))
    z /= z.sum(-1, keepdims=True)
    slope = 2 * z * VALUES.numpy()[0] - 0.5
    g = z * (slope - np.sum(z * slope, axis=-1, keepdims=True)) / tau
    mean = np.einsum("ij,ijk->k", density, g)
    var = np.einsum("ij,ijk->k", density, g**2) - mean**2
    params = dict(logits=logits.astype(np.float32))
    runs = run(gumbel_softmax, summed, tfd.OneHotCategorical, params, num_samples=100_000, tau=tau)
    agrees(variance.summarize(runs)["logits"], (mean, var))


# --- identities, sample by sample


@pytest.mark.parametrize("tau", [0.3, 1.0, 4.0])
def test_the_gradients_of_a_coin_by_hand(tau):
    y, theta = 0.4 + numpy_logistic_noise([100]), sigmoid(0.4)
    z, b = sigmoid(y / tau), (y > 0).astype(float)
    expected = {
        gumbel_softmax: 2 * (z - 0.45) * z * (1 - z) / tau,
        straight_through_gumbel_softmax: 2 * (b - 0.45) * z * (1 - z) / tau,
    }
    for estimator, by_hand in expected.items():
        found = run(estimator, num_samples=100, tau=tau)["logits"]
        np.testing.assert_allclose(found, by_hand, rtol=1e-3, atol=1e-5)
    straight = run(straight_through, num_samples=100)["logits"].numpy()
    two = 2 * (np.array([0.0, 1.0]) - 0.45) * theta * (1 - theta)
    assert set(np.abs(straight[:, None] - two).argmin(axis=1)) == {0, 1}
    np.testing.assert_allclose(np.abs(straight[:, None] - two).min(axis=1), 0, atol=1e-6)


@pytest.mark.parametrize("law", [tfd.Bernoulli, tfd.OneHotCategorical])
@pytest.mark.parametrize("estimator", ALL)
def test_what_the_cost_sees(estimator, law):
    """A relaxed sample inside the simplex, or a corner to the bit, with the discrete frequencies."""
    seen = []

    def cost(b):
        seen.append(b.numpy())
        return tf.reduce_sum(b, axis=-1)

    run(estimator, cost, law, dict(probs=PI), num_samples=20_000, tau=0.7)
    (z,) = seen
    corner = np.isin(z, [0.0, 1.0])
    assert np.all(corner) == (estimator is not gumbel_softmax)
    if law is tfd.OneHotCategorical:
        np.testing.assert_allclose(z.sum(axis=1), 1, rtol=1e-5)
        hard = np.eye(3)[z.argmax(axis=1)]
    else:
        hard = z > 0.5
    error = np.sqrt(np.array(PI) * (1 - np.array(PI)) / len(z))
    assert np.all(np.abs(hard.mean(axis=0) - PI) < 4 * error)


def test_the_same_seed_gives_both_relaxed_estimators_the_same_noise():
    seen = []

    def cost(b):
        seen.append(b.numpy())
        return tf.reduce_sum(b, axis=-1)

    for estimator in RELAXED:
        run(estimator, cost, tfd.OneHotCategorical, dict(probs=PI), num_samples=50)
    soft, hard = seen
    np.testing.assert_array_equal(soft.argmax(axis=1), hard.argmax(axis=1))


@pytest.mark.parametrize("estimator", ALL)
def test_by_probs_and_by_logits_differ_by_the_chain_rule(estimator):
    theta = 0.7
    by_logits = run(estimator, params=dict(logits=float(np.log(theta / (1 - theta)))))["logits"]
    by_probs = run(estimator, params=dict(probs=theta))["probs"]
    np.testing.assert_allclose(by_logits, by_probs * theta * (1 - theta), rtol=1e-4, atol=1e-6)
    pi = np.array(PI, np.float32)
    options = dict(cost=summed, law=tfd.OneHotCategorical)
    by_logits = run(estimator, params=dict(logits=np.log(pi)), **options)["logits"].numpy()
    by_probs = run(estimator, params=dict(probs=pi), **options)["probs"].numpy()
    chain = np.diag(pi) - np.outer(pi, pi)  # the derivative of softmax, which is symmetric
    np.testing.assert_allclose(by_logits, by_probs @ chain, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("estimator", RELAXED)
def test_by_probs_of_classes_the_mean_gradient_has_no_radial_part(estimator):
    by_probs = run(estimator, summed, tfd.OneHotCategorical, dict(probs=PI))["probs"]
    np.testing.assert_allclose(by_probs.numpy() @ np.array(PI), 0, atol=1e-5)


@pytest.mark.parametrize("estimator", ALL)
def test_the_sum_over_a_simplex_has_gradient_zero(estimator):
    cost = lambda b: tf.reduce_sum(b, axis=-1)  # noqa: E731
    gradients = run(estimator, cost, tfd.OneHotCategorical, dict(logits=[0.1, 1.0, -1.0]))
    np.testing.assert_allclose(gradients["logits"], 0, atol=1e-6)


def test_straight_through_is_right_for_a_cost_linear_in_each_variable():
    product = lambda b: tf.reduce_prod(b + 0.5, axis=-1)  # noqa: E731
    params = dict(logits=[0.3, -0.2])
    truth = exact.enumerate_discrete("score_function", product, tfd.Bernoulli, params)
    mean = exact.enumerate_discrete("straight_through", product, tfd.Bernoulli, params)
    np.testing.assert_allclose(mean["logits"][0], truth["logits"][0], rtol=1e-10)


# --- shapes


@pytest.mark.parametrize("num_samples", [2, 3])
@pytest.mark.parametrize("estimator", ALL)
def test_shapes_batches_and_independent(estimator, num_samples):
    matrix = [[0.1, 0.2, 0.3], [1.0, -1.0, 0.0]]
    for law in (tfd.Bernoulli, tfd.OneHotCategorical):
        batch = run(estimator, total, law, dict(logits=matrix), num_samples)["logits"]
        event = run(estimator, total, independent(law), dict(logits=matrix), num_samples)["logits"]
        assert batch.shape == [num_samples, 2, 3]
        np.testing.assert_array_equal(batch, event)


@pytest.mark.parametrize("num_samples", [2, 3, 4])
@pytest.mark.parametrize("estimator", ALL)
def test_a_scalar_beside_a_vector(estimator, num_samples):
    make = lambda slope, x: tfd.Bernoulli(logits=slope * x)  # noqa: E731
    x = tf.constant([0.3, -0.2, 1.0])
    mixed = run(estimator, summed, make, dict(slope=2.0, x=x), num_samples)
    full = run(estimator, summed, make, dict(slope=tf.fill([3], 2.0), x=x), num_samples)
    np.testing.assert_allclose(mixed["x"], full["x"], rtol=1e-5)
    np.testing.assert_allclose(
        mixed["slope"], tf.reduce_sum(full["slope"], 1), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("estimator", ALL)
def test_a_parameter_that_is_not_used_has_gradient_zero(estimator):
    make = lambda logits, unused: tfd.Bernoulli(logits=logits)  # noqa: E731
    gradients = run(estimator, law=make, params=dict(logits=0.1, unused=[2.0, 3.0]))
    np.testing.assert_array_equal(gradients["unused"], np.zeros([10, 2]))


@pytest.mark.parametrize("estimator", ALL)
def test_dtype_seed_and_compilation(estimator):
    double = run(estimator, params=dict(logits=tf.constant(0.4, tf.float64)))["logits"]
    assert double.dtype == tf.float64
    first, again, other = (run(estimator, num_samples=50, seed=s)["logits"] for s in (7, (0, 7), 8))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)

    @tf.function
    def compiled(logits, tau):
        return run(estimator, params=dict(logits=logits), tau=tau)["logits"]

    values = compiled(tf.constant(0.4), tf.constant(0.5))
    np.testing.assert_allclose(values, run(estimator)["logits"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("estimator", RELAXED)
def test_the_gradients_stay_differentiable_in_the_temperature(estimator):
    """By a finite difference, compiled and not; of a linear cost, whose slope stays the same."""
    tau = tf.Variable(0.5, dtype=tf.float64)

    def gradient(tau):
        return tf.reduce_sum(
            run(estimator, tf.identity, params=dict(logits=np.array(0.4)), tau=tau)["logits"]
        )

    def slope():
        with tf.GradientTape() as tape:
            value = gradient(tau)
        return tape.gradient(value, tau)

    expected = (gradient(0.5 + 1e-6) - gradient(0.5 - 1e-6)) / 2e-6
    np.testing.assert_allclose([slope(), tf.function(slope)()], expected, rtol=1e-6)


def test_estimators_has_them_too():
    assert estimators.gumbel_softmax is gumbel_softmax
    assert estimators.straight_through is straight_through
    assert estimators.straight_through_gumbel_softmax is straight_through_gumbel_softmax


# --- extremes


@pytest.mark.parametrize("tau", [1e-2, 1.0, 100.0])
@pytest.mark.parametrize("logit", [-30.0, 0.0, 30.0])
@pytest.mark.parametrize("estimator", ALL)
def test_extremes_are_finite(estimator, logit, tau):
    coin = run(estimator, params=dict(logits=logit), num_samples=5000, tau=tau)["logits"]
    params = dict(logits=[logit, 0.0, -logit])
    classes = run(estimator, summed, tfd.OneHotCategorical, params, num_samples=5000, tau=tau)
    assert np.all(np.isfinite(coin)) and np.all(np.isfinite(classes["logits"]))


@pytest.mark.parametrize("tau", [1e-2, 100.0])
@pytest.mark.parametrize("estimator", RELAXED)
def test_extreme_temperatures_keep_mean_and_variance(agrees, estimator, tau):
    answer = exact.bernoulli_quadratic(estimator.__name__, t=0.45, logits=0.4, temperature=tau)
    runs = run(estimator, num_samples=200_000, tau=tau)
    agrees(variance.summarize(runs)["logits"], answer["logits"])


def test_hot_samples_are_the_constant_and_cold_ones_the_corners():
    seen = []

    def cost(b):
        seen.append(b.numpy())
        return tf.reduce_sum(b, axis=-1)

    for tau in (1e4, 1e-4):
        run(gumbel_softmax, cost, tfd.OneHotCategorical, dict(probs=PI), num_samples=1000, tau=tau)
    hot, cold = seen
    np.testing.assert_allclose(hot, 1 / 3, atol=1e-2)
    assert np.mean(cold.max(axis=1) > 0.999) > 0.99


@pytest.mark.parametrize("probs", [0.0, 1.0])
def test_certain_outcomes_have_no_logits(probs):
    for estimator in RELAXED:
        with pytest.raises(ValueError, match="logits of Bernoulli must be finite"):
            run(estimator, params=dict(probs=probs))
    np.testing.assert_allclose(
        run(straight_through, params=dict(probs=probs))["probs"], 2 * (probs - 0.45), rtol=1e-6
    )


# --- bad input

COVERED = "covers Bernoulli, OneHotCategorical and Independent of either, got "
BAD = [
    (COVERED + "Normal$", TypeError, dict(law=tfd.Normal, params=dict(loc=0.0, scale=1.0))),
    (COVERED + "Categorical$", TypeError, dict(law=tfd.Categorical, params=dict(logits=PI))),
    (COVERED + "Independent of Normal$", TypeError, dict(
        law=independent(tfd.Normal), params=dict(loc=PI, scale=1.0))),
    (COVERED + "RelaxedBernoulli$", TypeError, dict(
        law=lambda logits: tfd.RelaxedBernoulli(0.5, logits=logits))),
    ("num_samples", TypeError, dict(num_samples=10.0)),
    ("num_samples", ValueError, dict(num_samples=0)),
    ("seed", TypeError, dict(seed=0.5)),
    ("params must be a dict", TypeError, dict(params=[1.0])),
    ("params\\['logits'\\] must be finite, got nan", ValueError, dict(params=dict(logits=np.nan))),
    ("Bernoulli refuses its parameters", ValueError, dict(params=dict(probs=1.2))),
    ("OneHotCategorical refuses", ValueError, dict(
        law=tfd.OneHotCategorical, params=dict(probs=[0.5, 0.3, 0.3]), cost=summed)),
    ("cost must be callable", TypeError, dict(cost=3)),
    ("cost must map z of shape \\[10, 3\\]", ValueError, dict(params=dict(logits=PI))),
    ("cost must be finite", ValueError, dict(cost=lambda b: tf.math.log(b - 2.0))),
]  # fmt: skip


@pytest.mark.parametrize("estimator", ALL)
@pytest.mark.parametrize(("words", "error", "change"), BAD)
def test_bad_input_is_named(estimator, words, error, change):
    with pytest.raises(error, match=words):
        run(estimator, **change)


@pytest.mark.parametrize("estimator", RELAXED)
@pytest.mark.parametrize(
    ("tau", "error"),
    [(0.0, ValueError), (-1, ValueError), (np.inf, ValueError), ("hot", TypeError)],
)
def test_a_temperature_is_positive(estimator, tau, error):
    with pytest.raises(error, match="temperature must be"):
        run(estimator, tau=tau)
