"""How many students a machine holds: open kernels through the hub, run a notebook in each, measure.

    python hub/measure_class.py NOTEBOOK STUDENTS [FREE]

Starts one server after the other, then runs all cells of NOTEBOOK in one kernel each, and prints
after each student the seconds until the server answered and until the notebook had run, and the
memory of the student's server and kernel: what is its own (USS), and with its part of what it
shares with others (PSS).  Stops before less than FREE GB (default 2) are left.  The hub must be up
with COURSE_MEASURE_TOKEN set to the same value as here.
"""

import concurrent.futures
import json
import os
import sys
import time
import urllib.request
import uuid

import psutil
import websocket

HUB = os.environ.get("COURSE_HUB", "127.0.0.1:8000")
TOKEN = os.environ["COURSE_MEASURE_TOKEN"]


def ask(method, path, body=None):
    """One request to the hub's or a server's API; the answer's JSON."""
    request = urllib.request.Request(
        f"http://{HUB}{path}", method=method, headers={"Authorization": f"token {TOKEN}"},
        data=None if body is None else json.dumps(body).encode())  # fmt: skip
    with urllib.request.urlopen(request, timeout=300) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def start(name):
    """Start a student's server; return the seconds until it was ready."""
    began = time.monotonic()
    ask("POST", f"/hub/api/users/{name}/server", {})
    while not ask("GET", f"/hub/api/users/{name}")["servers"].get("", {}).get("ready"):
        if time.monotonic() - began > 300:
            raise TimeoutError(f"{name}'s server is not up; the hub's log says why")
        time.sleep(0.2)
    return time.monotonic() - began


def run(name, notebook):
    """Run all cells of a notebook in a new kernel; return the seconds that it took."""
    began = time.monotonic()
    cells = ask("GET", f"/user/{name}/api/contents/{notebook}")["content"]["cells"]
    session = {"path": notebook, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
    kernel = ask("POST", f"/user/{name}/api/sessions", session)["kernel"]
    address = f"ws://{HUB}/user/{name}/api/kernels/{kernel['id']}/channels"
    channel = websocket.create_connection(
        address, header=[f"Authorization: token {TOKEN}"], timeout=900
    )
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request"}
        header |= {"session": name, "username": name, "version": "5.3"}
        content = {"code": "".join(cell["source"]), "silent": False, "store_history": True}
        content |= {"user_expressions": {}, "allow_stdin": False, "stop_on_error": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell"}
        channel.send(json.dumps(message | {"content": content}))
        while True:
            frame = channel.recv()
            if isinstance(frame, bytes):  # a widget's picture
                continue
            answer = json.loads(frame)
            mine = answer["parent_header"].get("msg_id") == header["msg_id"]
            if mine and answer["content"].get("execution_state") == "idle":
                break
            allowed = "raises-exception" in cell["metadata"].get("tags", [])
            if mine and answer["msg_type"] == "error" and not allowed:
                raise RuntimeError(f"{name}: {answer['content']['ename']} in {cell['id']}")
    channel.close()
    return time.monotonic() - began


def memory(names):
    """Student → (USS, PSS) in MB of all processes of the student's server."""
    used = dict.fromkeys(names, (0, 0))
    for process in psutil.process_iter():
        try:
            name = process.environ().get("JUPYTERHUB_USER")
            if name in used:
                parts = process.memory_full_info()
                used[name] = (used[name][0] + parts.uss / 2**20, used[name][1] + parts.pss / 2**20)
        except psutil.Error:
            continue
    return used


def free():
    """Memory that is left, in GB."""
    return psutil.virtual_memory().available / 2**30


def main(notebook, students, least=2.0):
    """Bring in one student after the other, two at work at a time."""
    names = [f"student{i:02d}" for i in range(1, students + 1)]
    before, here = free(), []
    try:
        for name in names:
            if free() < least:
                print(f"{free():.1f} GB are left: no more students")
                break
            seconds = start(name)
            here.append(name)
            print(f"{name}: server up after {seconds:.1f} s", flush=True)
        servers = memory(here)
        print(f"{len(here)} servers: {before - free():.2f} GB less are free")
        done, full = [], [free() < least]

        def student(name):
            if full[0]:
                return
            done.append((name, run(name, notebook)))
            full[0] = free() < least
            uss, pss = memory([name])[name]
            print(
                f"{name}: has run it after {done[-1][1]:.0f} s, USS {uss:.0f} MB, PSS {pss:.0f} MB"
            )
            print(f"    {free():.1f} GB are left", flush=True)

        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(student, here))
        used = memory([name for name, _ in done])
        uss, pss = (sum(parts[i] for parts in used.values()) / len(used) for i in (0, 1))
        alone = sum(own for own, _ in servers.values()) / len(servers)
        print(f"{len(done)} students have run it: {before - free():.2f} GB less are free")
        print(f"each {uss:.0f} MB of its own, {pss:.0f} MB with its share of what is shared; "
              f"{alone:.0f} MB of it the server")  # fmt: skip
    finally:
        for name in here:
            ask("DELETE", f"/hub/api/users/{name}/server")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:]))
