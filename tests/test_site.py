"""The course as web pages: what is in the folder, and that it works there with no network.

A small site is built of one notebook with few pictures; `SITE=build/site pytest tests/test_site.py`
tests a whole one that is there.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

from course_utils.controls import choice, slider, switch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import build_site  # noqa: E402
import draw_explorers  # noqa: E402

WHOLE = os.environ.get("SITE")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, and the numbers of its notebooks' files."""
    if WHOLE:
        return Path(WHOLE).resolve()
    out = tmp_path_factory.mktemp("a folder") / "the site"
    notebook = ROOT / "notebooks/01_naive_sampling.ipynb"
    command = [sys.executable, ROOT / "tools/build_site.py", "--out", out, "--pictures", "13", notebook]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=out.parent)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def pages(site):
    """Name → page, parsed."""
    return {
        path.name: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in sorted(site.glob("*.html"))
    }


@pytest.fixture(scope="module")
def stored(site):
    """Name of a page → the notebook that it shows."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return {
        f"{path.stem}.html": nbformat.read(path, as_version=4)
        for path in paths
        if (site / path.stem).is_dir()
    }


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


# --- which pictures are drawn


CONTROLS = [
    dict(a=choice("a", ["x", "y", "z"]), b=switch("b"), c=slider("c", 0, 1, start=0.5)),
    dict(a=slider("a", 0, 1, start=0.5)),
    dict(a=slider("a", 0.25, 4, start=1.333, log=True), b=switch("b", start=True)),
    dict(a=slider("a", 0, 3, start=0, integer=True), b=slider("b", 0, 1, start=0.2, steps=80)),
    dict(
        a=choice("a", ["x", "y", "z"]), b=slider("b", 0, 1, start=1), c=slider("c", 0, 1, start=0.5)
    ),
    dict(a=switch("a"), b=switch("b")),
]


@pytest.mark.parametrize("limit", [81, 13])
@pytest.mark.parametrize("controls", CONTROLS)
def test_the_grid_has_the_start_and_no_more_pictures_than_asked_for(controls, limit):
    stops, keys = draw_explorers.grid(controls, limit)
    assert len(set(keys)) == len(keys) <= limit
    start = tuple(stops[name].index(c.start) for name, c in controls.items())
    assert start in keys
    for i, (name, values) in enumerate(stops.items()):
        assert list(values) == sorted(values) and len(set(values)) == len(values)
        assert {key[i] for key in keys} == set(range(len(values)))
        assert {values[0], values[-1]} == {controls[name].values[0], controls[name].values[-1]}


def test_one_slider_moves_at_a_time_at_every_setting_of_the_switches():
    controls = dict(a=slider("a", 0, 1, start=0), b=slider("b", 0, 1, start=0), c=switch("c"))
    stops, keys = draw_explorers.grid(controls, 81)
    assert len(keys) == 2 * (len(stops["a"]) + len(stops["b"]) - 1) > 70
    assert all(a == 0 or b == 0 for a, b, _ in keys)
    assert {key[:2] for key in keys if key[2]} == {key[:2] for key in keys if not key[2]}


def test_where_settings_are_many_sliders_move_at_their_start_only():
    kinds = dict(a=choice("a", list("wxyz")), b=choice("b", list("xyz")), c=switch("c"))
    sliders = {n: slider(n, 0, 1, start=0) for n in "def"}
    stops, keys = draw_explorers.grid(kinds | sliders, 81)
    assert [len(stops[n]) for n in "def"] == [20, 20, 20] and len(keys) == 24 + 3 * 19
    assert all(sum(key[3:]) == 0 or (key[:3] == (0, 0, 0) and sorted(key)[-2] == 0) for key in keys)


def test_a_slider_with_few_stops_leaves_its_pictures_to_the_others():
    few, many = slider("a", 0, 3, start=0, integer=True), slider("b", 0, 1, start=0, steps=200)
    stops, keys = draw_explorers.grid(dict(a=few, b=many), 81)
    assert stops["a"] == [0, 1, 2, 3] and len(stops["b"]) == 78 and len(keys) == 81


# --- how a page is written


def rendered(text):
    return build_site.Site({"02_b.ipynb": "02_b.html"}).markdown2html({}, text)


def test_links_lead_to_pages_or_are_plain_words():
    assert 'href="02_b.html"' in rendered("[two](../notebooks/02_b.ipynb)")
    assert rendered("[later](13_later.ipynb)") == "<p>later</p>\n"
    assert 'href="https://example.org/x"' in rendered("[out](https://example.org/x)")


def test_a_long_formula_in_a_line_may_break_after_its_outermost_relations():
    long = rendered(r"$f(a = b) = \frac{a}{b} + \sqrt{c + d} - \log\left(\frac12 + x\right)$")
    parts = re.findall(r"<math>.*?</math>", long)
    assert len(parts) == 4 and "<wbr>".join(parts) in long
    assert [BeautifulSoup(part, "html.parser").text[-1] for part in parts[:-1]] == ["=", "+", "−"]
    squares = rendered(r"$\frac{a + b}{c} = (1 - t^2)/(1 + x_0 t)^2 = (1 - w^2)/(1 - x_0^2)$")
    assert squares.count("<wbr>") == 2
    assert rendered("$a = b$").count("<math>") == 1


def test_no_line_breaks_between_a_formula_and_its_comma():
    assert re.search(r'<span class="nowrap">\(<math>.*</math>\),</span>', rendered("see ($x$), so"))


# --- what is in the folder


def test_every_page_leads_to_every_other_and_to_the_next(pages, stored):
    order = ["index.html", *sorted(stored), "notation.html"]
    assert set(order) <= set(pages)
    for page in pages.values():
        assert [a["href"] for a in page.select("#contents > ol > li > a")][: len(order)] == order
        assert len(page.find_all("h1")) == 1 and page.title.text.strip()
    for before, after in zip(order, order[1:], strict=False):
        assert pages[before].select_one('.pager [rel="next"]')["href"] == after
        assert pages[after].select_one('.pager [rel="prev"]')["href"] == before


def test_links_resolve_within_the_folder_and_nothing_is_loaded_from_outside(site, pages):
    for name, page in pages.items():
        for element in page.select("[src], [href]"):
            address = element.get("src") or element["href"]
            parts = urlsplit(address)
            if parts.scheme == "https":
                assert element.name == "a", element  # a source that is named, to be clicked
                continue
            if parts.scheme == "data":
                continue
            assert not parts.scheme and not parts.netloc and not parts.path.startswith("/"), address
            target = parts.path or name
            assert (site / unquote(target)).is_file(), (name, address)
            if parts.fragment:
                assert pages[target].find(id=unquote(parts.fragment)), (name, address)
    assert set(re.findall(r"url\((.{5})", (site / "style.css").read_text("utf-8"))) == {"data:"}
    assert not re.search(r"https?:|import|fetch\(", (site / "site.js").read_text("utf-8"))


def test_names_of_sections_are_unique_and_in_the_contents(pages):
    for page in pages.values():
        ids = [element["id"] for element in page.select("[id]")]
        assert len(ids) == len(set(ids))
        listed = [a["href"] for a in page.select("#contents ol ol a")]
        assert listed == [f"#{heading['id']}" for heading in page.select("main h2")]


def test_pictures_are_described_files_with_a_size(pages):
    for page in pages.values():
        for image in page.select("main img"):
            assert len(image["alt"]) > 20, image
            assert image["loading"] == "lazy" and float(image["width"]) and float(image["height"])


def test_mathematics_is_typeset(pages, stored):
    for name in stored:
        page = pages[name]
        assert len(page.find_all("math")) > 50
        for element in page(["pre", "code", "script", "math"]):
            element.extract()
        assert not re.search(r"\$|\\[a-z]+\b", page.text), name


@pytest.fixture(scope="module")
def fresh(site):
    """As `pages`, parsed anew: a test may have taken elements out."""
    return lambda name: BeautifulSoup((site / name).read_text("utf-8"), "html.parser")


def test_stubs_stand_open_and_what_a_notebook_hides_is_folded(fresh, stored):
    for name, notebook in stored.items():
        page = fresh(name)
        assert not page.select("details[open]")
        assert len(page.select(".cell.exercise pre")) == len(tagged(notebook, "exercise"))
        for tag in ("check", "solution"):
            folds = page.select(f"details.{tag}")
            assert len(folds) == len(tagged(notebook, tag))
            for fold, cell in zip(folds, tagged(notebook, tag), strict=True):
                assert fold.find("pre").text.split() == cell.source.split()
        answers = sum(c.source.count("<details>") for c in notebook.cells)
        assert len(page.select("details:not([class])")) == answers


def test_what_a_cell_printed_is_there(fresh, stored):
    for name, notebook in stored.items():
        said = [pre.text for pre in fresh(name).select("pre.output")]
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                if output.output_type == "stream":
                    assert output.text.strip() in said
                elif output.output_type == "error":
                    assert output.traceback[0] in said


def explorers(page):
    for box in page.select(".explorer"):
        yield box, json.loads(box.script.string)


def test_every_explorer_has_a_picture_and_a_sentence_at_each_stop(site, fresh, stored):
    for name, notebook in stored.items():
        boxes = list(explorers(fresh(name)))
        cells = [c for c in notebook.cells if re.search(r"^explore\(", c.source, re.M)]
        assert len(boxes) == len(cells) >= 3
        for box, sentences in boxes:
            assert 4 <= len(sentences) <= 81
            assert box.img["alt"] == box.select_one(".sentence").text
            assert box.img["alt"] in sentences.values()
            for key, sentence in sentences.items():
                assert (site / f"{box['data-pictures']}{key}.webp").is_file()
                assert len(sentence) > 20 and not re.search(r"\b(nan|inf)\b", sentence)
            assert len(set(sentences.values())) > 3


def test_the_site_is_light(site):
    sizes = {path: path.stat().st_size for path in site.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 150e6
    pictures = [size for path, size in sizes.items() if path.suffix == ".webp"]
    assert sum(pictures) / len(pictures) < 30e3


# --- in a browser with no network


@pytest.fixture
def visit(browser, site):
    """visit(name, **options) opens a page; errors and requests that leave the folder are noted."""
    contexts = []

    def opened(name, **options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.problems, page.loaded = [], set()
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda m: page.problems.append(m.text))
        page.on("requestfailed", lambda request: page.problems.append(request.url))
        page.on("request", lambda request: page.loaded.add(unquote(request.url)))
        page.goto((site / name).as_uri(), wait_until="load")
        return page

    yield opened
    for context in contexts:
        context.close()


def check_requests(page, site):
    assert page.problems == []
    for address in page.loaded:
        assert address.startswith((f"file://{site}/", "data:")), address


def names_of_pages():
    folder = Path(WHOLE) if WHOLE else None
    small = ["01_naive_sampling.html", "index.html", "notation.html", "teaching.html"]
    return sorted(path.name for path in folder.glob("*.html")) if folder else small


PHONE = dict(viewport=dict(width=390, height=844), device_scale_factor=2)


@pytest.mark.browser
@pytest.mark.parametrize("name", names_of_pages())
def test_a_page_opens_at_once_and_fits_a_phone(visit, site, name):
    page = visit(name, **PHONE)
    page.wait_for_timeout(500)  # what the first view asks for has been asked for
    first = [Path(urlsplit(url).path) for url in page.loaded if url.startswith("file:")]
    assert sum(path.stat().st_size for path in first) < 2e6
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.click("text=Contents")
    page.locator("#contents a").last.click()
    page.wait_for_load_state()
    assert urlsplit(page.url).path.endswith(f"/{names_of_pages()[-1]}") or WHOLE
    check_requests(page, site)


CONTRAST = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => { const c = getComputedStyle(e).backgroundColor;
    return c.endsWith(', 0)') && e.parentElement ? ground(e.parentElement) : c; };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || e.closest('script, .skip, .anchor') || !e.getClientRects().length) continue;
    const [a, b] = [getComputedStyle(e).color, ground(e)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([e.className, e.textContent.slice(0, 40), ratio]);
  }
  return low;
}"""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_in_light_and_dark(visit, site, stored, scheme):
    page = visit(sorted(stored)[0], color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")
    assert page.evaluate(CONTRAST) == []
    check_requests(page, site)


STATE = """box => { const image = box.querySelector('img'); return {
    key: [...box.querySelectorAll('input, select')].map(c => c.type === 'checkbox' ? +c.checked
        : c.type === 'range' ? +c.value : c.selectedIndex).join('-'),
    source: image.getAttribute('src'), alt: image.alt,
    sentence: box.querySelector('.sentence').textContent,
    values: [...box.querySelectorAll('input[type=range]')].map(c => [
        JSON.parse(c.dataset.stops)[c.value], c.getAttribute('aria-valuetext'),
        box.querySelector(`output[for="${c.id}"]`).value]) }; }"""


@pytest.mark.browser
@pytest.mark.parametrize("name", [name for name in names_of_pages() if name[0].isdigit()])
def test_every_control_moves_its_picture_and_its_sentence(visit, site, fresh, name):
    page = visit(name, viewport=dict(width=1280, height=900))
    for number, (parsed, sentences) in enumerate(explorers(fresh(name))):
        box = page.locator(".explorer").nth(number)
        box.scroll_into_view_if_needed()

        def state(box=box, parsed=parsed, sentences=sentences):
            box.locator("img").evaluate("image => image.decode()")  # fails if there is no picture
            now = box.evaluate(STATE)
            assert now["source"] == f"{parsed['data-pictures']}{now['key']}.webp"
            assert now["sentence"] == now["alt"] == sentences[now["key"]]
            assert all(len(set(texts)) == 1 for texts in now["values"])
            return now

        start = state()
        said = set()
        for i in range(box.locator("input, select").count()):
            control = box.locator("input, select").nth(i)
            assert box.locator(f'label[for="{control.get_attribute("id")}"]').inner_text().strip()
            control.focus()
            if control.get_attribute("type") == "range":
                moves = ("End", "ArrowLeft", "Home", "ArrowRight")
            else:
                moves = ("Space",) if control.get_attribute("type") == "checkbox" else ("ArrowDown", "ArrowUp")  # fmt: skip
            keys = set()
            for move in moves:
                page.keyboard.press(move)
                now = state()
                keys.add(now["key"])
                said.add(now["sentence"])
            assert keys - {start["key"]}
            box.locator("button").click()
            assert state() == start
        assert len(said) > 1
    check_requests(page, site)
