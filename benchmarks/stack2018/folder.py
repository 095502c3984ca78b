"""A folder of photos as a program of 2018 tags it: `python -m benchmarks.stack2018.folder MODEL FOLDER`."""

import sys
from pathlib import Path

from benchmarks.stack2018.model import load_models


def main(name: str, folder: str) -> None:
    """Print five tags for each photo of a folder, one after the other."""
    model = load_models([name])[name]
    for path in sorted(Path(folder).glob("*.jpg")):
        print(path, *(tag for tag, _ in model.hashtags(path.read_bytes())))


if __name__ == "__main__":
    main(*sys.argv[1:])
