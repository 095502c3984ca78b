"""The program: how it starts, how it does not, and how it ends."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from serving import ROOT, Server, StartServer, free_port

from hashstagram.web.environment import Settings
from hashstagram.web.server import _bind


def refusal(server: Server) -> str:
    """What a program that does not start says, which is all that it says but for the engines chosen so far."""
    assert server.process.wait(120) == 1
    *engines, said = server.said().strip().splitlines()
    assert all(" on cpu, because " in line for line in engines)
    assert said.startswith("HashStagram cannot start. ")
    return said.removeprefix("HashStagram cannot start. ")


def test_says_in_a_sentence_why_it_cannot_start(
    start_server: StartServer,
    small_weights: Path,
    weights_copy: Path,
    rewrite: Callable[[Path, bytes], None],
    tmp_path: Path,
) -> None:
    rewrite(weights_copy / "alexnet.small_v1.safetensors", b"cut off")
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "thesis.odt").write_text("chapter 1")
    servers = [
        start_server(small_weights, ready=False, GRADIO_SHARE="True"),
        start_server(small_weights, ready=False, HASHSTAGRAM_MODELS="resnet"),
        start_server(small_weights, ready=False, GRADIO_SERVER_PORT="eighty"),
        start_server(documents, ready=False),
        start_server(weights_copy, ready=False),
        start_server(small_weights, ready=False, GRADIO_TEMP_DIR=str(documents), HASHSTAGRAM_MODELS="alexnet"),
    ]
    sentences = [refusal(server) for server in servers]

    assert sentences[0] == "GRADIO_SHARE is 'True', and it would open a tunnel through a foreign server. Unset it."
    assert sentences[1].startswith("HASHSTAGRAM_MODELS names 'resnet', which is not a model. Choose from: hashnet,")
    assert sentences[2] == "GRADIO_SERVER_PORT is 'eighty'. Give a whole number from 1 to 65535."
    assert sentences[3].startswith("There are no weights in ")
    assert "alexnet.small_v1.safetensors" in sentences[4]
    assert "holds files that are not HashStagram's" in sentences[5]
    assert (documents / "thesis.odt").exists()


def test_a_second_server_on_the_same_port_ends_and_leaves_the_firsts_photos_alone(
    start_server: StartServer, small_weights: Path, small_server: Server, jpeg: Path
) -> None:
    photo = Path(small_server.upload(jpeg.read_bytes()))
    second = start_server(small_weights, ready=False, port=small_server.port, GRADIO_TEMP_DIR=str(small_server.uploads))

    assert f"cannot listen on port {small_server.port} of 127.0.0.1" in refusal(second)
    assert photo.exists()
    assert small_server.get("/readyz").status_code == 200


def test_answers_under_the_address_that_a_proxy_gives_it(start_server: StartServer, small_weights: Path) -> None:
    server = start_server(
        small_weights, HASHSTAGRAM_MODELS="alexnet", GRADIO_ROOT_PATH="https://photos.example/hashtags"
    )

    assert server.get("/config").json()["root"] == "https://photos.example/hashtags"
    assert server.said().splitlines() == [
        "alexnet.small_v1: openvino in fp32 on cpu, because the model has no int8 form",
        f"HashStagram answers on http://127.0.0.1:{server.port}",
    ]
    server.stop()


def test_the_environment_says_which_engine_computes(start_server: StartServer, small_weights: Path, jpeg: Path) -> None:
    refused = start_server(small_weights, ready=False, HASHSTAGRAM_ENGINE="fast")
    server = start_server(small_weights, HASHSTAGRAM_MODELS="alexnet", HASHSTAGRAM_ENGINE="torch")

    assert refusal(refused).startswith("'fast' is not an engine. Choose one of: auto,")
    assert "alexnet.small_v1: torch in fp32 on cpu, because torch was asked for" in server.said()
    assert server.post("/api/v1/hashtags", files={"photo": jpeg.read_bytes()}).status_code == 200
    server.stop()


def test_asyncio_can_tell_that_the_listener_is_tcp() -> None:
    # Only then does it turn off Nagle's algorithm, which holds each answer's body back until its head is acknowledged.
    with _bind(Settings(port=free_port())) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_the_module_has_the_page_and_loads_no_model(small_weights: Path, tmp_path: Path) -> None:
    program = (
        "import app, gradio, sys; assert isinstance(app.demo, gradio.Blocks); assert 'torch' not in sys.modules; "
        "from hashstagram.web.server import build_server; build_server(app.demo, app.service, app.settings); "
        "assert app.demo.has_launched; assert app.demo.app is not None"
    )
    environment = os.environ | {"HASHSTAGRAM_WEIGHTS": str(small_weights), "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout == ""


def test_names_its_photos_folder_after_nothing_of_this_machine(small_server: Server, jpeg: Path) -> None:
    path = Path(small_server.upload(jpeg.read_bytes()))

    assert path.relative_to(small_server.uploads.parent).parts[0] == f"hashstagram-{small_server.port}"


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info"])
def test_publishes_nothing_of_this_machine(small_server: Server, path: str) -> None:
    published = small_server.get(path).text

    assert str(ROOT) not in published
    assert str(small_server.uploads.parent.parent) not in published
