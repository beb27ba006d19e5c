"""JupyterLab and Chromium as the browser tests and the benchmark start them."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
# functions for the page: whether the notebook is there, and to run it all
READY = "() => window.jupyterapp && jupyterapp.shell.currentWidget?.context?.isReady"
RUN_ALL = """async () => {
    const widget = jupyterapp.shell.currentWidget;
    await widget.context.ready; await widget.sessionContext.ready;
    await widget.sessionContext.session.kernel.info;
    await jupyterapp.commands.execute('notebook:run-all-cells');
}"""


def chromium() -> str | None:
    """The path of the machine's Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def browser(path: str):
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        window = play.chromium.launch(executable_path=path, args=arguments)
        yield window
        window.close()


@contextlib.contextmanager
def jupyterlab(folder: Path, scratch: Path, **places: Path) -> Iterator[tuple[str, str]]:
    """A JupyterLab on a folder; its address and token.

    scratch: where its settings and its log go; nothing of the user's own is read.
    places: further environment variables.
    """
    for name, values in SETTINGS.items():
        target = scratch / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(values))
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime",
           "IPYTHONDIR": "ipython", "JUPYTERLAB_SETTINGS_DIR": "settings",
           "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}  # fmt: skip
    places = {name: scratch / place for name, place in own.items()} | places
    env = os.environ | {name: str(place) for name, place in places.items()}
    token = secrets.token_hex(16)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}", scratch / "lab.log"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
               f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
               f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]  # fmt: skip
    with log.open("w") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)
    try:
        for _ in range(240):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=1).close()
                break
            if process.poll() is not None:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")
            time.sleep(0.25)
        else:
            raise RuntimeError(f"JupyterLab does not answer:\n{log.read_text()}")
        yield address, token
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
