"""What was shown, as a document: `python -m reliability.report > deploy/RELIABILITY.md`.

The figures come from `reliability/results`, which holds what `python -m reliability --report FILE` wrote in the last
whole runs.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.driving import ROOT
from reliability.bad_inputs import cases
from reliability.lines import Line, table
from reliability.proxy import ReliabilityError

FOLDER = ROOT / "reliability" / "results"
_HEAD = """\
# What the running program withstands

Shown on the real program with its trained weights, behind the real nginx where one belongs. `make soak` shows points 1
to 3 again on your machine, in 35 quiet minutes; [reliability/README.md](../reliability/README.md) says how each is done
and judged. `make test` shows points 4 and 5. `python -m reliability.report` wrote this page from the results of the
runs that it names.
"""
_KILLED = """\
## 1. A process is killed, and all are restarted

Two processes behind nginx as `deploy/gcp` sets it up. 8 programs ask the stateless route and 8 visitors the page, each
from an address of its own, without pause and without trying anything twice. One process is killed by `kill -9` and
started again after a second, as systemd does it; then both are ended by SIGTERM and started again, one after the other.
"""
_OVERLOAD = """\
## 2. Ten times as many photos as it can answer

One process on one core, asked ten times as many photos a second as it was just seen to answer.
"""
_MIXED = """\
## 3. Half an hour of everything at once

One process without nginx, and nine clients: good ones, a visitor, and those who send bad, huge and slow photos or go
away in the middle. Uploads are deleted after 20 s instead of 900. Memory's slope is that of a line through the lowest
values of twelve parts of the run, after the first quarter.
"""
_BAD = """\
## 4. Bad inputs

[reliability/BAD_INPUTS.md](../reliability/BAD_INPUTS.md) is a table of {count} bad inputs by each way in: page API,
stateless route, command line. It has status, sentence, time and peak memory of each, and `python -m reliability.table`
writes it. None crashes anything, shows a path or a traceback, writes into the log, or reaches a file outside the upload
folder or an address on the network: `tests/reliability/test_bad_inputs.py` asserts that of each.

Random ones come on top: `tests/test_fuzz.py` sends changed photos to the decoder (Hypothesis), and
`tests/reliability/test_api_fuzz.py` sends to the API what its own specification allows and what it does not
(Schemathesis). `tests/test_photo_memory.py` measures that a small file takes little memory, whatever it says of itself.
"""
_WEIGHTS = """\
## 5. Weights that are not what their manifest says

The real program refuses each at start, in a sentence: `test_is_refused_at_start_in_a_sentence` in
`tests/web/test_damaged_weights.py`.

| weights | what the program says |
|---|---|
| two tags of the vocabulary swapped | the vocabulary has another sha256 than the manifest |
| one byte flipped | the file is damaged |
| cut off | the file has fewer bytes than its record says |
| a pickle named `.safetensors`, with a record that vouches for it | it is no safetensors file; nothing in it is run |

The same for other tag lists, int8 forms and files from a bucket: `tests/test_weights.py` and
`tests/test_storage.py`.
"""
_POINTS = {"nginx": _KILLED, "overload": _OVERLOAD, "mixed": _MIXED}


@dataclass(frozen=True)
class Shown:
    """What a run showed of one part: what was measured, for how many seconds, and where and when."""

    lines: tuple[Line, ...]
    seconds: float
    about: dict[str, Any]


def read(folder: Path = FOLDER) -> dict[str, Shown]:
    """What is in the results, by part. Raises ReliabilityError where a part is missing."""
    shown: dict[str, Shown] = {}
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        for part, seconds in content["seconds"].items():
            names = ("kill -9", "rolling restart") if part == "nginx" else (part,)
            lines = tuple(Line(**line) for line in content["lines"] if line["part"] in names)
            shown[part] = Shown(lines, seconds, content)
    if missing := [part for part in _POINTS if part not in shown]:
        command = f"python -m reliability --only {','.join(missing)} --report {folder}/FILE.json"
        raise ReliabilityError(f"There are no results of {', '.join(missing)}. Make them: {command}")
    return shown


def document(shown: dict[str, Shown]) -> str:
    """The whole page."""
    sections = [_HEAD]
    for part, text in _POINTS.items():
        run = shown[part]
        about = run.about
        command = f"python -m reliability --only {part} --{part}-seconds {run.seconds:g}"
        measured = f"`{command}` on {about['date']}, commit {about['commit']}, on {about['machine']}; {about['busy']}:"
        sections += [text, f"{measured}\n", f"{table(run.lines)}\n"]
    return "\n".join([*sections, _BAD.format(count=len(cases())), _WEIGHTS])


def main() -> int:
    """Print the page."""
    try:
        print(document(read()), end="")
    except ReliabilityError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
