"""Estimators against closed forms, quadrature and each other: shape, then mean, then variance."""

import traceback
from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import digamma
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from course_utils import exact, variance
from course_utils.estimators import (
    finite_difference,
    gumbel_softmax,
    implicit,
    measure_valued,
    pathwise,
    rejection_reparameterized,
    score_function,
    straight_through,
)

NORMAL = dict(loc=1.5, scale=0.7)
BEST = exact.normal_quadratic_baselines(**NORMAL, k=0.5)
ALL = [
    score_function,
    pathwise,
    implicit,
    rejection_reparameterized,
    measure_valued,
    finite_difference,
]
OPTIONS = {finite_difference: dict(step=0.1)}


def positive(loc, scale):
    """For estimators that do not cover Normal: a law with the same parameters."""
    return tfd.Gamma(tf.exp(loc), 1 / scale)


LAWS = {rejection_reparameterized: positive}


def quadratic(z):
    return (z - 0.5) ** 2


def summed(z):
    return tf.reduce_sum((z - 0.5) ** 2, axis=-1)


def run(
    estimator, cost=quadratic, law=tfd.Normal, params=NORMAL, num_samples=10, seed=1, **options
):
    options = OPTIONS.get(estimator, {}) | options
    law = LAWS.get(estimator, law) if law is tfd.Normal else law
    return estimator(cost, law, params, num_samples=num_samples, seed=seed, **options)


CASES = [
    (score_function, {}),
    (score_function, dict(baseline=1.7)),
    (score_function, dict(baseline={name: float(BEST[name]) for name in NORMAL})),
    (pathwise, {}),
    (measure_valued, {}),
    (measure_valued, dict(coupled=False)),
    (finite_difference, dict(step=0.2)),
    (finite_difference, dict(step=0.2, common=False)),
]


@pytest.mark.parametrize(("estimator", "options"), CASES)
def test_mean_and_variance_are_the_closed_forms(agrees, estimator, options):
    estimates = variance.summarize(run(estimator, num_samples=200_000, seed=3, **options))
    answer = exact.normal_quadratic(estimator.__name__, k=0.5, **NORMAL, **options)
    for name in NORMAL:
        assert estimates[name].mean.shape == ()
        agrees(estimates[name], answer[name])


@pytest.mark.parametrize(("estimator", "options"), CASES[:2] + CASES[3:])
def test_mean_and_variance_are_the_closed_forms_in_three_dimensions(agrees, estimator, options):
    params = {name: tf.fill([3], value) for name, value in NORMAL.items()}
    gradients = run(estimator, summed, params=params, num_samples=200_000, seed=5, **options)
    answer = exact.normal_quadratic(
        estimator.__name__, k=0.5, **NORMAL, **options, num_dimensions=3
    )
    for name, estimate in variance.summarize(gradients).items():
        assert estimate.mean.shape == (3,)
        agrees(estimate, answer[name])


@pytest.mark.parametrize("law", [tfd.Laplace, tfd.Logistic, tfd.Gumbel])
@pytest.mark.parametrize("estimator", [score_function, pathwise, implicit])
def test_other_laws_against_quadrature(agrees, estimator, law):
    cost = lambda z: tf.cos(2 * z)  # noqa: E731
    estimates = variance.summarize(run(estimator, cost, law, num_samples=100_000))
    kind = "score_function" if estimator is score_function else "pathwise"
    answer = exact.quadrature(kind, cost, law, NORMAL, breaks=(1.5,))
    for name in NORMAL:
        agrees(estimates[name], answer[name])


@pytest.mark.parametrize("baseline", [0.0, 0.2])
@pytest.mark.parametrize("params", [dict(logits=0.4), dict(probs=0.3)])
def test_the_score_function_of_a_discrete_law(agrees, params, baseline):
    cost = lambda b: (b - 0.45) ** 2  # noqa: E731
    gradients = run(
        score_function, cost, tfd.Bernoulli, params, num_samples=100_000, baseline=baseline
    )
    answer = exact.bernoulli_quadratic("score_function", t=0.45, baseline=baseline, **params)
    for name, estimate in variance.summarize(gradients).items():
        agrees(estimate, answer[name])


ONE = np.float64(1.0)
SCORES_AT_ONE = [  # laws whose score TFP gets wrong where a shape is exactly 1
    (lambda a: tfd.Gamma(a, 2 * ONE), lambda z: np.log(2 * z) - digamma(1)),
    (lambda a: tfd.Chi2(2 * a), lambda z: np.log(z / 2) - digamma(1)),
    (lambda a: tfd.Beta(a, 3 * ONE), lambda z: np.log(z) - digamma(1) + digamma(4)),
    (lambda b: tfd.Beta(3 * ONE, b), lambda z: np.log(1 - z) - digamma(1) + digamma(4)),
    (lambda k: tfd.Weibull(k, 2 * ONE), lambda z: 1 + (1 - z / 2) * np.log(z / 2)),
    (lambda b: tfd.Kumaraswamy(2 * ONE, b), lambda z: 1 + np.log(1 - z**2)),
]


@pytest.mark.parametrize(("law", "expected"), SCORES_AT_ONE)
def test_the_score_is_right_where_a_shape_is_exactly_one(law, expected):
    seen = []

    def cost(z):
        seen.append(z)
        return tf.ones_like(z)

    params = dict(a=tf.constant(ONE))
    scores = score_function(cost, lambda a: law(a), params, num_samples=50, seed=1)["a"]
    np.testing.assert_allclose(scores, expected(seen[0].numpy()), rtol=1e-12, atol=1e-12)


def test_gamma_at_one_by_monte_carlo_and_by_quadrature(agrees):
    params = dict(concentration=ONE, rate=2 * ONE)
    answer = exact.quadrature("score_function", tf.identity, tfd.Gamma, params, support=(0, np.inf))
    np.testing.assert_allclose(answer["concentration"][0], 1 / 2, rtol=1e-9)
    gradients = score_function(tf.identity, tfd.Gamma, params, num_samples=100_000, seed=2)
    agrees(variance.summarize(gradients)["concentration"], answer["concentration"])


def test_the_score_function_asks_nothing_of_the_cost(agrees):
    step = lambda z: tf.cast(z > 0, z.dtype)  # noqa: E731
    estimate = variance.summarize(run(score_function, step, num_samples=100_000))["loc"]
    truth = exact.quadrature("score_function", step, tfd.Normal, NORMAL, breaks=(0.0,))["loc"]
    np.testing.assert_allclose(truth[0], tfd.Normal(**NORMAL).prob(0.0), rtol=1e-6)
    agrees(estimate, truth)


@pytest.mark.parametrize("baseline", ["mean", "leave_one_out"])
@pytest.mark.parametrize("num_samples", [2, 5])
def test_batch_baselines_over_independent_groups(baseline, num_samples):
    """The batch mean scales the gradient by (K − 1)/K, leave-one-out does not."""

    @tf.function
    def average(seed):
        return tf.reduce_mean(
            run(score_function, num_samples=num_samples, seed=seed, baseline=baseline)["loc"]
        )

    totals = [average(tf.constant([1, group])) for group in range(4000)]
    biased = (num_samples - 1) / num_samples
    error = np.std(totals, ddof=1) / np.sqrt(len(totals))
    right, wrong = (biased, 1.0) if baseline == "mean" else (1.0, biased)
    assert abs(np.mean(totals) - 2 * right) < 4 * error
    assert abs(np.mean(totals) - 2 * wrong) > 4 * error  # the samples can tell them apart


def test_leave_one_out_is_the_mean_of_the_others():
    plain = run(score_function, num_samples=4)
    z = tfd.Normal(**NORMAL).sample(4, seed=(0, 1)).numpy()
    costs, score = (z - 0.5) ** 2, (z - 1.5) / 0.7**2
    np.testing.assert_allclose(plain["loc"], costs * score, rtol=1e-4)
    others = np.array([np.mean(np.delete(costs, i)) for i in range(4)])
    left_out = run(score_function, num_samples=4, baseline="leave_one_out")["loc"]
    np.testing.assert_allclose(left_out, (costs - others) * score, rtol=1e-3, atol=1e-4)
    centred = run(score_function, num_samples=4, baseline="mean")["loc"]
    np.testing.assert_allclose(centred, (costs - costs.mean()) * score, rtol=1e-3, atol=1e-4)


def test_the_gradients_by_hand():
    noise = tfd.Normal(0.0, 1.0).sample(100, seed=(0, 1)).numpy()
    z = 1.5 + 0.7 * noise
    path = run(pathwise, num_samples=100)
    np.testing.assert_allclose(path["loc"], 2 * (z - 0.5), rtol=1e-5)
    np.testing.assert_allclose(path["scale"], 2 * (z - 0.5) * noise, rtol=1e-5, atol=1e-6)
    score = run(score_function, num_samples=100)
    np.testing.assert_allclose(
        score["scale"], (z - 0.5) ** 2 * (noise**2 - 1) / 0.7, rtol=2e-3, atol=1e-4
    )


@pytest.mark.parametrize("num_samples", [2, 3, 4, 5])
@pytest.mark.parametrize("estimator", ALL)
def test_a_scalar_beside_a_vector_is_as_in_the_untiled_call(estimator, num_samples):
    """Also where num_samples happens to be a dimension; the truth is a loop over single samples."""
    loc, matrix = tf.constant([0.3, -0.2, 1.0]), tf.constant([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])
    for params in (dict(loc=loc, scale=0.7), dict(loc=0.3, scale=loc**2 + 0.1)):
        full = {name: tf.broadcast_to(p, [3]) for name, p in params.items()}
        mixed = run(estimator, summed, params=params, num_samples=num_samples)
        whole = run(estimator, summed, params=full, num_samples=num_samples)
        for name, p in params.items():
            assert mixed[name].shape == [num_samples, *np.shape(p)]
            expected = whole[name] if np.shape(p) else tf.reduce_sum(whole[name], axis=1)
            if estimator is not finite_difference or np.shape(p):
                np.testing.assert_allclose(mixed[name], expected, rtol=1e-3, atol=1e-3)
    total = lambda z: tf.reduce_sum(z**2, axis=[1, 2])  # noqa: E731
    shapes = run(
        estimator, total, params=dict(loc=matrix, scale=loc**2 + 1), num_samples=num_samples
    )
    assert shapes["loc"].shape == [num_samples, 2, 3]
    assert shapes["scale"].shape == [num_samples, 3]


def test_matrix_parameters_and_laws_of_several_dimensions(agrees):
    tril = tf.constant([[1.0, 0.0], [0.6, 0.8]])
    params = dict(loc=tf.constant([0.5, -0.5]), scale_tril=tril)
    cost = lambda z: z[:, 0] * z[:, 1]  # noqa: E731
    for estimator in (score_function, pathwise):
        gradients = run(
            estimator, cost, tfd.MultivariateNormalTriL, params, num_samples=100_000, seed=2
        )
        assert gradients["scale_tril"].shape == (100_000, 2, 2)
        estimates = variance.summarize(gradients)
        # E z1 z2 = Σ12 + μ1 μ2, Σ12 = L11 L21
        for name, truth in [("loc", [-0.5, 0.5]), ("scale_tril", [[0.6, 0], [1.0, 0]])]:
            error = np.maximum(estimates[name].standard_error, 1e-12)
            assert np.all(np.abs(estimates[name].mean - truth) < 4 * error)


def test_constants_inside_make_distribution_are_batch_axes():
    make = lambda loc: tfd.Normal(loc, tf.ones([4]))  # noqa: E731
    for num_samples in (3, 4):
        gradients = run(pathwise, summed, make, dict(loc=1.0), num_samples=num_samples)
        z = 1.0 + tfd.Normal(tf.zeros(4), 1.0).sample(num_samples, seed=(0, 1)).numpy()
        np.testing.assert_allclose(gradients["loc"], 2 * np.sum(z - 0.5, axis=1), rtol=1e-5)


@pytest.mark.parametrize("estimator", ALL)
def test_batch_axes_and_independent_mean_the_same(estimator):
    params = dict(loc=[0.1, 0.2], scale=[1.0, 2.0])
    law = LAWS.get(estimator, tfd.Normal)
    independent = lambda **p: tfd.Independent(law(**p), 1)  # noqa: E731
    batch = run(estimator, summed, params=params)
    event = run(estimator, summed, independent, params)
    for name in params:
        np.testing.assert_allclose(batch[name], event[name], rtol=1e-5)


@pytest.mark.parametrize("estimator", ALL)
def test_the_same_seed_gives_the_same_numbers(estimator):
    first, again, other = (run(estimator, seed=seed)["loc"] for seed in (7, (0, 7), 8))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("estimator", ALL)
def test_a_parameter_that_the_cost_does_not_feel_has_gradient_zero(estimator):
    law = LAWS.get(estimator, tfd.Normal)
    make = lambda loc, unused: law(loc, 1.0)  # noqa: E731
    gradients = run(estimator, law=make, params=dict(loc=1.0, unused=[2.0, 3.0]))
    np.testing.assert_array_equal(gradients["unused"], np.zeros([10, 2]))


@pytest.mark.parametrize("estimator", ALL)
@pytest.mark.parametrize(
    ("params", "dtype"),
    [
        (dict(loc=1, scale=2), tf.float32),
        (dict(loc=np.float64(1.0), scale=0.5), tf.float32),
        (dict(loc=tf.constant(1.0, tf.float64), scale=0.5), tf.float64),
        (dict(loc=np.zeros(3), scale=0.5), tf.float64),
        (dict(loc=tf.Variable(1.0), scale=0.5), tf.float32),
    ],
)
def test_numbers_take_the_dtype_of_the_tensors(estimator, params, dtype):
    cost = summed if np.ndim(params["loc"]) else quadratic
    gradients = run(estimator, cost, params=params)
    assert {g.dtype for g in gradients.values()} == {dtype}


def test_discrete_samples_reach_the_cost_in_the_params_dtype():
    seen = []

    def cost(b):
        seen.append(b.dtype)
        return tf.reduce_sum(b, axis=-1) if b.shape.rank > 1 else b

    run(score_function, cost, tfd.Bernoulli, dict(logits=0.1))
    run(score_function, cost, tfd.OneHotCategorical, dict(logits=[0.1, 0.2, 0.3]))
    assert seen == [tf.float32, tf.float32]


@pytest.mark.parametrize("estimator", ALL)
def test_compiled_is_eager(estimator):
    @tf.function
    def compiled(scale):
        return run(estimator, params=dict(loc=1.5, scale=scale))

    for name, value in compiled(tf.constant(0.7)).items():
        np.testing.assert_allclose(value, run(estimator)[name], rtol=1e-4, atol=1e-5)


def test_common_noise_keeps_the_variance_as_the_step_shrinks():
    spread = {
        common: [
            variance.summarize(run(finite_difference, num_samples=2000, step=step, common=common))[
                "loc"
            ].variance
            for step in (0.1, 0.01)
        ]
        for common in (True, False)
    }
    assert spread[True][1] == pytest.approx(spread[True][0], rel=0.01)
    assert spread[False][1] == pytest.approx(100 * spread[False][0], rel=0.1)


MATRIX = tf.constant([[1.0]])
BAD = [
    ("num_samples", TypeError, dict(num_samples=10.0)),
    ("num_samples", TypeError, dict(num_samples=True)),
    ("num_samples", ValueError, dict(num_samples=0)),
    ("seed", TypeError, dict(seed=0.5)),
    ("params must be a dict", TypeError, dict(params=[1.0])),
    ("params must be a dict", TypeError, dict(params={})),
    ("params\\['loc'\\] must be a number", TypeError, dict(params=dict(loc="a", scale=1.0))),
    ("params\\['loc'\\] must be a number", TypeError, dict(params=dict(loc=None, scale=1.0))),
    ("params\\['loc'\\] must be finite, got nan", ValueError, dict(params=dict(loc=np.nan, scale=1.0))),
    ("scale of Normal must be positive, got -1", ValueError, dict(params=dict(loc=0.0, scale=-1.0))),
    ("scale of Normal must be positive, got 0", ValueError, dict(params=dict(loc=0.0, scale=0.0))),
    ("one float dtype", TypeError, dict(params=dict(loc=MATRIX, scale=tf.cast(MATRIX, tf.float64)))),
    ("'sigma'", TypeError, dict(params=dict(loc=0.0, sigma=1.0))),
    ("shapes", ValueError, dict(params=dict(loc=[0.0, 1.0], scale=[1.0, 1.0, 1.0]), cost=summed)),
    ("make_distribution must be callable", TypeError, dict(law=3)),
    ("make_distribution must give a distribution", TypeError, dict(law=lambda loc, scale: loc)),
    ("make_distribution must give a law of known shapes", ValueError, dict(
        cost=summed, law=lambda loc, scale: tfd.Autoregressive(
            lambda z: tfd.Independent(tfd.Normal(loc + z, scale), 1), tf.zeros([2])))),
    ("Uniform refuses", ValueError, dict(law=tfd.Uniform, params=dict(low=1.0, high=0.0))),
    ("scale_diag of MultivariateNormalDiag must be positive", ValueError, dict(
        law=tfd.MultivariateNormalDiag, params=dict(loc=[0.0, 0.0], scale_diag=[1.0, -1.0]), cost=summed)),
    ("cost must be callable", TypeError, dict(cost=3)),
    ("cost must return a TensorFlow tensor", TypeError, dict(cost=lambda z: z.numpy())),
    ("cost must return float32", TypeError, dict(cost=lambda z: tf.cast(z > 0, tf.int32))),
    ("cost must map z of shape \\[10, 2\\]", ValueError, dict(params=dict(loc=[0.0, 1.0], scale=1.0))),
    ("cost must map z", ValueError, dict(cost=tf.reduce_mean)),
    ("cost must be finite", ValueError, dict(cost=lambda z: tf.math.log(z - 1.5))),
]  # fmt: skip


@pytest.mark.parametrize("estimator", ALL)
@pytest.mark.parametrize(("words", "error", "change"), BAD)
def test_bad_input_is_named(estimator, words, error, change):
    if estimator in LAWS and "of Normal" in words:
        words = "Gamma refuses .*`rate` must be positive|rate of Gamma must be finite"
    with pytest.raises(error, match=words):
        run(estimator, **change)


@pytest.mark.parametrize(
    ("words", "error", "estimator", "change"),
    [
        ("probs of Bernoulli must be finite", ValueError, score_function, dict(
            cost=summed, params=dict(p=[0.1, 0.0]),
            law=lambda p: tfd.Independent(tfd.Bernoulli(probs=p / p[..., 1:]), 1))),
        ("Bernoulli refuses", ValueError, score_function, dict(
            cost=summed, params=dict(p=[0.1, 1.2]),
            law=lambda p: tfd.Independent(tfd.Bernoulli(probs=p), 1))),
        ("line up", ValueError, pathwise, dict(
            law=lambda loc: tfd.Normal(loc[0], 1.0), params=dict(loc=[0.0, 1.0]))),
        ("NOT_REPARAMETERIZED: use score_function", TypeError, pathwise, dict(
            law=tfd.Bernoulli, params=dict(probs=0.3))),
        ("covers Gamma, VonMisesFisher and Independent of either, got VonMises$", TypeError,
            rejection_reparameterized, dict(law=tfd.VonMises, params=dict(loc=0.0, concentration=1.0))),
        ("augmentation must be at least 0", ValueError, rejection_reparameterized, dict(augmentation=-1)),
        ("augmentation must be a whole number", TypeError, rejection_reparameterized, dict(augmentation=0.5)),
        ("baseline must be", TypeError, score_function, dict(baseline="median")),
        ("baseline must be", TypeError, score_function, dict(baseline=True)),
        ("baseline must be", ValueError, score_function, dict(baseline=tf.zeros(10))),
        ("baseline must name", ValueError, score_function, dict(baseline=dict(loc=1.0))),
        ("baseline of 'loc' must be finite", ValueError, score_function, dict(baseline=np.inf)),
        ("num_samples must be at least 2", ValueError, score_function, dict(
            num_samples=1, baseline="leave_one_out")),
        ("covers Normal, MultivariateNormalDiag .* got Laplace", TypeError, measure_valued, dict(
            law=tfd.Laplace)),
        ("got MultivariateNormalTriL", TypeError, measure_valued, dict(
            law=tfd.MultivariateNormalTriL, cost=summed, params=dict(loc=[0.0, 1.0]))),
        ("got Bernoulli", TypeError, measure_valued, dict(
            law=lambda p: tfd.Independent(tfd.Bernoulli(probs=p), 1), params=dict(p=[0.3]))),
        ("step must be positive", ValueError, finite_difference, dict(step=0.0)),
        ("step must be positive", ValueError, finite_difference, dict(step=np.nan)),
        ("step is lost beside 'loc' = ", ValueError, finite_difference, dict(step=1e-12)),
        ("step must be a number", TypeError, finite_difference, dict(step="small")),
        ("step = 1.0 leaves the domain of 'scale'", ValueError, finite_difference, dict(step=1.0)),
    ],
)  # fmt: skip
def test_each_estimators_own_options_are_checked(words, error, estimator, change):
    with pytest.raises(error, match=words):
        run(estimator, **change)


def normal_by_operator(x):
    scale = tf.linalg.LinearOperatorDiag(x / tf.reduce_sum(x), is_non_singular=True)
    return tfd.MultivariateNormalLinearOperator(x, scale)


def half_and_half(x):
    coin = tfd.Categorical(logits=tf.zeros([*x.shape, 2]))
    return tfd.Mixture(coin, [tfd.Normal(x / tf.norm(x), 1.0), tfd.Normal(x, 1.0)])


def sticks(x):
    """Stick-breaking, but for the missing axis=-1."""
    left, last = tf.math.cumprod(1 - x), tf.ones_like(x[..., :1])
    probs = tf.concat([x, last], -1) * tf.concat([last, left], -1)
    return tfd.OneHotCategorical(probs=probs)


def largest(x):
    return tf.exp(tf.reduce_max(x))


def root(x):
    return tf.linalg.cholesky(tf.eye(2) * tf.exp(tf.reduce_mean(x)))


@pytest.mark.parametrize(
    ("estimator", "make", "params"),
    [
        (pathwise, lambda x: tfd.MultivariateNormalDiag(x, tf.ones(2) * tf.norm(x)), [1.0, 2.0]),
        (score_function, lambda x: tfd.Normal(x, tf.exp(tf.reduce_mean(x))), [0.0, 0.0]),
        (score_function, lambda x: tfd.OneHotCategorical(logits=x - tf.reduce_mean(x)), [1.0, 2.0]),
        (straight_through, lambda x: tfd.OneHotCategorical(probs=x / tf.reduce_sum(x)), [1.0, 2.0]),
        (pathwise, lambda x: tfd.Normal(tf.cumsum(x), 1.0), [0.5, 0.3, -0.2]),
        (implicit, lambda x: tfd.Normal(tf.cumsum(x, reverse=True), 1.0), [0.5, 0.3]),
        (pathwise, lambda x: tfd.Normal(x / x.shape[0], 1.0), [0.5, 0.3]),
        (pathwise, lambda x: tfb.Shift(x / tf.norm(x))(tfd.Normal(tf.zeros(2), 1.0)), [0.5, 0.3]),
        (pathwise, normal_by_operator, [0.5, 0.3]),
        (score_function, half_and_half, [0.5, 0.3]),
        (score_function, sticks, [0.2, 0.3, 0.4]),
        (score_function, lambda x: tfd.Normal(x, largest(x), validate_args=True), [0.5, 0.3]),
        (score_function, lambda x: tfd.MultivariateNormalTriL(x, root(x)), [0.5, 0.3]),
    ],
)
def test_a_law_that_mixes_samples_is_refused(estimator, make, params):
    with pytest.raises(ValueError, match="make_distribution mixes the samples' own copies of 'x'"):
        estimator(summed, make, dict(x=tf.constant(params)), num_samples=5, seed=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: tfd.OneHotCategorical(probs=x / tf.reduce_sum(x, axis=-1, keepdims=True)),
        lambda x: tfd.OneHotCategorical(logits=x - tf.reduce_mean(x, axis=-1, keepdims=True)),
        lambda x: tfd.OneHotCategorical(probs=tf.nn.softmax(x), validate_args=True),
        lambda x: tfd.MultivariateNormalTriL(x, tf.linalg.cholesky(tf.eye(3) * x[..., None])),
        lambda x: tfd.Normal(tf.cumsum(x, axis=-1), tf.constant([1.0, 2.0, 3.0])),
    ],
)
@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0], [0.1, 0.1, 0.1], [1e4, 1e4, 1e4]])
def test_a_sum_over_the_own_axis_is_not_refused(make, x):
    g = score_function(summed, make, dict(x=tf.constant(x)), num_samples=5, seed=0)
    assert g["x"].shape == [5, 3]


def test_a_list_of_a_graphs_tensors_is_refused_by_name():
    @tf.function
    def gradients(loc):
        return run(pathwise, params=dict(loc=[loc, loc], scale=1.0))

    with pytest.raises(TypeError, match="params\\['loc'\\] must be a number or a float tensor"):
        gradients(tf.constant(0.0))


def random_walk(s):
    noise = tfd.MultivariateNormalDiag(scale_diag=s[..., None])
    return tfd.LinearGaussianStateSpaceModel(3, tf.eye(1), noise, tf.eye(1), noise, noise)


@pytest.mark.parametrize(
    ("estimator", "make", "params", "words"),
    [
        (pathwise, lambda loc: tfd.TruncatedNormal(loc, 1.0, -1.0, 2.0), dict(loc=0.2), "implicit"),
        (pathwise, tfd.InverseGaussian, dict(loc=1.0, concentration=2.0), "implicit"),
        (pathwise, lambda x: tfd.Sample(tfd.InverseGaussian(x, 2.0), 3), dict(x=1.0), "Inverse"),
        (pathwise, lambda x: tfd.NormalInverseGaussian(x, 1.0, 2.0, 0.5), dict(x=0.1), "score"),
        (pathwise, lambda x: tfd.ContinuousBernoulli(logits=x), dict(x=0.0), "score_function"),
        (implicit, lambda x: tfd.ContinuousBernoulli(logits=x), dict(x=0.0), "between .499"),
        (score_function, lambda p: tfd.Zipf(p, dtype=tf.float32), dict(p=5.0), "Zipf"),
        (score_function, tfd.NoncentralChi2, dict(df=5.0, noncentrality=1.3), "NoncentralChi2"),
        (score_function, tfd.Skellam, dict(rate1=2.0, rate2=1.0), "Skellam"),
        (pathwise, random_walk, dict(s=1.0), "score_function"),
    ],
)
def test_laws_with_wrong_derivatives_are_refused(estimator, make, params, words):
    with pytest.raises(TypeError, match=words):
        estimator(summed, make, params, num_samples=5, seed=0)


def test_the_derivatives_of_these_laws_are_still_wrong():
    """E z moves by .37 and by 1 with the location; TFP's samples move by 1 and by .0015."""
    for law, right in [
        (lambda x: tfd.TruncatedNormal(x, 1.3, -1.0, 2.0), 0.36669),
        (lambda x: tfd.InverseGaussian(x, 2 * tf.ones_like(x)), 1.0),
    ]:
        x = tf.fill([20_000], 0.2 if right < 1 else 1.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = law(x).sample(seed=(0, 1))
        wrong = np.mean(tape.gradient(z, x))
        assert abs(wrong - right) > 0.5, "TFP is mended: let pathwise take this law"
        found = implicit(tf.identity, law, dict(x=x[0]), num_samples=20_000, seed=1)
        variance.assert_near(variance.summarize(found)["x"], right)


def test_a_law_at_a_point_that_its_formula_does_not_feel_is_refused():
    for law in (tfd.GeneralizedPareto, tfd.GeneralizedExtremeValue):
        make = lambda k: law(tf.zeros_like(k), tf.ones_like(k), k)  # noqa: B023, E731
        for k in (0.0, 1e-8, -1e-3, tf.constant(1e-12, tf.float64)):
            with pytest.raises(ValueError, match="concentration of .* must not be within .* of 0"):
                score_function(summed, make, dict(k=k), num_samples=5, seed=0)
        score_function(tf.identity, make, dict(k=2e-3), num_samples=5, seed=0)
    with pytest.raises(ValueError, match="concentration of VonMises must not be 0"):
        pathwise(tf.cos, tfd.VonMises, dict(loc=0.0, concentration=0.0), num_samples=5, seed=0)


def test_a_finite_difference_divides_by_the_step_that_rounding_leaves():
    make = lambda loc: tfd.Normal(loc - 1000, 1.0)  # noqa: E731
    g = finite_difference(tf.identity, make, dict(loc=1000.0), num_samples=100, seed=1, step=1e-4)[
        "loc"
    ]
    np.testing.assert_allclose(g, 1, rtol=1e-2)


def test_threads_that_take_scores_leave_tensorflow_as_it_was():
    before = tf.compat.v2.math.xlogy
    law = dict(concentration=2.0, rate=1.0)
    work = lambda seed: score_function(quadratic, tfd.Gamma, law, num_samples=5, seed=seed)  # noqa: E731
    with futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))
    assert tf.compat.v2.math.xlogy is before


def test_options_in_a_tf_function_are_numbers():
    @tf.function
    def compiled(temperature):
        law = lambda x: tfd.OneHotCategorical(logits=x)  # noqa: E731
        options = dict(num_samples=5, seed=0, temperature=temperature)
        return gumbel_softmax(summed, law, dict(x=tf.zeros(3)), **options)

    assert compiled(tf.constant(0.5))["x"].shape == [5, 3]
    with pytest.raises(TypeError, match="temperature must be a number"):
        compiled(tf.constant([0.1, 1.0, 5.0]))


def test_shapes_that_a_tf_function_does_not_know():
    def through_numpy(z):
        return tf.numpy_function(lambda z: np.float32(z[:, 0] > 0), [z], tf.float32)

    law = dict(loc=tf.zeros(2), scale=1.0)
    compiled = tf.function(
        lambda seed: score_function(through_numpy, tfd.Normal, law, num_samples=5, seed=seed)
    )
    assert compiled(tf.constant([0, 1]))["loc"].shape == [5, 2]
    unknown = tf.function(
        lambda loc: score_function(summed, tfd.Normal, dict(loc=loc), num_samples=5, seed=0),
        input_signature=[tf.TensorSpec([None])],
    )
    with pytest.raises(ValueError, match=r"params\['loc'\] must have a shape that is known"):
        unknown(tf.zeros(2))


def test_autograph_leaves_the_estimators_as_written():
    names = []

    def cost(z):
        names.extend(frame.name for frame in traceback.extract_stack())
        return quadratic(z)

    @tf.function
    def compiled(seed):
        return score_function(cost, tfd.Normal, NORMAL, num_samples=5, seed=seed)

    compiled(tf.constant([0, 1]))
    assert "score_function" in names and "tf__score_function" not in names
