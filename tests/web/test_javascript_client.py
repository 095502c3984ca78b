"""Gradio's API as its JavaScript client calls it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from serving import ROOT, Server

from hashstagram import Choice, load_model

PROGRAM = ROOT / "tests" / "javascript" / "recommend.mjs"


@pytest.mark.skipif(
    shutil.which("node") is None, reason="node, which runs Gradio's JavaScript client, is not installed"
)
def test_the_javascript_client_gets_hashtags_and_our_sentences(
    small_server: Server, small_weights: Path, jpeg: Path
) -> None:
    run = subprocess.run(
        ["node", PROGRAM.name, small_server.url, str(jpeg)],
        cwd=PROGRAM.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)

    hashtags = load_model("alexnet", weights=small_weights).recommend(jpeg, Choice(top_k=3))
    expected = sorted(((tag.confidence, tag.tag) for tag in hashtags), reverse=True)
    assert said["endpoints"] == ["/recommend"]
    assert len(said["data"]) == 1
    assert said["data"][0]["label"] == expected[0][1]
    assert [entry["label"] for entry in said["data"][0]["confidences"]] == [tag for _, tag in expected]
    assert said["defaults"] == 5
    assert said["unknownModel"] == "'resnet' is not a model. Choose one of: hashnet, vgg16, alexnet."
    assert said["noPhoto"] == "There is no photo. Please choose one first."
