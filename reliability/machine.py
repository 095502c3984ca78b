"""One machine as it is deployed: processes of the real program, and the real nginx with its real configuration."""

import contextlib
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.driving import ROOT, environment
from reliability.proxy import ReliabilityError, configure, consecutive_ports, start_nginx
from reliability.wire import HOST

# How long a process may take to start, in seconds: a busy machine needs many.
_PATIENCE = 180
# As systemd waits before it starts a process again.
RESTART_SECONDS = 1.0
_EXAMPLES = "examples"


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

    def tracebacks(self) -> list[str]:
        """The last line of each traceback in its log: what went wrong."""
        return re.findall(r"^Traceback .*\n(?:[ \n].*\n?)*(.*)", self.said(), re.MULTILINE)

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
    first, *_ = ports = consecutive_ports(count + 2)
    with TemporaryDirectory(prefix="soak-") as home, contextlib.ExitStack() as stack:
        folder = Path(home)
        settings = configure(folder, first, count, http=ports[-2], https=ports[-1])
        ours = {name: value for name, value in settings.items() if name.startswith("HASHSTAGRAM_") and value}
        processes = [Process(folder, port, **ours, **variables) for port in ports[:count]]
        for process in processes:
            stack.callback(process.close)
            process.start()
        for process in processes:
            process.wait()
        nginx = start_nginx(folder, ports[-2])
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        yield Machine(processes, ports[-2], folder / "access.log")
