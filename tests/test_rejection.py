"""`rejection_reparameterized` against closed forms, quadrature and the laws' own moments.

The quadrature shares no formula with the module: it takes the definition, q(h)/r(h) with q and r as
the papers print them, and differentiates by a complex step.
"""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.integrate import quad
from scipy.special import gammaln, ive, loggamma, polygamma
from tensorflow_probability import distributions as tfd

from course_utils import variance
from course_utils.estimators import rejection_reparameterized
from course_utils.rejection import _first_accepted, _inverse_cdf

COSTS = {
    "z": (tf.identity, lambda a, b: 1 / b, lambda a, b: -a / b**2),
    "log z": (tf.math.log, lambda a, b: polygamma(1, a), lambda a, b: -1 / b),
    "z²": (tf.square, lambda a, b: (2 * a + 1) / b**2, lambda a, b: -2 * a * (a + 1) / b**3),
}
STEP = 1e-30


def run(cost, law, params, num_samples=20_000, seed=1, dtype=tf.float64, **options):
    params = {name: tf.constant(value, dtype) for name, value in params.items()}
    options = dict(num_samples=num_samples, seed=seed) | options
    return rejection_reparameterized(cost, law, params, **options)


def drawn(law, params, **options):
    """The samples that the cost sees."""
    seen = []

    def cost(z):
        seen.append(z.numpy())
        return tf.reduce_sum(tf.reshape(z, [z.shape[0], -1]), axis=1)

    run(cost, law, params, **options)
    return seen[0]


# --- Gamma


@pytest.mark.parametrize("augmentation", [0, 1, 4])
@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.999, 1.0, 1.001, 1.5, 2.0, 10.0, 100.0, 1000.0])
def test_gamma_means_are_the_closed_forms(agrees, alpha, augmentation):
    for cost, at_concentration, at_rate in COSTS.values():
        estimates = variance.summarize(
            run(cost, tfd.Gamma, dict(concentration=alpha, rate=1.5), augmentation=augmentation)
        )
        agrees(estimates["concentration"], (at_concentration(alpha, 1.5), None))
        if estimates["rate"].variance > 1e-20:
            agrees(estimates["rate"], (at_rate(alpha, 1.5), None))
        else:  # log z = log g − log rate
            np.testing.assert_allclose(estimates["rate"].mean, -1 / 1.5, rtol=1e-12)


def path_and_score(z, alpha):
    """∂z/∂α at a fixed noise and ∂ log(q/r)/∂α, by a complex step, where the proposal is z."""

    def proposal(alpha, noise):
        d = alpha - 1 / 3
        return d * (1 + noise / np.sqrt(9 * d)) ** 3

    d = alpha - 1 / 3
    noise = np.sqrt(9 * d) * np.expm1(np.log(z / d) / 3)
    moved = alpha + 1j * STEP
    h = proposal(moved, noise)
    log_q = (moved - 1) * np.log(h) - h - loggamma(moved)
    # r(h) = s(ε) / |∂h/∂ε|, of which s does not depend on α
    d = moved - 1 / 3
    log_r = -np.log(3 * d * (1 + noise / np.sqrt(9 * d)) ** 2 / np.sqrt(9 * d))
    return h.imag / STEP, (log_q - log_r).imag / STEP


def gamma_nodes(alpha):
    """Points z and their masses under Gamma(α, 1): the trapezoid rule in log z."""
    y = np.linspace(-90, 10, 20_001)
    mass = np.exp(alpha * y - np.exp(y) - gammaln(alpha)) * (y[1] - y[0])
    kept = mass > 1e-290
    return np.exp(y[kept]), mass[kept]


SLOPES = {"z": np.ones_like, "log z": lambda z: 1 / z, "z²": lambda z: 2 * z}
VALUES = {"z": lambda z: z, "log z": np.log, "z²": np.square}


# for log z the fourth moment is infinite at α ≤ 4/3, and hardly settles a little above
@pytest.mark.parametrize(
    ("name", "alpha"), [(n, a) for n in COSTS for a in (1.0, 1.5, 2.0, 10.0, 100.0)][:8]
    + [("log z", 2.0), ("log z", 10.0), ("z²", 1.0), ("z²", 3.0), ("z²", 1000.0)],
)  # fmt: skip
def test_gamma_variance_is_the_quadrature(agrees, name, alpha):
    z, mass = gamma_nodes(alpha)
    path, score = path_and_score(z, alpha)
    assert np.sum(mass) == pytest.approx(1, abs=1e-10)
    assert np.sum(score * mass) == pytest.approx(0, abs=1e-9)
    gradient = SLOPES[name](z) * path + VALUES[name](z) * score
    mean = np.sum(gradient * mass)
    assert mean == pytest.approx(COSTS[name][1](alpha, 1.0), rel=1e-8)
    estimate = variance.summarize(
        run(COSTS[name][0], tfd.Gamma, dict(concentration=alpha, rate=1.0), 100_000)
    )["concentration"]
    heavy = name == "log z" and alpha < 5 / 3
    agrees(estimate, (mean, None if heavy else np.sum((gradient - mean) ** 2 * mass)))


@pytest.mark.parametrize(
    ("alpha", "augmentation"), [(0.05, 0), (0.3, 0), (0.3, 3), (1.0, 2), (4.0, 5)]
)
def test_the_variance_with_augmentation_is_the_quadrature(agrees, alpha, augmentation):
    """log z = log z̃ − X, X = Σ E_i/(α + i), has the slope ∂ log z̃ + Y, Y = Σ E_i/(α + i)²."""
    shapes = alpha + np.arange(max(augmentation, 1))
    x, y, xx, xy, yy = (np.sum(shapes ** -float(k)) for k in (1, 2, 2, 3, 4))
    z, mass = gamma_nodes(shapes[-1] + 1)
    path, score = path_and_score(z, shapes[-1] + 1)
    # the gradient is c + Y − X score, with c = ∂ log z̃ + log z̃ score
    c = path / z + np.log(z) * score
    mean = np.sum((c + y - x * score) * mass)
    spread = yy - 2 * xy * score + xx * score**2
    truth = np.sum(((c + y - x * score - mean) ** 2 + spread) * mass)
    gradients = run(tf.math.log, tfd.Gamma, dict(concentration=alpha, rate=1.0), 100_000,
                    augmentation=augmentation)  # fmt: skip
    heavy = shapes[-1] + 1 < 5 / 3
    estimate = variance.summarize(gradients)["concentration"]
    agrees(estimate, (polygamma(1, alpha), None if heavy else truth))
    assert mean == pytest.approx(polygamma(1, alpha), rel=1e-8)


@pytest.mark.parametrize(
    ("alpha", "augmentation"), [(0.05, 0), (0.7, 0), (0.7, 3), (1.0, 0), (2.5, 2), (300.0, 0)]
)
def test_gamma_samples_have_the_law(alpha, augmentation):
    z = drawn(tfd.Gamma, dict(concentration=alpha, rate=2.0), augmentation=augmentation)
    assert stats.kstest(z, stats.gamma(alpha, scale=0.5).cdf).pvalue > 1e-4


def test_float32_is_float64_rounded():
    for alpha in (0.3, 1.0, 10.0, 1000.0):
        params = dict(concentration=alpha, rate=0.5)
        for cost, *_ in COSTS.values():
            wide = run(cost, tfd.Gamma, params, 1000, dtype=tf.float64)
            single = run(cost, tfd.Gamma, params, 1000, dtype=tf.float32)
            for name in params:
                assert single[name].dtype == tf.float32
                scale = np.abs(np.float32(wide[name])).max()
                np.testing.assert_allclose(single[name], wide[name], rtol=1e-4, atol=1e-5 * scale)


def test_parameters_behind_the_law_get_their_share():
    """A log-rate, a mean, and Exponential, which is a Gamma law."""
    at = dict(num_samples=50, seed=3)
    base = run(tf.square, tfd.Gamma, dict(concentration=2.5, rate=1.5), **at)
    by_log = run(tf.square, lambda concentration, log_rate: tfd.Gamma(concentration, log_rate=log_rate),
                 dict(concentration=2.5, log_rate=np.log(1.5)), **at)  # fmt: skip
    np.testing.assert_allclose(by_log["concentration"], base["concentration"], rtol=1e-9)
    np.testing.assert_allclose(by_log["log_rate"], 1.5 * base["rate"], rtol=1e-9)
    by_mean = run(tf.square, lambda mean: tfd.Gamma(mean * 1.5, 1.5), dict(mean=2.5 / 1.5), **at)
    np.testing.assert_allclose(by_mean["mean"], 1.5 * base["concentration"], rtol=1e-6)
    z = drawn(tfd.Exponential, dict(rate=1.5), **at)
    waits = run(tf.square, tfd.Exponential, dict(rate=1.5), **at)["rate"]
    np.testing.assert_allclose(waits, -2 * z**2 / 1.5, rtol=1e-9)


@pytest.mark.parametrize("num_samples", [2, 3, 5])
def test_batches_of_either_side_of_one(num_samples):
    """Elements below α = 1 are augmented, those above are not; the cost may mix them."""
    params = dict(concentration=[0.4, 1.0, 7.0], rate=2.0)
    cost = lambda z: tf.reduce_sum(z, axis=-1) ** 2  # noqa: E731
    independent = lambda **p: tfd.Independent(tfd.Gamma(**p), 1)  # noqa: E731
    batch = run(cost, tfd.Gamma, params, num_samples)
    event = run(cost, independent, params, num_samples)
    full = run(cost, tfd.Gamma, params | dict(rate=[2.0] * 3), num_samples)
    assert batch["concentration"].shape == [num_samples, 3] and batch["rate"].shape == [num_samples]
    for name in params:
        np.testing.assert_allclose(batch[name], event[name], rtol=1e-12)
    np.testing.assert_allclose(batch["concentration"], full["concentration"], rtol=1e-12)
    np.testing.assert_allclose(batch["rate"], tf.reduce_sum(full["rate"], axis=1), rtol=1e-12)


def test_a_cost_of_several_gammas(agrees):
    """E (Σ z)² = Var + mean²; the correction of each takes the whole cost."""
    alphas = np.array([0.4, 1.0, 3.0])
    cost = lambda z: tf.reduce_sum(z, axis=-1) ** 2  # noqa: E731
    estimate = variance.summarize(
        run(cost, tfd.Gamma, dict(concentration=alphas, rate=2.0), 100_000)
    )
    # the sum is Gamma(Σ α)
    agrees(estimate["concentration"], ((2 * alphas.sum() + 1) / 4, None))


# --- von Mises–Fisher


def mean_length(dim, kappa):
    return ive(dim / 2, kappa) / ive(dim / 2 - 1, kappa)


def unit(dim, seed=0):
    direction = np.random.default_rng(seed).normal(size=dim)
    return direction / np.linalg.norm(direction)


@pytest.mark.parametrize("kappa", [0.1, 2.0, 10.0, 100.0])
@pytest.mark.parametrize("dim", [*range(2, 21), 50])
def test_directional_means_are_the_closed_forms(agrees, dim, kappa):
    """E z = A μ: ∂κ E c·z = A′ c·μ with A′ = 1 − A² − (d − 1)A/κ, and along the tangents A c."""
    direction, cost_direction = unit(dim, dim), unit(dim, 100)
    gradients = run(
        lambda z: tf.linalg.matvec(z, cost_direction),
        tfd.VonMisesFisher,
        dict(mean_direction=direction, concentration=kappa),
        seed=dim + 1,
    )
    assert gradients["mean_direction"].shape == [20_000, dim]
    estimates = variance.summarize(gradients)
    mean, along = mean_length(dim, kappa), cost_direction @ direction
    slope = 1 - mean**2 - (dim - 1) * mean / kappa
    agrees(estimates["concentration"], (slope * along, None))
    agrees(estimates["mean_direction"], (mean * (cost_direction - along * direction), None))
    np.testing.assert_allclose(gradients["mean_direction"] @ direction[:, None], 0, atol=1e-11)


def woods_path_and_score(t, kappa, dim):
    """∂w/∂κ and ∂ log a/∂κ by a complex step, in Wood's notation with the noise ε = (1 − t)/2."""
    kappa = kappa + 1j * STEP
    b = (-2 * kappa + np.sqrt(4 * kappa**2 + (dim - 1) ** 2)) / (dim - 1)
    x0 = (1 - b) / (1 + b)
    c = kappa * x0 + (dim - 1) * np.log(1 - x0**2)
    noise = (1 - t) / 2
    w = (1 - (1 + b) * noise) / (1 - (1 - b) * noise)
    log_a = kappa * w + (dim - 1) * np.log(1 - x0 * w) - c
    return w.real, w.imag / STEP, log_a.real, log_a.imag / STEP


@pytest.mark.parametrize("kappa", [0.1, 2.0, 20.0])
@pytest.mark.parametrize("dim", [2, 4, 5, 12])
def test_directional_variance_is_the_quadrature(agrees, dim, kappa):
    angle = np.linspace(0, np.pi, 20_001)
    w, path, log_a, slope = woods_path_and_score(np.cos(angle), kappa, dim)
    mass = np.sin(angle) ** (dim - 2)
    mass[[0, -1]] /= 2
    rate = np.sum(mass * np.exp(log_a)) / np.sum(mass)
    assert 0.65 < rate <= 1 and np.max(log_a) < 1e-12
    mass = mass * np.exp(log_a) / np.sum(mass * np.exp(log_a))
    gradient = 2 * w * path + w**2 * (slope - np.sum(slope * mass))
    mean = np.sum(gradient * mass)
    # E w² = 1 − (d − 1)A/κ
    length = mean_length(dim, kappa)
    truth = (dim - 1) * (length / kappa**2 - (1 - length**2 - (dim - 1) * length / kappa) / kappa)
    assert mean == pytest.approx(truth, rel=1e-6)
    direction = unit(dim)
    gradients = run(
        lambda z: tf.linalg.matvec(z, direction) ** 2,
        lambda kappa: tfd.VonMisesFisher(direction, kappa),
        dict(kappa=kappa),
        50_000,
    )
    agrees(variance.summarize(gradients)["kappa"], (mean, np.sum((gradient - mean) ** 2 * mass)))


def test_five_dimensions_with_and_without_the_correction():
    """κ = 2: the gradient of E w is .1474, of which the path alone gives .1277."""
    direction = unit(5)
    gradients = run(
        lambda z: tf.linalg.matvec(z, direction),
        lambda kappa: tfd.VonMisesFisher(direction, kappa),
        dict(kappa=2.0),
    )
    estimate = variance.summarize(gradients)["kappa"]
    variance.assert_near(estimate, 0.14739)
    assert estimate.mean - 0.1277 > 4 * estimate.standard_error


@pytest.mark.parametrize("dim", [2, 3, 4, 7, 20])
def test_directional_samples_have_the_law(dim):
    direction = unit(dim)
    for kappa in (0.0, 0.5, 5.0, 200.0):
        z = drawn(tfd.VonMisesFisher, dict(mean_direction=direction, concentration=kappa))
        np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-12)
        w = z @ direction
        top = 1 - 2e-3 if kappa > 100 else 0.3
        whole, above = (
            quad(lambda a, k=kappa: np.exp(k * (np.cos(a) - 1)) * np.sin(a) ** (dim - 2), 0, end)[0]
            for end in (np.pi, np.arccos(top))
        )
        share, error = np.mean(w > top), np.sqrt(above / whole * (1 - above / whole) / len(w))
        assert abs(share - above / whole) < 4 * error
        law = tfd.VonMisesFisher(np.float32(direction), np.float32(kappa))
        error = np.std(z, axis=0) / np.sqrt(len(z))
        assert np.all(np.abs(np.mean(z, axis=0) - law.mean()) < 4.5 * error)
        products = z[:, :, None] * z[:, None]
        across = mean_length(dim, kappa) / kappa if kappa else 1 / dim
        second = across * np.eye(dim) + (1 - dim * across) * np.outer(direction, direction)
        error = np.std(products, axis=0) / np.sqrt(len(z))
        assert np.all(np.abs(np.mean(products, axis=0) - second) < 5 * error)


@pytest.mark.parametrize("kappa", [0.0, 1e-7, 1e-5, 2e-5, 1e-3, 0.1, 1.0, 30.0, 1e3, 1e5])
def test_the_inverse_cdf_on_the_sphere(kappa):
    """F(w) = (e^{κw} − e^{−κ}) / (e^κ − e^{−κ}) at the height 1 − p; the slope by implicit means."""
    p = np.array([1e-12, 1e-4, 0.1, 0.5, 0.9, 1 - 1e-4])
    w, speed = (v.numpy() for v in _inverse_cdf(tf.constant(kappa, tf.float64), tf.constant(p)))
    if kappa > 1e-3:
        above = -np.expm1(kappa * (w - 1)) / -np.expm1(-2 * kappa)
        np.testing.assert_allclose(above[1:], p[1:], rtol=1e-6)  # 1 − 1e-12 leaves four digits
    np.testing.assert_array_less(np.abs(w), 1 + 1e-15)
    # dw/dκ = ∫_w^1 (x − A) e^{κ(x − w)} dx
    mean = 1 / np.tanh(kappa) - 1 / kappa if kappa > 1e-3 else kappa / 3
    for at, found in zip(w[1:-1], speed[1:-1], strict=True):
        nodes, weights = np.polynomial.legendre.leggauss(60)
        x = at + (1 - at) * (nodes + 1) / 2
        if kappa > 100:
            continue  # nearly all of the integral lies at the end: the closed form is as good
        truth = np.sum(weights * (x - mean) * np.exp(kappa * (x - at))) * (1 - at) / 2
        assert found * (1 - at**2) == pytest.approx(truth, rel=1e-6)


def test_an_angle_that_turns_the_direction(agrees):
    """On the circle, and in a plane of four dimensions: E z₀ = A cos θ."""
    for tail in (0, 1, 2):

        def make(angle, kappa, tail=tail):
            parts = [tf.cos(angle), tf.sin(angle), *[tf.zeros_like(angle)] * tail]
            return tfd.VonMisesFisher(tf.stack(parts, axis=-1), kappa)

        estimates = variance.summarize(
            run(lambda z: z[:, 0], make, dict(angle=0.7, kappa=3.0), 50_000)
        )
        length = mean_length(2 + tail, 3.0)
        slope = 1 - length**2 - (1 + tail) * length / 3
        agrees(estimates["angle"], (-length * np.sin(0.7), None))
        agrees(estimates["kappa"], (slope * np.cos(0.7), None))


def test_the_path_of_the_direction_is_a_turn():
    """Each sample's gradient is the derivative of f(R z), R the turn from μ towards δ."""
    direction, c = unit(5), unit(5, 3)
    z = drawn(tfd.VonMisesFisher, dict(mean_direction=direction, concentration=3.0), num_samples=20)
    gradients = run(
        lambda z: tf.linalg.matvec(z, c) ** 2,
        tfd.VonMisesFisher,
        dict(mean_direction=direction, concentration=3.0),
        num_samples=20,
    )["mean_direction"]
    tangent = unit(5, 4)
    tangent -= (tangent @ direction) * direction
    tangent /= np.linalg.norm(tangent)

    def turned(angle):
        along, across = z @ direction, z @ tangent
        plane = (along * np.cos(angle) - across * np.sin(angle))[:, None] * direction
        plane += (along * np.sin(angle) + across * np.cos(angle))[:, None] * tangent
        rest = z - along[:, None] * direction - across[:, None] * tangent
        return ((plane + rest) @ c) ** 2

    slope = (turned(1e-5) - turned(-1e-5)) / 2e-5
    np.testing.assert_allclose(gradients @ tangent[:, None], slope[:, None], atol=1e-8)


@pytest.mark.parametrize("num_samples", [2, 3, 4])
@pytest.mark.parametrize("dim", [2, 3, 4])
def test_batches_of_directions(num_samples, dim):
    """Also where num_samples is a dimension; what does not line up is refused whatever it is."""
    directions = np.stack([unit(dim, s) for s in range(3)])
    cost = lambda z: tf.reduce_sum(z[..., 0], axis=-1) ** 2  # noqa: E731
    full = dict(mean_direction=directions, concentration=[2.0] * 3)
    independent = lambda **p: tfd.Independent(tfd.VonMisesFisher(**p), 1)  # noqa: E731
    batch = run(cost, tfd.VonMisesFisher, full, num_samples)
    event = run(cost, independent, full, num_samples)
    assert batch["mean_direction"].shape == [num_samples, 3, dim]
    assert batch["concentration"].shape == [num_samples, 3]
    for name in full:
        np.testing.assert_allclose(batch[name], event[name], rtol=1e-12)

    def shared(mean_direction, kappa):  # one concentration for all
        return tfd.VonMisesFisher(mean_direction, kappa[..., None] * tf.ones([3], kappa.dtype))

    one = run(cost, shared, dict(mean_direction=directions, kappa=2.0), num_samples)
    summed = tf.reduce_sum(batch["concentration"], axis=1)
    np.testing.assert_allclose(one["kappa"], summed, rtol=1e-10)
    for params in (
        dict(mean_direction=directions, concentration=2.0),
        dict(mean_direction=directions[0], concentration=[2.0, 3.0, 4.0, 5.0, 6.0]),
    ):
        with pytest.raises(ValueError, match="full shape"):
            run(cost, tfd.VonMisesFisher, params, num_samples)


def test_float32_directions():
    params = dict(mean_direction=unit(6), concentration=4.0)
    cost = lambda z: z[:, 0] * z[:, 1]  # noqa: E731
    wide = run(cost, tfd.VonMisesFisher, params, 500, dtype=tf.float64)
    single = run(cost, tfd.VonMisesFisher, params, 500, dtype=tf.float32)
    for name in params:
        assert single[name].dtype == tf.float32
        np.testing.assert_allclose(single[name], wide[name], rtol=1e-4, atol=1e-5)


# --- the loop, seeds, compiled


def test_the_loop_is_bounded_and_says_so():
    never = lambda noise: tf.fill(noise.shape, tf.constant(-np.inf, tf.float64))  # noqa: E731
    with pytest.raises(tf.errors.InvalidArgumentError, match="none accepted in 100 rounds"):
        _first_accepted(never, [3], [], tf.constant([0, 1]))


def test_the_loop_keeps_what_was_accepted_and_draws_the_rest_anew():
    """Half of all noise is accepted: what comes out is half-normal, independent of the round."""
    upper = lambda noise: tf.where(noise > 0, tf.constant(0.0, tf.float64), -np.inf)  # noqa: E731
    noise = _first_accepted(upper, [20_000], [], tf.constant([0, 1])).numpy()
    assert stats.kstest(noise, stats.halfnorm.cdf).pvalue > 1e-3
    assert len(np.unique(noise)) == len(noise)


LAWS = [
    (tfd.Gamma, dict(concentration=0.7, rate=2.0)),
    (tfd.Gamma, dict(concentration=3.0, rate=2.0)),
    (tfd.VonMisesFisher, dict(mean_direction=unit(3), concentration=2.0)),
    (tfd.VonMisesFisher, dict(mean_direction=unit(4), concentration=2.0)),
]


def first(z):
    return tf.reshape(z, [z.shape[0], -1])[:, 0] ** 2


@pytest.mark.parametrize(("law", "params"), LAWS)
def test_the_same_seed_gives_the_same_numbers(law, params):
    one, again, other = (run(first, law, params, 100, seed) for seed in (7, (0, 7), 8))
    for name in params:
        np.testing.assert_array_equal(one[name], again[name])
        assert not np.any(np.all(one[name] == other[name]))
    half = run(first, law, params, 50, 7)["concentration"]
    assert half.shape == [50]


@pytest.mark.parametrize(("law", "params"), LAWS)
def test_compiled_is_eager(law, params):
    @tf.function
    def compiled(concentration, seed):
        given = params | dict(concentration=concentration)
        given = {name: tf.cast(value, tf.float64) for name, value in given.items()}
        return rejection_reparameterized(first, law, given, num_samples=30, seed=seed)

    concentration = tf.constant(params["concentration"], tf.float64)
    eager = run(first, law, params, 30, 5)
    for name, value in compiled(concentration, tf.constant([0, 5])).items():
        np.testing.assert_allclose(value, eager[name], rtol=1e-9, atol=1e-12)


def test_it_serves_a_sweep(agrees):
    make = lambda alpha: tfd.Gamma(alpha, 1.0)  # noqa: E731
    values = [0.5, 1.0, 4.0]
    estimates = variance.sweep(
        lambda alpha, n: rejection_reparameterized(
            tf.math.log, make, dict(alpha=alpha), num_samples=n, seed=3
        ),
        values,
        num_samples=20_000,
    )["alpha"]
    agrees(estimates, (polygamma(1, np.array(values)), None))


BAD = [
    ("got Beta", TypeError, tfd.Beta, dict(concentration1=1.0, concentration0=2.0), {}),
    ("got Normal", TypeError, lambda **p: tfd.Independent(tfd.Normal(**p), 1), dict(loc=[0.0], scale=[1.0]), {}),
    ("Gamma refuses .* positive", ValueError, tfd.Gamma, dict(concentration=-1.0, rate=1.0), {}),
    ("samples of Gamma underflow: .* in float32", ValueError, tfd.Gamma, dict(concentration=0.05, rate=1.0), dict(dtype=tf.float32)),
    ("must have length 1, got \\[1., 1.\\]", ValueError, tfd.VonMisesFisher, dict(mean_direction=[1.0, 1.0], concentration=1.0), {}),
    ("two coordinates or more", ValueError, tfd.VonMisesFisher, dict(mean_direction=[1.0], concentration=1.0), {}),
    ("must not be negative, got -1", ValueError, tfd.VonMisesFisher, dict(mean_direction=[1.0, 0.0], concentration=-1.0), {}),
    ("concentration'\\] must be finite", ValueError, tfd.VonMisesFisher, dict(mean_direction=[1.0, 0.0], concentration=np.inf), {}),
    ("augmentation is of Gamma laws alone", ValueError, tfd.VonMisesFisher, dict(mean_direction=[1.0, 0.0], concentration=1.0), dict(augmentation=2)),
]  # fmt: skip


@pytest.mark.parametrize(("words", "error", "law", "params", "options"), BAD)
def test_bad_input_is_named(words, error, law, params, options):
    with pytest.raises(error, match=words):
        run(first, law, params, 1000, **options)
