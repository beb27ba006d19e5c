"""What only the measure-valued estimator has: its laws, its cost evaluations, its two couplings."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from course_utils import exact, variance
from course_utils.estimators import measure_valued

LAW = dict(loc=1.0, scale=0.8)


def run(cost, law=tfd.Normal, params=LAW, num_samples=100_000, seed=1, **options):
    return measure_valued(cost, law, params, num_samples=num_samples, seed=seed, **options)


def total(z):
    return tf.reduce_sum((z - 0.5) ** 2, axis=-1)


@pytest.mark.parametrize("coupled", [True, False])
def test_wiggles_and_spikes_are_the_closed_forms(agrees, coupled):
    cases = [
        (lambda z: tf.cos(1.7 * z), exact.normal_cosine, dict(frequency=1.7)),
        (lambda z: tf.exp(-1.7 * z**2), exact.normal_exp_square, dict(k=1.7)),
    ]
    for cost, closed, setting in cases:
        answer = closed("measure_valued", **LAW, **setting, coupled=coupled)
        for name, estimate in variance.summarize(run(cost, coupled=coupled)).items():
            agrees(estimate, answer[name])


@pytest.mark.parametrize("loc", [0.5, 1.5])
def test_a_step_coupled_is_one_or_zero(agrees, loc):
    """1[z > 0]: the sides differ where W > μ/σ, with probability exp(−μ²/2σ²)."""
    gradients = run(lambda z: tf.cast(z > 0, tf.float32), params=dict(loc=loc, scale=0.8))
    factor, chance = 1 / (0.8 * np.sqrt(2 * np.pi)), np.exp(-(loc**2) / (2 * 0.8**2))
    truth = factor * chance, factor**2 * chance * (1 - chance)
    agrees(variance.summarize(gradients)["loc"], truth)


def test_at_its_own_location_a_step_is_exact_in_every_sample():
    step = lambda z: tf.cast(z > 1.0, tf.float32)  # noqa: E731
    expected = np.full(100, tfd.Normal(**LAW).prob(1.0))
    np.testing.assert_allclose(run(step, num_samples=100)["loc"], expected, rtol=1e-6)


def test_a_multivariate_normal_is_independent_normals():
    """With the same seed both draw the same noise."""
    loc, scale = [0.3, -0.2, 1.0], [0.5, 1.0, 2.0]
    cost = lambda z: z[:, 0] * tf.cos(z[:, 1]) * z[:, 2] ** 2  # noqa: E731
    whole = run(cost, tfd.MultivariateNormalDiag, dict(loc=loc, scale_diag=scale), num_samples=1000)
    parts = run(
        cost,
        lambda **p: tfd.Independent(tfd.Normal(**p), 1),
        dict(loc=loc, scale=scale),
        num_samples=1000,
    )
    np.testing.assert_allclose(whole["loc"], parts["loc"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(whole["scale_diag"], parts["scale"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("coupled", [True, False])
def test_a_cost_that_does_not_add_up(agrees, coupled):
    """E z₁ z₂² = μ₁ (μ₂² + σ₂²), and the other coordinate does not cancel."""
    params = dict(loc=[0.5, -1.0], scale_diag=[0.7, 1.3])
    cost = lambda z: z[:, 0] * z[:, 1] ** 2  # noqa: E731
    estimates = variance.summarize(
        run(cost, tfd.MultivariateNormalDiag, params, seed=4, coupled=coupled)
    )
    second = 1.0 + 1.69
    variance.assert_near(estimates["loc"], [second, 2 * 0.5 * -1.0])
    variance.assert_near(estimates["scale_diag"], [0.0, 2 * 0.5 * 1.3])
    if coupled:  # (z₁⁺ − z₁⁻) z₂² / (σ₁ √(2π)) = 2W z₂² / √(2π), E W² = 2, E z₂⁴
        fourth = 1.0 + 6 * 1.69 + 3 * 1.69**2
        first = estimates["loc"].variance[0], estimates["loc"].variance_error[0]
        assert abs(first[0] - (4 / np.pi * fourth - second**2)) < 4 * first[1]


def test_a_shared_location_and_a_chain_of_parameters(agrees):
    """One loc for three coordinates, and a scale given by its logarithm."""
    make = lambda loc, log_scale: tfd.Normal(loc, tf.exp(log_scale) * tf.ones([3]))  # noqa: E731
    gradients = run(total, make, dict(loc=1.0, log_scale=np.log(0.8)))
    single = exact.normal_quadratic("measure_valued", **LAW, k=0.5)
    estimates = variance.summarize(gradients)
    agrees(estimates["loc"], (3 * single["loc"][0], 3 * single["loc"][1]))
    gradient, spread = single["scale"]
    agrees(estimates["log_scale"], (3 * 0.8 * gradient, 3 * 0.8**2 * spread))


def test_a_parameter_of_both_location_and_scale(agrees):
    """z ~ N(p, p²), E (z − ½)² = (p − ½)² + p²."""
    make = lambda p: tfd.Normal(p, p)  # noqa: E731
    estimate = variance.summarize(run(lambda z: (z - 0.5) ** 2, make, dict(p=0.8)))["p"]
    variance.assert_near(estimate, 2 * 0.3 + 2 * 0.8)


@pytest.mark.parametrize(
    ("make", "params", "vectors"),
    [
        (tfd.MultivariateNormalDiag, dict(loc=[0.0, 1.0, 2.0], scale_diag=[1.0, 1.0, 2.0]), 2),
        (lambda loc: tfd.MultivariateNormalDiag(loc, tf.ones(3)), dict(loc=[0.0, 1.0, 2.0]), 1),
        (lambda s: tfd.Normal(tf.zeros(3), s), dict(s=1.0), 1),
        (
            lambda loc, s: tfd.Normal(loc, tf.exp(s)),
            dict(loc=[0.0, 1.0, 2.0], s=[0.0, 0.0, 0.1]),
            2,
        ),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_two_costs_for_each_coordinate_that_is_wanted(make, params, vectors, compiled):
    calls = []

    def counted(z):
        calls.append(z.shape[0])
        return total(z)

    def gradients():
        return run(counted, make, params, num_samples=7)

    result = tf.function(gradients)() if compiled else gradients()
    assert calls == [7] * (vectors * 2 * 3)
    assert {name: g.shape for name, g in result.items()} == {
        name: [7, *np.shape(p)] for name, p in params.items()
    }


@pytest.mark.parametrize("coupled", [True, False])
def test_the_coupled_noise_has_the_same_margins(coupled):
    """The inner side of ∂σ is standard normal, coupled or not: read through a linear cost.

    With f(z) = z one gradient for σ is M − ε, and that for μ is (W + W′)/√(2π).
    """
    gradients = run(lambda z: z, params=dict(loc=0.0, scale=1.0), coupled=coupled)
    estimates = variance.summarize(gradients)
    # Var M = 3, Var ε = 1, Cov(M, UM) = 3/2; Var W = 2 − π/2
    spread = 3 + 1 - (2 * 1.5 if coupled else 0)
    variance.assert_near(estimates["scale"], 0.0, spread)
    variance.assert_near(
        estimates["loc"], 1.0, (2 - np.pi / 2) * (4 if coupled else 2) / (2 * np.pi)
    )
