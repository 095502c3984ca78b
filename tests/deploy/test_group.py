"""The group of machines in Terraform, read without it: what it opens, who may do what, and that nothing is named that
is not there."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest
from proxying import render

GROUP = Path(__file__).resolve().parent.parent.parent / "deploy" / "gcp" / "group"
FILES = sorted(GROUP.glob("*.tf"))
# Of Google's balancer and its health checks, and of its proxy for ssh.
BALANCER, PROXY = ["35.191.0.0/16", "130.211.0.0/22"], ["35.235.240.0/20"]


@pytest.fixture(scope="module")
def blocks() -> dict[str, dict[str, Any]]:
    """All variables and resources by their names: `variable.domain`, `google_compute_firewall.ssh`, `local.weights`."""
    options = hcl2.SerializationOptions(strip_string_quotes=True)
    found: dict[str, dict[str, Any]] = {}
    for file in FILES:
        content = hcl2.loads(file.read_text(encoding="utf-8"), serialization_options=options)
        for kind in ("variable", "output"):
            for block in content.get(kind, []):
                found |= {f"{kind}.{name}": body for name, body in block.items()}
        for block in content.get("resource", []):
            found |= {f"{kind}.{name}": body for kind, named in block.items() for name, body in named.items()}
        for block in content.get("locals", []):
            found |= {f"local.{name}": {"value": value} for name, value in block.items() if name[:2] != "__"}
    return found


def kind(blocks: dict[str, dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {key: block for key, block in blocks.items() if key.startswith(f"{name}.")}


def test_everything_that_is_named_is_there_and_every_variable_is_used(blocks: dict[str, dict[str, Any]]) -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in FILES)
    code = re.sub(r"#.*|description *=.*", "", text)
    resources = set(re.findall(r"\bgoogle_[a-z_]+\.\w+", code))
    variables, locals_ = set(re.findall(r"\bvar\.(\w+)", code)), set(re.findall(r"\blocal\.(\w+)", code))

    assert resources - blocks.keys() == set()
    assert variables == {name.partition(".")[2] for name in kind(blocks, "variable")}
    assert locals_ == {name.partition(".")[2] for name in kind(blocks, "local")}


def test_every_variable_says_what_it_is(blocks: dict[str, dict[str, Any]]) -> None:
    variables = kind(blocks, "variable")

    assert all(variable["description"].endswith(".") and variable["type"] for variable in variables.values())
    needed = {name.partition(".")[2] for name, variable in variables.items() if "default" not in variable}
    assert needed == {"project", "domain", "repository", "revision"}


def test_only_the_balancer_and_sshs_proxy_come_in(blocks: dict[str, dict[str, Any]]) -> None:
    rules = kind(blocks, "google_compute_firewall")
    allowed = {
        (rule["source_ranges"], port) for rule in rules.values() for allow in rule["allow"] for port in allow["ports"]
    }

    assert allowed == {("${local.balancer_ranges}", "80"), ("${local.proxy_ranges}", "22")}
    assert (blocks["local.balancer_ranges"]["value"], blocks["local.proxy_ranges"]["value"]) == (BALANCER, PROXY)
    (interface,) = blocks["google_compute_instance_template.main"]["network_interface"]
    assert "access_config" not in interface, "a public address"


def test_the_machines_may_read_the_weights_and_write_logs_alone(blocks: dict[str, dict[str, Any]]) -> None:
    roles = {block["role"] for block in blocks.values() if "role" in block}

    assert roles == {"roles/logging.logWriter", "roles/storage.objectViewer"}


def test_the_machines_are_made_by_the_startup_script(blocks: dict[str, dict[str, Any]]) -> None:
    metadata = blocks["google_compute_instance_template.main"]["metadata"]
    asked = set(re.findall(r"metadata (hashstagram-\w+)", (GROUP.parent / "startup.sh").read_text(encoding="utf-8")))

    assert metadata["startup-script"] == '${file("${path.module}/../startup.sh")}'
    assert {name for name in metadata if name.startswith("hashstagram-")} == asked
    named = set(re.findall(r"\b([A-Z][A-Z_]+) *=", str(blocks["local.settings"]) + str(blocks["local.weights"])))
    assert named
    assert named - {"HASHSTAGRAM_WEIGHTS"} <= render.read_settings().keys()


def test_a_machine_gets_visitors_when_it_is_ready(blocks: dict[str, dict[str, Any]]) -> None:
    checks = kind(blocks, "google_compute_health_check")

    assert {check["http_health_check"][0]["request_path"] for check in checks.values()} == {"/readyz"}
    page, api = (blocks[f"google_compute_backend_service.{name}"] for name in ("page", "api"))
    assert (page["session_affinity"], page["locality_lb_policy"]) == ("CLIENT_IP", "RING_HASH")
    assert api["session_affinity"] == "NONE"
    (paths,) = blocks["google_compute_url_map.main"]["path_matcher"][0]["path_rule"]
    assert paths == paths | {"paths": ["/api/*"], "service": "${google_compute_backend_service.api.id}"}


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_it_is_in_terraforms_own_form() -> None:
    command = ["terraform", "fmt", "-check", "-diff", str(GROUP)]
    # Without the question whether there is a newer one.
    environment = os.environ | {"CHECKPOINT_DISABLE": "1"}
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout
