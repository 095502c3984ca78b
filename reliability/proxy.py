"""The real nginx with the configuration that is deployed, in a folder and on ports of its own."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

from benchmarks.driving import ROOT
from deploy.gcp import render
from hashstagram import HashStagramError
from reliability.wire import HOST


class ReliabilityError(HashStagramError):
    """Something cannot be shown here. The message says what, and what to do."""


def consecutive_ports(count: int) -> list[int]:
    """Free ports in a row. Raises ReliabilityError where there are none."""
    for _ in range(100):
        with contextlib.suppress(OSError, OverflowError), contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((HOST, 0))
            start: int = first.getsockname()[1]
            for port in range(start + 1, start + count):
                stack.enter_context(socket.socket()).bind((HOST, port))
            return list(range(start, start + count))
    raise ReliabilityError(f"There are no {count} free ports in a row. Close some programs that listen.")


def configure(
    folder: Path, first_port: int, processes: int, *, http: int, https: int, **settings: str
) -> dict[str, str]:
    """Write nginx's configuration into `folder`: so many processes from a port on, no limits for this machine.

    `settings` are those of deploy/gcp/settings.env, and come on top. Returns all that hold. Raises SettingsError as
    `render` does.
    """
    values = {
        "PROCESSES": str(processes),
        "FIRST_PORT": str(first_port),
        "UNLIMITED_ADDRESSES": "127.0.0.0/8",
        "HTTP_LISTEN": f"{HOST}:{http}",
        "HTTPS_LISTEN": f"{HOST}:{https}",
        "NGINX_USER": pwd.getpwuid(os.geteuid()).pw_name,
        "NGINX_PID": str(folder / "nginx.pid"),
        "NGINX_BODIES": str(folder / "bodies"),
        "NGINX_LOGS": str(folder),
        "NGINX_PAGES": str(ROOT / "deploy" / "gcp" / "nginx"),
        "ACME_FOLDER": str(folder / "acme"),
    } | settings
    (folder / "settings.env").write_text("\n".join(f"{name}={value}" for name, value in values.items()))
    read = render.read_settings(folder / "settings.env")
    (folder / "nginx.conf").write_text(render.render(render.TEMPLATE.read_text(encoding="utf-8"), read))
    return read


def nginx_program() -> str | None:
    """Where nginx is, None where it is not installed."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def start_nginx(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """nginx as `configure` wrote it, listening on `port`. Raises ReliabilityError where it is not there or ends."""
    program = nginx_program()
    if program is None:
        raise ReliabilityError("nginx is not installed. Install it (Debian: apt install nginx), or leave its part out.")
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"])
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex((HOST, port)) == 0:
                return process
        time.sleep(0.05)
    process.terminate()
    process.wait()
    raise ReliabilityError("nginx did not start. What it said is above.")
