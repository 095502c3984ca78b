"""Both servers as processes of their own on loopback: ours, and that of 2018 behind gunicorn with one sync worker."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from benchmarks.driving import ROOT, BenchmarkError, environment

HOST = "127.0.0.1"
# Where a photo goes: our stateless route, and that of the server of 2018.
ROUTE, ROUTE_OF_2018 = "/api/v1/hashtags", "/hashtags"
# How long a server may take to start, in seconds: a busy machine with cold files needs many.
_PATIENCE = 180


class Server:
    """A running server, on a port and with a process number of its own; `name` is what errors call it.

    Used with `with`, at the end of which it is gone.
    """

    def __init__(self, name: str, command: Sequence[str], port: int, **variables: str) -> None:
        self.name = name
        self.port = port
        self._home = TemporaryDirectory(prefix="hashstagram-server-")
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment() | {"HOME": self._home.name, "TMPDIR": self._home.name} | variables,
            stdout=subprocess.DEVNULL,
        )
        self.process = self._process.pid

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._home.cleanup()

    def until(self, request: bytes) -> float:
        """Seconds from the server's start until it answers a `request`, sent again and again, with status 200.

        Raises BenchmarkError when it ends before, or takes minutes.
        """
        while self._process.poll() is None and time.perf_counter() - self.started < _PATIENCE:
            if _status(self.port, request) == 200:
                return time.perf_counter() - self.started
            time.sleep(0.01)
        raise BenchmarkError(f"{self.name} did not start. What it said is above; free its port or its memory.")

    def memory_bytes(self) -> int:
        """The proportional set size of all its processes: what they have in memory, shared pages divided.

        Raises BenchmarkError where the system does not tell (only Linux does).
        """
        return sum(_pss_bytes(process) for process in family(self.process))


def our_server(**variables: str) -> Server:
    """`python app.py`, with settings of the environment by name."""
    port = _free_port()
    return Server("HashStagram", ["app.py"], port, GRADIO_SERVER_PORT=str(port), **variables)


def server_of_2018() -> Server:
    """The Flask application behind gunicorn with one sync worker."""
    port = _free_port()
    options = ["--workers", "1", "--worker-class", "sync", "--timeout", "300", "--no-control-socket"]
    command = ["-m", "gunicorn", *options, "--log-level", "warning", "--bind", f"{HOST}:{port}"]
    return Server("The server of 2018", [*command, "benchmarks.stack2018.app:create_app()"], port)


def family(process: int) -> list[int]:
    """A process and all its descendants, by their numbers."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                status = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended since
            # The name before, in brackets, may hold anything.
            parents[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    found = [process]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found


def _pss_bytes(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BenchmarkError(f"This system does not tell how much memory a process has ({error.strerror}).") from error
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _status(port: int, request: bytes) -> int:
    """The status of the answer to a request, 0 where there is none."""
    try:
        with socket.create_connection((HOST, port), timeout=_PATIENCE) as connection:
            connection.sendall(request)
            start = connection.recv(12)
    except ConnectionError:
        return 0
    return int(start[9:12]) if len(start) == 12 else 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port
