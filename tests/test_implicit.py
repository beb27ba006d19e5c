"""`implicit` against references of 25 digits or more, TFP's own gradients, closed forms and quadrature."""

import itertools

import mpmath
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import i0e, i1e, polygamma
from tensorflow_probability import distributions as tfd

from course_utils import _special, exact, variance
from course_utils.estimators import _implicit_derivative, implicit, pathwise, score_function

QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
SHAPES = [0.05, 0.3, 1, 2, 2.5, 4, 7, 10, 10.6, 12, 30, 60, 100, 300, 1000]
PAIRS = [(0.05, 0.05), (0.05, 1), (1, 0.05), (1, 1), (1, 5), (2, 3), (3, 2), (2.5, 0.3), (10, 10),
         (100, 3), (1000, 0.05), (0.05, 1000), (1, 1000), (20, 1000), (1000, 1000)]  # fmt: skip


# --- 40 digits: dz/dφ at the double z, by a difference of the fourth order at 80 digits


def slope(cdf, at):
    """∂cdf/∂at: the step 1e-15 leaves an error of 1e-60, and 80 digits lose 15."""
    at = mpmath.mpf(at)
    h = at * mpmath.mpf(10) ** -15
    return (8 * (cdf(at + h) - cdf(at - h)) - (cdf(at + 2 * h) - cdf(at - 2 * h))) / (12 * h)


def gamma_reference(z, a):
    density = mpmath.exp((a - 1) * mpmath.log(z) - z - mpmath.loggamma(a))
    return [-slope(lambda a: mpmath.gammainc(a, 0, z, regularized=True), a) / density]


def beta_reference(z, a, b):
    density = z ** (mpmath.mpf(a) - 1) * (1 - z) ** (mpmath.mpf(b) - 1) / mpmath.beta(a, b)
    at_a = slope(lambda a: mpmath.betainc(a, b, 0, z, regularized=True), a)
    at_b = slope(lambda b: mpmath.betainc(a, b, 0, z, regularized=True), b)
    return [-at_a / density, -at_b / density]


def student_reference(t, df):
    def cdf(df):  # the half that lies above |t|, or below, whichever does not cancel
        part = (df / 2, 0.5, 0, df / (df + t**2))
        rest = (0.5, df / 2, 0, t**2 / (df + t**2))
        if t**2 > df:
            return mpmath.sign(t) * (1 - mpmath.betainc(*part, regularized=True)) / 2
        return mpmath.sign(t) * mpmath.betainc(*rest, regularized=True) / 2

    df = mpmath.mpf(df)
    density = (1 + t**2 / df) ** (-(df + 1) / 2) / mpmath.sqrt(df) / mpmath.beta(0.5, df / 2)
    return [-slope(cdf, df) / density]


def von_mises_reference(z, concentration):
    k = mpmath.mpf(concentration)
    mean = mpmath.besseli(1, k) / mpmath.besseli(0, k)
    width = [p / mpmath.sqrt(k) for p in (-12, -9, -6, -4, -2, -1, 0, 1, 2, 4)]
    nodes = [-mpmath.pi, *(p for p in width if -mpmath.pi < p < z), z]
    density = lambda t: mpmath.exp(k * (mpmath.cos(t) - mpmath.cos(z)))  # noqa: E731
    return [-mpmath.quad(lambda t: (mpmath.cos(t) - mean) * density(t), nodes)]


def only(law, *rest):
    """The law of one parameter, in float64, the others fixed."""
    return lambda p: law(p, *(tf.constant(r, p.dtype) for r in rest))


LAWS = {
    "gamma": (only(tfd.Gamma, 1.0), stats.gamma, gamma_reference, [(a,) for a in SHAPES]),
    "beta": (tfd.Beta, stats.beta, beta_reference, PAIRS),
    "student": (only(tfd.StudentT, 0.0, 1.0), stats.t, student_reference, [(a,) for a in SHAPES]),
    "vonmises": (
        lambda p: tfd.VonMises(tf.zeros([], p.dtype), p),
        stats.vonmises,
        von_mises_reference,
        [(a,) for a in SHAPES],
    ),
}


def samples(name, shapes):
    """Quantiles as doubles; not those that round to an edge, and not the median that is zero."""
    z = LAWS[name][1].ppf(QUANTILES, *shapes)
    return z[(np.abs(z) > 1e-12 * (name in ("student", "vonmises"))) & (z != 0) & (z != 1)]


def reference(name, shapes, points):
    digits = 25 if name == "vonmises" else 80
    with mpmath.workdps(digits):
        rows = [LAWS[name][2](mpmath.mpf(float(z)), *shapes) for z in points]
    return np.array(rows, float)


def derivatives(name, shapes, points, dtype=tf.float64):
    """What `implicit` multiplies f′ with, at given samples."""
    make = LAWS[name][0]
    z = tf.constant(points, dtype)
    tiled = {f"p{i}": tf.fill([len(points)], tf.constant(a, dtype)) for i, a in enumerate(shapes)}
    found = _implicit_derivative(lambda **p: make(*p.values()), tiled, z, tf.ones_like(z))
    assert all(g.dtype == dtype for g in found.values())
    return np.stack([np.asarray(g, np.float64) for g in found.values()], axis=1)


@pytest.mark.parametrize(
    ("name", "shapes"), [(name, shapes) for name, law in LAWS.items() for shapes in law[3]]
)
def test_derivatives_are_those_of_forty_digits(name, shapes):
    points = samples(name, shapes)
    assert len(points) >= 6
    found = derivatives(name, shapes, points)
    tolerance = 1e-7 if name == "vonmises" else 1e-9
    np.testing.assert_allclose(found, reference(name, shapes, points), rtol=tolerance)
    for z, row in zip(points[:2], found, strict=False):  # alone as in the batch
        np.testing.assert_allclose(derivatives(name, shapes, [z])[0], row, rtol=1e-11)


@pytest.mark.parametrize(
    ("name", "shapes"), [(name, shapes) for name, law in LAWS.items() for shapes in law[3][:-1:3]]
)
def test_float32_is_as_right_as_its_numbers(name, shapes):
    """The reference is that of the rounded sample and shapes."""
    points = np.float32(samples(name, shapes))
    tiny = np.finfo(np.float32).tiny
    points = points[
        (np.abs(points) > tiny) & (np.abs(points) < 1e18) & ((name != "beta") | (points < 1))
    ]
    shapes = tuple(float(np.float32(a)) for a in shapes)
    found = derivatives(name, shapes, points, tf.float32)
    truth = np.float32(reference(name, shapes, points))
    kept = np.abs(truth) > tiny
    np.testing.assert_allclose(found[kept], truth[kept], rtol=3e-7)


def test_the_median_of_a_symmetric_law_stays():
    for name in ("student", "vonmises"):
        np.testing.assert_array_equal(derivatives(name, (3.0,), [0.0]), [[0.0]])


def test_closed_forms_of_beta():
    """F = x^a for b = 1, 1 − (1 − x)^b for a = 1; and TFP's cdf is still wrong there."""
    u = np.array(QUANTILES)
    for shape in (1.0, 2.0, 5.0, 0.5, 40.0):
        x = u ** (1 / shape)
        at_a = derivatives("beta", (shape, 1.0), x)[:, 0]
        np.testing.assert_allclose(at_a, -x * np.log(x) / shape, rtol=1e-12)
        at_b = derivatives("beta", (1.0, shape), 1 - x)[:, 1]
        np.testing.assert_allclose(at_b, x * np.log(x) / shape, rtol=1e-12)
    a = tf.constant(1.0, tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(a)
        wrong = tfd.Beta(a, tf.constant(5.0, tf.float64)).cdf(0.2)
        right = _special.cdf(
            tfd.Beta(a, tf.constant(5.0, tf.float64)), tf.constant(0.2, tf.float64)
        )
    assert float(tape.gradient(right, a)) == pytest.approx(-0.3717, abs=1e-4)
    assert abs(tape.gradient(wrong, a) + 0.3717) > 0.1, (
        "TFP is mended: drop the trap of notebook 06"
    )


# --- every law of one number: the derivative is that of its cdf

SCALAR = dict(
    Normal=(0.1, 0.7), Gamma=(2.3, 1.1), InverseGamma=(2.3, 1.1), Beta=(2.0, 1.0),
    StudentT=(4.0, 0.1, 0.9), VonMises=(0.1, 2.0), Exponential=(1.3,), Laplace=(0.1, 0.7),
    Logistic=(0.1, 0.7), Gumbel=(0.1, 0.7), Cauchy=(0.1, 0.7), HalfNormal=(0.7,),
    LogNormal=(0.1, 0.7), Chi2=(2.3,), Chi=(2.3,), ExpGamma=(2.3, 1.1), Weibull=(1.5, 0.7),
    Pareto=(1.5, 0.7), GeneralizedPareto=(0.1, 0.7, 0.2), InverseGaussian=(1.1, 0.7),
    Kumaraswamy=(1.5, 0.7), LogitNormal=(0.1, 0.7), TruncatedNormal=(0.1, 0.7, -1.0, 1.5),
    Triangular=(-1.0, 1.0, 0.3), Uniform=(-1.0, 1.0), JohnsonSU=(0.3, 1.2, 0.1, 0.7),
    ExponentiallyModifiedGaussian=(0.1, 0.7, 1.3), RelaxedBernoulli=(0.7, 0.3),
)  # fmt: skip


@pytest.mark.parametrize("name", SCALAR)
def test_each_law_by_differences_of_its_cdf(name):
    law = getattr(tfd, name)
    make = lambda **p: law(*p.values())  # noqa: E731
    params = {f"p{i}": tf.constant(v, tf.float64) for i, v in enumerate(SCALAR[name])}
    found = implicit(tf.identity, make, params, num_samples=5, seed=1)
    z = tf.constant(make(**params).sample(5, seed=(0, 1)).numpy())

    def cdf(name, step):
        return make(**(params | {name: params[name] + step})).cdf(z)

    for name, p in params.items():
        h = 1e-3 * max(abs(float(p)), 0.1)
        difference = (8 * (cdf(name, h) - cdf(name, -h)) - cdf(name, 2 * h) + cdf(name, -2 * h)) / (
            12 * h
        )
        np.testing.assert_allclose(found[name], -difference / make(**params).prob(z), rtol=1e-6)


# --- TFP's own gradients, where those are right


@pytest.mark.parametrize(
    ("make", "params"),
    [
        (tfd.VonMises, dict(loc=0.3, concentration=4.0)),
        (tfd.Normal, dict(loc=0.3, scale=4.0)),
        (tfd.Exponential, dict(rate=1.5)),
        (
            lambda reparameterize=False, **p: tfd.MixtureSameFamily(
                tfd.Categorical(logits=p["logits"]),
                tfd.Normal(p["loc"], p["scale"]),
                reparameterize=True,
            ),
            dict(logits=[0.3, -0.4, 0.1], loc=[-1.0, 0.5, 2.0], scale=[0.4, 0.8, 1.2]),
        ),
    ],
)
def test_sample_by_sample_as_tfp(make, params):
    params = {name: tf.constant(value, tf.float64) for name, value in params.items()}
    options = dict(num_samples=200, seed=3)
    ours = implicit(lambda z: tf.sin(z), make, params, **options)
    theirs = pathwise(lambda z: tf.sin(z), make, params, **options)
    for name in params:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-9)


def test_gamma_is_the_gradient_of_tensorflows_sampler():
    for a in (0.3, 2.0, 30.0):
        z = samples("gamma", (a,))
        theirs = tf.raw_ops.RandomGammaGrad(alpha=tf.fill([len(z)], np.float64(a)), sample=z)
        np.testing.assert_allclose(derivatives("gamma", (a,), z)[:, 0], theirs, rtol=1e-9)


# --- means against closed forms, variances against quadrature


VON_MISES = float(i1e(2.0) / i0e(2.0))
CLOSED = [
    (tfd.Gamma, dict(concentration=3.0, rate=2.0), tf.identity, (0, np.inf), dict(concentration=1 / 2, rate=-3 / 4)),
    (tfd.Gamma, dict(concentration=3.0, rate=2.0), tf.square, (0, np.inf), dict(concentration=7 / 4, rate=-3.0)),
    (tfd.Gamma, dict(concentration=3.0, rate=2.0), tf.math.log, (0, np.inf), dict(concentration=polygamma(1, 3.0), rate=-1 / 2)),
    (tfd.Gamma, dict(concentration=0.3, rate=1.0), tf.math.log, (0, np.inf), dict(concentration=polygamma(1, 0.3), rate=-1.0)),
    (tfd.Beta, dict(concentration1=1.0, concentration0=5.0), tf.identity, (0, 1), dict(concentration1=5 / 36, concentration0=-1 / 36)),
    (tfd.Beta, dict(concentration1=2.0, concentration0=3.0), tf.math.log, (0, 1), dict(concentration1=polygamma(1, 2.0) - polygamma(1, 5.0), concentration0=-polygamma(1, 5.0))),
    (tfd.StudentT, dict(df=8.0, loc=0.5, scale=2.0), tf.square, (-np.inf, np.inf), dict(df=-2 * 4 / 36, loc=1.0, scale=4 * 8 / 6)),
    (tfd.VonMises, dict(loc=0.0, concentration=2.0), tf.cos, (-np.pi, np.pi), dict(loc=0.0, concentration=1 - VON_MISES**2 - VON_MISES / 2)),
    (tfd.Exponential, dict(rate=2.0), tf.square, (0, np.inf), dict(rate=-1 / 2)),
]  # fmt: skip


@pytest.mark.parametrize(("law", "params", "cost", "support", "truth"), CLOSED)
def test_means_are_closed_forms_and_variances_the_quadrature(
    agrees, law, params, cost, support, truth
):
    estimates = variance.summarize(implicit(cost, law, params, num_samples=50_000, seed=2))
    middle = float(np.ravel(law(**params).mean())[0])
    answer = exact.quadrature("pathwise", cost, law, params, support=support, breaks=(middle,))
    for name in params:
        assert answer[name][0] == pytest.approx(truth[name], rel=1e-6, abs=1e-9)
        if answer[name][1] > 1e-9:
            agrees(estimates[name], (truth[name], answer[name][1]))
        else:  # log z = log g − log rate: every sample has the same gradient
            np.testing.assert_allclose(estimates[name].mean, truth[name], rtol=1e-6)


def test_a_mixture_whose_weight_moves(agrees):
    def make(weight, shift):
        weights = tf.stack([1 - weight, weight], axis=-1)
        locs = tf.stack([-shift, shift], axis=-1)
        return tfd.MixtureSameFamily(tfd.Categorical(probs=weights), tfd.Normal(locs, 0.5))

    params = dict(weight=0.3, shift=1.2)
    answer = exact.quadrature("pathwise", tf.identity, make, params, breaks=(-1.2, 0.0, 1.2))
    estimates = variance.summarize(implicit(tf.identity, make, params, num_samples=50_000, seed=4))
    for name, truth in dict(weight=2.4, shift=-0.4).items():  # E z = (2w − 1) shift
        assert answer[name][0] == pytest.approx(truth, rel=1e-7)
        agrees(estimates[name], (truth, answer[name][1]))


def test_a_mixture_of_betas_is_right_at_whole_shapes(agrees):
    def make(shape):
        shapes = tf.stack([shape, tf.ones_like(shape)], axis=-1)
        return tfd.MixtureSameFamily(
            tfd.Categorical(probs=tf.constant([0.5, 0.5], shape.dtype)), tfd.Beta(shapes, 5.0)
        )

    estimate = variance.summarize(
        implicit(tf.identity, make, dict(shape=1.0), num_samples=50_000, seed=4)
    )["shape"]
    agrees(estimate, (0.5 * 5 / 36, None))


# --- shapes, dtypes, compiled


def test_batches_and_independent_mean_the_same():
    params = dict(concentration=[0.7, 2.0, 5.0], rate=2.0)
    summed = lambda z: tf.reduce_sum(z**2, axis=-1)  # noqa: E731
    independent = lambda **p: tfd.Independent(tfd.Gamma(**p), 1)  # noqa: E731
    batch = implicit(summed, tfd.Gamma, params, num_samples=3, seed=5)
    event = implicit(summed, independent, params, num_samples=3, seed=5)
    assert batch["concentration"].shape == (3, 3) and batch["rate"].shape == (3,)
    z = tfd.Gamma(tf.constant(params["concentration"]), 2.0).sample(3, seed=(0, 5))
    # dz/drate = −z/rate
    np.testing.assert_allclose(batch["rate"], -2 * tf.reduce_sum(z**2, axis=1) / 2, rtol=1e-5)
    for name in params:
        np.testing.assert_allclose(batch[name], event[name], rtol=1e-6)


def test_constants_of_float32_and_zeros_inside():
    make = lambda loc, unused: tfd.Normal(loc, tf.ones([]))  # noqa: E731
    found = implicit(tf.square, make, dict(loc=0.5, unused=[1.0, 2.0]), num_samples=10, seed=1)
    z = tfd.Normal(0.5, 1.0).sample(10, seed=(0, 1))
    np.testing.assert_allclose(found["loc"], 2 * z, rtol=1e-5)
    np.testing.assert_array_equal(found["unused"], np.zeros([10, 2]))


@pytest.mark.parametrize("law", [tfd.Beta, tfd.Gamma])
def test_compiled_is_eager(law):
    names = ["concentration1", "concentration0"] if law is tfd.Beta else ["concentration", "rate"]

    @tf.function
    def compiled(shape):
        return implicit(
            tf.square, law, dict(zip(names, (shape, 2.0), strict=True)), num_samples=5, seed=1
        )

    eager = implicit(
        tf.square, law, dict(zip(names, (3.0, 2.0), strict=True)), num_samples=5, seed=1
    )
    for name, value in compiled(tf.constant(3.0)).items():
        np.testing.assert_allclose(value, eager[name], rtol=1e-5)


def test_zero_is_a_number_for_other_laws():
    """An exponential sample of 0 is rounding, not underflow."""
    tiled = dict(rate=tf.fill([2], 2.0))
    found = _implicit_derivative(tfd.Exponential, tiled, tf.constant([0.0, 1.0]), tf.ones([2]))
    np.testing.assert_allclose(found["rate"], [0.0, -0.5], rtol=1e-6)


BAD = [
    ("samples of Gamma underflow: 0.016 of them .* in float32", ValueError, tfd.Gamma, dict(concentration=0.05, rate=1.0)),
    ("samples of Beta underflow", ValueError, tfd.Beta, dict(concentration1=0.02, concentration0=1.0)),
    ("samples of StudentT overflow", ValueError, tfd.StudentT, dict(df=0.02, loc=0.0, scale=1.0)),
    ("covers continuous laws .* not Poisson", TypeError, tfd.Poisson, dict(rate=2.0)),
    ("not Bernoulli", TypeError, tfd.Bernoulli, dict(logits=0.1)),
    ("not Deterministic", TypeError, tfd.Deterministic, dict(loc=0.1)),
    ("not Dirichlet: its samples have shape \\[2\\]", TypeError, tfd.Dirichlet, dict(concentration=[1.0, 2.0])),
    ("not MultivariateNormalDiag", TypeError, tfd.MultivariateNormalDiag, dict(loc=[0.0, 1.0], scale_diag=[1.0, 1.0])),
    ("cdf is not implemented", TypeError, tfd.NormalInverseGaussian, dict(loc=0.0, scale=1.0, tailweight=2.0, skewness=0.1)),
    ("no derivative in 'df'", TypeError, tfd.NoncentralChi2, dict(df=2.0, noncentrality=1.0)),
    ("not PERT: .* not right", TypeError, tfd.PERT, dict(low=0.0, peak=0.3, high=1.0)),
    ("not SigmoidBeta", TypeError, tfd.SigmoidBeta, dict(concentration1=2.0, concentration0=1.0)),
    ("concentration of Gamma must be|Gamma refuses", ValueError, tfd.Gamma, dict(concentration=-1.0, rate=1.0)),
]  # fmt: skip


@pytest.mark.parametrize(("words", "error", "law", "params"), BAD)
def test_bad_laws_are_named(words, error, law, params):
    cost = lambda z: tf.reduce_sum(tf.reshape(z, [1000, -1]), axis=1)  # noqa: E731
    with pytest.raises(error, match=words):
        implicit(cost, law, params, num_samples=1000, seed=0)


def test_float64_keeps_what_float32_refuses(agrees):
    make = lambda a: tfd.Gamma(a, tf.ones([], a.dtype))  # noqa: E731
    params = dict(a=tf.constant(0.05, tf.float64))
    gradients = implicit(tf.math.log, make, params, num_samples=50_000, seed=1)
    answer = exact.quadrature(
        "pathwise", tf.math.log, make, params, support=(0, np.inf), breaks=(0.05,)
    )["a"]
    agrees(variance.summarize(gradients)["a"], (polygamma(1, 0.05), answer[1]))


def two_lumps(logit):
    weights = tfd.Categorical(logits=tf.stack([tf.zeros_like(logit), logit], axis=-1))
    return tfd.MixtureSameFamily(weights, tfd.Normal([0.0, 1.0], 1.0))


def test_a_constant_of_float32_inside_keeps_the_derivative_in_float32():
    gradients = implicit(tf.identity, two_lumps, dict(logit=0.3), num_samples=20_000, seed=3)
    share = 1 / (1 + np.exp(-0.3))
    variance.assert_near(variance.summarize(gradients)["logit"], share * (1 - share))


def three_to_seven(loc):
    lumps = tfd.Normal(tf.stack([loc, loc + 1], axis=-1), tf.ones([], loc.dtype))
    return tfd.MixtureSameFamily(tfd.Categorical(probs=[0.3, 0.7]), lumps)


def test_weights_of_float32_keep_the_derivative_in_float32_and_do_not_go_with_float64():
    gradients = implicit(tf.identity, three_to_seven, dict(loc=0.3), num_samples=100, seed=3)
    np.testing.assert_allclose(gradients["loc"], 1, rtol=1e-5)
    params = dict(loc=tf.constant(0.3, tf.float64))
    wrapped = lambda loc: tfd.Independent(three_to_seven(loc), 0)  # noqa: E731
    for estimator, make in itertools.product((implicit, score_function), (three_to_seven, wrapped)):
        with pytest.raises(TypeError, match="got float32: give its constants that dtype"):
            estimator(tf.identity, make, params, num_samples=10, seed=3)


def test_a_law_of_another_dtype_than_its_params_is_refused():
    params = dict(logit=tf.constant(0.3, tf.float64))
    with pytest.raises(TypeError, match="must give a law of float64, as params are, got float32"):
        implicit(tf.identity, two_lumps, params, num_samples=10, seed=3)


def test_von_mises_is_the_same_beside_a_concentration_that_takes_the_other_way():
    def at_kappa(kappas):
        kappa = tf.constant(kappas, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(kappa)
            cdf = _special.cdf(
                tfd.VonMises(tf.zeros_like(kappa), kappa), 0.3 + tf.zeros_like(kappa)
            )
        return tape.gradient(cdf, kappa)[0]

    assert at_kappa([2.0]) == at_kappa([2.0, 80.0]) != 0
