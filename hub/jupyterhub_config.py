"""A class on one machine: a JupyterHub with the least that works.

    make setup student
    .venv/bin/pip install -c constraints.txt -e '.[hub]' && npm install -g configurable-http-proxy
    COURSE_PASSWORD=... .venv/bin/jupyterhub -f hub/jupyterhub_config.py

The password has at least eight characters; with an empty one nobody gets in.  Every student gets a
folder of their own with a copy of the course, made at the first start and kept after it.  All
servers run as the account that starts the hub, so one student can reach another's files: for a
class whose members trust each other, behind a proxy that adds TLS.
"""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COURSE = ROOT / "build" / "student"  # without solutions; ROOT itself gives the whole course
HUB = ROOT / "build" / "hub"
FOLDERS = HUB / "students"


def give_the_course(spawner):
    """Copy the notebooks into a student's folder, but never over what is there."""
    home = FOLDERS / spawner.user.name
    for name in ("notebooks", "images", "README.md", "NOTATION.md"):
        if not (home / name).exists():
            home.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (COURSE / name).is_dir() else shutil.copy
            copy(COURSE / name, home / name)


c = get_config()  # noqa: F821
FOLDERS.mkdir(parents=True, exist_ok=True)
c.JupyterHub.db_url = f"sqlite:///{HUB / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(HUB / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(HUB / "proxy.pid")
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.authenticator_class = "shared-password"  # a name of the list, one password for all
c.SharedPasswordAuthenticator.user_password = os.environ["COURSE_PASSWORD"]
c.Authenticator.allowed_users = {f"student{i:02d}" for i in range(1, 31)}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(FOLDERS / "{username}")
c.Spawner.pre_spawn_hook = give_the_course
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = [
    "--LabApp.default_url=/lab/tree/README.md",
    "--MappingKernelManager.cull_idle_timeout=3600",  # a kernel that rests gives its memory back
    "--MappingKernelManager.cull_connected=True",
    *(["--allow-root"] if os.geteuid() == 0 else []),
]
c.Spawner.environment = dict.fromkeys(
    ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH"), str(ROOT / ".jupyter")
)
c.Spawner.start_timeout = c.Spawner.http_timeout = 120  # thirty at once on two cores
c.JupyterHub.concurrent_spawn_limit = 10

if token := os.environ.get("COURSE_MEASURE_TOKEN"):  # hub/measure_class.py asks by this name
    c.JupyterHub.services = [{"name": "measure", "api_token": token}]
    scopes = ["admin:users", "admin:servers", "access:servers"]
    c.JupyterHub.load_roles = [{"name": "measure", "services": ["measure"], "scopes": scopes}]
