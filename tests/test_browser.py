"""The course in a real JupyterLab in a real browser: opened, run, and its sliders moved by keyboard."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))

expect.set_options(timeout=30_000)

pytestmark = pytest.mark.browser

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
READY = "() => window.jupyterapp && jupyterapp.shell.currentWidget?.context?.isReady"
RUN_ALL = """async () => {
    const widget = jupyterapp.shell.currentWidget;
    await widget.context.ready; await widget.sessionContext.ready;
    await widget.sessionContext.session.kernel.info;
    await jupyterapp.commands.execute('notebook:run-all-cells');
}"""
ALL_RAN = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
    .every(c => c.type !== 'code' || c.executionCount)"""
CELLS = """() => [...jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type === 'code').map(c => ({
    count: c.executionCount, tags: c.getMetadata('tags') || [], outputs: c.outputs.toJSON()}))"""


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """A JupyterLab on a copy of the course; its address and token."""
    scratch = tmp_path_factory.mktemp("lab")
    for folder in ("notebooks", "images"):
        shutil.copytree(ROOT / folder, scratch / "course" / folder)
    for name in ("README.md", "NOTATION.md"):
        shutil.copy(ROOT / name, scratch / "course" / name)
    for name, values in SETTINGS.items():
        target = scratch / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(values))
    token = secrets.token_hex(16)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython",
              "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}  # fmt: skip
    env = os.environ | {name: str(scratch / place) for name, place in places.items()}
    env["JUPYTER_CONFIG_PATH"] = str(ROOT / ".jupyter")  # as `make lab` sets it
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
               f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
               f"--ServerApp.root_dir={scratch / 'course'}", "--LabApp.expose_app_in_browser=True"]  # fmt: skip
    with (scratch / "lab.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    request = urllib.request.Request(
        f"{address}/api/status", headers={"Authorization": f"token {token}"}
    )
    for _ in range(240):
        try:
            urllib.request.urlopen(request, timeout=1).close()
            break
        except OSError:
            assert process.poll() is None, (scratch / "lab.log").read_text()
            time.sleep(0.25)
    yield address, token
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=30)


@pytest.fixture
def page(browser):
    """A page that notes every error of the page or of its console."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
    page.set_default_timeout(60_000)
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
    address, token = lab
    page.goto(f"{address}/doc/tree/notebooks/{name}?token={token}&reset")
    page.wait_for_function(READY)


def stop_kernels(lab):
    address, token = lab
    headers = {"Authorization": f"token {token}"}
    kernels = json.load(
        urllib.request.urlopen(urllib.request.Request(f"{address}/api/kernels", headers=headers))
    )
    for kernel in kernels:
        request = urllib.request.Request(
            f"{address}/api/kernels/{kernel['id']}", method="DELETE", headers=headers
        )
        urllib.request.urlopen(request).close()


def explorers(name):
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    return sum(bool(re.search(r"^explore\(", cell.source, re.M)) for cell in notebook.cells)


def test_the_readme_is_in_view_and_leads_to_a_notebook(lab, page):
    address, token = lab
    page.goto(f"{address}/lab/tree/README.md?token={token}&reset")
    page.wait_for_selector(".jp-MarkdownViewer h1")
    assert page.inner_text(".jp-MarkdownViewer h1").startswith("Gradients through randomness")
    assert page.evaluate("() => document.querySelector('.jp-MarkdownViewer img').naturalWidth") > 0
    page.click(".jp-MarkdownViewer a:has-text('Naive sampling')")
    page.wait_for_selector(".jp-Notebook h1")
    assert not own_problems(page)
    stop_kernels(lab)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_as_stored_shows_pictures_and_sentences(lab, page, name):
    visit(page, lab, name)
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


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_its_sliders_move_by_keyboard(lab, page, name):
    visit(page, lab, name)
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

    boxes = page.locator(".jp-OutputArea-output:has(.widget-image):has(.widget-html)")
    expect(boxes).to_have_count(explorers(name))  # a progress bar's picture has no sentence
    for i in range(explorers(name)):
        box = boxes.nth(i)
        box.scroll_into_view_if_needed()
        image, sentence = box.locator(".widget-image"), box.locator(".widget-html p")
        before = image.get_attribute("src"), sentence.inner_text()
        assert sentence.get_attribute("role") == "status" and len(before[1]) > 20
        number = box.locator("input[type=number]").first
        assert box.locator("label", has_text=re.compile(r"\S")).count() > 0
        value = number.input_value()
        handle = box.locator(".noUi-handle").first
        handle.focus()
        page.keyboard.press(
            "ArrowRight"
            if handle.get_attribute("aria-valuenow") != handle.get_attribute("aria-valuemax")
            else "ArrowLeft"
        )
        expect(image).not_to_have_attribute("src", before[0])
        expect(sentence).not_to_have_text(before[1])
        assert number.input_value() != value
        expect(sentence).to_have_attribute("role", "status")  # and not an error's "alert"

        box.locator("button", has_text="Reset").click()
        expect(sentence).to_have_text(before[1])
        expect(number).to_have_value(value)
    assert not own_problems(page)
    stop_kernels(lab)
