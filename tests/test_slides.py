"""Every notebook as slides in Chromium: nothing overflows, all can be read, sliders move, nothing is changed."""

import pytest
import slides
import test_browser
from test_browser import NOTEBOOKS, READY

lab, browser, pytestmark = test_browser.lab, test_browser.browser, test_browser.pytestmark


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(60_000)
    yield page
    page.close()


def visit(page, lab, name, query="slides=stored"):
    address, token = lab
    page.goto(f"{address}/doc/tree/notebooks/{name}?token={token}&reset&{query}")
    page.wait_for_function(READY)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_slide_overflows_and_all_text_can_be_read(lab, page, name):
    visit(page, lab, name)
    count, problems = slides.measure(page)
    assert count > 20
    assert problems == []
