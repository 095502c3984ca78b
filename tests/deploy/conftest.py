"""What stands on one machine: nginx as it is deployed, and two processes of the program behind it.

The program is started as the tests of the web room start it, with small weights.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WEB = ROOT / "tests" / "web"
sys.path.insert(0, str(WEB))

from proxying import FullProcess, Nginx, StartNginx, module  # noqa: E402
from serving import Server, StartServer  # noqa: E402

from reliability import proxy  # noqa: E402
from reliability.proxy import configure, consecutive_ports, nginx_program  # noqa: E402

_web = module("web_fixtures", WEB / "conftest.py")
start_server, jpeg, slow_photo = _web.start_server, _web.jpeg, _web.slow_photo


@pytest.fixture(scope="session")
def start_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNginx]:
    """Start nginx with the deployed configuration: `start_nginx(first_port, processes, NAME="value")`."""
    if nginx_program() is None:
        pytest.skip("nginx, which stands in front on a machine, is not installed: Debian's package nginx brings it")
    started: list[Nginx] = []

    def start(first_port: int, processes: int, **settings: str) -> Nginx:
        folder = tmp_path_factory.mktemp("nginx")
        http, https = consecutive_ports(2)
        configure(folder, first_port, processes, http=http, https=https, **settings)
        process = proxy.start_nginx(folder, http)
        nginx = Nginx(process, http, https, folder)
        started.append(nginx)
        return nginx

    yield start
    for nginx in started:
        nginx.process.terminate()
        nginx.process.wait(10)


@pytest.fixture(scope="session")
def ports() -> list[int]:
    """Four ports in a row: for one that is full, for the two processes, and for one that will be killed."""
    return consecutive_ports(4)


@pytest.fixture(scope="session")
def processes(start_server: StartServer, small_weights: Path, ports: list[int]) -> list[Server]:
    """Two processes of the program, and a third one."""
    servers = [start_server(small_weights, port=port, ready=False, HASHSTAGRAM_MODELS="alexnet") for port in ports[1:]]
    for server in servers:
        server.wait()
    return servers


@pytest.fixture(scope="session")
def full(ports: list[int]) -> Iterator[FullProcess]:
    """Something on the first port that answers as a process that is full does, and remembers what it was asked."""
    with FullProcess(ports[0]) as process:
        yield process


@pytest.fixture(scope="session")
def nginx(start_nginx: StartNginx, processes: list[Server], ports: list[int]) -> Nginx:
    """nginx in front of the two processes, without limits for this machine."""
    return start_nginx(ports[1], 2)


@pytest.fixture(scope="session")
def nginx_alone(start_nginx: StartNginx, full: FullProcess) -> Nginx:
    """nginx in front of the one that is full: shows what gets through, and how."""
    return start_nginx(full.port, 1)
