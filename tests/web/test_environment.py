"""What the environment may say about the server, and what it may not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from serving import ROOT

from hashstagram import SettingError
from hashstagram.web.environment import Settings


def test_the_defaults_serve_this_machine_only() -> None:
    settings = Settings.from_environment({})

    assert (settings.host, settings.port, settings.root_path) == ("127.0.0.1", 7860, "")
    assert settings.uploads.name == "hashstagram-7860"
    assert (settings.upload_seconds, settings.models, settings.engine, settings.workers) == (900, (), "auto", None)
    assert (settings.metrics, settings.access_log, settings.drain_seconds) == (False, False, 1)
    assert not settings.space


def test_what_can_be_set() -> None:
    settings = Settings.from_environment(
        {
            "GRADIO_SERVER_NAME": "0.0.0.0",  # noqa: S104 - only read here
            "GRADIO_SERVER_PORT": "8080",
            "GRADIO_ROOT_PATH": "/tags/",
            "GRADIO_TEMP_DIR": "/var/photos",
            "HASHSTAGRAM_MODELS": "alexnet, vgg16,",
            "HASHSTAGRAM_WORKERS": "2",
            "HASHSTAGRAM_QUEUE": "0",
            "HASHSTAGRAM_UPLOAD_SECONDS": "60",
            "HASHSTAGRAM_METRICS": "1",
            "HASHSTAGRAM_ACCESS_LOG": "1",
            "HASHSTAGRAM_DRAIN_SECONDS": "0",
            "SPACE_ID": "someone/hashstagram",
            "SPACE_HOST": "someone-hashstagram.hf.space",
        }
    )

    assert (settings.host, settings.port, settings.root_path) == ("0.0.0.0", 8080, "/tags")  # noqa: S104
    assert settings.uploads == Path("/var/photos")
    assert settings.models == ("alexnet", "vgg16")
    assert (settings.workers, settings.queue, settings.upload_seconds) == (2, 0, 60)
    assert (settings.metrics, settings.access_log, settings.drain_seconds) == (True, True, 0)
    assert (settings.space, settings.space_host) == (True, "someone-hashstagram.hf.space")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GRADIO_SERVER_PORT", "eighty"),
        ("GRADIO_SERVER_PORT", "70000"),
        ("GRADIO_ROOT_PATH", "tags"),
        ("HASHSTAGRAM_WORKERS", "0"),
        ("HASHSTAGRAM_QUEUE", "-1"),
        ("HASHSTAGRAM_METRICS", "yes"),
        ("HASHSTAGRAM_ACCESS_LOG", "2"),
        ("HASHSTAGRAM_DRAIN_SECONDS", "9"),
        ("HASHSTAGRAM_UPLOAD_SECONDS", "901"),
        ("HASHSTAGRAM_UPLOAD_SECONDS", "１０"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({variable: value})

    assert str(caught.value).startswith(f"{variable} is {value!r}. Give ")


REFUSED = [
    "GRADIO_SHARE",
    "GRADIO_MCP_SERVER",
    "GRADIO_SSR_MODE",
    "GRADIO_DEBUG",
    "GRADIO_VIBE_MODE",
    "GRADIO_HOT_RELOAD",
    "GRADIO_WATCH_DIRS",
    "GRADIO_PROFILING",
    "GRADIO_LOCAL_DEV_MODE",
    "GRADIO_RUN_HISTORY",
    "GRADIO_ALLOWED_PATHS",
]


@pytest.mark.parametrize("variable", REFUSED)
def test_what_would_open_a_hole_is_refused(variable: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable} is 'True', and it .*Unset it.$"):
        Settings.from_environment({variable: "True"})
    for off in ("", "0", "False"):
        Settings.from_environment({variable: off})


def test_a_space_may_set_what_the_server_overrules() -> None:
    assert Settings.from_environment({"GRADIO_SSR_MODE": "True", "SPACE_ID": "someone/hashstagram"}).space


def test_telemetry_is_off_whatever_the_environment_says(tmp_path: Path) -> None:
    program = (
        "import hashstagram.web, sys; assert 'gradio' not in sys.modules; import gradio, os; "
        "from gradio.analytics import analytics_enabled; from gradio.utils import get_upload_folder; "
        "print(analytics_enabled(), os.environ['HF_HUB_DISABLE_TELEMETRY'], get_upload_folder())"
    )
    environment = os.environ | {"GRADIO_ANALYTICS_ENABLED": "True", "TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": ""}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert run.stdout.split() == ["False", "1", str(tmp_path / "hashstagram-7860")]
