"""One machine as it is deployed: processes of the real program, and the real nginx with its real configuration."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from benchmarks.driving import ROOT, environment
from hashstagram import HashStagramError
from reliability.wire import HOST

# How long a process may take to start, in seconds: a busy machine needs many.
_PATIENCE = 180
# As systemd waits before it starts a process again.
RESTART_SECONDS = 1.0
_EXAMPLES = "examples"


class ReliabilityError(HashStagramError):
    """Something cannot be shown here. The message says what, and what to do."""


class Process:
    """The program on a port, with a home of its own; it can be killed, ended and started again there."""

    def __init__(self, home: Path, port: int, **variables: str) -> None:
        self.port = port
        self.uploads = home / f"hashstagram-{port}"
        self.log = home / f"{port}.log"
        self._variables = {"HOME": str(home), "TMPDIR": str(home), "GRADIO_SERVER_PORT": str(port), **variables}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and do not wait."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=ROOT,
                env=environment() | self._variables,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        """Wait until it is ready. Raises ReliabilityError when it ends before, or takes minutes."""
        end = time.monotonic() + _PATIENCE
        while self._running.poll() is None and time.monotonic() < end:
            # Only an answer of 200 raises nothing.
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{self.port}/readyz", timeout=5):
                return
            time.sleep(0.1)
        raise ReliabilityError(f"The program did not start on port {self.port}. It said:\n{self.said()}")

    def kill(self) -> None:
        """kill -9."""
        self._running.kill()
        self._running.wait()

    def end(self) -> float:
        """SIGTERM, and the seconds until it has ended."""
        started = time.monotonic()
        self._running.send_signal(signal.SIGTERM)
        self._running.wait(60)
        return time.monotonic() - started

    def close(self) -> None:
        """Be sure that it is gone."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ReliabilityError(f"The process on port {self.port} was not started.")
        return self._process

    def said(self) -> str:
        """What it wrote on both outputs."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def resident_mb(self) -> float:
        """Its memory now, in MB."""
        return self._status("VmRSS")

    def peak_mb(self) -> float:
        """The most memory that it has had since `forget_peak`, in MB."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Let the peak begin here."""
        Path(f"/proc/{self._running.pid}/clear_refs").write_text("5", encoding="ascii")

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self._running.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))

    def descriptors(self) -> int:
        """How many files and connections it has open."""
        return len(list(Path(f"/proc/{self._running.pid}/fd").iterdir()))

    def uploaded(self) -> list[Path]:
        """The visitors' files that lie in its upload folder."""
        files = [path for path in self.uploads.rglob("*") if path.is_file() and not path.name.startswith(".")]
        return [path for path in files if self.uploads / _EXAMPLES not in path.parents]


class Machine:
    """Processes of the program on ports in a row, ready, and nginx in front of them on `port`, without its limits for
    each address: these would hold back the load. Settings are those of deploy/gcp; `variables` come on top.
    """

    def __init__(self, processes: list[Process], port: int, nginx_log: Path) -> None:
        self.processes = processes
        self.port = port
        self.nginx_log = nginx_log


@contextlib.contextmanager
def program(**variables: str) -> Iterator[Process]:
    """One process of the program, ready, with nothing in front."""
    with TemporaryDirectory(prefix="soak-") as home, contextlib.ExitStack() as stack:
        process = Process(Path(home), consecutive_ports(1)[0], **variables)
        stack.callback(process.close)
        process.start()
        process.wait()
        yield process


@contextlib.contextmanager
def machine(count: int = 2, **variables: str) -> Iterator[Machine]:
    """So many processes behind nginx. Raises ReliabilityError where nginx is not installed."""
    render = _render()
    first, *_ = ports = consecutive_ports(count + 2)
    with TemporaryDirectory(prefix="soak-") as home, contextlib.ExitStack() as stack:
        folder = Path(home)
        values = {
            "PROCESSES": str(count),
            "FIRST_PORT": str(first),
            "UNLIMITED_ADDRESSES": "127.0.0.0/8",
            "HTTP_LISTEN": f"{HOST}:{ports[-2]}",
            "HTTPS_LISTEN": f"{HOST}:{ports[-1]}",
            "NGINX_USER": pwd.getpwuid(os.geteuid()).pw_name,
            "NGINX_PID": str(folder / "nginx.pid"),
            "NGINX_BODIES": str(folder / "bodies"),
            "NGINX_LOGS": str(folder),
            "NGINX_PAGES": str(ROOT / "deploy" / "gcp" / "nginx"),
            "ACME_FOLDER": str(folder / "acme"),
        }
        (folder / "settings.env").write_text("\n".join(f"{name}={value}" for name, value in values.items()))
        settings = render.read_settings(folder / "settings.env")
        (folder / "nginx.conf").write_text(render.render(render.TEMPLATE.read_text(encoding="utf-8"), settings))
        ours = {name: value for name, value in settings.items() if name.startswith("HASHSTAGRAM_") and value}
        processes = [Process(folder, port, **ours, **variables) for port in ports[:count]]
        for process in processes:
            stack.callback(process.close)
            process.start()
        for process in processes:
            process.wait()
        command = [_nginx(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        nginx = subprocess.Popen(command)
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        _listens(ports[-2], nginx)
        yield Machine(processes, ports[-2], folder / "access.log")


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


def _nginx() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise ReliabilityError("nginx is not installed. Install it (Debian: apt install nginx), or leave its part out.")
    return found


def _render() -> ModuleType:
    """deploy/gcp/render.py, which is a script and no part of a package."""
    spec = importlib.util.spec_from_file_location("render", ROOT / "deploy" / "gcp" / "render.py")
    if spec is None or spec.loader is None:
        raise ReliabilityError("deploy/gcp/render.py is missing. Get the whole repository.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _listens(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise ReliabilityError("nginx did not start. What it said is above.")
