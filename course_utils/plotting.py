"""The course's figures: numbers and an `ax` in, `ax` out.

`STYLE` gives each estimator one colour, one marker and one name in all notebooks.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import seaborn as sns
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from tensorflow_probability import distributions as tfd

from course_utils.variance import Estimate


class Look(NamedTuple):
    """How an estimator looks in every figure; many colours are Okabe and Ito's (2008) or Tol's."""

    label: str
    color: str
    marker: str | tuple


STYLE = {
    "pathwise": Look("pathwise", "#0072B2", "o"),
    "score_function": Look("score function", "#D55E00", "s"),
    "score_function_mean": Look("score function, mean baseline", "#E69F00", "^"),
    "score_function_optimal": Look("score function, optimal baseline", "#8C2D04", "v"),
    "measure_valued": Look("measure-valued", "#009E73", "*"),
    "measure_valued_independent": Look("measure-valued, not coupled", "#00543C", "p"),
    "implicit": Look("implicit", "#AA4499", "P"),
    "rejection_reparameterized": Look("rejection reparameterized", "#999933", (4, 1, 0)),
    "rejection_uncorrected": Look("rejection, no correction", "#C2185B", "x"),
    "finite_difference": Look("finite difference, common noise", "#56B4E9", "D"),
    "finite_difference_independent": Look("finite difference, new noise", "#7F7F7F", "X"),
    "gumbel_softmax": Look("Gumbel-Softmax", "#882255", "h"),
    "straight_through": Look("straight-through", "#332288", "<"),
    "straight_through_gumbel_softmax": Look("straight-through Gumbel", "#CC6677", ">"),
    "leave_one_out": Look("leave-one-out", "#4D4D4D", (6, 2, 0)),
    "rebar": Look("REBAR", "#1B7837", "d"),
    "relax": Look("RELAX", "#6A3D9A", (6, 1, 0)),
    "arm": Look("ARM", "#00A0B0", "8"),
    "sticking_the_landing": Look("sticking the landing", "#661100", "H"),
    "iwae": Look("IWAE", "#997700", "+"),
    "dreg": Look("DReG", "#44AA99", (8, 1, 0)),
}
CLOUDS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")


def use_course_style() -> None:
    """Set the look of every figure: a white grid, and letters that the back row can read."""
    sns.set_theme(style="whitegrid", palette=list(CLOUDS))
    mpl.rcParams.update(
        {
            "figure.figsize": (8.0, 4.5),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "font.size": 13,
            "axes.labelsize": 14,
            "axes.titlesize": 14,
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
            "legend.fontsize": 12,
            "lines.linewidth": 2.0,
        }
    )


def _look(name: str) -> Look:
    if name not in STYLE:
        raise ValueError(f"estimator must be one of {list(STYLE)}, got {name!r}")
    return STYLE[name]


def curves(ax: Axes, x, values: Mapping[str, np.ndarray], **line) -> Axes:
    """Draw one line for each estimator, in its colour and with its name in the legend.

    Args:
      ax: where to draw.
      x: the quantity on the horizontal axis, shape [V].
      values: estimator → the line's heights, shape [V] or one number.
      line: of matplotlib's `plot`.
    """
    for name, heights in values.items():
        look = _look(name)
        style = {"color": look.color, "label": look.label} | line
        ax.plot(x, np.broadcast_to(heights, np.shape(x)), **style)
    return ax


def density(ax: Axes, distribution: tfd.Distribution, label: str, **line) -> Axes:
    """Draw the density of a law of one dimension over the axes' horizontal range.

    Args:
      ax: where to draw; set its xlim first.
      distribution: the law.
      label: its name in the legend.
      line: of matplotlib's `plot`.

    Raises:
      ValueError: a law of several dimensions, or several laws.
      TypeError: a discrete law, or one whose support TFP does not tell.
    """
    shape = [*distribution.batch_shape, *distribution.event_shape]
    if shape:
        raise ValueError(f"distribution must be one law of one number, got shape {shape}")
    places = np.linspace(*ax.get_xlim(), 801)
    z = tf.cast(places, distribution.dtype)
    heights = distribution.prob(z)
    if isinstance(distribution, tfd.MixtureSameFamily):
        distribution, z = distribution.components_distribution, z[:, None]
    space = distribution.experimental_default_event_space_bijector()
    try:
        outside = np.isnan(space.inverse(z))
    except (AttributeError, NotImplementedError):  # of a discrete law, of one that is folded
        name = type(distribution).__name__
        raise TypeError(f"distribution must be a law of which TFP knows where it lives, got {name}")  # noqa: B904
    outside = np.all(np.reshape(outside, [len(places), -1]), axis=1)
    heights = np.where(outside, 0, heights)  # TFP's formula goes on there
    ax.plot(places, heights, label=label, **line)
    ax.legend(loc="upper right")
    return ax


def scatter_clouds(ax: Axes, clouds: Mapping[str, np.ndarray], *, limits=None) -> Axes:
    """Draw clouds of points in the plane, each in its own colour and marker.

    Args:
      ax: where to draw.
      clouds: label → points of shape [N, 2].
      limits: (low, high) of both axes; by default where the points lie.

    Raises:
      ValueError: a cloud that is not [N, 2], or more clouds than there are colours.
    """
    if len(clouds) > len(CLOUDS):
        raise ValueError(f"clouds must be at most {len(CLOUDS)}, got {len(clouds)}")
    for (label, points), color, marker in zip(clouds.items(), CLOUDS, "o^sD", strict=False):
        points = np.asarray(points)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"clouds[{label!r}] must have shape [N, 2], got {list(points.shape)}")
        ax.scatter(*points.T, s=14, marker=marker, color=color, alpha=0.35, lw=0, label=label)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    ax.locator_params(nbins=6)
    if limits is not None:
        ax.set(xlim=limits, ylim=limits)
    for handle in ax.legend(loc="upper right", markerscale=2).legend_handles:
        handle.set_alpha(1)
    return ax


def warped_grid(ax: Axes, warp: Callable, *, limit: float, lines: int = 13, **line) -> Axes:
    """Draw where a map of the plane takes the lines of a square grid.

    Args:
      ax: where to draw.
      warp: the map, points of shape [N, 2] → points of shape [N, 2]; called once.
      limit: the grid covers [−limit, limit]² before it is mapped.
      lines: how many lines in each direction.
      line: of matplotlib's `LineCollection`.
    """
    across, along = np.linspace(-limit, limit, lines), np.linspace(-limit, limit, 121)
    upright = np.stack(np.meshgrid(across, along, indexing="ij"), axis=-1)
    grid = np.concatenate([upright, upright[..., ::-1]]).astype(np.float32)
    mapped = np.asarray(warp(grid.reshape(-1, 2))).reshape(grid.shape)
    ax.add_collection(LineCollection(mapped, **({"color": "0.6", "lw": 0.8} | line)))
    return ax


def variance_curves(
    ax: Axes, x, estimates: Mapping[str, Estimate], exact: Mapping, *, legend: str = "upper left"
) -> Axes:
    """Draw the variance of one sample's gradient: measured points on the exact curves, log axes.

    Args:
      ax: where to draw.
      x: the quantity on the horizontal axis, shape [V].
      estimates: estimator → Estimate with fields of shape [V]; ± 2 standard errors are drawn.
      exact: estimator → exact variance at x, shape [V] or one number.
      legend: where the legend stands.
    """
    curves(ax, x, exact, lw=1.5, label=None)
    for name, estimate in estimates.items():
        error = 2 * np.asarray(estimate.variance_error)
        low = np.minimum(error, 0.9 * np.asarray(estimate.variance))  # a log axis has no zero
        look = _look(name)
        ax.errorbar(x, estimate.variance, [low, error], ls="none", marker=look.marker,
                    color=look.color, label=look.label, capsize=3, ms=6, lw=1.5)  # fmt: skip
    ax.set(xscale="log", yscale="log", ylabel="variance of one gradient")
    ax.legend(loc=legend)
    return ax
