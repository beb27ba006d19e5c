"""Build the course as a static site that needs no network, no server and no kernel.

    python tools/build_site.py [--out FOLDER] [--pictures N] [NOTEBOOK ...]

Default: build/site, at most 81 pictures an explorer, all of notebooks/.  nbconvert makes the pages
from the stored notebooks with the template in tools/site; math-core turns LaTeX into MathML, which
browsers show by themselves; draw_explorers.py draws what site.js shows where a slider stands.
"""

import argparse
import base64
import html
import io
import itertools
import multiprocessing
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import draw_explorers
import jinja2
import nbformat
import ziamath
from fontTools import subset
from math_core import LatexToMathML
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parent.parent
SOURCES = Path(__file__).resolve().parent / "site"
DRAWING = "The code of the drawing"
LATEX = LatexToMathML()


class Renderer(IPythonRenderer):
    """Markdown to HTML: mathematics as MathML, links and images as they lie in the site."""

    def __init__(self, pages: dict):
        super().__init__(escape=False)
        self.pages = pages

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link; its text alone where the site does not have what it leads to."""
        if not re.match(r"https?:|#", url):
            url = self.pages.get(PurePosixPath(url).name)
        return super().link(text, url, title) if url else text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """An image of images/, with its size so that the text does not jump."""
        name = PurePosixPath(url).name
        svg = ElementTree.parse(ROOT / "images" / name).getroot()
        width, height = svg.get("viewBox").split()[2:]
        size = f'width="{width}" height="{height}" loading="lazy"'
        return super().image(text, f"images/{name}", title).replace("<img", f"<img {size}", 1)

    def heading(self, text: str, level: int, **attrs) -> str:
        """A heading with an address of its own."""
        slug = re.sub(r"\W+", "-", html.unescape(re.sub("<.*?>", "", text))).strip("-").lower()
        anchor = f'<a class="anchor" href="#{slug}" aria-label="Link to this section">#</a>'
        return f'<h{level} id="{slug}">{text}{anchor if level > 1 else ""}</h{level}>\n'

    def paragraph(self, text: str) -> str:
        """A paragraph; a question to the reader stands out."""
        predict = text.startswith("<strong>Predict.</strong>")
        return f'<div class="predict">{text}</div>\n' if predict else super().paragraph(text)

    def block_math(self, body: str) -> str:
        """A displayed formula; a wide one scrolls by itself."""
        formula = LATEX.convert_with_local_state(body, displaystyle=True)
        return f'<span class="scroll">{formula}</span>'

    def inline_math(self, body: str) -> str:
        """A formula in a line, cut where the line may break."""
        return "<wbr>".join(_pieces(LATEX.convert_with_local_state(body, displaystyle=False)))


def _pieces(formula: str) -> list[str]:
    """Cut a long formula after its outermost relations and signs, as TeX does: browsers do not."""
    math_element = ElementTree.fromstring(
        re.sub(r"&(?!amp|lt|gt|quot)\w+;", lambda m: html.unescape(m[0]), formula)
    )
    parts, depth = [ElementTree.Element("math")], 0
    for child in math_element:
        parts[-1].append(child)
        base = child[0] if child.tag in ("msub", "msup", "msubsup") else child  # as in (1 − t)²
        sign = base.text if base.tag == "mo" else None
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(sign, 0)
        if sign and depth == 0 and sign in "=≈≤≥<>∼→∝+−,;" and base is child:
            if sign not in ",;" and len(parts[-1]) > 1:
                child.set("form", "infix")
            parts.append(ElementTree.Element("math"))
    if len(formula) < 200 or not len(parts[-1]) or depth:
        return [formula]
    return [ElementTree.tostring(part, "unicode") for part in parts]


class Site(HTMLExporter):
    """nbconvert's exporter with the template of tools/site."""

    def __init__(self, pages: dict):
        super().__init__(template_name="site", extra_template_basedirs=[str(SOURCES.parent)])
        self.pages = pages

    @jinja2.pass_context
    def markdown2html(self, context, source: str) -> str:
        """The template's filter for Markdown."""
        made = MarkdownWithMath(renderer=Renderer(self.pages)).render(source)
        made = re.sub(r"<table>.*?</table>", r'<div class="scroll">\g<0></div>', made,
                      flags=re.S)  # fmt: skip
        # no line break between a formula and the sign before or behind it
        return re.sub(r"([(\[“]?)(<math>(?:(?!<math).)*?</math>)([^\s<>]*)",
                      lambda m: f'<span class="nowrap">{m[0]}</span>' if m[1] or m[3] else m[0],
                      made, flags=re.S)  # fmt: skip


def _folded(cells: list) -> list:
    """The cells, with what a hidden one folds under; hidden drawings in a row fold as one."""
    joined = []
    for cell in cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            tag = (cell.metadata.get("tags") or [""])[0]
            cell["fold"] = {"check": "The check", "solution": "Solution"}.get(tag, DRAWING)
            last = joined[-1] if joined else {}
            if not cell.outputs and cell.fold == last.get("fold") == DRAWING and not last.outputs:
                last.source += "\n\n\n" + cell.source
                continue
        joined.append(cell)
    return joined


def _with_pictures(notebook, drawn: dict, folder: Path):
    """The notebook with its explorers, and its other pictures as files."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        if str(index) in drawn["explorers"]:
            cell["explorer"] = drawn["explorers"][str(index)]
            continue
        descriptions = iter(drawn["figures"].get(str(index), []))
        for number, output in enumerate(cell.outputs):
            if output.output_type == "execute_result":
                output["output_type"] = "display_data"  # a page shows both alike
            if png := output.get("data", {}).get("image/png"):
                picture = Image.open(io.BytesIO(base64.b64decode(png)))
                name = f"figure-{index}-{number}.webp"
                draw_explorers.save(picture, folder / name)
                output["picture"] = {
                    "src": f"{folder.name}/{name}",
                    "alt": next(descriptions, "Figure. Described in the text beside it"),
                    "width": picture.width,
                    "height": picture.height,
                }
    notebook.cells = _folded(notebook.cells)
    return notebook


def _text(path: Path):
    """A Markdown file as a notebook of one cell; of the README what a reader needs."""
    text = path.read_text("utf-8")
    if path.name == "README.md":
        text = text.split("\n## Contribute")[0]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])


def style(pages: list[str]) -> str:
    """The style sheet: ours, the code's colours, and a font for the signs that the pages use."""
    used = {"√", *itertools.chain(*re.findall("<math.*?</math>", "".join(pages), re.S))}
    slanted = [*range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C), 0x210E]
    options = subset.Options(flavor="woff", layout_features=["*"], name_IDs=["*"], hinting=False)
    font = subset.load_font(
        Path(ziamath.__file__).parent / "fonts/STIXTwoMath-Regular.ttf", options
    )
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[*map(ord, used), *slanted])
    subsetter.subset(font)
    buffer = io.BytesIO()
    subset.save_font(font, buffer, options)
    data = base64.b64encode(buffer.getvalue()).decode()
    light, dark = (
        HtmlFormatter(style=name, nobackground=True).get_style_defs(".highlight")
        for name in ("xcode", "github-dark")
    )
    return "\n".join([
        "/* STIX Two Math, SIL Open Font License 1.1, the signs that these pages use */",
        f'@font-face {{ font-family: "STIX Two Math"; src: url(data:font/woff;base64,{data}); }}',
        (SOURCES / "style.css").read_text("utf-8"),
        light, f"@media (prefers-color-scheme: dark) {{\n{dark}\n}}",
    ])  # fmt: skip


def build(out: Path, notebooks: list[Path], limit: int) -> None:
    """Build the site of the notebooks given into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    apart = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, apart, max_tasks_per_child=1) as pool:
        work = {p: pool.submit(draw_explorers.draw, p, out / p.stem, limit) for p in notebooks}
        drawn = {path.stem: future.result() for path, future in work.items()}

    texts = sorted(path for path in ROOT.glob("*.md") if path.name != "README.md")
    sources = [ROOT / "README.md", *notebooks, *texts]
    names = {path.name: f"{path.stem.replace('README', 'index').lower()}.html" for path in sources}
    site = Site(names | {"LICENSE": "LICENSE.txt"})
    pages = []
    for path in sources:
        if path.suffix == ".md":
            notebook = _text(path)
        else:
            notebook = nbformat.read(path, as_version=4)
            notebook = _with_pictures(notebook, drawn[path.stem], out / path.stem)
        prose = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        sections = re.findall(r'<h2 id="(.+?)">(.+?)<a class', site.markdown2html({}, prose))
        title = re.search("^# (.+)$", prose, re.M)[1]
        pages.append(dict(name=names[path.name], title=title, sections=sections, notebook=notebook))

    made = {}
    for before, page, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        around = dict(course=pages[0]["title"], pages=pages, before=before, after=after)
        made[page["name"]], _ = site.from_notebook_node(
            page["notebook"], {"site": around | {k: page[k] for k in ("name", "title")}}
        )
    for name, text in made.items():
        (out / name).write_text(text, "utf-8")
    (out / "style.css").write_text(style(list(made.values())), "utf-8")
    shutil.copy(SOURCES / "site.js", out)
    shutil.copy(ROOT / "LICENSE", out / "LICENSE.txt")
    shutil.copytree(ROOT / "images", out / "images", dirs_exist_ok=True)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{out / 'index.html'}: {len(made)} pages, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build/site")
    parser.add_argument("--pictures", type=int, default=81)
    parser.add_argument("notebooks", type=Path, nargs="*")
    given = parser.parse_args()
    chosen = given.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))
    build(given.out.resolve(), [path.resolve() for path in chosen], given.pictures)
