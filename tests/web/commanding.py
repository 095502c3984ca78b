"""Programs that are shown to people, run as they would run them."""

import shutil
import subprocess
import sys
from pathlib import Path

from serving import ROOT

# What each language is run with: a program, and how it is told what to run.
_PROGRAMS = {"sh": ["sh", "-euc"], "python": [sys.executable, "-c"], "js": ["node"]}
NEEDED = {"sh": "curl", "js": "node"}


def lacking(language: str) -> str | None:
    """The program that is missing for a language, if one is."""
    program = NEEDED.get(language)
    return program if program and shutil.which(program) is None else None


def photographed(folder: Path) -> Path:
    """A folder that holds a photo under the name that all programs use."""
    (folder / "beach.jpg").write_bytes((ROOT / "examples" / "tower.jpg").read_bytes())
    return folder


def run(language: str, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder."""
    last = text
    if language == "js":
        # Where it can import what npm has installed for the tests.
        (folder / "node_modules").symlink_to(ROOT / "tests" / "javascript" / "node_modules")
        (folder / "hashtags.mjs").write_text(text, encoding="utf-8")
        last = "hashtags.mjs"
    command = [*_PROGRAMS[language], last]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def printed(done: subprocess.CompletedProcess[str]) -> dict[str, float]:
    """The confidences that a program printed, a tag and its confidence a line."""
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if not line.startswith("Loaded as API")]
    return {tag: float(confidence) for tag, confidence in lines}
