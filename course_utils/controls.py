"""Sliders, and `explore`: a picture and its sentence that follow them; `progress` for long loops.

explore(draw, sigma=slider("σ", 0.1, 3, start=1, log=True), wrong=switch("square root twice"))
"""

import base64
import html
import inspect
import io
import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from course_utils import _checks

# JupyterLab hands a slider's move to a thread of its own, so that it is drawn while a cell runs;
# two pictures drawn at once would mix.
_DRAWING = threading.RLock()

_PLAIN = {str, int, float, bool, tuple, type(None)}  # attributes that can be compared


@dataclass(frozen=True)
class Slider:
    """A quantity with a number box and a slider beside it; `values` are the slider's stops."""

    label: str
    values: tuple
    start: float

    def build(self) -> tuple[widgets.Widget, list[widgets.Widget]]:
        """The box, which holds the value, and what stands in its row."""
        kind = widgets.BoundedIntText if isinstance(self.start, int) else widgets.BoundedFloatText
        box = kind(value=self.start, min=self.values[0], max=self.values[-1],
                   step=self._step(self.start), description=self.label)  # fmt: skip
        handle = widgets.IntSlider(value=self._nearest(self.start), max=len(self.values) - 1,
                                   readout=False, layout={"width": "24em"})  # fmt: skip

        def follow_handle(change):
            if self._nearest(box.value) != change["new"]:  # else the box has moved the handle
                box.value = self.values[change["new"]]

        def follow_box(change):
            handle.value = self._nearest(change["new"])
            box.step = self._step(change["new"])

        handle.observe(follow_handle, "value")
        box.observe(follow_box, "value")
        return box, [box, handle]

    def _nearest(self, value: float) -> int:
        return int(np.argmin(np.abs(np.asarray(self.values) - value)))

    def _step(self, value: float) -> float:
        """What an arrow key adds in the box: the way between two stops there, without its tail."""
        if isinstance(self.start, int):
            return 1
        gaps = np.diff(self.values)
        gap = gaps[min(self._nearest(value), len(gaps) - 1)]
        return float(f"{gap:.{2 if np.allclose(gaps, gap) else 0}e}")


@dataclass(frozen=True)
class Switch:
    """A choice between off and on: the "break it" of a lesson."""

    label: str
    start: bool
    values: tuple = (False, True)

    def build(self) -> tuple[widgets.Widget, list[widgets.Widget]]:
        """The checkbox, and what stands in its row."""
        box = widgets.Checkbox(value=self.start, description=self.label, indent=False)
        return box, [box]


@dataclass(frozen=True)
class Choice:
    """One of several named options."""

    label: str
    values: tuple
    start: object

    def build(self) -> tuple[widgets.Widget, list[widgets.Widget]]:
        """The drop-down list, and what stands in its row."""
        box = widgets.Dropdown(options=self.values, value=self.start, description=self.label)
        return box, [box]


def slider(
    label: str,
    low: float,
    high: float,
    *,
    start: float,
    log: bool = False,
    integer: bool = False,
    steps: int = 50,
) -> Slider:
    """Return a slider from `low` to `high` with `steps` + 1 stops, rounded to three digits.

    Args:
      label: what stands beside it.
      low, high: its ends, low < high.
      start: where it stands at first.
      log: whether the stops are spaced evenly in the logarithm.
      integer: whether the values are whole numbers; a linear slider then stops at each.
      steps: into how many steps the way is divided.

    Raises:
      ValueError: ends that are not finite or in the wrong order, a start outside them, a logarithm
        of 0 or less.
      TypeError: a label that is no string, ends or start that are no numbers; an integer slider
        with ends or start that are not whole.
    """
    _named(label)
    for name, value in dict(low=low, high=high, start=start).items():
        _checks.number(name, value)
    if not low < high:
        raise ValueError(f"high must be above low = {low}, got {high}")
    if not low <= start <= high:
        raise ValueError(f"start must lie in [{low}, {high}], got {start}")
    if log and low <= 0:
        raise ValueError(f"low must be positive on a logarithmic slider, got {low}")
    _checks.whole_number("steps", steps)
    if not 0 < (high - low) / steps < np.inf:
        raise ValueError(f"high = {high} and low = {low} leave no steps that are numbers")
    stops = (np.geomspace if log else np.linspace)(low, high, steps + 1)
    if integer:
        for name, value in dict(low=low, high=high, start=start).items():
            _checks.whole_number(name, value, at_least=value)
        stops = np.rint(stops) if log else np.arange(low, high + 1)
        return Slider(label, tuple(dict.fromkeys(int(v) for v in stops)), int(start))
    digits = 3 if log else None
    inner = [_round(v, digits, (high - low) / steps) for v in stops[1:-1]]
    inner = [v for v in inner if low < v < high]  # rounding may leave a short way
    return Slider(label, tuple(dict.fromkeys([float(low), *inner, float(high)])), float(start))


def _round(value: float, digits: int | None, step: float) -> float:
    """Round to `digits` significant digits, or to a hundredth of the step."""
    if digits is not None:
        return float(f"{value:.{digits - 1}e}")
    return round(float(value), int(np.ceil(-np.log10(step))) + 2) + 0.0


def _named(label) -> None:
    if not isinstance(label, str):
        raise TypeError(f"label must be a string, got {label!r}")


def switch(label: str, *, start: bool = False) -> Switch:
    """Return a switch, off at first unless `start` says otherwise.

    Raises:
      TypeError: a label that is no string, a start that is neither True nor False.
    """
    _named(label)
    return Switch(label, _checks.flag("start", start))


def choice(label: str, options, *, start=None) -> Choice:
    """Return a drop-down list of `options`; the first is chosen at first unless `start` is given.

    Raises:
      ValueError: no options, or a start that is not one of them.
      TypeError: a label that is no string, options that are no list, tuple or the like, or that
        hold such.
    """
    _named(label)
    if isinstance(options, str) or not isinstance(options, Iterable):
        raise TypeError(f"options must be a list or a tuple, got {options!r}")
    options = tuple(options)
    for option in options:
        # ipywidgets takes pairs for labels with values, and does not find a NaN again
        if isinstance(option, tuple | list | np.ndarray) or option != option:
            raise TypeError(f"options must be names or numbers, got {option!r}")
    if not options or (start is not None and start not in options):
        raise ValueError(f"start must be one of options = {options}, got {start!r}")
    return Choice(label, options, options[0] if start is None else start)


class Explorer:
    """What `explore` returns: shown alive where widgets are, as picture and sentence elsewhere.

    Attributes:
      draw, controls: as given to `explore`.
      boxes: control → the widget that holds its value; set `.value` to move it.
      figure: the one matplotlib figure that is drawn on.
      sentence: what stands under the picture.
      png: the picture's bytes.
    """

    def __init__(self, draw: Callable, controls: dict, panels: int, projection, size):
        self.draw, self.controls = draw, controls
        self.figure = Figure(figsize=size, dpi=100, layout="constrained")
        self.canvas = FigureCanvasAgg(self.figure)
        axes = self.figure.subplots(1, panels, subplot_kw={"projection": projection}, squeeze=False)
        self.axes = list(axes[0])
        self._panels = axes[0] if panels > 1 else axes[0, 0]
        self._own = self.figure.get_children()
        self._blit = projection is None
        self._frame = self._background = None
        self._hold = False
        self._takes_seed = "seed" in inspect.signature(draw).parameters
        self.seed = 0
        self._build()
        with _DRAWING:
            self._paint()
            self._paint()  # the axes have their places now, as at every later move
            self._show()

    @property
    def values(self) -> dict:
        """The current value of each control, and of the seed where `draw` takes one."""
        values = {name: box.value for name, box in self.boxes.items()}
        return values | ({"seed": self.seed} if self._takes_seed else {})

    def reset(self, _=None) -> None:
        """Set every control and the seed to where they started."""
        self._hold, self.seed = True, 0
        for name, control in self.controls.items():
            self.boxes[name].value = control.start
        self._hold = False
        self._move()

    def new_noise(self, _=None) -> None:
        """Take the next seed."""
        self.seed += 1
        self._move()

    def _build(self) -> None:
        labels = [c.label for c in self.controls.values() if isinstance(c, Slider)]
        width = max(map(len, labels), default=0)
        self.boxes, rows, last = {}, [], []
        for name, control in self.controls.items():
            box, row = control.build()
            box.observe(self._move, "value")
            self.boxes[name] = box
            if isinstance(control, Slider):
                box.style.description_width = f"{0.6 * width + 1}em"
                box.layout.width = f"{0.6 * width + 8}em"
                rows.append(widgets.HBox(row))
            else:
                box.style.description_width = "initial"
                box.layout.width = "auto"
                last += row
        for text, action in [("Reset", self.reset)] + (
            [("New noise", self.new_noise)] if self._takes_seed else []
        ):
            button = widgets.Button(description=text, layout={"width": "auto"})
            button.on_click(action)
            last.append(button)
        width, height = (int(n) for n in self.figure.bbox.size)
        self._image = widgets.Image(format="png", width=width, height=height, layout={
            "max_width": "100%", "object_fit": "contain"})  # fmt: skip
        self._text = widgets.HTML()
        row = widgets.HBox(last, layout={"flex_flow": "row wrap", "align_items": "center"})
        self.widget = widgets.VBox([*rows, row, self._image, self._text])

    def _move(self, _=None) -> None:
        """Draw at the current values; show what goes wrong under the picture."""
        if self._hold:
            return
        with _DRAWING:  # the values are read in here: whoever comes last draws the last ones
            try:
                self._paint()
            except Exception as error:  # whatever `draw` raises; the next move starts afresh
                self._frame = None
                self._text.value = (
                    f'<p role="alert" style="font-size:15px; color:#b00020">'
                    f"<b>{type(error).__name__}</b>: {html.escape(str(error))}</p>"
                )
            else:
                self._show()

    def _show(self) -> None:
        self._image.value = self.png
        self._text.value = (
            f'<p role="status" style="font-size:15px; line-height:1.4">'
            f"{html.escape(self.sentence)}</p>"
        )

    def _paint(self) -> None:
        """Run `draw` on cleared axes and encode the picture.

        Most of a picture's time goes into ticks, labels and grid.  They are kept as a background
        for as long as they stay the same, and only the data are drawn on it.
        """
        for artist in self.figure.get_children():
            if artist not in self._own:  # a colour bar or a title of the figure, say
                artist.remove()
        self.figure._suptitle = self.figure._supxlabel = self.figure._supylabel = None
        for ax in self.axes:
            ax.clear()
        sentence = self.draw(self._panels, **self.values)
        if not isinstance(sentence, str | None):
            raise TypeError(f"draw must return a sentence or None, got {sentence!r}")
        data = [artist for ax in self.axes for artist in _data(ax)]
        frame = [_frame(ax) for ax in self.axes]
        alone = self._blit and self.figure.get_children() == self._own
        if alone and frame == self._frame:
            self.canvas.restore_region(self._background)
        else:
            for artist in data:
                artist.set_animated(alone)  # left out of the canvas's own drawing
            self._draw_all()
            self._background = self.canvas.copy_from_bbox(self.figure.bbox)
            self._frame = frame if alone else None
        if alone:
            for ax in self.axes:
                ax.apply_aspect()
            for artist in data:
                artist.draw(self.canvas.get_renderer())
        self.sentence, self.png = sentence or "", _png(self.canvas)

    def _draw_all(self) -> None:
        """Lay out and draw the figure, whatever stood in it before."""
        for ax in self.axes:
            ax.set_subplotspec(ax.get_subplotspec())  # the layout starts from where axes are
        self.canvas.draw()

    def _repr_mimebundle_(self, **_) -> dict:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {
            "application/vnd.jupyter.widget-view+json": view,
            "image/png": base64.b64encode(self.png).decode(),
            "text/plain": self.sentence,
        }


def _data(ax) -> list:
    """What is drawn over the frame, in drawing order: all but ticks, labels, grid and titles."""
    frame = {ax.xaxis, ax.yaxis, ax.patch, ax.title, ax._left_title, ax._right_title}
    return sorted((a for a in ax.get_children() if a not in frame), key=lambda a: a.zorder)


def _frame(ax) -> list:
    """What the frame's picture depends on, to be compared."""
    state = [ax.get_xlim(), ax.get_ylim(), ax.get_facecolor(), ax.figure.get_facecolor()]
    state += [str(ax.titleOffsetTrans), *(spine._position for spine in ax.spines.values())]
    artists = [ax, ax.title, ax._left_title, ax._right_title]
    if (legend := ax.get_legend()) and legend._bbox_to_anchor:  # outside, it takes room
        artists += legend.get_texts()
    for axis in (ax.xaxis, ax.yaxis):
        made = [*vars(axis).get("majorTicks", ()), *vars(axis).get("minorTicks", ())]
        artists += [axis, axis.label, *(text for t in made for text in (t.label1, t.label2))]
        parts = (axis.get_major_locator(), axis.get_major_formatter(),
                 axis.get_minor_locator(), axis.get_minor_formatter())  # fmt: skip
        details = [
            (type(part).__name__, [str(v) for k, v in sorted(vars(part).items()) if k != "axis"])
            for part in parts
        ]
        state += [str(axis.get_tick_params(which)) for which in ("major", "minor")] + details
    return state + [_look(artist) for artist in artists]


def _look(artist) -> list:
    """An artist's plain attributes, and the types of the others."""
    look = [v if type(v) in _PLAIN else type(v) for k, v in vars(artist).items() if k != "_stale"]
    return look + [hash(artist.get_fontproperties())] if isinstance(artist, Text) else look


def explore(
    draw: Callable, *, panels: int = 1, projection: str | None = None, size=None, **controls
) -> Explorer:
    """Show the picture that `draw` makes, with a control for each of its arguments.

    `draw(ax, **values)` draws with plain matplotlib and may return a sentence that states what is
    seen, with its numbers; the sentence stands under the picture.  If `draw` takes `seed`, a
    "New noise" button moves it.

    Left out: tick parameters and the sides of ticks stay, as `ax.clear()` keeps them, until `draw`
    sets others, and text that hangs out of the axes takes no more room while their frame stays.

    Args:
      draw: the drawing function.
      panels: how many axes stand side by side; with more than one, `draw` gets an array of axes.
      projection: of the axes, e.g. "3d".
      size: width and height in inches, at 100 pixels an inch.
      controls: argument of `draw` → slider, switch or choice.

    Returns:
      An Explorer, which a notebook shows as the last value of a cell.

    Raises:
      TypeError: a control that `draw` does not take, an argument of `draw` without a control, or a
        control that is none.
      Exception: whatever `draw` raises at the starting values.
    """
    if not callable(draw):
        raise TypeError(f"draw must be callable, got {draw!r}")
    _checks.whole_number("panels", panels)
    taken = list(inspect.signature(draw).parameters.values())[1:]
    names = {p.name for p in taken}
    for name in {"seed"} & controls.keys() | {"panels", "projection", "size"} & names:
        raise TypeError(f"{name} is explore's own: call the control, or draw's argument, otherwise")
    for name, control in controls.items():
        if not isinstance(control, Slider | Switch | Choice):
            raise TypeError(f"{name} must be a slider, a switch or a choice, got {control!r}")
        if name not in names and not any(p.kind is p.VAR_KEYWORD for p in taken):
            raise TypeError(f"draw does not take {name!r}, it takes {sorted(names)}")
    for p in taken:
        free = p.default is p.empty and p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
        if free and p.name not in (*controls, "seed"):
            raise TypeError(f"draw takes {p.name!r}, which has no control")
    size = size or ((8.0, 4.5) if panels == 1 else (10.0, 4.3))
    return Explorer(draw, controls, panels, projection, size)


def progress(items: Iterable, label: str, draw: Callable | None = None) -> Iterator:
    """Yield `items` one by one under a progress bar; where widgets are not, its label stands.

    A loop that is left half-way, by `break`, an error or an interrupt, leaves the bar where it is,
    marked as stopped.

    Args:
      items: what the loop runs over; it has a length.
      label: what is done, e.g. "training".
      draw: draw(ax) draws how far it has come, on cleared axes; it is called some twenty times.

    Raises:
      TypeError: items without a length.
    """
    if not isinstance(items, Sized) or not isinstance(items, Iterable):
        raise TypeError(f"items must have a length, as a range or a list has, got {items!r}")
    total = len(items)
    bar = widgets.IntProgress(max=total, description=label, style={"description_width": "initial"})
    count = widgets.Label(f"0 of {total}")
    box, picture = widgets.VBox([widgets.HBox([bar, count])]), widgets.Image(width=800)
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    text = f"{label}: {total} of {total}"
    display({"application/vnd.jupyter.widget-view+json": view, "text/plain": text}, raw=True)
    done = 0
    try:
        for item in items:
            yield item
            done += 1
            if done % max(1, total // 100) == 0:  # a message a step would slow a quick loop down
                bar.value, count.value = done, f"{done} of {total}"
            if draw and done % max(1, total // 20) == 0:
                picture.value = _picture(draw)
                box.children = [box.children[0], picture]  # an Image without a value is an error
    finally:
        bar.value = done
        count.value = f"{done} of {total}" + ("" if done == total else ", stopped")
        bar.bar_style = "success" if done == total else "danger"


def _picture(draw: Callable) -> bytes:
    """The picture that `draw` makes on new axes."""
    canvas = FigureCanvasAgg(Figure(figsize=(8.0, 3.5), dpi=100, layout="constrained"))
    with _DRAWING:
        draw(canvas.figure.subplots())
        canvas.draw()
        return _png(canvas)


def _png(canvas: FigureCanvasAgg) -> bytes:
    """What stands on the canvas, quickly."""
    buffer = io.BytesIO()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.save(buffer, "png", compress_level=1)
    return buffer.getvalue()
