"""Statistical assertions whose tolerances come from the standard error."""

import matplotlib
import numpy as np
import pytest

import course_utils  # noqa: F401  (TensorFlow starts quietly)

matplotlib.use("Agg")


def assert_agrees(estimate, exact, name=""):
    """Mean within 4 standard errors, variance within 4 of its own, of (gradient, variance)."""
    gradient, variance = exact
    z_mean = (estimate.mean - gradient) / estimate.standard_error
    z_variance = (estimate.variance - variance) / estimate.variance_error
    assert np.all(np.abs(z_mean) < 4), f"{name}: mean {estimate.mean}, exact {gradient}, {z_mean}"
    assert np.all(np.abs(z_variance) < 4), (
        f"{name}: variance {estimate.variance}, exact {variance}, {z_variance}"
    )


@pytest.fixture
def agrees():
    return assert_agrees
