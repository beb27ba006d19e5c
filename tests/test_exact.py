"""The closed forms against quadrature, Gauss–Hermite sums and published numbers."""

import itertools

import mpmath as mp
import numpy as np
import pytest
import tensorflow as tf
from scipy.integrate import quad, simpson
from scipy.special import expit
from tensorflow_probability import distributions as tfd

from course_utils import estimators, exact, variance

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


@pytest.mark.parametrize(("loc", "scale", "target_loc"), SETTINGS)
@pytest.mark.parametrize("estimator", ["pathwise", "sticking_the_landing"])
def test_normal_kl_is_the_gauss_hermite_sum_of_the_taped_gradients(
    estimator, loc, scale, target_loc
):
    """The tape differentiates log q − log p; sticking the landing stops φ inside log q."""
    nodes = np.polynomial.hermite_e.hermegauss(40)[0]
    copies = {"loc": tf.fill([40], np.float64(loc)), "scale": tf.fill([40], np.float64(scale))}
    with tf.GradientTape() as tape:
        tape.watch(copies)
        z = copies["loc"] + copies["scale"] * nodes
        stop = tf.stop_gradient if estimator == "sticking_the_landing" else tf.identity
        q = tfd.Normal(*(stop(value) for value in copies.values()))
        cost = q.log_prob(z) - tfd.Normal(np.float64(target_loc), np.float64(1.3)).log_prob(z)
    answer = exact.normal_kl(
        estimator, loc=loc, scale=scale, target_loc=target_loc, target_scale=1.3
    )
    for name, gradient in tape.gradient(cost, copies).items():
        expected = hermite(lambda noise, x, g=gradient: g.numpy(), loc, scale, 0.0)
        np.testing.assert_allclose(answer[name], expected, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(("loc", "scale", "target_loc"), SETTINGS)
def test_normal_kl_has_the_gradient_of_the_closed_form(loc, scale, target_loc):
    loc, scale = tf.constant(loc, tf.float64), tf.constant(scale, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([loc, scale])
        target = tfd.Normal(np.float64(target_loc), np.float64(0.6))
        divergence = tfd.kl_divergence(tfd.Normal(loc, scale), target)
    expected = tape.gradient(divergence, [loc, scale])
    setting = dict(loc=loc, scale=scale, target_loc=target_loc, target_scale=0.6)
    for estimator in ("pathwise", "sticking_the_landing"):
        answer = exact.normal_kl(estimator, **setting)
        np.testing.assert_allclose([answer["loc"][0], answer["scale"][0]], expected, rtol=1e-9)


def test_sticking_the_landing_wins_where_the_variance_is_above_half_the_targets():
    for square, wins in [(0.49, False), (0.51, True), (4.0, True)]:
        setting = dict(loc=[0.0, 3.0], scale=2 * np.sqrt(square), target_loc=0.0, target_scale=2.0)
        path, landing = (
            exact.normal_kl(name, **setting) for name in ("pathwise", "sticking_the_landing")
        )
        for name in ("loc", "scale"):
            assert np.all((landing[name][1] < path[name][1]) == wins)


def test_sticking_the_landing_has_no_variance_at_the_target():
    answer = exact.normal_kl(
        "sticking_the_landing", loc=0.3, scale=0.7, target_loc=0.3, target_scale=0.7
    )
    np.testing.assert_allclose([*answer["loc"], *answer["scale"]], 0, atol=1e-15)
    with pytest.raises(ValueError, match="target_scale must be positive"):
        exact.normal_kl("pathwise", loc=0.0, scale=1.0, target_loc=0.0, target_scale=0.0)
    with pytest.raises(ValueError, match="estimator must be one of"):
        exact.normal_kl("magic", loc=0.0, scale=1.0, target_loc=0.0, target_scale=1.0)


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


@pytest.mark.parametrize(
    ("estimator", "options"),
    [("score_function", {}), ("straight_through", {}), ("arm", {}), ("rebar", {"temperature": 0.5})]
    + [("gumbel_softmax", {"temperature": 0.5}), ("leave_one_out", {"num_samples": 4})],
)
def test_bernoulli_quadratic_broadcasts(estimator, options):
    probs, t = np.array([[0.2], [0.6]]), np.array([0.1, 0.5, 0.9])
    found = exact.bernoulli_quadratic(estimator, t=t, probs=probs, **options)["probs"]
    for part, whole in enumerate(found):
        assert whole.shape == (2, 3)
        for i, j in np.ndindex(2, 3):
            at = dict(t=t[j], probs=probs[i, 0]) | options
            alone = exact.bernoulli_quadratic(estimator, **at)["probs"][part]
            assert whole[i, j] == pytest.approx(alone, rel=1e-12)


def test_bernoulli_quadratic_broadcasts_baselines():
    found = exact.bernoulli_quadratic("score_function", t=0.3, probs=0.4, baseline=np.zeros(3))
    assert [part.shape for part in found["probs"]] == [(3,), (3,)]


def test_bernoulli_constant_baseline_makes_every_sample_exact():
    theta, t = 0.3, 0.45
    b = (1 - theta) * (1 - t) ** 2 + theta * t**2
    gradient, variance = exact.bernoulli_quadratic("score_function", t=t, probs=theta, baseline=b)[
        "probs"
    ]
    assert gradient == pytest.approx(1 - 2 * t)
    assert variance == pytest.approx(0, abs=1e-12)


def by_mpmath(estimator, theta, t, tau):
    """Mean and variance in the logit as integrals over z in (0, 1), with 30 digits.

    z(1 − z)/τ cancels against dz, what is left is the logistic density at τ logit(z) − logit(θ).
    """
    with mp.workdps(30):
        theta, t, tau = map(mp.mpf, (theta, t, tau))
        logit = mp.log(theta / (1 - theta))

        def integrand(z, power):
            y = tau * mp.log(z / (1 - z)) - logit
            density = 1 / ((1 + mp.exp(-y)) * (1 + mp.exp(y)))
            seen = z if estimator == "gumbel_softmax" else int(z > 0.5)
            return (2 * (seen - t)) ** power * (z * (1 - z) / tau) ** (power - 1) * density

        edges = [0, 0.001, 0.5, 0.999, 1]
        mean, second = (mp.quad(lambda z, p=p: integrand(z, p), edges) for p in (1, 2))
        return float(mean), float(second - mean**2)


RELAXED = ["gumbel_softmax", "straight_through_gumbel_softmax"]


@pytest.mark.parametrize(
    ("theta", "t", "tau"),
    [(0.5, 0.45, 0.5), (0.7, 0.1, 0.02), (0.9, 0.499, 2.0), (0.02, 0.3, 10.0), (0.3, 0.9, 100.0)],
)
@pytest.mark.parametrize("estimator", RELAXED)
def test_relaxed_bernoulli_quadratic_is_the_integral_over_z(estimator, theta, t, tau):
    answer = exact.bernoulli_quadratic(estimator, t=t, probs=theta, temperature=tau)["probs"]
    mean, var = by_mpmath(estimator, theta, t, tau)
    slope = theta * (1 - theta)
    np.testing.assert_allclose(answer, (mean / slope, var / slope**2), rtol=1e-9, atol=1e-12)
    logits = np.log(theta / (1 - theta))
    answer = exact.bernoulli_quadratic(estimator, t=t, logits=logits, temperature=tau)["logits"]
    np.testing.assert_allclose(answer, (mean, var), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("logits", [-50.0, 50.0])
@pytest.mark.parametrize("tau", [1.0, 20.0, 100.0])
def test_relaxed_bernoulli_quadratic_at_the_ends_of_its_range(logits, tau):
    answer = exact.bernoulli_quadratic("gumbel_softmax", t=0.45, logits=logits, temperature=tau)

    def integrand(y, power):
        z, noise = (1 / (1 + mp.exp(-x)) for x in (y / tau, y - logits))
        return (2 * (z - mp.mpf(0.45)) * z * (1 - z) / tau) ** power * noise * (1 - noise)

    with mp.workdps(30):
        edges = sorted({logits + mp.mpf(d) for d in (-90, -50, -20, -6, 0, 6, 20, 50, 90)})
        mean, second = (mp.quad(lambda y, p=p: integrand(y, p), edges) for p in (1, 2))
    found = answer["logits"]
    assert abs(found[0] - mean) < 1e-12 * mp.sqrt(second)
    assert abs(found[1] - (second - mean**2)) < 1e-12 * second


@pytest.mark.parametrize("given", [dict(logits=51.0), dict(logits=[0.0, -200.0]), dict(probs=1e-30)])  # fmt: skip
@pytest.mark.parametrize("estimator", [*RELAXED, "rebar"])
def test_logits_beyond_the_nodes_are_refused(estimator, given):
    with pytest.raises(ValueError, match=f"{next(iter(given))} must have logits from -50 to 50"):
        exact.bernoulli_quadratic(estimator, t=0.45, temperature=100.0, **given)


def test_as_the_temperature_falls_bias_vanishes_and_variance_grows_as_its_inverse():
    theta, t, taus = 0.7, 0.1, np.array([1e-3, 1e-4])
    slope, truth = theta * (1 - theta), theta * (1 - theta) * (1 - 2 * t)
    mean, var = exact.bernoulli_quadratic(
        "gumbel_softmax", t=t, logits=np.log(7 / 3), temperature=taus
    )["logits"]
    # −τ θ(1 − θ)(1 − 2θ), and θ(1 − θ)(1/5 − 2t/3 + 2t²/3)/τ
    np.testing.assert_allclose((mean - truth) / taus, -slope * (1 - 2 * theta), rtol=2e-3)
    np.testing.assert_allclose(var * taus, slope * (1 / 5 - 2 * t / 3 + 2 * t**2 / 3), rtol=2e-3)


def test_the_bias_is_not_monotone():
    mean, _ = exact.bernoulli_quadratic(
        "gumbel_softmax", t=0.1, probs=0.7, temperature=np.array([0.02, 0.3, 0.5, 1.0])
    )["probs"]
    bias = mean - (1 - 2 * 0.1)
    assert bias[1] > bias[0] > 0 and bias[2] > 0 > bias[3]


@pytest.mark.parametrize(
    ("tau", "theta"),
    [(0.02, 0.450), (0.1, 0.490), (0.5, 0.497), (2, 0.497), (5, 0.494), (20, 0.480)],
)
def test_the_spurious_minimum(tau, theta):
    mean, _ = exact.bernoulli_quadratic(
        "gumbel_softmax", t=0.499, probs=theta + np.array([-1e-3, 1e-3]), temperature=tau
    )["probs"]
    assert mean[0] < 0 < mean[1]


@pytest.mark.parametrize(("tau", "theta"), [(0.5, 0.406), (1.0, 0.433), (2.0, 0.444)])
def test_the_fixed_points_of_straight_through(tau, theta):
    near = np.array([-1e-3, 1e-3])
    mean, _ = exact.bernoulli_quadratic(
        "straight_through_gumbel_softmax", t=0.45, probs=theta + near, temperature=tau
    )["probs"]
    assert mean[0] < 0 < mean[1]
    mean, var = exact.bernoulli_quadratic("straight_through", t=0.45, probs=0.45 + near)["probs"]
    np.testing.assert_allclose(mean, 2 * near)
    np.testing.assert_allclose(var, 4 * (0.45 + near) * (0.55 - near))


@pytest.mark.parametrize("estimator", ["score_function", "straight_through"])
@pytest.mark.parametrize("params", [dict(probs=0.3), dict(logits=-1.2)])
def test_enumeration_of_one_coin_is_the_closed_form(estimator, params):
    cost = lambda b: (b - 0.45) ** 2  # noqa: E731
    options = dict(baseline=0.1) if estimator == "score_function" else {}
    sums = exact.enumerate_discrete(estimator, cost, tfd.Bernoulli, params, **options)
    closed = exact.bernoulli_quadratic(estimator, t=0.45, **params, **options)
    for name in params:
        np.testing.assert_allclose(sums[name], closed[name], rtol=1e-9)


def rebar_by_quadrature(theta, t, tau, eta, coupling="independent"):
    """Mean and variance in the logit by adaptive quadrature, z̃ by its own quantile function.

    z̃ given b is the quantile of a uniform v; derivatives are central differences.  Coupled means
    that z is drawn from the same v as z̃.
    """
    logit, h = np.log(theta / (1 - theta)), 1e-5

    def inverse(p):
        return np.log(p) - np.log1p(-p)

    def cost(y):
        return (expit(y / tau) - t) ** 2

    def path(y):
        return (cost(y + h) - cost(y - h)) / (2 * h)

    def tilde(v, b, shift):  # v is the chance, given b, of lying farther from 0
        prob = expit((2 * b - 1) * (logit + shift))
        return logit + shift - (2 * b - 1) * inverse(v * prob)

    def mean(f):  # over v, in the logit of v
        edges = [-60, -30, -10, -3, 0, 3, 10, 30, 60]
        pieces = (
            quad(lambda x: f(expit(x)) * expit(x) * expit(-x), a, b, epsabs=1e-9, epsrel=1e-7)[0]
            for a, b in itertools.pairwise(edges)
        )
        return sum(pieces)

    total = square = 0.0
    for b in (0, 1):
        prob = theta if b else 1 - theta

        def forth(v, b=b):
            return eta * path(tilde(v, b, 0.0))

        def back(v, b=b):
            relaxed = cost(tilde(v, b, 0.0))
            moved = (cost(tilde(v, b, h)) - cost(tilde(v, b, -h))) / (2 * h)
            return ((b - t) ** 2 - eta * relaxed) * (b - theta) - eta * moved

        averages = mean(forth), mean(back)
        squares = mean(lambda v: forth(v) ** 2), mean(lambda v: back(v) ** 2)
        cross = averages[0] * averages[1]
        if coupling == "coupled":
            cross = mean(lambda v: forth(v) * back(v))
        total = total + prob * sum(averages)
        square = square + prob * (sum(squares) + 2 * cross)
    return total, square - total**2


@pytest.mark.parametrize(
    ("theta", "t", "tau", "eta"),
    [(0.5, 0.499, 0.1, 1.0), (0.7, 0.1, 0.3, 0.5), (0.02, 0.45, 1.0, 2.0), (0.4, 0.9, 10.0, -1.0)],
)
def test_rebar_is_the_adaptive_quadrature(theta, t, tau, eta):
    logit = np.log(theta / (1 - theta))
    answer = exact.bernoulli_quadratic("rebar", t=t, logits=logit, temperature=tau, eta=eta)
    expected = rebar_by_quadrature(theta, t, tau, eta)
    np.testing.assert_allclose(answer["logits"], expected, rtol=1e-6, atol=1e-9)
    by_probs = exact.bernoulli_quadratic("rebar", t=t, probs=theta, temperature=tau, eta=eta)
    assert by_probs["probs"][0] == pytest.approx(1 - 2 * t, abs=1e-9)
    np.testing.assert_allclose(
        by_probs["probs"][1], answer["logits"][1] / (theta * (1 - theta)) ** 2, rtol=1e-9
    )


def test_rebars_variance_depends_on_how_the_noises_are_drawn():
    apart = exact.bernoulli_quadratic("rebar", t=0.499, logits=0.0, temperature=0.1)["logits"][1]
    coupled = rebar_by_quadrature(0.5, 0.499, 0.1, 1.0, coupling="coupled")[1]
    assert (round(apart, 4), round(coupled, 4)) == (0.0837, 0.0866)


def test_rebar_at_eta_1_is_worse_than_the_score_function_at_the_toy():
    taus = np.geomspace(0.1, 20, 30)
    rebar = exact.bernoulli_quadratic("rebar", t=0.499, logits=0.0, temperature=taus)["logits"]
    plain = exact.bernoulli_quadratic("score_function", t=0.499, logits=0.0)["logits"]
    assert np.all(rebar[1] > plain[1])


@pytest.mark.parametrize(("theta", "t", "tau"), [(0.5, 0.1, 0.3), (0.7, 0.45, 2.0)])
def test_rebars_parabola_in_eta(theta, t, tau):
    """Its slope at 0 is −2θ(1 − θ) f(½) [(1 − θ)f(1) + θf(0)] at every temperature."""
    at = [
        exact.bernoulli_quadratic(
            "rebar", t=t, logits=np.log(theta / (1 - theta)), temperature=tau, eta=eta
        )["logits"][1]
        for eta in (-1.0, 0.0, 1.0)
    ]
    between = (1 - theta) * (1 - t) ** 2 + theta * t**2
    slope = -2 * theta * (1 - theta) * (0.5 - t) ** 2 * between
    assert (at[2] - at[0]) / 2 == pytest.approx(slope, rel=1e-8)
    plain = exact.bernoulli_quadratic("score_function", t=t, probs=theta)["probs"][1]
    assert at[1] == pytest.approx(plain * (theta * (1 - theta)) ** 2, rel=1e-10)


@pytest.mark.parametrize("theta", [0.5, 0.3, 0.95])
def test_arm_of_a_coin_is_the_integral_over_u(theta):
    t = 0.1
    cost = lambda b: (b - t) ** 2  # noqa: E731
    gradient = lambda u: (cost(u > 1 - theta) - cost(u < theta)) * (u - 0.5)  # noqa: E731
    edges = [0, min(theta, 1 - theta), max(theta, 1 - theta), 1]
    mean, second = (
        sum(quad(lambda u, p=p: gradient(u) ** p, a, b)[0] for a, b in itertools.pairwise(edges))
        for p in (1, 2)
    )
    answer = exact.bernoulli_quadratic("arm", t=t, logits=np.log(theta / (1 - theta)))["logits"]
    np.testing.assert_allclose(answer, (mean, second - mean**2), rtol=1e-10)
    sums = exact.enumerate_discrete("arm", cost, tfd.Bernoulli, dict(probs=theta))["probs"]
    by_probs = exact.bernoulli_quadratic("arm", t=t, probs=theta)["probs"]
    np.testing.assert_allclose(sums, by_probs, rtol=1e-10)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("theta", [0.5, 0.2])
def test_leave_one_out_of_a_coin_is_the_sum_over_all_groups(theta, k):
    coins = np.array(list(np.ndindex(*[2] * k)))
    prob = np.prod(np.where(coins, theta, 1 - theta), axis=1)
    costs = (coins - 0.1) ** 2
    others = (costs.sum(axis=1, keepdims=True) - costs) / (k - 1)
    means = np.mean((costs - others) * (coins - theta), axis=1)
    mean = prob @ means
    var = k * (prob @ (means - mean) ** 2)
    slope = theta * (1 - theta)
    answer = exact.bernoulli_quadratic("leave_one_out", t=0.1, probs=theta, num_samples=k)["probs"]
    np.testing.assert_allclose(answer, (mean / slope, var / slope**2), rtol=1e-10)


@pytest.mark.parametrize("k", [2, 3])
def test_enumeration_of_leave_one_out_is_the_sum_over_all_groups(k):
    pi, costs = np.array([0.5, 0.3, 0.2]), np.array([1.0, -2.0, 4.0])
    cost = lambda z: tf.linalg.matvec(z, costs)  # noqa: E731
    groups = np.array(list(np.ndindex(*[3] * k)))
    f, prob = costs[groups], np.prod(pi[groups], axis=1)
    others = (f.sum(axis=1, keepdims=True) - f) / (k - 1)
    means = np.mean((f - others)[..., None] * (np.eye(3)[groups] - pi), axis=1)
    mean = prob @ means
    ((found, var),) = exact.enumerate_discrete(
        "leave_one_out", cost, tfd.OneHotCategorical, dict(logits=np.log(pi)), num_samples=k
    ).values()
    np.testing.assert_allclose(found, mean, rtol=1e-10)
    np.testing.assert_allclose(var, k * (prob @ (means - mean) ** 2), rtol=1e-10)
    coin = lambda b: (b - 0.1) ** 2  # noqa: E731
    sums, closed = (
        exact.enumerate_discrete(
            "leave_one_out", coin, tfd.Bernoulli, dict(probs=0.2), num_samples=k
        ),
        exact.bernoulli_quadratic("leave_one_out", t=0.1, probs=0.2, num_samples=k),
    )
    np.testing.assert_allclose(sums["probs"], closed["probs"], rtol=1e-10)


def test_enumeration_of_arm_of_two_coins_is_a_sum_over_a_grid_of_u():
    theta, matrix = np.array([0.3, 0.8]), np.array([[1.0, 0.5], [0.0, 2.0]])

    def cost(b):
        return 3 * b[:, 0] * b[:, 1] - b[:, 0] + tf.exp(b[:, 1])

    u = (np.arange(1000) + 0.5) / 1000  # the jumps lie between the nodes
    u = np.stack(np.meshgrid(u, u), axis=-1).reshape(-1, 2)
    up, down = (tf.constant(b, tf.float64) for b in (u > 1 - theta, u < theta))
    g = (cost(up) - cost(down)).numpy()[:, None] * (u - 0.5)
    logits = np.log(theta / (1 - theta))
    make = lambda x: tfd.Bernoulli(logits=tf.linalg.matvec(matrix, x))  # noqa: E731
    x = np.linalg.solve(matrix, logits)
    for law, params, gradients in [
        (tfd.Bernoulli, dict(logits=logits), g),
        (make, dict(x=x), g @ matrix),
    ]:
        ((mean, var),) = exact.enumerate_discrete("arm", cost, law, params).values()
        np.testing.assert_allclose(mean, gradients.mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(var, gradients.var(axis=0), rtol=1e-5)
    truth = exact.enumerate_discrete("score_function", cost, tfd.Bernoulli, dict(logits=logits))
    arm = exact.enumerate_discrete("arm", cost, tfd.Bernoulli, dict(logits=logits))
    np.testing.assert_allclose(arm["logits"][0], truth["logits"][0], rtol=1e-10)


def test_enumeration_of_three_classes_by_hand():
    pi, costs = np.array([0.5, 0.3, 0.2]), np.array([1.0, -2.0, 4.0])
    cost = lambda z: tf.linalg.matvec(z, costs)  # noqa: E731
    params = dict(logits=np.log(pi))
    mean, var = exact.enumerate_discrete("score_function", cost, tfd.OneHotCategorical, params)[
        "logits"
    ]
    truth = pi * (costs - pi @ costs)
    np.testing.assert_allclose(mean, truth)
    g = costs[:, None] * (np.eye(3) - pi)
    np.testing.assert_allclose(var, pi @ g**2 - truth**2)
    straight = exact.enumerate_discrete("straight_through", cost, tfd.OneHotCategorical, params)
    np.testing.assert_allclose(straight["logits"][0], truth)  # a linear cost: no bias
    np.testing.assert_allclose(straight["logits"][1], 0, atol=1e-15)  # and one slope for all


def test_enumeration_of_several_variables():
    pi = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    independent = lambda probs: tfd.Independent(tfd.OneHotCategorical(probs=probs), 1)  # noqa: E731
    both = lambda z: z[:, 0, 0] * z[:, 1, 2]  # noqa: E731
    for law in (independent, lambda probs: tfd.OneHotCategorical(probs=probs)):
        mean, _ = exact.enumerate_discrete("score_function", both, law, dict(probs=pi))["probs"]
        # probabilities are normalised, so the gradient is that of π₀₀π₁₂ along the simplex
        np.testing.assert_allclose(mean[0], [0.8 - 0.4, -0.4, -0.4])
        np.testing.assert_allclose(mean[1], [-0.4, -0.4, 0.5 - 0.4])
    logits = np.array([0.3, -1.0, 0.2])
    product = lambda b: tf.reduce_prod(b, axis=-1)  # noqa: E731
    theta = 1 / (1 + np.exp(-logits))
    for law in (tfd.Bernoulli, lambda logits: tfd.Independent(tfd.Bernoulli(logits=logits), 1)):
        answer = exact.enumerate_discrete("score_function", product, law, dict(logits=logits))
        mean, var = answer["logits"]
        np.testing.assert_allclose(mean, theta.prod() * (1 - theta))
        np.testing.assert_allclose(var, theta.prod() * (1 - theta) ** 2 * (1 - theta.prod()))


@pytest.mark.parametrize(
    ("law", "error", "words"),
    [
        (tfd.Poisson, TypeError, "enumerate_discrete covers Bernoulli"),
        (lambda log_rate: tfd.Bernoulli(logits=tf.fill([20], log_rate)), ValueError, "too many"),
    ],
)
def test_what_cannot_be_enumerated(law, error, words):
    with pytest.raises(error, match=words):
        exact.enumerate_discrete("score_function", tf.identity, law, dict(log_rate=0.1))


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


def in_dimensions(m, num_dimensions, baseline=0.0):
    """Variance of one sample's gradient where the cost adds up over alike coordinates."""
    level = (num_dimensions - 1) * m["A"] - baseline
    others = (num_dimensions - 1) * m["var_A"] * m["I"]
    return m["V"] + 2 * level * m["C"] + level**2 * m["I"] + others


@pytest.mark.parametrize(("loc", "k"), [(1.0, 2.0), (0.5, 0.7), (-12.0, 0.3)])
def test_one_coordinate_of_a_normal_law_is_the_closed_form(loc, k):
    square = exact.one_coordinate("normal", lambda z: (z - k) ** 2, loc)
    wave = exact.one_coordinate("normal", lambda z: tf.cos(k * z), loc)
    steps = dict(finite_difference=dict(step=0.1))
    for name in ("score_function", "pathwise", "measure_valued", "finite_difference"):
        closed = exact.normal_quadratic(name, loc=loc, scale=1.0, k=k, **steps.get(name, {}))
        found = square[name]["mean"], square[name]["V"]
        np.testing.assert_allclose(found, closed["loc"], rtol=1e-9, atol=1e-9, err_msg=name)
    for name in ("score_function", "pathwise"):
        closed = exact.normal_cosine(name, loc=loc, scale=1.0, frequency=k)["loc"]
        np.testing.assert_allclose((wave[name]["mean"], wave[name]["V"]), closed, atol=1e-9)


def test_one_coordinate_of_a_step_is_exact():
    step = exact.one_coordinate("normal", lambda z: tf.cast(z > 0.5, z.dtype), 1.0)
    density = np.exp(-1 / 8) / np.sqrt(2 * np.pi)
    for name in ("score_function", "measure_valued"):
        np.testing.assert_allclose(step[name]["mean"], density, rtol=1e-9)
    assert step["pathwise"]["mean"] == step["pathwise"]["V"] == 0


@pytest.mark.parametrize(
    ("family", "law", "value", "support", "breaks"),
    [
        ("gamma", lambda p: tfd.Gamma(p, tf.ones_like(p)), 2.0, (0, 40), range(1, 40)),
        ("gamma", lambda p: tfd.Gamma(p, tf.ones_like(p)), 7.0, (0, 60), range(1, 60)),
        ("von Mises", lambda p: tfd.VonMises(0 * p, p), 2.0, (-np.pi, np.pi), (-2, -1, 0, 1, 2)),
        ("von Mises", lambda p: tfd.VonMises(0 * p, p), 0.3, (-np.pi, np.pi), (-2, -1, 0, 1, 2)),
    ],
)
@pytest.mark.parametrize("cost", [lambda z: (z - 2) ** 2, lambda z: tf.cos(3 * z)])
def test_one_coordinate_of_gamma_and_von_mises_is_the_quadrature(
    family, law, value, support, breaks, cost
):
    found = exact.one_coordinate(family, cost, value)
    options = dict(support=support, breaks=tuple(breaks))
    for name, kind in dict(score_function="score_function", implicit="pathwise").items():
        numeric = exact.quadrature(kind, cost, law, dict(p=value), **options)["p"]
        answer = found[name]["mean"], found[name]["V"]
        np.testing.assert_allclose(answer, numeric, rtol=1e-6, atol=1e-8, err_msg=name)
    if family == "gamma":
        rejection = found["rejection_reparameterized"]["mean"]
        np.testing.assert_allclose(rejection, found["implicit"]["mean"], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("theta", "t", "tau"), [(0.3, 0.1, 0.5), (0.5, 0.499, 2.0), (0.9, 0.7, 0.1)]
)
def test_one_coordinate_of_a_coin_is_the_closed_form(theta, t, tau):
    found = exact.one_coordinate(
        "coin", lambda b: (b - t) ** 2, np.log(theta / (1 - theta)), temperature=tau, eta=0.7
    )
    relaxed = {"gumbel_softmax", "straight_through_gumbel_softmax", "rebar"}
    for name in found.keys() - {"relax"}:
        options = dict(temperature=tau) if name in relaxed else {}
        options |= dict(eta=0.7) if name == "rebar" else {}
        closed = exact.bernoulli_quadratic(
            name, t=t, logits=np.log(theta / (1 - theta)), **options
        )["logits"]
        answer = found[name]["mean"], found[name]["V"]
        np.testing.assert_allclose(answer, closed, rtol=1e-8, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("baseline", [0.0, 1.3])
def test_one_coordinate_gives_the_variance_in_three_dimensions(baseline):
    logit = np.log(3 / 7)
    found = exact.one_coordinate("coin", lambda b: tf.cos(2 * b), logit)
    params = dict(logits=np.full(3, logit))
    for name, options in dict(score_function=dict(baseline=baseline), arm={}).items():
        _, numeric = exact.enumerate_discrete(
            name, lambda b: tf.reduce_sum(tf.cos(2 * b), -1), tfd.Bernoulli, params, **options
        )["logits"]
        expected = in_dimensions(found[name], 3, options.get("baseline", 0.0))
        np.testing.assert_allclose(numeric, np.full(3, expected), rtol=1e-9)


def test_one_coordinate_of_rebar_relax_with_the_straight_line_and_rejection_is_what_they_sample():
    def total(f):
        return lambda z: tf.reduce_sum(f(z), -1)

    logit = np.float32(np.log(3 / 7))
    line = total(lambda y: 0.01 + 0.8 * tf.sigmoid(y / 0.5))  # from 0.1² to 0.9²
    sampled = {
        ("coin", "relax", logit, 0.1): estimators.relax(
            total(lambda b: (b - 0.1) ** 2), lambda p: tfd.Bernoulli(logits=p),
            dict(p=tf.fill([3], logit)), num_samples=20_000, seed=1, surrogate=line),
        ("coin", "rebar", logit, 0.1): estimators.rebar(
            total(lambda b: (b - 0.1) ** 2), lambda p: tfd.Bernoulli(logits=p),
            dict(p=tf.fill([3], logit)), num_samples=20_000, seed=3, temperature=0.5, eta=1.5),
        ("gamma", "rejection_reparameterized", 2.0, 2.0): estimators.rejection_reparameterized(
            total(lambda z: (z - 2.0) ** 2), lambda p: tfd.Gamma(p, 1.0),
            dict(p=tf.fill([3], 2.0)), num_samples=20_000, seed=2),
    }  # fmt: skip
    for (family, name, value, t), gradients in sampled.items():
        m = exact.one_coordinate(family, lambda z, t=t: (z - t) ** 2, float(value), eta=1.5)[name]
        estimate = variance.summarize({"g": gradients["p"][:, 0]})["g"]
        variance.assert_near(estimate, m["mean"], in_dimensions(m, 3))


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
        (lambda: exact.bernoulli_quadratic("score_function", t=0.1, probs=1.0), "probs must give"),
        (
            lambda: exact.bernoulli_quadratic("gumbel_softmax", t=0.1, probs=0.5),
            "temperature goes with the relaxed estimators alone, got None",
        ),
        (
            lambda: exact.bernoulli_quadratic(
                "straight_through", t=0.1, probs=0.5, temperature=1.0
            ),
            "temperature goes with",
        ),
        (
            lambda: exact.bernoulli_quadratic("gumbel_softmax", t=0.1, probs=0.5, temperature=0),
            "temperature must be positive",
        ),
        (lambda: exact.bernoulli_quadratic("magic", t=0.1, probs=0.5), "estimator must be one of"),
        (lambda: exact.bernoulli_quadratic("rebar", t=0.1, probs=0.5), "temperature goes with"),
        (
            lambda: exact.bernoulli_quadratic("arm", t=0.1, probs=0.5, temperature=1.0),
            "temperature goes with",
        ),
        (
            lambda: exact.bernoulli_quadratic("leave_one_out", t=0.1, probs=0.5),
            "num_samples goes with leave_one_out alone, got None",
        ),
        (
            lambda: exact.bernoulli_quadratic("leave_one_out", t=0.1, probs=0.5, num_samples=1),
            "num_samples must be at least 2",
        ),
        (
            lambda: exact.enumerate_discrete(
                "arm", tf.identity, tfd.Bernoulli, dict(logits=np.zeros(11))
            ),
            "too many",
        ),
        (
            lambda: exact.enumerate_discrete("magic", tf.identity, tfd.Bernoulli, dict(probs=0.5)),
            "estimator must be one of",
        ),
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
        (lambda: exact.one_coordinate("magic", tf.square, 1.0), "family must be one of"),
        (lambda: exact.one_coordinate("gamma", tf.square, 0.5), "value of gamma is too small"),
        (lambda: exact.one_coordinate("normal", tf.square, np.nan), "value must be finite"),
        (lambda: exact.one_coordinate("normal", tf.square, 1.0, step=0), "step must be positive"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("loc", ["a", "1", 1j, True, None])
def test_what_is_no_number_is_named(loc):
    with pytest.raises(TypeError, match="loc must be a number or an array, got"):
        exact.normal_quadratic("pathwise", loc=loc, scale=1.0, k=0.0)


def test_coupled_is_true_or_false_and_dimensions_are_one_or_more():
    for answer, cost in [(exact.normal_cosine, "frequency"), (exact.normal_exp_square, "k")]:
        with pytest.raises(TypeError, match="coupled must be True or False, got 'no'"):
            answer("measure_valued", loc=1.0, scale=1.0, coupled="no", **{cost: 1.0})
    with pytest.raises(ValueError, match="num_dimensions must be at least 1, got 0.5"):
        exact.normal_quadratic("pathwise", **UNIT, k=0.0, num_dimensions=0.5)


UNIT = dict(loc=1.0, scale=1.0)
PERT = dict(low=0.0, peak=0.4, high=1.0)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((lambda z: tf.reduce_mean(z**2), tfd.Normal, UNIT), {}, ValueError, "cost must map z"),
        ((3, tfd.Normal, UNIT), {}, TypeError, "cost must be callable, got 3"),
        ((tf.square, tfd.Poisson, dict(rate=2.0)), {}, TypeError, "laws, got Poisson"),
        ((tf.square, tfd.Normal, [1.0]), {}, TypeError, "params must be a dict"),
        ((tf.square, tfd.Normal, UNIT), dict(baseline="mean"), TypeError, "baseline must be a num"),
        ((tf.square, tfd.Normal, UNIT), dict(baseline=np.nan), ValueError, "baseline must be fin"),
        ((tf.square, tfd.PERT, PERT), dict(support=(0, 1)), TypeError, "cdf of PERT"),
        ((tf.square, tfd.Normal, UNIT), dict(breaks=0.5), TypeError, "breaks a sequence"),
        ((tf.square, tfd.Normal, UNIT), dict(support=(0,)), TypeError, "support must be a pair"),
    ],
)
def test_quadrature_names_what_it_does_not_take(arguments, options, error, words):
    name = "pathwise" if arguments[1] is tfd.PERT else "score_function"
    with pytest.raises(error, match=words):
        exact.quadrature(name, *arguments, **options)


@pytest.mark.parametrize(
    ("params", "options", "error", "words"),
    [
        ([1.0], {}, TypeError, "params must be a dict"),
        (dict(probs="a"), {}, TypeError, r"params\['probs'\] must be a number"),
        (dict(probs=0.5), dict(baseline="mean"), TypeError, "baseline must be a number"),
        (dict(probs=0.5), dict(baseline=np.nan), ValueError, "baseline must be finite"),
    ],
)
def test_enumeration_names_what_it_does_not_take(params, options, error, words):
    with pytest.raises(error, match=words):
        exact.enumerate_discrete("score_function", tf.square, tfd.Bernoulli, params, **options)


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        ("score_function", {}),
        ("straight_through", {}),
        ("leave_one_out", dict(num_samples=4)),
        ("arm", {}),
    ],
)
def test_enumeration_refuses_probabilities_of_0_and_1(estimator, options):
    def cost(z):
        return tf.reduce_sum((z - 0.45) ** 2, axis=-1)

    law = tfd.OneHotCategorical if estimator == "straight_through" else tfd.Bernoulli
    with pytest.raises(ValueError, match=r"params must give probabilities inside \(0, 1\)"):
        exact.enumerate_discrete(estimator, cost, law, dict(probs=[1.0, 0.0]), **options)


def test_quadrature_takes_a_cost_that_overflows_where_the_law_is_not():
    """E exp(z) = exp(loc + scale²/2)."""
    found = exact.quadrature("score_function", tf.exp, tfd.Normal, UNIT)
    np.testing.assert_allclose([found["loc"][0], found["scale"][0]], np.exp(1.5), rtol=1e-6)


def test_quadrature_takes_a_mixture():
    def make(loc):
        halves = tfd.Categorical(logits=tf.zeros([2], loc.dtype))
        locs = tf.stack([loc, tf.zeros_like(loc)], axis=-1)
        return tfd.MixtureSameFamily(halves, tfd.Normal(locs, tf.ones([], loc.dtype)))

    found = exact.quadrature("score_function", tf.square, make, dict(loc=1.0))
    np.testing.assert_allclose(found["loc"][0], 1.0, rtol=1e-6)  # of (loc² + 1 + 1) / 2


def test_a_variance_of_zero_is_not_below_it():
    """At the inflection of exp(−z²) the pathwise gradient of a narrow law is constant."""
    found = exact.normal_exp_square("pathwise", loc=1.0, scale=1e-8, k=1.0)
    assert found["loc"][1] >= 0
    assert exact.normal_cosine("pathwise", loc=1.0, scale=1e-9, frequency=1.0)["loc"][1] >= 0


def test_quadrature_finds_a_narrow_law_or_says_that_it_does_not():
    for loc, scale in [(5.0, 0.1), (10.0, 0.1), (1.0, 0.01)]:
        found = exact.quadrature("pathwise", tf.square, tfd.Normal, dict(loc=loc, scale=scale))
        np.testing.assert_allclose(found["loc"], (2 * loc, 4 * scale**2), rtol=1e-8)
        np.testing.assert_allclose(found["scale"][0], 2 * scale, rtol=1e-8)
    with pytest.raises(ValueError, match="support must hold the whole law, got the mass 0"):
        exact.quadrature("pathwise", tf.square, tfd.Normal, dict(loc=100.0, scale=0.1))
    half = dict(loc=0.0, scale=1.0), dict(support=(0.0, np.inf))
    with pytest.raises(ValueError, match="support must hold the whole law, got the mass 0.5"):
        exact.quadrature("pathwise", tf.square, tfd.Normal, half[0], **half[1])


def test_quadrature_of_a_parameter_that_the_law_ignores_is_zero():
    make = lambda loc, other: tfd.Normal(loc, tf.ones_like(loc))  # noqa: E731
    found = exact.quadrature("score_function", tf.identity, make, dict(loc=1.0, other=2.0))
    np.testing.assert_allclose([*found["loc"], *found["other"]], [1, 3, 0, 0], atol=1e-9)


@pytest.mark.parametrize("estimator", ["score_function", "arm", "rebar", "leave_one_out"])
def test_a_coin_and_its_mirror_image_have_the_same_numbers_however_likely(estimator):
    options = dict(rebar=dict(temperature=0.5), leave_one_out=dict(num_samples=2))
    given = options.get(estimator, {})
    for logits in (5.0, 30.0, 40.0, 50.0 if estimator == "rebar" else 100.0):
        one = exact.bernoulli_quadratic(estimator, t=0.2, logits=logits, **given)["logits"]
        two = exact.bernoulli_quadratic(estimator, t=0.8, logits=-logits, **given)["logits"]
        np.testing.assert_allclose(one, (-two[0], two[1]), rtol=1e-6)
        np.testing.assert_allclose(one[0], 0.6 * np.exp(-logits) / (1 + np.exp(-logits)) ** 2)


def test_sums_say_where_they_end():
    for family, cost, value in [("gamma", tf.square, 50.0), ("von Mises", tf.cos, 1e3)]:
        with pytest.raises(ValueError, match=f"value of {family} is too far out"):
            exact.one_coordinate(family, cost, value)
    with pytest.raises(ValueError, match="value of coin is too far out"):
        exact.one_coordinate("coin", tf.square, 40.0)


def test_options_of_the_quadratic_are_checked():
    law = dict(loc=1.0, scale=1.0, k=0.0)
    with pytest.raises(ValueError, match="num_dimensions must be positive"):
        exact.normal_quadratic("pathwise", **law, num_dimensions=0)
    with pytest.raises(TypeError, match="baseline must be a number"):
        exact.normal_quadratic("score_function", **law, baseline="mean")
    with pytest.raises(TypeError, match="coupled must be True or False"):
        exact.normal_quadratic("measure_valued", **law, coupled="no")
    with pytest.raises(ValueError, match="step must be below scale"):
        exact.normal_quadratic("finite_difference", **law, step=2.0, common=False)
    with pytest.raises(ValueError, match="step must be positive, got -1"):
        exact.normal_quadratic("finite_difference", **law, step=-1)
    with pytest.raises(ValueError, match=r"baseline must name loc and scale, got \['loc'\]"):
        exact.normal_quadratic("score_function", **law, baseline=dict(loc=1.0))
    both = exact.normal_quadratic("score_function", **law, num_dimensions=[1, 2])
    one = exact.normal_quadratic("score_function", **law, num_dimensions=2)
    np.testing.assert_array_equal(both["loc"][1][1], one["loc"][1])
