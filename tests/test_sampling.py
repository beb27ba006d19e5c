import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from course_utils import sampling


@pytest.mark.parametrize("seed", [3, (0, 3), [0, 3], np.int64(3), np.array([0, 3])])
def test_an_int_seed_means_a_pair(seed):
    assert sampling.stateless_seed(seed).numpy().tolist() == [0, 3]


@pytest.mark.parametrize("seed", [1.5, "1", None, True, (1,), (1, 2, 3), (1, 2.0)])
def test_other_seeds_are_refused(seed):
    with pytest.raises(TypeError, match="seed"):
        sampling.stateless_seed(seed)


def test_a_seed_must_fit_32_bits():
    with pytest.raises(ValueError, match="seed"):
        sampling.stateless_seed(2**31)


@pytest.mark.parametrize("change", [dict(shape=[-1]), dict(shape=[0.5]), dict(dtype=tf.float16), dict(dtype=tf.int32)])  # fmt: skip
def test_noise_of_another_shape_or_dtype_is_refused(change):
    with pytest.raises(ValueError, match="shape must be whole .* dtype float32 or float64, got"):
        sampling.standard_normal(**(dict(shape=[2], seed=0) | change))


def test_noise_is_the_same_at_every_call_and_standard_normal():
    first, again = (sampling.standard_normal([100_000], 7).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert abs(first.mean()) < 4 / np.sqrt(1e5)
    assert abs(first.var() - 1) < 4 * np.sqrt(2 / 1e5)
    assert not np.array_equal(first, sampling.standard_normal([100_000], 8))


def test_no_global_seed_is_read():
    tf.random.set_seed(1)
    first = sampling.standard_normal([5], 7).numpy()
    tf.random.set_seed(2)
    np.testing.assert_array_equal(first, sampling.standard_normal([5], 7))


def test_the_encoder_has_the_moments_it_says():
    mean, log_var = sampling.simulated_encoder(40_000, seed=1)
    assert mean.shape == log_var.shape == (40_000, 2)
    for values, centre in [(mean, (-0.05, 0.05)), (log_var, (-0.06, -0.09))]:
        error = 0.04 / np.sqrt(40_000)
        assert np.all(np.abs(np.mean(values, axis=0) - centre) < 4 * error)
        assert np.all(np.abs(np.std(values, axis=0) - 0.04) < 4 * error / np.sqrt(2))


@pytest.mark.parametrize("law", [tfd.Normal, tfd.Laplace, tfd.Logistic])
def test_location_scale_follows_the_law(law):
    noise = law(0.0, 1.0).sample(40_000, seed=(0, 1))
    z = np.sort(sampling.location_scale(1.5, 0.3, noise))
    steps = np.arange(1, len(z) + 1) / len(z)
    distance = np.max(np.abs(law(1.5, 0.3).cdf(z) - steps))
    assert distance < 1.95 / np.sqrt(len(z))  # Kolmogorov–Smirnov, one in a thousand
