"""The closed forms against quadrature, Gauss–Hermite sums and published numbers."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import simpson
from tensorflow_probability import distributions as tfd

from course_utils import exact

SETTINGS = [(1.5, 0.7, 0.5), (0.5, 1.0, 2.0), (-1.0, 0.2, -1.0), (3.0, 2.0, 0.0)]


def hermite(gradient, loc, scale, k):
    """Mean and variance of gradient(ε) over ε ~ N(0, 1), by a Gauss–Hermite sum of 40 nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    values = gradient(nodes, loc + scale * nodes - k)
    mean = np.sum(weights * values)
    return mean, np.sum(weights * values**2) - mean**2


@pytest.mark.parametrize(("loc", "scale", "k"), SETTINGS)
@pytest.mark.parametrize("b", [0.0, 1.7])
def test_normal_quadratic_is_the_gauss_hermite_sum(loc, scale, k, b):
    score = exact.normal_quadratic("score_function", loc=loc, scale=scale, k=k, baseline=b)
    path = exact.normal_quadratic("pathwise", loc=loc, scale=scale, k=k)
    sums = {
        "score loc": (score["loc"], lambda e, x: (x**2 - b) * e / scale),
        "score scale": (score["scale"], lambda e, x: (x**2 - b) * (e**2 - 1) / scale),
        "path loc": (path["loc"], lambda e, x: 2 * x),
        "path scale": (path["scale"], lambda e, x: 2 * x * e),
    }
    for name, (answer, gradient) in sums.items():
        expected = hermite(gradient, loc, scale, k)
        np.testing.assert_allclose(answer, expected, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("loc", "scale", "k"), SETTINGS)
@pytest.mark.parametrize("estimator", ["score_function", "pathwise"])
def test_normal_quadratic_is_the_quadrature(estimator, loc, scale, k):
    params = dict(loc=loc, scale=scale)
    cost = lambda z: (z - k) ** 2  # noqa: E731
    numeric = exact.quadrature(estimator, cost, tfd.Normal, params)
    closed = exact.normal_quadratic(estimator, k=k, **params)
    for name in params:
        np.testing.assert_allclose(numeric[name], closed[name], rtol=1e-7, atol=1e-7)


def measure_valued_sums(f, loc, scale, coupled):
    """The measure-valued gradient and variance for any smooth cost, by sums over a fine grid."""
    w, x = np.linspace(0, 12, 4001), np.linspace(-12, 12, 4001)
    rayleigh, normal = w * np.exp(-(w**2) / 2), np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)

    def moments(up, down, both, over_up, over_down):
        mean = over_up(up) - over_down(down)
        cross = both if coupled else over_up(up) * over_down(down)
        return mean, over_up(up**2) + over_down(down**2) - 2 * cross - mean**2

    def over_w(values):
        return simpson(values * rayleigh, x=w)

    def over_m(values):
        return simpson(values * x**2 * normal, x=x)

    up, down = f(loc + scale * w), f(loc - scale * w)
    at_loc = moments(up, down, over_w(up * down), over_w, over_w)
    outer, (nodes, weights) = f(loc + scale * x), np.polynomial.legendre.leggauss(100)
    uniform = zip((nodes + 1) / 2, weights / 2, strict=True)
    both = sum(weight * over_m(outer * f(loc + scale * u * x)) for u, weight in uniform)
    at_scale = moments(outer, outer, both, over_m, lambda v: simpson(v * normal, x=x))
    factors = dict(loc=1 / (scale * np.sqrt(2 * np.pi)), scale=1 / scale)
    return {
        name: (factors[name] * mean, factors[name] ** 2 * spread)
        for name, (mean, spread) in dict(loc=at_loc, scale=at_scale).items()
    }


@pytest.mark.parametrize(("loc", "scale", "k"), SETTINGS)
@pytest.mark.parametrize("coupled", [True, False])
def test_measure_valued_closed_forms_are_the_sums(loc, scale, k, coupled):
    """For all three costs; k of the quadratic is a target, of the others |k| + ½ a steepness."""
    setting, steep = dict(loc=loc, scale=scale, coupled=coupled), abs(k) + 0.5
    cases = [
        (lambda z: (z - k) ** 2, exact.normal_quadratic("measure_valued", k=k, **setting)),
        (
            lambda z: np.cos(steep * z),
            exact.normal_cosine("measure_valued", frequency=steep, **setting),
        ),
        (
            lambda z: np.exp(-steep * z**2),
            exact.normal_exp_square("measure_valued", k=steep, **setting),
        ),
    ]
    for cost, closed in cases:
        for name, expected in measure_valued_sums(cost, **setting).items():
            np.testing.assert_allclose(closed[name], expected, rtol=1e-8, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("loc", "scale", "k"), SETTINGS)
@pytest.mark.parametrize("estimator", ["score_function", "pathwise"])
def test_cosine_and_exp_square_are_the_quadrature(estimator, loc, scale, k):
    params, steep = dict(loc=loc, scale=scale), abs(k) + 0.5
    cases = [
        (lambda z: tf.cos(steep * z), exact.normal_cosine(estimator, frequency=steep, **params)),
        (lambda z: tf.exp(-steep * z**2), exact.normal_exp_square(estimator, k=steep, **params)),
    ]
    for cost, closed in cases:
        numeric = exact.quadrature(estimator, cost, tfd.Normal, params)
        for name in params:
            np.testing.assert_allclose(closed[name], numeric[name], rtol=1e-7, atol=1e-9)


def test_pathwise_and_score_function_cross_near_k_of_1_06_at_a_cosine():
    def variances(k):
        setting = dict(loc=1.0, scale=1.0, frequency=k)
        names = ("pathwise", "score_function")
        return [exact.normal_cosine(name, **setting)["loc"][1] for name in names]

    for k, pathwise_wins in [(0.5, True), (1.06, True), (1.07, False), (3.0, False)]:
        path, score = variances(k)
        assert (path < score) == pathwise_wins
    path, score = variances(20.0)
    assert path == pytest.approx(20.0**2 / 2) and score == pytest.approx(0.5)


def test_coupling_hurts_for_the_location_beyond_1_53_scales():
    for d, helps in [(1.5, True), (1.55, False)]:
        coupled, apart = (
            exact.normal_quadratic("measure_valued", loc=0.8 * d, scale=0.8, k=0.0, coupled=c)
            for c in (True, False)
        )
        assert (coupled["loc"][1] < apart["loc"][1]) == helps
        assert coupled["scale"][1] < apart["scale"][1]


def test_an_extreme_spike_stays_finite():
    for coupled in (True, False):
        answer = exact.normal_exp_square(
            "measure_valued", loc=[-9.0, 9.0], scale=1.0, k=500.0, coupled=coupled
        )
        assert np.all(np.isfinite([*answer["loc"], *answer["scale"]]))


def test_baselines_are_the_minima_of_the_parabola():
    setting = dict(loc=1.3, scale=0.8, k=0.1)
    for dimensions in (1, 4):
        best = exact.normal_quadratic_baselines(**setting, num_dimensions=dimensions)

        def variance(name, b, dimensions=dimensions):
            answer = exact.normal_quadratic(
                "score_function", baseline=b, num_dimensions=dimensions, **setting
            )
            return answer[name][1]

        for name in ("loc", "scale"):
            at_best = variance(name, best[name])
            assert variance(name, best[name] - 0.01) > at_best < variance(name, best[name] + 0.01)


def test_known_variances_with_the_mean_and_the_optimal_baseline():
    d, s = 1.2, 0.8
    setting = dict(loc=d, scale=s, k=0.0)
    best = exact.normal_quadratic_baselines(**setting)
    at_mean = exact.normal_quadratic("score_function", baseline=best["mean"], **setting)
    at_best = exact.normal_quadratic("score_function", baseline=best, **setting)
    np.testing.assert_allclose(at_mean["loc"][1], 8 * d**2 + 10 * s**2)
    np.testing.assert_allclose(at_mean["scale"][1], 40 * d**2 + 56 * s**2)
    np.testing.assert_allclose(at_best["loc"][1], 8 * d**2 + 6 * s**2)
    np.testing.assert_allclose(at_best["scale"][1], 40 * d**2 + 24 * s**2)


def test_in_many_dimensions_the_variance_grows_as_d_squared_or_d():
    setting = dict(loc=0.0, scale=1.0, k=0.0)
    variances, optimal = [], []
    for dimensions in (100, 1000):
        best = exact.normal_quadratic_baselines(**setting, num_dimensions=dimensions)
        for result, baseline in [(variances, 0.0), (optimal, best)]:
            answer = exact.normal_quadratic(
                "score_function", baseline=baseline, num_dimensions=dimensions, **setting
            )
            result.append(answer["loc"][1])
    assert np.log10(variances[1] / variances[0]) == pytest.approx(2, abs=0.05)
    assert np.log10(optimal[1] / optimal[0]) == pytest.approx(1, abs=0.05)


def test_finite_difference_variances_by_gauss_hermite():
    loc, scale, k, h = 0.5, 1.0, 2.0, 0.1
    common = exact.normal_quadratic("finite_difference", loc=loc, scale=scale, k=k, step=h)
    new = exact.normal_quadratic(
        "finite_difference", loc=loc, scale=scale, k=k, step=h, common=False
    )
    cost = lambda e, m, s: (m + s * e - k) ** 2  # noqa: E731

    def mean_variance(m, s):
        return hermite(lambda e, x: cost(e, m, s), 0, 1, 0)

    for name, up, down in [
        ("loc", (loc + h, scale), (loc - h, scale)),
        ("scale", (loc, scale + h), (loc, scale - h)),
    ]:
        a, b = mean_variance(*up), mean_variance(*down)
        expected = (a[0] - b[0]) / (2 * h), (a[1] + b[1]) / (4 * h**2)
        np.testing.assert_allclose(new[name], expected, rtol=1e-9)
        same = hermite(lambda e, x, u=up, v=down: (cost(e, *u) - cost(e, *v)) / (2 * h), 0, 1, 0)
        np.testing.assert_allclose(common[name], same, rtol=1e-9)


def test_arrays_are_taken_elementwise():
    scales = np.array([0.5, 1.0, 2.0])
    answer = exact.normal_quadratic("pathwise", loc=1.0, scale=scales, k=0.0)
    np.testing.assert_allclose(answer["loc"][1], 4 * scales**2)
    assert answer["loc"][0].shape == (3,)
    for estimator in ("score_function", "pathwise", "measure_valued"):
        wave = exact.normal_cosine(estimator, loc=1.0, scale=1.0, frequency=scales)
        spike = exact.normal_exp_square(estimator, loc=1.0, scale=scales, k=1.0)
        for part in (*wave["loc"], *wave["scale"], *spike["loc"], *spike["scale"]):
            assert part.shape == (3,)
    steps = exact.normal_quadratic(
        "finite_difference", loc=1.0, scale=1.0, k=0.0, step=scales / 10, common=True
    )
    assert steps["loc"][1].shape == (3,)
    along = exact.normal_quadratic("score_function", loc=1.0, scale=1.0, k=0.0, baseline=scales)
    assert [part.shape for part in along["scale"]] == [(3,), (3,)]


@pytest.mark.parametrize(("t", "variance"), [(0.45, 0.015939), (0.499, 0.015625)])
def test_bernoulli_quadratic_at_one_half(t, variance):
    gradient, found = exact.bernoulli_quadratic("score_function", t=t, logits=0.0)["logits"]
    assert gradient == pytest.approx((1 - 2 * t) / 4)
    assert found == pytest.approx(variance, abs=5e-7)


def test_bernoulli_constant_baseline_makes_every_sample_exact():
    theta, t = 0.3, 0.45
    b = (1 - theta) * (1 - t) ** 2 + theta * t**2
    gradient, variance = exact.bernoulli_quadratic("score_function", t=t, probs=theta, baseline=b)[
        "probs"
    ]
    assert gradient == pytest.approx(1 - 2 * t)
    assert variance == pytest.approx(0, abs=1e-12)


def test_quadrature_of_other_laws():
    # Laplace(0, s) and f = z²: ∂s E = 4s; pathwise 2zε with E[(2sε²)²] = 4s²·24
    answer = exact.quadrature(
        "pathwise", lambda z: z**2, tfd.Laplace, dict(loc=0.0, scale=0.5), breaks=(0.0,)
    )
    np.testing.assert_allclose(answer["scale"], [2.0, 4 * 0.25 * 24 - 4], rtol=1e-7)
    # Exponential(λ) and f = z: ∂λ E = −1/λ²; pathwise −z/λ has the variance 1/λ⁴
    answer = exact.quadrature(
        "pathwise", lambda z: z, tfd.Exponential, dict(rate=2.0), support=(0.0, np.inf)
    )
    np.testing.assert_allclose(answer["rate"], [-0.25, 1 / 16], rtol=1e-7)
    # the score function there: z(1/λ − z) has the second moment 2/λ⁴ − 12/λ⁴ + 24/λ⁴
    answer = exact.quadrature(
        "score_function", lambda z: z, tfd.Exponential, dict(rate=2.0), support=(0.0, np.inf)
    )
    np.testing.assert_allclose(answer["rate"], [-0.25, 14 / 16 - 1 / 16], rtol=1e-7)


def test_quadrature_takes_a_baseline():
    params, cost = dict(loc=1.5, scale=0.7), lambda z: (z - 0.5) ** 2
    numeric = exact.quadrature("score_function", cost, tfd.Normal, params, baseline=2.0)
    closed = exact.normal_quadratic("score_function", k=0.5, baseline=2.0, **params)
    for name in params:
        np.testing.assert_allclose(numeric[name], closed[name], rtol=1e-7)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: exact.normal_quadratic("magic", loc=0, scale=1, k=0), "estimator must be one of"),
        (
            lambda: exact.normal_quadratic("pathwise", loc=0, scale=-1, k=0),
            "scale must be positive",
        ),
        (
            lambda: exact.normal_quadratic("pathwise", loc=np.nan, scale=1, k=0),
            "loc must be finite",
        ),
        (
            lambda: exact.normal_cosine("magic", loc=0, scale=1, frequency=1),
            "estimator must be one of",
        ),
        (
            lambda: exact.normal_cosine("pathwise", loc=0, scale=1, frequency=0),
            "frequency must be positive",
        ),
        (lambda: exact.normal_exp_square("pathwise", loc=0, scale=1, k=-1), "k must be positive"),
        (
            lambda: exact.bernoulli_quadratic("score_function", t=0.1),
            "give one of probs and logits",
        ),
        (lambda: exact.bernoulli_quadratic("score_function", t=0.1, probs=1.0), "probs must lie"),
        (
            lambda: exact.quadrature("pathwise", tf.square, tfd.Normal, dict(loc=[0.0], scale=1.0)),
            "params must be scalars",
        ),
        (
            lambda: exact.quadrature("magic", tf.square, tfd.Normal, dict(loc=0.0, scale=1.0)),
            "estimator must be one of",
        ),
        (
            lambda: exact.quadrature(
                "score_function", lambda z: 1 / z**2, tfd.Normal, dict(loc=0.0, scale=1.0)
            ),
            "does not converge",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
