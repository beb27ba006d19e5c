"""What several test modules share: one statistical assertion, and Chromium."""

import os
import shutil

import matplotlib
import pytest

from course_utils import variance

matplotlib.use("Agg")


@pytest.fixture
def agrees():
    """agrees(estimate, (gradient, variance), name): both within 4 of their standard errors.

    Its tolerance comes from the standard error.
    """
    return lambda estimate, exact, name="": variance.assert_near(estimate, *exact)


@pytest.fixture(scope="module")
def browser():
    """A Chromium without a window; what needs it is skipped where there is none, but not in CI."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if not path and not os.environ.get("CI"):
        pytest.skip("Chromium is not installed (Debian and Ubuntu: apt install chromium)")
    assert path, "CI must have Chromium"
    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()
