"""What a machine is made of: the startup script, units, and cleaning, as far as their own tools can tell here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hashstagram.web.draining import MOST_SECONDS
from hashstagram.web.environment import Settings

GCP = Path(__file__).resolve().parent.parent.parent / "deploy" / "gcp"
STARTUP = GCP / "startup.sh"
UNIT = GCP / "systemd" / "hashstagram@.service"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_startup_script_is_clean() -> None:
    checked = run("shellcheck", STARTUP)

    assert checked.returncode == 0, checked.stdout


def test_the_startup_script_can_be_run_and_changes_nothing_for_whoever_is_not_root() -> None:
    assert os.access(STARTUP, os.X_OK)
    if os.geteuid() == 0:
        refused = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", STARTUP.read_text())
    else:
        refused = run(STARTUP)

    assert refused.returncode == 1
    assert refused.stderr == "This changes the whole machine. Run it as root.\n"


def test_every_file_that_the_startup_script_installs_is_there() -> None:
    script = STARTUP.read_text(encoding="utf-8")
    named = set(re.findall(r'"\$here/([\w./-]+)"', script)) | {
        f"systemd/{name}" for names in re.findall(r"for name in (hashstagram.*); do", script) for name in names.split()
    }

    assert len(named) >= 7
    assert [name for name in named if not (GCP / name).is_file()] == []


@needs_systemd
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for unit in (GCP / "systemd").glob("hashstagram*"):
        # Here is no such interpreter.
        text = unit.read_text(encoding="utf-8").replace("/opt/hashstagram/current/.venv/bin/python", "/bin/sh")
        (tmp_path / unit.name).write_text(text)
    checked = run("systemd-analyze", "verify", "--man=no", *sorted(tmp_path.glob("hashstagram*")))

    assert checked.returncode == 0, checked.stderr
    assert checked.stderr == ""


@needs_systemd
@pytest.mark.parametrize("gpu", [False, True], ids=["cpu", "gpu"])
def test_a_process_is_shut_in(tmp_path: Path, gpu: bool) -> None:
    text = UNIT.read_text(encoding="utf-8")
    if gpu:
        text = text.replace("[Install]", (GCP / "gpu" / "unit.conf").read_text(encoding="utf-8") + "[Install]")
    (tmp_path / UNIT.name).write_text(text)
    # In tenths, from 0 for wholly shut in to 100.
    checked = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", tmp_path / UNIT.name)

    assert checked.returncode == 0, checked.stdout


def test_a_process_has_time_to_end_and_comes_back_however_it_ended() -> None:
    unit = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE))

    assert int(unit["TimeoutStopSec"]) > MOST_SECONDS
    assert (unit["Restart"], unit["IPAddressAllow"], unit["IPAddressDeny"]) == ("always", "localhost", "any")


@pytest.mark.parametrize("file", ["settings.env", "gpu/settings.env"])
def test_the_app_takes_the_settings(file: str) -> None:
    lines = [line for line in (GCP / file).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    settings = dict(line.split("=", 1) for line in lines)

    assert Settings.from_environment(settings | {"GRADIO_SERVER_PORT": "7861"}).port == 7861


@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="systemd-tmpfiles is not installed")
@pytest.mark.parametrize(("age", "left"), [("14m", ["0000000001"]), ("0", [])])
def test_photos_left_by_nginx_are_deleted_when_they_are_old(tmp_path: Path, age: str, left: list[str]) -> None:
    bodies = tmp_path / "body"
    bodies.mkdir()
    (bodies / "0000000001").write_bytes(b"photo")
    rules = (GCP / "systemd" / "tmpfiles.conf").read_text(encoding="utf-8")
    assert "/var/lib/nginx/body - - - 14m" in rules
    (tmp_path / "rules.conf").write_text(rules.replace("/var/lib/nginx/body", str(bodies)).replace("14m", age))
    cleaned = run("systemd-tmpfiles", "--clean", tmp_path / "rules.conf")

    assert cleaned.returncode == 0, cleaned.stderr
    assert [path.name for path in bodies.iterdir()] == left


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed")
def test_logrotate_understands_its_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    shutil.copy(GCP / "logrotate.conf", rules)
    checked = run("logrotate", "--debug", "--state", tmp_path / "state", rules)

    assert checked.returncode == 0, checked.stderr
    assert "error:" not in checked.stderr


def test_documents_link_to_what_is_there() -> None:
    for document in GCP.parent.rglob("README.md"):
        links = [
            link for link in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")) if "://" not in link
        ]
        assert [link for link in links if not (document.parent / link).exists()] == [], document
