"""A server with small weights for bad inputs, started as the tests of the web room start it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WEB = ROOT / "tests" / "web"
sys.path[:0] = [str(WEB), str(WEB.parent / "deploy")]

from proxying import module  # noqa: E402
from serving import Server, StartServer  # noqa: E402

from reliability.site import reached, trap  # noqa: E402
from reliability.ways import Site  # noqa: E402

_web = module("web_fixtures", WEB / "conftest.py")
start_server = _web.start_server


@pytest.fixture(scope="session")
def server(start_server: StartServer, small_weights: Path) -> Server:
    """The program with one small model, the examples and room for all that is sent."""
    return start_server(small_weights, HASHSTAGRAM_MODELS="alexnet")


@pytest.fixture(scope="session")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Where bad inputs go. At the end of all, nothing may have been reached that must not be."""
    with trap(tmp_path_factory.mktemp("site"), server.port, server.uploads) as (site, listener):
        yield site
        assert reached(site, listener) == []
