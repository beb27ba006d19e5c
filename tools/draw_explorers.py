"""Draw a notebook's explorers at every stop of their sliders, for the site.

The notebook is run in this process.  Pictures are made anew only where the notebook's code, the
package or this file has changed.
"""

import contextlib
import hashlib
import io
import itertools
import json
import linecache
import math
import os
import re
import shutil
import time
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
DPI = 150  # an explorer's own is 100; its letters stay crisp on a finer screen


def grid(controls: dict, limit: int) -> tuple[dict, list]:
    """The values at which each control stops, and the tuples of their indices that are drawn.

    At every setting of the switches and choices one slider moves at a time, the others at their
    start.  Sliders are thinned until there are no more than `limit` pictures; where that would
    leave them fewer than four stops each, they move at the start of the switches and choices only.
    """
    stops = {name: list(c.values) for name, c in controls.items()}
    sliders = [name for name, c in controls.items() if type(c).__name__ == "Slider"]
    settings = math.prod(len(stops[name]) for name in stops if name not in sliders)
    room = limit // settings - 1
    if alone := room < 3 * len(sliders):
        room = limit - settings
    for i, name in enumerate(sorted(sliders, key=lambda name: len(stops[name]))):
        stops[name] = _thinned(controls[name], room // (len(sliders) - i) + 1)
        room -= len(stops[name]) - 1
    start = {name: stops[name].index(c.start) for name, c in controls.items()}

    def drawn(key):
        moved = [name for name, i in zip(stops, key, strict=True) if i != start[name]]
        turned = [name for name in moved if name in sliders]
        return len(turned) <= 1 and not (alone and turned and len(moved) > 1)

    every = itertools.product(*(range(len(values)) for values in stops.values()))
    return stops, [key for key in every if drawn(key)]


def _thinned(slider, count: int) -> list:
    """At most `count` of a slider's values, evenly spaced, the nearest one moved to its start."""
    last = len(slider.values) - 1
    count = min(max(count, 2), last + 1)
    values = [slider.values[round(i * last / (count - 1))] for i in range(count)]
    nearest = min(range(count), key=lambda i: abs(values[i] - slider.start))
    values[nearest] = slider.start
    return values


def draw(path: Path, folder: Path, limit: int) -> dict:
    """Run a notebook and draw its explorers into `folder`.

    Returns:
      "explorers": index of a cell → its explorer as the template wants it; "figures": index of a
      cell → the descriptions of its other pictures.
    """
    cells = nbformat.read(path, as_version=4).cells
    used = [Path(__file__), *sorted((ROOT / "course_utils").rglob("*.py"))]
    parts = [c.source.encode() for c in cells if c.cell_type == "code"]
    parts += [file.read_bytes() for file in used] + [str(limit).encode()]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()
    record = folder / "pictures.json"
    if record.exists() and (known := json.loads(record.read_text("utf-8")))["key"] == key:
        return known
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begin = time.monotonic()
    explorers, figures = _run(path, cells)
    made = {"key": key, "explorers": {}, "figures": figures}
    for number, (cell, explorer) in enumerate(explorers.items(), 1):
        made["explorers"][cell] = _draw_one(explorer, folder, number, limit)
    record.write_text(json.dumps(made, ensure_ascii=False), "utf-8")
    files = [file.stat().st_size for file in folder.glob("*.webp")]
    print(f"{path.stem}: {len(files)} pictures, {sum(files) / 1e6:.1f} MB, "
          f"{time.monotonic() - begin:.0f} s", flush=True)  # fmt: skip
    return made


def _run(path: Path, cells: list) -> tuple[dict, dict]:
    """Run the cells in this process; the explorers and the figures' descriptions, by cell."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from course_utils import controls

    explorers, figures, names = {}, {}, {"__name__": "__main__"}

    class Recorded(controls.Explorer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            explorers[str(index)] = self

    controls.Explorer = Recorded
    os.chdir(path.parent)
    for index, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        name = f"{path.stem}:{index}"  # functions are compiled by TensorFlow from their source
        linecache.cache[name] = 0, None, [*map("{}\n".format, cell.source.split("\n"))], name
        meant = "raises-exception" in cell.metadata.get("tags", [])
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.suppress(Exception) if meant else contextlib.nullcontext(),
        ):
            exec(compile(cell.source, name, "exec"), names)
        figures[str(index)] = [_describe(plt.figure(n)) for n in plt.get_fignums()]
        plt.close("all")
    return explorers, figures


def _describe(figure) -> str:
    """What a figure shows, from its titles, labels and legends."""
    panels = []
    for ax in figure.axes:
        axes = " against ".join(filter(None, [ax.get_ylabel(), ax.get_xlabel()]))
        legend = ax.get_legend()
        names = ", ".join(t.get_text() for t in legend.get_texts()) if legend else ""
        panels.append(": ".join(filter(None, [ax.get_title(), axes, names])))
    text = "; ".join(filter(None, panels)) or "described in the text beside it"
    return "Figure. " + re.sub(r"\\(math\w+)?|[${}]", "", text)


def _draw_one(explorer, folder: Path, number: int, limit: int) -> dict:
    """Draw one explorer at every stop; what the template wants to know of it."""
    stops, keys = grid(explorer.controls, limit)
    width, height = (int(n) for n in explorer.figure.bbox.size)
    explorer.figure.set_dpi(DPI)
    explorer._frame = None
    prefix, sentences = f"{folder.name}/{number}-", {}
    for key in keys:
        explorer._hold = True
        for i, (name, values) in zip(key, stops.items(), strict=True):
            explorer.boxes[name].value = values[i]
        explorer._hold = False
        explorer._paint()
        joined = "-".join(map(str, key))
        sentences[joined] = explorer.sentence
        picture = Image.open(io.BytesIO(explorer.png))
        save(picture, folder.parent / f"{prefix}{joined}.webp")
    start = {name: stops[name].index(c.start) for name, c in explorer.controls.items()}
    joined = "-".join(map(str, start.values()))
    return {
        "id": f"explorer-{number}",
        "folder": prefix,
        "controls": [
            {
                "kind": type(c).__name__.lower(),
                "label": c.label,
                "start": start[name],
                "stops": [v if isinstance(v, str) else f"{v:g}" for v in stops[name]],
            }
            for name, c in explorer.controls.items()
        ],
        "one_at_a_time": sum(type(c).__name__ == "Slider" for c in explorer.controls.values()) > 1,
        "sentences": sentences,
        "picture": {
            "src": f"{prefix}{joined}.webp",
            "alt": sentences[joined],
            "width": width,
            "height": height,
        },
    }


def save(picture: Image.Image, path: Path) -> None:
    """Store a drawing: it has few colours, and 255 without loss are smaller than a lossy file."""
    few = picture.convert("RGB").quantize(255, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.convert("RGB").save(path, "webp", lossless=True, method=2)
