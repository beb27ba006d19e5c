"""A notebook as slides in Chromium: sliders move, notes follow, nothing is changed.

That no slide of any notebook overflows is asserted in test_browser, where each one runs.
"""

import nbformat
import pytest
import slides
import test_browser
from playwright.sync_api import expect
from test_browser import NOTEBOOKS

from tools.lab import READY

lab, pytestmark = test_browser.lab, test_browser.pytestmark


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(60_000)
    yield page
    page.close()


def visit(page, lab, name, query):
    address, token, _ = lab
    page.goto(f"{address}/doc/tree/notebooks/{name}?token={token}&reset&{query}")
    page.wait_for_function(READY)


def test_sliders_move_on_a_slide_and_the_notebook_stays_as_it_was(lab, page):
    """The notebook runs at once, as with `make slides`; keys turn slides, notes follow, Escape ends it."""
    visit(page, lab, NOTEBOOKS[0], "slides")
    live = page.locator(".jp-OutputArea-output:has(.widget-image):has(.widget-html)")
    expect(live).to_have_count(test_browser.explorers(NOTEBOOKS[0]), timeout=300_000)
    page.wait_for_function(test_browser.ALL_RAN, timeout=300_000)
    count, problems = slides.measure(page)
    assert problems == []

    counter = page.locator(".slides-bar output")
    page.keyboard.press("Home")
    expect(counter).to_have_text(f"1 / {count}")
    image = page.locator(".slides .widget-image:visible")
    while not image.count():
        before = counter.inner_text()
        page.keyboard.press("PageDown")
        expect(counter).not_to_have_text(before)
    sentence = page.locator(".slides .widget-html p:visible")
    source, said, at = image.get_attribute("src"), sentence.inner_text(), counter.inner_text()
    page.locator(".slides .noUi-handle:visible").first.focus()
    page.keyboard.press("ArrowRight")
    expect(image).not_to_have_attribute("src", source)
    expect(sentence).not_to_have_text(said)
    expect(counter).to_have_text(at)  # the arrow moved the slider and not the slide
    page.keyboard.press("PageUp")
    expect(image).to_have_count(0)

    page.keyboard.press("Home")
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Speaker notes").click()
    notes = popup.value.locator("body")
    while not notes.inner_text():  # a slide that shows all has none
        page.keyboard.press("PageDown")
    shown = notes.inner_text()
    page.keyboard.press("x")  # cuts the selected cell in the notebook
    page.keyboard.press("End")
    expect(notes).not_to_have_text(shown)
    page.keyboard.press("Escape")
    expect(page.locator(".slides-bar")).to_have_count(0)
    notebook = nbformat.read(test_browser.ROOT / "notebooks" / NOTEBOOKS[0], as_version=4)
    stored = sum(cell.cell_type == "code" for cell in notebook.cells)
    assert len(page.evaluate(test_browser.CELLS)) == stored
    page.locator("jp-button[data-command='slides:open']:visible").click()
    expect(counter).to_have_text(f"{count} / {count}")
    test_browser.stop_kernels(lab)
