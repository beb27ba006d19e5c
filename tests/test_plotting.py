import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from course_utils import plotting
from course_utils.variance import Estimate


@pytest.fixture
def ax():
    with mpl.rc_context():
        plotting.use_course_style()
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)


def estimate(values, error=0.1):
    values = np.asarray(values, float)
    errors = np.full_like(values, error)
    return Estimate(values, errors, values, errors, values / errors)


def luminance(color):
    channels = np.array(mpl.colors.to_rgb(color))
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_letters_are_readable_from_the_back(ax):
    sizes = [mpl.rcParams[k] for k in ("font.size", "xtick.labelsize", "ytick.labelsize",
                                       "legend.fontsize", "axes.labelsize")]  # fmt: skip
    assert min(sizes) >= 12


def test_every_estimator_has_a_look_of_its_own():
    looks = list(plotting.STYLE.values())
    for field in ("label", "color", "marker"):
        values = [getattr(look, field) for look in looks]
        assert len(set(values)) == len(values), field
    for look in looks:  # visible on white: a contrast of 2 or more, and never by colour alone
        assert 1.05 / (luminance(look.color) + 0.05) > 2, look


def test_scatter_draws_each_cloud(ax):
    clouds = {"a": np.zeros([10, 2]), "b": np.ones([20, 2])}
    assert plotting.scatter_clouds(ax, clouds, limits=(-2, 2)) is ax
    assert [len(c.get_offsets()) for c in ax.collections] == [10, 20]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
    assert ax.get_xlim() == ax.get_ylim() == (-2, 2)
    assert ax.get_xlabel() and ax.get_ylabel()


def test_a_cloud_must_lie_in_the_plane(ax):
    with pytest.raises(ValueError, match="clouds\\['a'\\] must have shape"):
        plotting.scatter_clouds(ax, {"a": np.zeros([10, 3])})


def test_a_grid_is_warped_line_by_line(ax):
    calls = []

    def warp(points):
        calls.append(points.shape)
        return points * [2.0, 1.0] + [1.0, 0.0]

    assert plotting.warped_grid(ax, warp, limit=1.0, lines=3, color="red") is ax
    assert calls == [(6 * 121, 2)]
    upright, level = (np.array(ax.collections[0].get_segments()[part]) for part in (
        slice(3), slice(3, 6)))  # fmt: skip
    np.testing.assert_allclose(upright[:, :, 0], [[-1.0] * 121, [1.0] * 121, [3.0] * 121])
    np.testing.assert_allclose(level[:, :, 1], [[-1.0] * 121, [0.0] * 121, [1.0] * 121])
    np.testing.assert_allclose(level[0][[0, -1], 0], [-1, 3])


def test_variance_curves_are_drawn_on_log_axes_with_the_exact_ones(ax):
    x = np.array([0.1, 1.0, 10.0])
    exact = {"pathwise": x**2, "score_function": 15.0}
    measured = {"pathwise": estimate([0.01, 1.1, 99.0], error=0.3)}
    plotting.variance_curves(ax, x, measured, exact)
    assert ax.get_xscale() == ax.get_yscale() == "log"
    curves = [line for line in ax.lines if len(line.get_ydata()) == 3 and line.get_ls() == "-"]
    np.testing.assert_allclose(curves[0].get_ydata(), x**2)
    np.testing.assert_allclose(curves[1].get_ydata(), [15.0] * 3)
    lows, highs = np.array(ax.containers[0][2][0].get_segments())[:, :, 1].T
    np.testing.assert_allclose(highs, [0.61, 1.7, 99.6])  # two standard errors
    assert min(lows) > 0  # a band that reaches below zero is cut, not lost
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels == [plotting.STYLE["pathwise"].label]


def test_curves_and_densities(ax):
    x = np.linspace(0, 1, 5)
    plotting.curves(ax, x, {"pathwise": 3.0}, lw=1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 3.0)
    ax.set_xlim(-2, 2)
    plotting.density(ax, tfd.Normal(0.0, 0.5), "law")
    z, heights = ax.lines[1].get_data()
    assert (z[0], z[-1]) == (-2, 2)
    np.testing.assert_allclose(heights, tfd.Normal(0.0, 0.5).prob(z.astype(np.float32)), rtol=1e-4)


@pytest.mark.parametrize(
    "law",
    [
        tfd.Exponential(1.0),
        tfd.VonMises(0.0, 1.0),
        tfd.GeneralizedPareto(0.0, 1.0, -0.5),
        tfd.Gamma(1.0, 1.0),
        tfd.Beta(1.0, 1.0),
        tfd.TransformedDistribution(tfd.Exponential(1.0), tfb.Shift(1.0)),
        tfd.MixtureSameFamily(tfd.Categorical(probs=[0.3, 0.7]), tfd.Exponential([1.0, 2.0])),
        tfd.MixtureSameFamily(tfd.Categorical(probs=[0.3, 0.7]), tfd.Normal([0.0, 1.0], 0.5)),
    ],
)
def test_the_area_under_a_density_is_one(ax, law):
    ax.set_xlim(-4.0, 16.0)
    z, heights = plotting.density(ax, law, "law").lines[0].get_data()
    jumps = 0.0125 * 2  # half a spacing times their heights
    assert np.trapezoid(heights, z) == pytest.approx(1, abs=1.05 * jumps)


@pytest.mark.parametrize("law", [tfd.Normal([0.0, 1.0], 1.0), tfd.Dirichlet([1.0, 2.0])])
def test_a_density_is_of_one_law_of_one_number(ax, law):
    with pytest.raises(ValueError, match="must be one law of one number, got shape \\[2\\]"):
        plotting.density(ax, law, "law")


@pytest.mark.parametrize(
    "law",
    [tfd.Poisson(3.0), tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.AbsoluteValue())],
)
def test_a_density_is_of_a_law_whose_support_is_known(ax, law):
    with pytest.raises(TypeError, match="distribution must be a law of which TFP knows where it"):
        plotting.density(ax, law, "law")


def test_an_unknown_estimator_is_named(ax):
    with pytest.raises(ValueError, match="estimator must be one of .*'magic'"):
        plotting.curves(ax, [0, 1], {"magic": 1.0})
