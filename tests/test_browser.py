"""The course in a real JupyterLab in a real browser: opened, run, and its sliders moved by keyboard."""

import hashlib
import inspect
import json
import re
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import matplotlib
import nbformat
import pytest
import slides
from playwright.sync_api import expect

from course_utils.controls import choice, explore, slider, switch
from tools.lab import READY, RUN_ALL, jupyterlab

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))

expect.set_options(timeout=30_000)

pytestmark = pytest.mark.browser

ALL_RAN = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
    .every(c => c.type !== 'code' || c.executionCount)"""
SOURCES = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
    .map(c => c.type + ' ' + c.sharedModel.getSource())"""
FOCUSED = """() => { const e = document.activeElement;
    return (e.labels?.[0]?.innerText || e.innerText || e.getAttribute('role')).trim(); }"""
EVALUATE = """async code => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({code, store_history: false});
    let text = '';
    future.onIOPub = m => { text += m.content.data?.['text/plain'] ?? ''; };
    await future.done;
    return text;
}"""
VIEW = """async box => {
    const bytes = await (await fetch(box.querySelector('.widget-image').src)).arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const text = box.querySelector('.widget-html p'), numbers = [...box.querySelectorAll('input[type=number]')];
    return {sentence: text.innerText, role: text.getAttribute('role'), numbers: numbers.map(n => +n.value),
        names: numbers.map(n => n.labels[0]?.innerText.trim() ?? ''), picture: [...hash].join(' ')};
}"""
EXPLORER = ".jp-OutputArea-output:has(.widget-image):has(.widget-html)"
CELLS = """() => [...jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type === 'code').map(c => ({
    count: c.executionCount, tags: c.getMetadata('tags') || [], outputs: c.outputs.toJSON()}))"""


class Lab(NamedTuple):
    """Where the server is."""

    address: str
    token: str
    notebooks: Path


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """A JupyterLab on a copy of the course: its address, its token and where its notebooks lie."""
    scratch = tmp_path_factory.mktemp("lab")
    for folder in ("notebooks", "images"):
        shutil.copytree(ROOT / folder, scratch / "course" / folder)
    for name in ("README.md", "NOTATION.md"):
        shutil.copy(ROOT / name, scratch / "course" / name)
    ours = dict.fromkeys(("JUPYTER_CONFIG_PATH", "JUPYTER_PATH"), ROOT / ".jupyter")  # as make
    with jupyterlab(scratch / "course", scratch, **ours) as (address, token):
        yield Lab(address, token, scratch / "course" / "notebooks")


def new_page(browser):
    """A page that notes every error of the page or of its console."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
    page.set_default_timeout(60_000)
    return page


@pytest.fixture
def page(browser):
    page = new_page(browser)
    yield page
    page.close()


def own_problems(page):
    """The page's errors but those of JupyterLab itself, which it has with any notebook."""
    return [
        text
        for text in page.problems
        if not re.search(r"Failed to load resource|favicon|lsp", text)
    ]


def visit(page, lab, name):
    address, token, _ = lab
    page.goto(f"{address}/doc/tree/notebooks/{name}?token={token}&reset")
    page.wait_for_function(READY)


def stop_kernels(lab):
    address, token, _ = lab
    headers = {"Authorization": f"token {token}"}
    kernels = json.load(
        urllib.request.urlopen(urllib.request.Request(f"{address}/api/kernels", headers=headers))
    )
    for kernel in kernels:
        request = urllib.request.Request(
            f"{address}/api/kernels/{kernel['id']}", method="DELETE", headers=headers
        )
        for _ in range(20):  # a kernel that is still starting cannot be stopped yet
            try:
                urllib.request.urlopen(request).close()
                break
            except urllib.error.HTTPError as error:
                if error.code == 404:  # it was stopped all the same
                    break
                time.sleep(0.5)
        else:
            raise AssertionError(f"{kernel} does not stop")


class View(NamedTuple):
    """What an explorer shows: its sentence, what that is to a screen reader, and its number boxes."""

    sentence: str
    role: str
    numbers: tuple
    names: tuple
    picture: str


def seen(box):
    """What the explorer shows now."""
    fields = box.evaluate(VIEW)
    return View(*(tuple(v) if isinstance(v, list) else v for v in map(fields.get, View._fields)))


def settled(page, box, number=None, unlike=None):
    """What it shows once a move is drawn: `number` = (which box, its value), `unlike` = before.

    Two places of a slider may look alike, so the picture is given three seconds to differ.
    """
    last, still, start = None, 0, time.monotonic()
    while still < 3:
        page.wait_for_timeout(50)
        view, waited = seen(box), time.monotonic() - start
        moved = unlike is None or view.picture != unlike.picture or waited > 3
        arrived = number is None or view.numbers[number[0]] == number[1]
        still = still + 1 if view == last and moved and arrived else 0
        last = view
        assert waited < 30, (number, view.numbers, view.sentence)
    return last


def explorers(name):
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    return sum(bool(re.search(r"^explore\(", cell.source, re.M)) for cell in notebook.cells)


def test_the_readme_is_in_view_and_leads_to_a_notebook(lab, page):
    address, token, _ = lab
    page.goto(f"{address}/lab/tree/README.md?token={token}&reset")
    page.wait_for_selector(".jp-MarkdownViewer h1")
    assert page.inner_text(".jp-MarkdownViewer h1").startswith("Gradients through randomness")
    assert page.evaluate("() => document.querySelector('.jp-MarkdownViewer img').naturalWidth") > 0
    page.click(".jp-MarkdownViewer a:has-text('Naive sampling')")
    page.wait_for_selector(".jp-Notebook h1")
    assert not own_problems(page)
    stop_kernels(lab)


@pytest.fixture(scope="module", params=NOTEBOOKS)
def course_notebook(lab, browser, request):
    """The page of a notebook, as two tests see it: as stored, then run; and its name."""
    page = new_page(browser)
    visit(page, lab, request.param)
    yield page, request.param
    page.close()


def test_a_notebook_as_stored_shows_pictures_and_sentences(course_notebook):
    page, name = course_notebook
    page.wait_for_selector(".jp-RenderedImage img")
    assert page.locator(".jp-RenderedImage img").count() >= explorers(name)
    assert "model not found" not in page.content()
    broken = page.evaluate(
        "async () => { const all = [...document.querySelectorAll('.jp-Notebook img')];"
        "await Promise.all(all.map(i => i.decode().catch(() => 0)));"
        "return all.filter(i => !i.naturalWidth).map(i => i.src); }"
    )
    assert broken == []
    assert page.locator(".MathJax_Error, mjx-merror").count() == 0
    assert not own_problems(page)


def test_a_notebook_runs_and_its_sliders_move_by_keyboard(lab, course_notebook):
    page, name = course_notebook
    page.set_default_timeout(300_000)
    page.evaluate(RUN_ALL)  # comes back at a meant error, while the cells below still run
    page.wait_for_function(ALL_RAN)
    page.set_default_timeout(60_000)
    cells = page.evaluate(CELLS)
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error" or "raises-exception" in cell["tags"], output
            assert output.get("name") != "stderr", output

    boxes = page.locator(EXPLORER)
    expect(boxes).to_have_count(explorers(name))  # a progress bar's picture has no sentence
    for i in range(explorers(name)):
        box = boxes.nth(i)
        box.scroll_into_view_if_needed()
        first = settled(page, box)
        assert len(first.sentence) > 20 and first.role == "status" and first.names.count("") == 0
        handles, numbers = box.locator(".noUi-handle"), box.locator("input[type=number]")
        views = [first]
        for j in range(numbers.count()):
            number = numbers.nth(j)
            low, high = (float(number.get_attribute(end)) for end in ("min", "max"))
            for key, end in [("Home", low), ("End", high)]:
                before = views[-1]
                handles.nth(j).press(key)
                unlike = None if before.numbers[j] == end else before
                views.append(settled(page, box, (j, end), unlike))
                assert views[-1].role == "status", views[-1].sentence
            if j == 0:
                for typed in ("999999999", ""):  # out of range: the end; not a number: nothing
                    number.fill(typed)
                    number.press("Enter")
                    assert settled(page, box, (j, high)) == views[-1], typed
        assert numbers.count() == 0 or len({view.sentence for view in views}) > 1
        box.locator("button", has_text="Reset").click()
        expect(box.locator(".widget-html p")).to_have_text(first.sentence)
        assert settled(page, box) == first

    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("() => jupyterapp.commands.execute('slides:open')")
    assert slides.measure(page)[1] == []  # alive too, no slide overflows
    assert not own_problems(page)
    stop_kernels(lab)


# --- one explorer with every kind of control


def draw(ax, *, a, b, k, wrong, kind, seed):
    if k == 13:
        raise ValueError("thirteen")
    ax.plot([0, a, k], [0, b, seed])
    ax.set(xlim=(0, 20), ylim=(-1, 2), title=f"{kind} {wrong}")
    return f"a = {a:g}, b = {b:g}, k = {k}, wrong = {wrong}, kind = {kind}, seed = {seed}"


def explorer():
    return explore(
        draw,
        a=slider("a", 0.1, 3, start=1, log=True),
        b=slider("b", -1, 1, start=0),
        k=slider("k", 1, 20, start=3, integer=True),
        wrong=switch("wrong"),
        kind=choice("kind", ["one", "two"]),
    )


@pytest.fixture(scope="module")
def opened(lab, browser):
    """The explorer in a notebook of its own: the page, and the explorer on it."""
    sources = ["from course_utils.controls import choice, explore, slider, switch",
               inspect.getsource(draw), inspect.getsource(explorer), "explorer()", "1 + 1"]  # fmt: skip
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in sources])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(made, lab.notebooks / "kinds.ipynb")
    page = new_page(browser)
    visit(page, lab, "kinds.ipynb")
    page.evaluate(RUN_ALL)
    page.wait_for_function(ALL_RAN)
    box = page.locator(EXPLORER)
    expect(box).to_have_count(1)
    yield page, box
    page.close()
    stop_kernels(lab)


@pytest.fixture
def alive(opened):
    """The page, the explorer as it starts, and `shows(**values)`: that it is at those values."""
    page, box = opened
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        twin = explorer()

        def shows(**values):
            twin.reset()
            for name, value in values.items():
                if name == "seed":
                    twin.seed = value - 1
                    twin.new_noise()
                else:
                    twin.boxes[name].value = value
            numbers = tuple(twin.boxes[name].value for name in "abk")
            picture = " ".join(map(str, hashlib.sha256(twin.png).digest()))
            wanted = View(twin.sentence, "status", numbers, tuple("abk"), picture)
            start = time.monotonic()
            while (view := seen(box)) != wanted and time.monotonic() < start + 30:
                page.wait_for_timeout(50)
            assert view == wanted

        box.locator("button", has_text="Reset").click()
        shows()
        yield page, box, shows
    assert own_problems(page) == []


def test_an_explorer_by_keyboard(alive):
    page, box, shows = alive
    order = []
    box.locator("input").first.focus()
    for _ in range(10):
        order.append(page.evaluate(FOCUSED))
        page.keyboard.press("Tab")
    assert order == ["a", "slider", "b", "slider", "k", "slider", "wrong", "kind", "Reset", "New noise"]  # fmt: skip

    handles, numbers = box.locator(".noUi-handle"), box.locator("input[type=number]")
    handles.nth(0).press("End")
    shows(a=3)
    handles.nth(0).press("ArrowLeft")
    handles.nth(1).press("Home")  # a second slider, and the first again
    handles.nth(0).press("Home")
    shows(a=0.1, b=-1)
    numbers.nth(1).focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    shows(a=0.1, b=-0.88)
    box.locator("input[type=checkbox]").press("Space")
    box.locator("select").press("ArrowDown")
    box.locator("button", has_text="New noise").press("Enter")
    shows(a=0.1, b=-0.88, wrong=True, kind="two", seed=1)
    box.locator("button", has_text="Reset").press("Enter")
    shows()


def test_an_explorer_takes_typed_numbers(alive):
    page, box, shows = alive
    a, b, k = (box.locator("input[type=number]").nth(j) for j in range(3))
    for typed, value in [("0.777", 0.777), ("99", 3), ("1e9", 3), ("-5", 0.1), ("", 0.1), ("e", 0.1),
                         ("--", 0.1), ("2", 2)]:  # fmt: skip
        a.fill("")
        a.press_sequentially(typed)
        a.press("Enter")
        shows(a=value)
    k.fill("2")
    b.fill("0.25")
    b.press("Tab")
    shows(a=2, b=0.25, k=2)
    k.fill("13")
    k.press("Enter")
    expect(box.locator("p[role=alert]")).to_have_text("ValueError: thirteen")
    k.fill("14")
    k.press("Enter")
    shows(a=2, b=0.25, k=14)


def test_an_explorer_by_mouse_and_a_hundred_moves(alive):
    page, box, shows = alive
    handle = box.locator(".noUi-handle").first
    for sideways, value in [(-900, 0.1), (900, 3)]:
        place = handle.bounding_box()
        page.mouse.move(place["x"] + 8, place["y"] + 8)
        page.mouse.down()
        page.mouse.move(place["x"] + sideways, place["y"] + 8, steps=20)
        page.mouse.up()
        shows(a=value)
    figures = "import gc; from matplotlib.figure import Figure; sum(isinstance(o, Figure) for o in gc.get_objects())"
    before = page.evaluate(EVALUATE, figures)
    for key, value in [("ArrowLeft", 0.1), ("ArrowRight", 3)]:
        for _ in range(50):
            handle.press(key)  # faster than the pictures come: the last one counts
        shows(a=value)
    assert page.evaluate(EVALUATE, figures) == before == "1"


def test_letters_typed_on_an_explorer_leave_the_cells_alone(alive):
    page, box, shows = alive
    cells = page.evaluate(SOURCES)
    for place in (".noUi-handle", "input[type=number]", "input[type=checkbox]", "select", "button"):
        for key in [*"abcddjkmorvxyz00", "Shift+A", "Shift+B", "Shift+M", "Shift+Z"]:
            box.locator(place).first.press(key)
            assert page.evaluate(SOURCES) == cells, (place, key)
    page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCell.node.focus()")
    page.keyboard.press("b")
    page.wait_for_function(f"() => ({SOURCES})().length === {len(cells) + 1}")
