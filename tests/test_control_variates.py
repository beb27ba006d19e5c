"""REBAR, RELAX and ARM against enumeration, quadrature, and the law of their conditional noise."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from course_utils import control_variates, estimators, exact, variance
from course_utils.control_variates import arm, rebar, relax
from course_utils.estimators import score_function

PI = [0.5, 0.3, 0.2]
LOGITS = [0.4, -1.0, 0.1]
WEIGHTS = np.array([0.3, -1.0, 2.0])


def quadratic(b):
    return (b - 0.45) ** 2


def tangled(b):
    """A cost of several variables that is not a sum of theirs."""
    w = tf.cast(WEIGHTS, b.dtype)
    cost = tf.reduce_prod(b * w + 0.5, axis=-1) + tf.reduce_sum(b * w, axis=-1) ** 2
    return tf.reduce_sum(cost, axis=tuple(range(1, b.shape.rank - 1)))


def waves(z):
    """A surrogate that knows nothing of the cost."""
    return tf.reduce_sum(tf.sin(z) + 0.2 * z, axis=tuple(range(1, z.shape.rank)))


def independent(law):
    return lambda **p: tfd.Independent(law(**p), 1)


OPTIONS = {rebar: dict(temperature=0.5), relax: dict(surrogate=waves), arm: {}}
ALL = list(OPTIONS)
BOTH = [rebar, relax]


def run(
    estimator, cost=quadratic, law=tfd.Bernoulli, params=None, num_samples=10, seed=1, **options
):
    params = dict(logits=0.4) if params is None else params
    options = OPTIONS[estimator] | options
    return estimator(cost, law, params, num_samples=num_samples, seed=seed, **options)


# --- mean and variance


@pytest.mark.parametrize(
    ("tau", "eta", "params"),
    [
        (0.1, 1.0, dict(logits=0.0)),
        (0.1, 0.3, dict(probs=0.7)),
        (0.5, 1.0, dict(logits=0.4)),
        (0.5, -0.5, dict(logits=-2.0)),
        (1.0, 2.0, dict(probs=0.3)),
        (5.0, 1.0, dict(logits=1.0)),
        (5.0, 60.0, dict(probs=0.3)),
    ],
)
@pytest.mark.parametrize("t", [0.499, 0.1])
def test_rebar_has_the_exact_mean_and_variance(agrees, t, tau, eta, params):
    cost = lambda b: (b - t) ** 2  # noqa: E731
    options = dict(temperature=tau, eta=eta)
    answer = exact.bernoulli_quadratic("rebar", t=t, **params, **options)
    for name, gradient in run(rebar, cost, params=params, num_samples=100_000, **options).items():
        assert gradient.shape == (100_000,)
        agrees(variance.summarize({name: gradient})[name], answer[name])


@pytest.mark.parametrize("params", [dict(logits=0.0), dict(probs=0.7), dict(logits=-2.0)])
def test_arm_has_the_exact_mean_and_variance(agrees, params):
    answer = exact.bernoulli_quadratic("arm", t=0.45, **params)
    for name, gradient in run(arm, params=params, num_samples=100_000).items():
        agrees(variance.summarize({name: gradient})[name], answer[name])


@pytest.mark.parametrize("theta", [0.5, 0.2])
def test_relax_with_the_constant_surrogate_has_no_variance(theta):
    """The constant (1 − θ)f(1) + θf(0) makes each sample exact; here f is not even smooth."""
    cost = lambda b: tf.where(b > 0.5, 3.0, -1.0)  # noqa: E731
    constant = lambda z: tf.fill([len(z)], (1 - theta) * 3.0 - theta)  # noqa: E731
    gradients = run(relax, cost, params=dict(probs=theta), num_samples=1000, surrogate=constant)
    np.testing.assert_allclose(gradients["probs"], 4.0, rtol=1e-5)


def test_relax_with_the_relaxed_cost_is_rebar_and_at_eta_0_both_are_the_score_function():
    squashed = lambda z: 0.7 * quadratic(tf.sigmoid(z / 0.5))  # noqa: E731
    with_relax = run(relax, surrogate=squashed, num_samples=100)["logits"]
    np.testing.assert_allclose(
        with_relax, run(rebar, eta=0.7, num_samples=100)["logits"], rtol=1e-5, atol=1e-6
    )
    gradients = run(rebar, eta=0.0, num_samples=100_000)["logits"].numpy()
    theta = 1 / (1 + np.exp(-0.4))
    two = np.array([0.45**2 * -theta, 0.55**2 * (1 - theta)])
    assert np.abs(gradients[:, None] - two).min(axis=1).max() < 1e-6


def test_a_hot_rebar_is_a_constant_baseline():
    """At τ → ∞ it is the score function with the baseline η f(½)."""
    hot = exact.bernoulli_quadratic("rebar", t=0.1, probs=0.3, temperature=1e5, eta=1.7)
    baseline = exact.bernoulli_quadratic("score_function", t=0.1, probs=0.3, baseline=1.7 * 0.16)
    np.testing.assert_allclose(hot["probs"], baseline["probs"], rtol=1e-4)


LAWS = [
    (tfd.Bernoulli, dict(logits=LOGITS)),
    (tfd.Bernoulli, dict(probs=PI)),
    (independent(tfd.Bernoulli), dict(logits=LOGITS)),
    (tfd.OneHotCategorical, dict(logits=LOGITS)),
    (tfd.OneHotCategorical, dict(logits=[5.0, 3.0, 4.0])),
    (tfd.OneHotCategorical, dict(probs=PI)),
    (independent(tfd.OneHotCategorical), dict(logits=[LOGITS, [0.0, 0.0, 2.0]])),
]


@pytest.mark.parametrize(("law", "params"), LAWS)
@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (rebar, dict(temperature=0.1)),
        (rebar, dict(temperature=0.5, eta=0.6)),
        (rebar, dict(temperature=5.0)),
        (relax, {}),
        (arm, {}),
    ],
)
def test_several_variables_have_the_enumerated_mean(law, params, estimator, options):
    if estimator is arm and "OneHot" in str(law(**params)):
        return
    runs = run(estimator, tangled, law, params, num_samples=100_000, seed=3, **options)
    truth = exact.enumerate_discrete("score_function", tangled, law, params)
    for name, estimate in variance.summarize(runs).items():
        assert estimate.mean.shape == np.shape(params[name])
        variance.assert_near(estimate, truth[name][0])


@pytest.mark.parametrize(
    ("law", "params"),
    [
        (tfd.Bernoulli, dict(logits=LOGITS)),
        (independent(tfd.Bernoulli), dict(probs=PI)),
        (lambda slope, x: tfd.Bernoulli(logits=slope * x), dict(slope=1.5, x=LOGITS)),
    ],
)
def test_arm_of_several_coins_has_the_enumerated_mean_and_variance(agrees, law, params):
    estimates = variance.summarize(run(arm, tangled, law, params, num_samples=100_000))
    answer = exact.enumerate_discrete("arm", tangled, law, params)
    for name in params:
        agrees(estimates[name], answer[name])


def test_relax_of_two_coins_has_the_variance_of_a_grid(agrees):
    """z and z̃ of each coin on a grid of quantiles, derivatives by differences of the quantiles."""
    theta, n, h = np.array([0.6, 0.3]), 40, 1e-5
    u = (np.arange(n) + 0.5) / n

    def logit(p):
        return np.log(p) - np.log1p(-p)

    def surrogate(x, y):
        return np.tanh(x) * (0.5 + np.tanh(y)) + 0.3 * np.tanh(x)

    def given(b, p):  # of z = logit(p) + logit(u), u above 1 − p if b, else below
        return logit(p) + logit(1 - p + u * p if b else u * (1 - p))

    # a midpoint sum over z₁, z₂, z̃₁, z̃₂ for each b; the gradient is for the first logit
    total, square = 0.0, 0.0
    for b in np.ndindex(2, 2):
        up, down = theta.copy(), theta.copy()
        up[0], down[0] = (1 / (1 + np.exp(-logit(theta[0]) - s)) for s in (h, -h))
        prob = np.prod(np.where(b, theta, 1 - theta))
        value = b[0] * 3.0 + b[1] * b[0] - 1.0
        z = [given(b[j], theta[j]) for j in (0, 1)]
        slope = (1 - np.tanh(z[0][:, None]) ** 2) * (0.8 + np.tanh(z[1][None, :]))
        moved = [given(b[0], law[0]) for law in (up, down)]
        back = (surrogate(moved[0][:, None], z[1]) - surrogate(moved[1][:, None], z[1])) / (2 * h)
        first = (value - surrogate(z[0][:, None], z[1])) * (b[0] - theta[0]) - back
        g = first[:, :, None, None] + slope[None, None]
        total, square = total + prob * g.mean(), square + prob * (g**2).mean()

    def as_tensors(z):
        x, y = tf.tanh(z[:, 0]), tf.tanh(z[:, 1])
        return x * (0.5 + y) + 0.3 * x

    cost = lambda b: 3 * b[:, 0] + b[:, 1] * b[:, 0] - 1  # noqa: E731
    options = dict(num_samples=200_000, surrogate=as_tensors)
    runs = run(relax, cost, params=dict(logits=logit(theta).astype(np.float32)), **options)
    estimate = variance.summarize(dict(first=runs["logits"][:, 0]))["first"]
    assert total == pytest.approx(0.24 * 3.3, abs=2e-3)  # θ(1 − θ)(3 + θ₂), and of the grid
    agrees(estimate, (0.24 * 3.3, square - total**2))


# --- the law of the conditional noise


def draws(law, seed=5):
    """z, the hard sample b and z̃ for each member of a batch of laws."""
    seeds = [(seed, 1), (seed, 2)]
    z = control_variates._logits(law) + control_variates._noise(law, seeds[0])
    hard = control_variates._rounded(law, z)
    return z.numpy(), hard.numpy(), control_variates._conditional(law, hard, seeds[1]).numpy()


@pytest.mark.parametrize("logit", [-3.0, 0.0, 0.7])
def test_the_conditional_noise_of_a_coin(logit):
    z, b, tilde = draws(tfd.Bernoulli(logits=tf.fill([20_000], logit)))
    np.testing.assert_array_equal(tilde > 0, b > 0)  # it rounds to the same b
    assert stats.kstest(tilde, stats.logistic(loc=logit).cdf).pvalue > 1e-3
    for side in (0, 1):
        assert stats.ks_2samp(tilde[b == side], z[b == side]).pvalue > 1e-3
    theta = 1 / (1 + np.exp(-logit))
    given_one = stats.kstest(
        tilde[b == 1], lambda y: 1 - stats.logistic.sf(np.maximum(y, 0) - logit) / theta
    )
    assert given_one.pvalue > 1e-3


def test_given_b_the_two_noises_are_independent():
    z, b, tilde = draws(tfd.Bernoulli(logits=tf.fill([20_000], 0.3)))
    for side in (0, 1):
        correlation = stats.spearmanr(z[b == side], tilde[b == side]).statistic
        assert abs(correlation) < 4 / np.sqrt(np.sum(b == side))


@pytest.mark.parametrize("logits", [[0.4, -1.0, 0.1], [3.0, 0.0, 2.0]])
def test_the_conditional_noise_of_classes(logits):
    law = tfd.OneHotCategorical(logits=tf.broadcast_to(tf.constant(logits), [30_000, 3]))
    z, b, tilde = draws(law)
    np.testing.assert_array_equal(tilde.argmax(axis=1), b.argmax(axis=1))
    normalised = logits - np.log(np.sum(np.exp(logits)))
    for k in range(3):
        gumbel = stats.gumbel_r(loc=normalised[k])
        assert stats.kstest(tilde[:, k], gumbel.cdf).pvalue > 1e-3  # the law of z
        for winner in range(3):
            chosen = b[:, winner] == 1
            assert stats.ks_2samp(tilde[chosen, k], z[chosen, k]).pvalue > 1e-3
    # the coordinates together: products of any two, given b
    for winner in range(3):
        chosen = b[:, winner] == 1
        i, j = np.triu_indices(3, 1)
        pairs = [
            np.tanh(values[chosen][:, i]) * np.tanh(values[chosen][:, j]) for values in (z, tilde)
        ]
        error = np.sqrt(sum(np.var(p, axis=0) for p in pairs) / np.sum(chosen))
        assert np.all(np.abs(pairs[0].mean(axis=0) - pairs[1].mean(axis=0)) < 4 * error)


def test_the_conditional_noise_moves_as_a_quantile_does():
    """dz̃/dℓ at a held quantile is 1 − (1 − P(b))/F, and the winner's height does not move."""
    logits = tf.fill([1000], 0.7)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        law = tfd.Bernoulli(logits=logits)
        hard = tf.cast(law.sample(seed=(0, 5)), tf.float32)
        tilde = control_variates._conditional(law, hard, (0, 6))
    theta, sign = 1 / (1 + np.exp(-0.7)), 2 * hard.numpy() - 1
    height = stats.logistic.cdf(sign * (tilde.numpy() - 0.7))
    prob = np.where(sign > 0, theta, 1 - theta)
    np.testing.assert_allclose(tape.gradient(tilde, logits), 1 - (1 - prob) / height, atol=1e-5)


def rebar_by_hand(theta, t, tau, moves, num_samples=400_000):
    """REBAR for a coin, z̃ and its derivative written out; `moves(dz̃/dℓ)` may spoil it."""
    logit = np.log(theta / (1 - theta))
    noise = tfd.Logistic(np.float64(0), 1).sample([2, num_samples], seed=(0, 7)).numpy()
    z = logit + noise[0]
    b = z > 0
    sign = 2.0 * b - 1
    tilde = sign * np.logaddexp(0, noise[1] + np.logaddexp(0, sign * logit))
    slope = 1 - (1 - np.where(b, theta, 1 - theta)) * (1 + np.exp(-sign * (tilde - logit)))

    def path(y):
        s = 1 / (1 + np.exp(-y / tau))
        return (s - t) ** 2, 2 * (s - t) * s * (1 - s) / tau

    relaxed, back = path(tilde)
    score = b - theta
    return ((b - t) ** 2 - relaxed) * score + path(z)[1] - back * moves(slope)


def test_detached_conditional_noise_is_biased(agrees):
    """At θ = ½, t = .1, τ = .3: .040 for .200, in the logit; at t = .499 it hardly shows."""
    summary = lambda g: variance.summarize(dict(g=g))["g"]  # noqa: E731
    right, wrong = (
        summary(rebar_by_hand(0.5, 0.1, 0.3, moves)) for moves in (lambda s: s, np.ones_like)
    )
    agrees(right, exact.bernoulli_quadratic("rebar", t=0.1, logits=0.0, temperature=0.3)["logits"])
    assert wrong.mean == pytest.approx(0.0395, abs=4 * wrong.standard_error)
    hidden = summary(rebar_by_hand(0.5, 0.499, 0.3, np.ones_like))
    assert hidden.mean == pytest.approx(0.0001, abs=4 * hidden.standard_error)
    assert abs(hidden.mean - 0.0005) < 4 * hidden.standard_error  # the truth is as near


# --- what stays differentiable


def squared(estimator, num_samples=500, **options):
    logits = tf.constant(0.4, tf.float64)
    gradients = run(estimator, params=dict(logits=logits), num_samples=num_samples, **options)
    return tf.reduce_mean(gradients["logits"] ** 2)


def test_an_outer_tape_sees_the_surrogates_variables():
    def at(w):
        return squared(relax, surrogate=lambda z: w[0] * tf.sigmoid(w[1] * z) + w[2])

    w = tf.Variable([0.3, 2.0, -0.1], dtype=tf.float64)
    with tf.GradientTape() as outer:
        loss = at(w)
    slope = outer.gradient(loss, w).numpy()
    for k, direction in enumerate(np.eye(3) * 1e-5):
        difference = (at(w + direction) - at(w - direction)) / 2e-5
        np.testing.assert_allclose(slope[k], difference, rtol=1e-6)
    assert np.all(slope != 0)


@pytest.mark.parametrize(("name", "other"), [("eta", "temperature"), ("temperature", "eta")])
def test_an_outer_tape_sees_eta_and_the_temperature(name, other):
    def at(value):
        return squared(rebar, **{name: value, other: 0.6})

    value = tf.Variable(0.7, dtype=tf.float64)
    with tf.GradientTape() as outer:
        loss = at(value)
    difference = (at(0.7 + 1e-5) - at(0.7 - 1e-5)) / 2e-5
    np.testing.assert_allclose(outer.gradient(loss, value), difference, rtol=1e-6)


def test_training_the_surrogate_takes_the_variance_away():
    baseline = tf.Variable(0.0)

    @tf.function
    def slope(seed):
        with tf.GradientTape() as outer:
            surrogate = lambda z: baseline + 0 * z  # noqa: E731
            gradients = run(relax, num_samples=100, seed=seed, surrogate=surrogate)
            loss = tf.reduce_mean(gradients["logits"] ** 2)
        return outer.gradient(loss, baseline)

    for step in range(200):
        baseline.assign_sub(1.0 * slope(tf.constant([8, step])))
    theta = 1 / (1 + np.exp(-0.4))
    assert float(baseline) == pytest.approx((1 - theta) * 0.55**2 + theta * 0.45**2, abs=1e-3)


# --- how often the cost is asked, and where


@pytest.mark.parametrize(("estimator", "hard", "soft"), [(rebar, 1, 2), (relax, 1, 0), (arm, 2, 0)])
def test_what_the_cost_sees(estimator, hard, soft):
    seen = []

    def cost(b):
        seen.append(b.numpy())
        return tf.reduce_sum(b, axis=-1)

    run(estimator, cost, params=dict(probs=PI), num_samples=20_000)
    corners = [b for b in seen if np.all(np.isin(b, [0.0, 1.0]))]
    assert (len(corners), len(seen) - len(corners)) == (hard, soft)
    error = np.sqrt(np.array(PI) * (1 - np.array(PI)) / 20_000)
    for b in corners:
        assert np.all(np.abs(b.mean(axis=0) - PI) < 4 * error)


def test_relax_and_arm_ask_nothing_of_the_cost(agrees):
    step = lambda b: tf.cast(b > 0.5, tf.float32) * 2  # noqa: E731
    truth = 2 * 0.7 * 0.3
    for estimator in (relax, arm):
        runs = run(estimator, step, params=dict(logits=np.log(7 / 3)), num_samples=50_000)
        variance.assert_near(variance.summarize(runs)["logits"], truth)


def test_a_cost_that_is_only_defined_at_the_corners_is_named():
    cost = lambda b: tf.math.log(tf.abs(b - 0.5) - 0.5 + 1e-6)  # noqa: E731
    with pytest.raises(ValueError, match="cost must be finite"):
        run(rebar, cost)
    assert np.all(np.isfinite(run(relax, cost)["logits"]))


# --- shapes, dtypes, seeds


@pytest.mark.parametrize("num_samples", [2, 3])
@pytest.mark.parametrize("estimator", ALL)
def test_shapes_batches_and_independent(estimator, num_samples):
    matrix = [[0.1, 0.2, 0.3], [1.0, -1.0, 0.0]]
    for law in (tfd.Bernoulli, tfd.OneHotCategorical)[: 1 if estimator is arm else 2]:
        batch = run(estimator, tangled, law, dict(logits=matrix), num_samples)["logits"]
        event = run(estimator, tangled, independent(law), dict(logits=matrix), num_samples)
        assert batch.shape == [num_samples, 2, 3]
        np.testing.assert_allclose(batch, event["logits"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("num_samples", [1, 2, 3, 4])
@pytest.mark.parametrize("estimator", ALL)
def test_a_scalar_beside_a_vector(estimator, num_samples):
    """Also where num_samples happens to be a dimension."""
    make = lambda slope, x: tfd.Bernoulli(logits=slope * x)  # noqa: E731
    x = tf.constant([0.3, -0.2, 1.0])
    mixed = run(estimator, tangled, make, dict(slope=2.0, x=x), num_samples)
    full = run(estimator, tangled, make, dict(slope=tf.fill([3], 2.0), x=x), num_samples)
    np.testing.assert_allclose(mixed["x"], full["x"], rtol=1e-5)
    total = tf.reduce_sum(full["slope"], axis=1)
    np.testing.assert_allclose(mixed["slope"], total, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("estimator", ALL)
def test_by_probs_and_by_logits_differ_by_the_chain_rule(estimator):
    by_logits = run(estimator, params=dict(logits=float(np.log(7 / 3))))["logits"]
    by_probs = run(estimator, params=dict(probs=0.7))["probs"]
    np.testing.assert_allclose(by_logits, by_probs * 0.21, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("estimator", BOTH)
def test_of_classes_the_gradient_has_no_radial_part(estimator):
    options = dict(cost=tangled, law=tfd.OneHotCategorical, num_samples=20)
    by_logits = run(estimator, params=dict(logits=[5.0, 3.0, 4.0]), **options)["logits"]
    by_probs = run(estimator, params=dict(probs=PI), **options)["probs"]
    np.testing.assert_allclose(np.sum(by_logits, axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(by_probs.numpy() @ np.array(PI), 0, atol=1e-5)


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
    def compiled(logits, seed):
        return run(estimator, params=dict(logits=logits), seed=seed)["logits"]

    values = compiled(tf.constant(0.4), tf.constant([0, 1]))
    np.testing.assert_allclose(values, run(estimator)["logits"], rtol=1e-4, atol=1e-6)


def test_a_variable_temperature_in_a_compiled_step():
    temperature, eta = tf.Variable(0.5), tf.Variable(0.8)

    @tf.function
    def compiled():
        return run(rebar, temperature=temperature, eta=eta)["logits"]

    np.testing.assert_allclose(compiled(), run(rebar, eta=0.8)["logits"], rtol=1e-4, atol=1e-6)


def test_estimators_has_them_too():
    assert [estimators.rebar, estimators.relax, estimators.arm] == ALL
    assert score_function is estimators.score_function


# --- extremes


@pytest.mark.parametrize("tau", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("logit", [-50.0, 50.0])
def test_extremes_are_finite(logit, tau):
    for estimator, options in [(rebar, dict(temperature=tau)), (relax, {}), (arm, {})]:
        coin = run(estimator, params=dict(logits=logit), num_samples=5000, **options)["logits"]
        assert np.all(np.isfinite(coin))
        if estimator is not arm:
            params = dict(logits=[logit, 0.0, -logit])
            options |= dict(num_samples=5000)
            classes = run(estimator, tangled, tfd.OneHotCategorical, params, **options)
            assert np.all(np.isfinite(classes["logits"]))


@pytest.mark.parametrize("probs", [0.0, 1.0])
@pytest.mark.parametrize("estimator", ALL)
def test_certain_outcomes_have_no_logits(estimator, probs):
    with pytest.raises(ValueError, match="logits of Bernoulli must be finite"):
        run(estimator, params=dict(probs=probs))


# --- bad input

COVERED = "covers Bernoulli, OneHotCategorical and Independent of either, got "
BAD = [
    ("Normal$", TypeError, dict(law=tfd.Normal, params=dict(loc=0.0, scale=1.0))),
    ("Categorical$", TypeError, dict(law=tfd.Categorical, params=dict(logits=PI))),
    ("num_samples", TypeError, dict(num_samples=10.0)),
    ("num_samples", ValueError, dict(num_samples=0)),
    ("seed", TypeError, dict(seed=0.5)),
    ("params must be a dict", TypeError, dict(params=[1.0])),
    ("params\\['logits'\\] must be finite, got nan", ValueError, dict(params=dict(logits=np.nan))),
    ("Bernoulli refuses its parameters", ValueError, dict(params=dict(probs=1.2))),
    ("cost must be callable", TypeError, dict(cost=3)),
    ("cost must map z of shape \\[10, 3\\]", ValueError, dict(params=dict(logits=PI))),
    ("cost must be finite", ValueError, dict(cost=lambda b: tf.math.log(b - 2.0))),
]  # fmt: skip


@pytest.mark.parametrize("estimator", ALL)
@pytest.mark.parametrize(("words", "error", "change"), BAD)
def test_bad_input_is_named(estimator, words, error, change):
    with pytest.raises(error, match=words):
        run(estimator, **change)


@pytest.mark.parametrize(
    ("words", "error", "estimator", "change"),
    [
        (COVERED + "Normal", TypeError, rebar, dict(law=tfd.Normal, params=dict(loc=0.0, scale=1.0))),
        ("arm covers Bernoulli and Independent of it, got OneHotCategorical", TypeError, arm,
         dict(law=tfd.OneHotCategorical, params=dict(logits=PI), cost=tangled)),
        ("arm covers .* got Independent of OneHotCategorical", TypeError, arm,
         dict(law=independent(tfd.OneHotCategorical), params=dict(logits=[PI]), cost=tangled)),
        ("temperature must be positive", ValueError, rebar, dict(temperature=0.0)),
        ("temperature must be positive", ValueError, rebar, dict(temperature=np.inf)),
        ("temperature must be a number", TypeError, rebar, dict(temperature="hot")),
        ("eta must be finite", ValueError, rebar, dict(eta=np.nan)),
        ("eta must be a number", TypeError, rebar, dict(eta=[1.0, 2.0])),
        ("surrogate must be callable", TypeError, relax, dict(surrogate=3)),
        ("surrogate must map z of shape \\[10\\]", ValueError, relax, dict(surrogate=tf.reduce_sum)),
        ("surrogate must return a TensorFlow", TypeError, relax, dict(surrogate=lambda z: z.numpy())),
        ("surrogate must be finite", ValueError, relax, dict(surrogate=lambda z: tf.math.log(z - 99))),
    ],
)  # fmt: skip
def test_each_estimators_own_options_are_checked(words, error, estimator, change):
    with pytest.raises(error, match=words):
        run(estimator, **change)
