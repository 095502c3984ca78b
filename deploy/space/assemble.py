"""Put together the repository of a Hugging Face Space: `python deploy/space/assemble.py OUT`.

A Space gets what serves and nothing else: the app, the library, the weights, the pins and the examples, as git knows
them, so that nothing slips in that merely lies about. Its README is the project's, whose front matter configures the
Space, where links to what a Space does not have become words. Git alone is needed beside Python.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = ("README.md", "LICENSE", "app.py", "requirements.txt", "hashstagram", "weights", "examples")

# A Space wants what is no text in its large-file storage.
_ATTRIBUTES = "".join(
    f"*.{kind} filter=lfs diff=lfs merge=lfs -text\n" for kind in ("bin", "jpg", "png", "safetensors")
)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")


class AssemblyError(Exception):
    """The folder cannot be made; says why, and what to do."""


def assemble(out: Path, root: Path = ROOT) -> list[str]:
    """Make the folder `out`, which must not exist or be empty, and return the names of its files.

    Raises AssemblyError where it cannot be made, or where the front matter and the pins disagree on Gradio: a Space
    installs the one that the front matter names.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise AssemblyError(f"{out} is there and not an empty folder. Name another one.")
    readme = (root / "README.md").read_text(encoding="utf-8")
    wanted, pinned = _front_matter(readme, "sdk_version"), _pin(root / "requirements.txt", "gradio")
    if wanted != pinned:
        raise AssemblyError(
            f"README.md asks a Space for Gradio {wanted}, and requirements.txt pins {pinned}. Make them the same."
        )
    names = _tracked(root)
    for name in names:
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target)
    (out / "README.md").write_text(_readme(readme, out), encoding="utf-8")
    (out / ".gitattributes").write_text(_ATTRIBUTES, encoding="utf-8")
    return sorted([*names, ".gitattributes"])


def _tracked(root: Path) -> list[str]:
    run = subprocess.run(["git", "ls-files", "-z", "--", *PARTS], cwd=root, capture_output=True, text=True, check=False)
    names = [name for name in run.stdout.split("\0") if name]
    if lacking := [part for part in PARTS if not any(name.split("/")[0] == part for name in names)]:
        raise AssemblyError(f"Git knows no {', '.join(lacking)} in {root}. Run this in a clone of the repository.")
    return names


def _readme(text: str, space: Path) -> str:
    """Without pictures that the Space does not have; links to other such files become their names."""

    def kept(match: re.Match[str]) -> str:
        picture, words, target = match[1], match[2], match[3]
        if "://" in target or (space / target).exists():
            return match[0]
        if picture:
            return ""
        return words if words == target else f"{words}: {target}"

    return re.sub(r"\n{3,}", "\n\n", _LINK.sub(kept, text))


def _front_matter(readme: str, key: str) -> str:
    head = readme.split("---\n", 2)[1] if readme.startswith("---\n") else ""
    found = re.search(rf'^{key}: *"?([^"\n]+)"?$', head, re.MULTILINE)
    if found is None:
        raise AssemblyError(f"The front matter of README.md has no {key}, and without it there is no Space. Add it.")
    return found[1]


def _pin(requirements: Path, package: str) -> str:
    found = re.search(rf"^{package}==(\S+)", requirements.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise AssemblyError(f"{requirements.name} does not pin {package}. Write {package}==VERSION into it.")
    return found[1]


def main(arguments: list[str] | None = None) -> None:
    """Assemble the Space, and say what is in it and how it gets online."""
    parser = argparse.ArgumentParser(description="Put together the repository of a Hugging Face Space.")
    parser.add_argument("out", type=Path, help="the folder to make")
    out: Path = parser.parse_args(arguments).out
    try:
        names = assemble(out)
    except AssemblyError as error:
        sys.exit(str(error))
    megabytes = sum((out / name).stat().st_size for name in names) / 10**6
    print(f"{out}: {len(names)} files, {megabytes:.0f} MB. Upload it:")
    print(f"hf upload --repo-type space YOUR_NAME/hashstagram {out} .")


if __name__ == "__main__":
    main()
