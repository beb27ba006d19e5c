"""A slider's move until its picture is there, in the kernel and in a browser.

Two clouds of 2000 points whose spread follows a slider: the package's explorer, and what a notebook
does without it, a new seaborn figure for each move.
"""

import contextlib
import tempfile
from pathlib import Path

import ipywidgets as widgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import seaborn as sns
from IPython.core.pylabtools import print_figure

from benchmarks.table import Row, alternate
from course_utils import plotting
from course_utils.controls import Explorer, explore, slider
from tools import lab

ROOT = Path(__file__).resolve().parent.parent
CLOUDS = 2, 2000, 2
SIZE = (7.0, 5.0)
LIMITS = (-6, 6)


def clouds(sigma: float) -> dict[str, np.ndarray]:
    """Two clouds of points in the plane, the same noise at every call."""
    noise = np.random.default_rng(0).standard_normal(CLOUDS)
    return {"at 1": 1 + sigma * noise[0], "at −1": -1 + sigma * noise[1]}


def explorer() -> Explorer:
    """The package's way."""

    def draw(ax, *, sigma):
        plotting.scatter_clouds(ax, clouds(sigma), limits=LIMITS)
        return f"σ = {sigma:g}"

    return explore(draw, size=SIZE, sigma=slider("σ", 0.1, 3, start=1.144, steps=50))


def new_figure(sigma: float):
    """The same picture in a new figure, by seaborn."""
    figure, ax = plt.subplots(figsize=SIZE)
    for label, points in clouds(sigma).items():
        sns.scatterplot(x=points[:, 0], y=points[:, 1], s=14, alpha=0.35, lw=0, label=label, ax=ax)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal", xlim=LIMITS, ylim=LIMITS)
    ax.legend(loc="upper right")
    return figure


def interact() -> None:
    """The new figure under the slider of `interact`, as the last value of a cell."""

    def show(sigma):
        new_figure(sigma)

    control = widgets.FloatSlider(value=1.144, min=0.1, max=3, step=0.058)
    widgets.interact(show, sigma=control)


def kernel_rows(repeats: int = 25) -> list[Row]:
    """From a slider's new value to the bytes of its picture."""
    plotting.use_course_style()
    ours = explorer()
    values = ours.controls["sigma"].values

    def move(i):
        ours.boxes["sigma"].value = values[i % len(values)]

    def figure(i):
        fresh = new_figure(values[i % len(values)])
        print_figure(fresh, fmt="png", bbox_inches="tight")  # as the inline backend does
        plt.close(fresh)

    times = alternate(move, figure, repeats=repeats)
    what = f"explorer, slider to picture, {CLOUDS[0]} clouds of {CLOUDS[1]}"
    return [Row(what, "a new seaborn figure per move", *times, faster=4, limit=30)]


# a picture counts from when its image has loaded, a key from when the page feels it
WATCH = """() => {
    window.keys = []; window.pictures = [];
    addEventListener('keydown', () => keys.push(performance.now()), true);
    document.addEventListener('load', e => {
        if (e.target.tagName === 'IMG') pictures.push(performance.now());
    }, true);
}"""


@contextlib.contextmanager
def page_of(path: str, cells: list[str]):
    """A page of Chromium on a notebook of these cells, run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "work"
        folder.mkdir()
        nbformat.write(notebook, folder / "bench.ipynb")
        server = lab.jupyterlab(folder, Path(scratch), PYTHONPATH=ROOT)
        with lab.browser(path) as browser, server as (address, token):
            page = browser.new_page(viewport={"width": 1280, "height": 2000})
            page.set_default_timeout(120_000)
            page.goto(f"{address}/doc/tree/bench.ipynb?token={token}&reset")
            page.wait_for_function(lab.READY)
            page.evaluate(lab.RUN_ALL)
            yield page


def browser_rows(repeats: int = 40) -> list[Row]:
    """From a key press on the slider's handle to the loaded picture, and a slow drag."""
    what, against = "explorer, key press to picture, in Chromium", "interact with the same figure"
    path = lab.chromium()
    if not path:
        return [Row(what, against, [], [], note="Chromium is not installed")]
    start = (
        "from benchmarks import explorer\nexplorer.plotting.use_course_style()\nexplorer.explorer()"
    )
    with page_of(path, [start, "explorer.interact()"]) as page:
        page.wait_for_selector(".widget-image")
        page.wait_for_selector(".jp-OutputArea-output img[src^='data:']")
        page.evaluate(WATCH)
        handles = page.locator(".noUi-handle")

        def press(which, key):
            handles.nth(which).focus()
            page.evaluate("() => { keys.length = pictures.length = 0; }")
            page.keyboard.press(key)
            page.wait_for_function("() => pictures.length > 0")
            page.wait_for_timeout(100)
            return page.evaluate("() => pictures[0] - keys[0]")

        times = [[], []]
        for i in range(-3, repeats):
            for which in (0, 1):
                taken = press(which, "ArrowRight" if i // 10 % 2 else "ArrowLeft")
                if i >= 0:
                    times[which].append(taken)
        shown, right = drag(page, handles.nth(0), repeats)
    words = f"{shown} of {repeats} frames of a drag, last value {'right' if right else 'WRONG'}"
    row = Row(
        what, against, *times, faster=2.5, limit=85, holds=(words, shown == repeats and right)
    )
    return [row]


def drag(page, handle, stops: int) -> tuple[int, bool]:
    """Move a stop each 150 ms, then back at once: pictures shown, and whether the end is right."""
    page.wait_for_timeout(500)
    handle.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(1000)
    page.evaluate("() => { pictures.length = 0; }")
    for _ in range(stops):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(150)
    page.wait_for_timeout(1000)
    shown = page.evaluate("() => pictures.length")
    for _ in range(stops // 2):
        page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(2000)
    box = page.locator(".jp-OutputArea-output:has(.widget-image)")
    value = float(box.locator("input[type=number]").first.input_value())
    return shown, box.locator(".widget-html p").inner_text() == f"σ = {value:g}"
