import base64
import io
import threading
import time

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from course_utils import controls
from course_utils.controls import choice, explore, slider, switch


def draw(ax, *, sigma, wrong=False):
    z = np.linspace(-3, 3, 50)
    ax.plot(z, np.exp(-((z / sigma) ** 2)), label="curve")
    ax.set(xlim=(-3, 3), ylim=(0, 1.2), xlabel="z", ylabel="density")
    ax.legend(loc="upper right")
    return f"σ = {sigma:g}, wrong = {wrong}"


@pytest.fixture
def explorer():
    return explore(draw, sigma=slider("σ", 0.1, 3, start=1, log=True), wrong=switch("twice"))


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize(
    ("made", "low", "high", "count"),
    [
        (slider("a", 0, 1, start=0.5), 0, 1, 51),
        (slider("a", -2, 2, start=0, steps=8), -2, 2, 9),
        (slider("a", 0.01, 100, start=1, log=True, steps=80), 0.01, 100, 81),
        (slider("a", 1, 1.02, start=1, log=True), 1, 1.02, 3),  # three digits leave no more
        (slider("K", 1, 10, start=3, integer=True), 1, 10, 10),
        (slider("K", 1, 1024, start=8, log=True, integer=True, steps=10), 1, 1024, 11),
    ],
)
def test_a_slider_reaches_both_ends_and_only_climbs(made, low, high, count):
    assert (made.values[0], made.values[-1], len(made.values)) == (low, high, count)
    assert np.all(np.diff(made.values) > 0)


def test_whole_numbers_stay_whole():
    made = slider("K", 1, 1000, start=10, log=True, integer=True)
    assert all(isinstance(v, int) for v in made.values)
    box, _ = made.build()
    assert box.value == 10 and isinstance(box.value, int)


@pytest.mark.parametrize(
    ("words", "error", "make"),
    [
        ("high must be above low", ValueError, lambda: slider("a", 1, 0, start=0)),
        ("start must lie in", ValueError, lambda: slider("a", 0, 1, start=2)),
        ("start must be finite", ValueError, lambda: slider("a", 0, 1, start=np.nan)),
        ("low must be positive", ValueError, lambda: slider("a", 0, 1, start=0.5, log=True)),
        ("steps", ValueError, lambda: slider("a", 0, 1, start=0.5, steps=0)),
        ("start must be a whole", TypeError, lambda: slider("a", 0, 9, start=0.5, integer=True)),
        ("options", ValueError, lambda: choice("a", [])),
        ("options", TypeError, lambda: choice("a", [("x", 1), ("y", 2)])),
        ("options", TypeError, lambda: choice("a", np.ones([2, 2]))),
        ("options", TypeError, lambda: choice("a", [np.nan, 1.0])),
        ("start must be one of", ValueError, lambda: choice("a", ["x"], start="y")),
        ("draw does not take 'tau'", TypeError, lambda: explore(draw, sigma=slider("σ", 0, 1, start=1), tau=switch("τ"))),
        ("draw takes 'sigma'", TypeError, lambda: explore(draw, wrong=switch("w"))),
        ("sigma must be a slider", TypeError, lambda: explore(draw, sigma=3)),
        ("panels", ValueError, lambda: explore(draw, panels=0, sigma=slider("σ", 0, 1, start=1))),
        ("draw must be callable, got 3", TypeError, lambda: explore(3)),
        ("draw must return a sentence", TypeError, lambda: explore(lambda ax: 3)),
    ],
)  # fmt: skip
def test_bad_input_is_named(words, error, make):
    with pytest.raises(error, match=words):
        make()


def test_box_and_handle_follow_each_other(explorer):
    box, handle = explorer.widget.children[0].children
    assert box.description == "σ"
    handle.value = 0
    assert box.value == 0.1 == explorer.values["sigma"]
    handle.value = handle.max
    assert box.value == 3
    box.value = 0.777  # between two stops: the typed number holds, the handle goes next to it
    assert explorer.values["sigma"] == 0.777
    assert abs(explorer.controls["sigma"].values[handle.value] - 0.777) < 0.05
    box.value = 99  # out of range: the bound
    assert explorer.values["sigma"] == 3
    assert explorer.sentence == "σ = 3, wrong = False"


def test_each_move_draws_once(explorer):
    calls = []
    explorer.draw = lambda ax, **values: calls.append(values) or draw(ax, **values)
    explorer.widget.children[0].children[1].value = 5
    assert len(calls) == 1
    explorer.boxes["wrong"].value = True
    assert len(calls) == 2
    explorer.reset()
    assert len(calls) == 3
    assert calls[-1] == dict(sigma=1, wrong=False)


def test_moves_that_come_at_once_are_drawn_one_after_the_other():
    inside, most = [], []

    def slow(ax, *, a, b):
        inside.append(a)
        most.append(len(inside))
        time.sleep(0.002)  # time for the other thread to come in
        inside.pop()
        return f"a = {a:g}, b = {b:g}"

    explorer = explore(slow, a=slider("a", 0, 1, start=0.5), b=slider("b", 0, 1, start=0.5))
    moves = [
        threading.Thread(
            target=lambda box=box: [setattr(box, "value", v) for v in np.linspace(0, 1, 30)]
        )
        for box in explorer.boxes.values()
    ]
    for thread in moves:
        thread.start()
    for thread in moves:
        thread.join()
    assert len(most) > 50 and max(most) == 1
    assert explorer.sentence == "a = 1, b = 1"


def test_an_arrow_key_in_the_box_adds_a_round_step():
    def steps(made, *values):
        box, _ = made.build()
        found = [box.step]
        for box.value in values:
            found.append(box.step)
        return found

    assert steps(slider("a", -1, 4, start=0.5), 0, 4) == [0.1] * 3  # not 0.09999999999999964
    assert steps(slider("a", 0, 1, start=0, steps=8), 1) == [0.125] * 2
    assert steps(slider("a", 0.01, 100, start=1, log=True), 0.01, 100) == [0.2, 0.002, 20]
    assert steps(slider("K", 1, 1000, start=10, log=True, integer=True), 1000) == [1, 1]


def test_the_picture_is_that_of_a_fresh_figure_to_the_pixel(explorer):
    for sigma in explorer.controls["sigma"].values[::7]:
        explorer.boxes["sigma"].value = sigma
        fresh = explore(draw, sigma=slider("σ", 0.1, 3, start=sigma, log=True))
        np.testing.assert_array_equal(pixels(explorer.png), pixels(fresh.png))


def draw_changing_frame(ax, *, span, log, title, extra):
    ax.plot([1, span], [1, span])
    ax.set(xlim=(1, span), yscale="log" if log else "linear", title=title)
    if extra:
        ax.set_xticks([1, span], ["one", "end"])
        ax.grid(False)
        image = ax.imshow(np.eye(3), extent=(1, span, 1, span), aspect="auto")
        ax.figure.colorbar(image)


def test_a_frame_that_changes_is_drawn_anew():
    settings = dict(
        span=slider("span", 2, 10, start=5),
        log=switch("log"),
        title=choice("title", ["a", "b"]),
        extra=switch("extra"),
    )
    moved = explore(draw_changing_frame, **settings)
    for values in [
        dict(span=7.0), dict(log=True), dict(title="b"), dict(extra=True), dict(log=False), dict(extra=False), {},
    ]:  # fmt: skip
        for name, value in values.items():
            moved.boxes[name].value = value
        fresh = controls.Explorer(draw_changing_frame, settings, 1, None, (8.0, 4.5))
        for name, value in moved.values.items():
            fresh.boxes[name].value = value
        fresh._frame = None
        fresh._paint()
        extra = moved.values["extra"]  # a colour bar may stand a fraction of a pixel elsewhere
        assert len(moved.figure.axes) == 1 + extra
        difference = np.abs(pixels(moved.png).astype(int) - pixels(fresh.png))
        assert np.max(difference) <= (10 if extra else 0), values


FRAMES = {
    "title of the figure": lambda ax, a: ax.figure.suptitle(f"top {a}") if a else None,
    "text of the figure": lambda ax, a: ax.figure.text(0.1, 0.5, f"at {a}"),
    "legend of the figure": lambda ax, a: ax.figure.legend(["a", "b"][a]),
    "colour of the figure": lambda ax, a: ax.figure.set_facecolor(["w", "y"][a]),
    "minor labels": lambda ax, a: ax.set_xticks([0.3], ["a", "b"][a], minor=True),
    "minor ticks": lambda ax, a: ax.tick_params(which="minor", left=True, length=3 + 9 * a),
    "tilted labels": lambda ax, a: [t.set_rotation(60 * a) for t in ax.get_xticklabels()],
    "red labels": lambda ax, a: [t.set_color("kr"[a]) for t in ax.get_yticklabels()],
    "label's side": lambda ax, a: ax.yaxis.set_label_position(["left", "right"][a]),
    "label's place": lambda ax, a: ax.set_xlabel("x", loc=["left", "right"][a]),
    "label's distance": lambda ax, a: ax.set_xlabel("x", labelpad=30 * a),
    "label's angle": lambda ax, a: ax.set_ylabel("y", rotation=90 * a),
    "bold title": lambda ax, a: ax.set_title("title", weight=["normal", "bold"][a]),
    "title's distance": lambda ax, a: ax.set_title("title", pad=6 + 20 * a),
    "title's box": lambda ax, a: ax.set_title("title", bbox=dict(fc="y") if a else None),
    "legend outside": lambda ax, a: ax.legend([["a", "much"][a]], bbox_to_anchor=(1, 1)),
    "box": lambda ax, a: ax.set_box_aspect(a or None),
    "spine": lambda ax, a: ax.spines["left"].set_position([("axes", 0), ("data", 0.5)][a]),
}


@pytest.mark.parametrize("change", FRAMES.values(), ids=FRAMES)
def test_whatever_changes_around_the_data_the_picture_is_a_fresh_one(change):
    def draw(ax, *, a):
        ax.minorticks_on()
        ax.plot([0, 1], [0, 1])
        ax.set(xlim=(0, 1), ylim=(0, 2), ylabel="height")
        change(ax, a)

    def made(start):
        return explore(draw, a=slider("a", 0, 1, start=start, integer=True))

    moved, fresh = made(0), [pixels(made(a).png).astype(int) for a in (0, 1)]
    assert np.any(fresh[0] != fresh[1])
    for a in (1, 0, 1):
        moved.boxes["a"].value = a
        np.testing.assert_allclose(pixels(moved.png).astype(int), fresh[a], atol=10)


def test_the_frame_is_kept_while_only_data_move(explorer):
    explorer._move()
    drawn = []
    original = explorer.canvas.draw
    explorer.canvas.draw = lambda: drawn.append(1) or original()
    for sigma in (0.2, 0.5, 2.0):
        explorer.boxes["sigma"].value = sigma
    assert not drawn
    assert len(explorer.figure.axes) == 1


def test_panels_and_projections():
    seen = []

    def several(ax, *, a):
        seen.append(ax.shape)
        for panel in ax:
            panel.plot([0, a], [0, 1])

    assert explore(several, panels=3, a=slider("a", 0, 1, start=0.5)).sentence == ""
    assert set(seen) == {(3,)}

    def solid(ax, *, a):
        ax.plot([0, a], [0, 1], [0, 1])
        return ax.name

    explorer = explore(solid, projection="3d", a=slider("a", 0, 1, start=0.5))
    first = explorer.png
    explorer.boxes["a"].value = 1
    assert explorer.sentence == "3d" and explorer.png != first


def test_new_noise_and_reset_move_the_seed():
    explorer = explore(
        lambda ax, *, seed, a: f"seed {seed}, a {a:g}", a=slider("a", 0, 1, start=0.5)
    )
    names = [b.description for b in explorer.widget.children[-3].children]
    assert names == ["Reset", "New noise"]
    reset, new_noise = explorer.widget.children[-3].children
    new_noise.click()
    new_noise.click()
    explorer.boxes["a"].value = 1
    assert explorer.sentence == "seed 2, a 1"
    reset.click()
    assert explorer.sentence == "seed 0, a 0.5"


def test_an_error_at_the_start_is_raised():
    def broken(ax, *, a):
        raise RuntimeError("no picture")

    with pytest.raises(RuntimeError, match="no picture"):
        explore(broken, a=slider("a", 0, 1, start=0.5))


def test_an_error_after_a_move_is_shown_and_the_next_move_recovers():
    def fragile(ax, *, a):
        ax.set(title=f"{a}")
        if a == 1:
            raise ValueError("a <b> too far")
        return f"a is {a:g}"

    explorer = explore(fragile, a=slider("a", 0, 1, start=0.5))
    before = explorer.png
    explorer.boxes["a"].value = 1
    text = explorer.widget.children[-1].value
    assert "ValueError" in text and "a &lt;b&gt; too far" in text
    assert explorer.png == before
    explorer.boxes["a"].value = 0.5
    assert explorer.png == before
    assert "a is 0.5" in explorer.widget.children[-1].value


def test_what_a_notebook_is_given(explorer):
    bundle = explorer._repr_mimebundle_()
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id
    assert base64.b64decode(bundle["image/png"]) == explorer.png == explorer._image.value
    assert bundle["text/plain"] == explorer.sentence == "σ = 1, wrong = False"
    assert pixels(explorer.png).shape == (450, 800, 3)


@pytest.fixture
def shown(monkeypatch):
    """What `progress` shows: the text that is displayed, and the bar, the count and the picture."""
    seen = {}

    class Widgets:
        HBox = widgets.HBox

        def IntProgress(**options):
            return seen.setdefault("bar", widgets.IntProgress(**options))

        def Label(text):
            return seen.setdefault("count", widgets.Label(text))

        def VBox(children):
            return seen.setdefault("box", widgets.VBox(children))

        def Image(**options):
            return seen.setdefault("picture", widgets.Image(**options))

    monkeypatch.setattr(controls, "widgets", Widgets)
    monkeypatch.setattr(controls, "display", lambda data, raw: seen.update(data))
    return seen


def test_progress_yields_everything_and_ends_full(shown):
    assert list(controls.progress(range(250), "training")) == list(range(250))
    assert shown["text/plain"] == "training: 250 of 250"
    assert (shown["bar"].value, shown["bar"].max) == (250, 250)
    assert (shown["count"].value, shown["bar"].bar_style) == ("250 of 250", "success")


def test_progress_says_where_a_loop_was_left(shown):
    steps = controls.progress(range(250), "training")
    for step in steps:
        if step == 100:
            break
    assert shown["bar"].value == 100
    steps.close()
    assert (shown["count"].value, shown["bar"].bar_style) == ("100 of 250, stopped", "danger")


@pytest.mark.parametrize("items", [10, iter([1, 2])])
def test_progress_wants_items_with_a_length(items):
    with pytest.raises(TypeError, match="items"):
        next(controls.progress(items, "training"))


def test_progress_shows_how_far_a_loop_has_come(shown):
    done, pictures = [], []
    for step in controls.progress(range(40), "training", lambda ax: ax.plot(done)):
        pictures.append(shown["picture"].value)
        assert (shown["picture"] in shown["box"].children) == (step >= 2)
        done.append(step)
    assert len({*pictures, shown["picture"].value}) == 21  # none, then one every two steps


def test_progress_without_a_picture_is_a_bar_alone(shown):
    assert list(controls.progress([1, 2], "training")) == [1, 2]
    assert len(shown["box"].children) == 1


def test_names_that_are_explores_own_are_refused():
    with pytest.raises(TypeError, match="seed is explore's own"):
        explore(lambda ax, *, seed: None, seed=slider("seed", 0, 9, start=4, integer=True))
    with pytest.raises(TypeError, match="size is explore's own"):
        explore(lambda ax, *, size: None)
