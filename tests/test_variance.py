import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from course_utils import variance
from course_utils.estimators import pathwise, score_function
from course_utils.exact import normal_quadratic


def quadratic(z):
    return (z - 0.5) ** 2


def test_summaries_are_the_moments_that_numpy_finds():
    values = np.random.default_rng(0).gamma(2.0, size=(1000, 3)).astype(np.float32)
    estimate = variance.summarize({"a": tf.constant(values)})["a"]
    wide = values.astype(np.float64)
    np.testing.assert_allclose(estimate.mean, wide.mean(0), rtol=1e-12)
    np.testing.assert_allclose(estimate.variance, wide.var(0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(estimate.standard_error, wide.std(0, ddof=1) / np.sqrt(1000))
    np.testing.assert_allclose(estimate.signal_to_noise, wide.mean(0) / wide.std(0, ddof=1))


@pytest.mark.parametrize("sizes", [[600, 400], [1, 998, 1], [250] * 4, [1] * 1000])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_batches_are_merged_into_the_moments_of_all(sizes, shift):
    values = tf.constant(np.random.default_rng(1).gamma(2.0, size=(1000, 3)) + shift)
    whole = variance.summarize({"a": values, "b": values[:, 0]})
    merged = variance.summarize({"a": part, "b": part[:, 0]} for part in tf.split(values, sizes))
    for name, estimate in whole.items():
        for field, value in estimate._asdict().items():
            np.testing.assert_allclose(
                getattr(merged[name], field), value, rtol=1e-8, err_msg=field
            )


def test_batches_of_an_estimator_agree_with_the_exact_gradient(agrees):
    params = dict(loc=1.5, scale=0.7)
    batches = (
        score_function(quadratic, tfd.Normal, params, num_samples=5000, seed=seed)
        for seed in range(10)
    )
    merged = variance.summarize(batches)
    exact = normal_quadratic("score_function", **params, k=0.5)
    for name in params:
        agrees(merged[name], exact[name])


def test_the_standard_errors_are_those_of_many_repetitions():
    # Exponential samples: the fourth central moment is 9, so that Var[s²] = (9 − 1)/N
    draws = tfd.Exponential(1.0).sample([2000, 500], seed=(0, 5))
    parts = [variance.summarize({"a": row})["a"] for row in draws]
    spread = np.std([p.variance for p in parts])
    assert abs(spread / np.sqrt(8 / 500) - 1) < 0.15
    assert abs(np.mean([p.variance_error for p in parts]) / spread - 1) < 0.15
    assert abs(np.std([p.mean for p in parts]) * np.sqrt(500) - 1) < 4 / np.sqrt(2 * 2000)


@pytest.mark.parametrize(
    ("estimate", "error", "text"),
    [
        (3.9412, 0.0523, "3.94 ± 0.05"),
        (3.9412, 0.0223, "3.941 ± 0.022"),
        (-2.98, 0.149, "-2.98 ± 0.15"),
        (548.3, 11.2, "548 ± 11"),
        (54830.0, 812.0, "54800 ± 800"),
        (-0.001, 0.23, "0.00 ± 0.23"),
        (1.0, 0.0997, "1.00 ± 0.10"),
        (2.0, 0.0, "2 ± 0"),
        (np.float32(3.9412), np.float32(0.0523), "3.94 ± 0.05"),
    ],
)
def test_plus_minus_keeps_the_digits_that_the_error_supports(estimate, error, text):
    assert variance.plus_minus(estimate, error) == text


def test_an_estimate_prints_each_element():
    values = tf.constant([[0.0, 10.0], [1.0, 12.0], [2.0, 14.0]])
    estimate = variance.summarize({"a": values})["a"]
    assert str(estimate) == "[1.0 ± 0.6, 12.0 ± 1.2]"
    # of 10, 12, 14: m₂ = 8/3, m₄ = 32/3 and √((32/3 − 64/9) / 3 + 2 (64/9) / 6) = √(32/9)
    assert estimate.variance_text == "[1.0 ± 0.5, 4.0 ± 1.9]"
    assert str(variance.summarize({"a": values[:, 0]})["a"]) == "1.0 ± 0.6"


def test_near_is_within_four_standard_errors_of_mean_and_of_variance():
    values = [np.full(2, v) for v in (5.0, 0.1, 3.0, 0.2, 50.0)]
    estimate = variance.Estimate(*values)
    variance.assert_near(estimate, [5.39, 4.61])
    variance.assert_near(estimate, 5.0, [3.79, 2.21])
    for wrong in [(5.41,), ([5.0, 4.59],), (5.0, 3.81), (5.0, [3.0, 2.19])]:
        with pytest.raises(AssertionError, match="standard errors off"):
            variance.assert_near(estimate, *wrong)


@pytest.mark.parametrize("values", [[1.0], [1.0, np.nan, 2.0], [1.0, np.inf, 2.0]])
def test_what_cannot_be_summarized_is_named(values):
    with pytest.raises(ValueError, match="gradients\\['a'\\]"):
        variance.summarize({"a": tf.constant(values)})


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "must hold a parameter"),
        ([{"a": tf.ones(1)}], "two samples or more"),
        ([{"a": tf.ones(3)}, {"a": tf.constant([1.0, np.nan])}], "finite"),
        ([{"a": tf.ones(3)}, {"b": tf.ones(3)}], "same params"),
        ([{"a": tf.ones([3, 2])}, {"a": tf.ones([3])}], "same params"),
    ],
)
def test_batches_that_do_not_fit_are_named(batches, words):
    with pytest.raises(ValueError, match=words):
        variance.summarize(iter(batches))


def score_at(scale, num_samples):
    params = dict(loc=1.5, scale=scale)
    return score_function(quadratic, tfd.Normal, params, num_samples=num_samples, seed=4)


def test_a_sweep_is_one_estimate_at_each_value(agrees):
    scales = np.geomspace(0.3, 2, 5)
    swept = variance.sweep(score_at, scales, num_samples=20_000)
    assert swept["loc"].variance.shape == (5,)
    for i, scale in enumerate(scales):
        single = variance.summarize(score_at(scale, 20_000))
        for name, estimate in single.items():
            np.testing.assert_allclose(swept[name].mean[i], estimate.mean, rtol=1e-4)
            np.testing.assert_allclose(swept[name].variance[i], estimate.variance, rtol=1e-4)
    exact = normal_quadratic("score_function", loc=1.5, scale=scales, k=0.5)
    for name in exact:
        agrees(swept[name], exact[name])


def test_a_sweep_traces_once_and_takes_parameters_of_any_shape():
    traced = []

    def gradients(frequency, num_samples):
        if num_samples > 2:
            traced.append(frequency)
        params = dict(loc=tf.zeros(3), scale=tf.ones(3))
        cost = lambda z: tf.reduce_sum(tf.cos(frequency * z), axis=-1)  # noqa: E731
        return pathwise(cost, tfd.Normal, params, num_samples=num_samples, seed=1)

    swept = variance.sweep(gradients, [0.5, 1.0, 2.0, 4.0], num_samples=50)
    assert len(traced) == 1
    assert swept["loc"].mean.shape == (4, 3)


def test_a_sweep_refuses_what_an_estimator_refuses():
    with pytest.raises(ValueError, match="scale of Normal must be positive"):
        variance.sweep(score_at, [-1.0, 0.5, 1.0], num_samples=100)
    with pytest.raises(ValueError, match="values"):
        variance.sweep(score_at, [], num_samples=100)


def test_the_variance_of_fair_coins_has_an_error_too():
    """All groups of 4 coins by enumeration: Var[s²] is that of the formula at the true moments."""
    groups = np.array(list(np.ndindex(2, 2, 2, 2)), np.float64)
    exact = np.std(np.var(groups, axis=1, ddof=1))
    np.testing.assert_allclose(exact, np.sqrt(2 * 0.25**2 / (4 * 3)), rtol=1e-12)
    balanced = variance.summarize({"p": np.array([0.0, 1.0, 1.0, 0.0])})["p"]
    np.testing.assert_allclose(balanced.variance_error, exact, rtol=1e-12)


def test_a_sweep_refuses_gradients_of_another_number_of_samples():
    def deaf(scale, num_samples):
        return pathwise(tf.square, tfd.Normal, dict(loc=1.0, scale=scale), num_samples=1000, seed=1)

    with pytest.raises(ValueError, match="as many samples as it is asked for"):
        variance.sweep(deaf, [1.0], num_samples=100_000)
    with pytest.raises(TypeError, match="gradients must return a dict"):
        variance.sweep(lambda scale, n: scale, [1.0], num_samples=10)


@pytest.mark.parametrize("values", [["a", "b"], np.array([1j, 2.0]), [None, 1.0]])
def test_what_is_no_number_is_neither_summarized_nor_swept(values):
    with pytest.raises(TypeError, match=r"gradients\['a'\] must be a number or a float tensor"):
        variance.summarize({"a": values})
    with pytest.raises(TypeError, match="values must be a sequence of numbers"):
        variance.sweep(score_at, values, num_samples=10)


def test_a_variable_can_be_summarized_and_what_is_not_callable_is_not_swept():
    assert variance.summarize({"a": tf.Variable([1.0, 2.0])})["a"].mean == 1.5
    with pytest.raises(TypeError, match="gradients must be callable, got None"):
        variance.sweep(None, [1.0], num_samples=10)


def test_an_empty_first_batch_is_a_batch():
    with pytest.raises(ValueError, match="batches of the same params"):
        variance.summarize([{}, {"a": np.zeros(3)}])
