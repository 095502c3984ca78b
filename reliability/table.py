"""The table of bad inputs: `python -m reliability.table > reliability/BAD_INPUTS.md`.

Sends each to a server and to the command line, and prints what came of it, how long it took and how much memory it
needed. The exit code is 1 when something came of one that must not. It takes about two minutes.
"""

import socket
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from reliability.bad_inputs import cases
from reliability.machine import program
from reliability.site import reached, trap
from reliability.ways import COMMAND, Outcome, Site, command_outcome, faults, run_command

# The quickest model: the inputs are what is looked at.
_MODEL = "alexnet"
_HEAD = """\
# Bad inputs

What comes of {count} bad inputs, by each way in. `python -m reliability.table` prints this table, and fails when
something is answered with another status than it must, without a sentence, with something of the inside, or from
outside the upload folder; `make test` asserts the same. MB is what the process had at most beyond what it had before;
for the command line, beyond what it has for a small photo. The time of the command line includes its start.

| input | way | status | what it says | ms | MB |
|---|---|---|---|---|---|"""


def main() -> int:
    """Print the table, and name on standard error what must not be."""
    wrong: list[str] = []
    with (
        TemporaryDirectory() as folder,
        program(HASHSTAGRAM_MODELS=_MODEL) as process,
        trap(Path(folder), process.port, process.uploads) as (site, listener),
    ):
        print(_HEAD.format(count=len(cases())))
        usual = run_command(["tag", "--model", _MODEL, str(site.folder / "wrong_ending.gif")]).peak_mb
        for case in cases():
            for way, ask in case.ways.items():
                process.forget_peak()
                before = len(process.said())
                resting, began = process.resident_mb(), time.monotonic()
                outcome = ask.run(site)
                seconds, memory = time.monotonic() - began, process.peak_mb() - resting
                print(_row(case.name, way, outcome, seconds, memory))
                found = [*faults(outcome, ask.expected, site), *_logged(process.said()[before:])]
                wrong += _wrong(case.name, way, found, site, listener)
            if case.arguments:
                command, *rest = (site.filled(argument) for argument in case.arguments)
                ran = run_command([command, f"--model={_MODEL}", *rest])
                outcome = command_outcome(ran, site, case.arguments)
                print(_row(case.name, COMMAND, outcome, ran.seconds, ran.peak_mb - usual))
                expected = frozenset({f"exit {case.exit_code}"})
                wrong += _wrong(case.name, COMMAND, faults(outcome, expected, site), site, listener)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def _row(name: str, way: str, outcome: Outcome, seconds: float, memory: float) -> str:
    said = outcome.sentence if len(outcome.sentence) < 200 else f"{outcome.sentence[:100]}…"
    cells = (name, way, outcome.status, said, f"{1000 * seconds:,.0f}", f"{max(memory, 0):,.0f}")
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _wrong(name: str, way: str, found: list[str], site: Site, listener: socket.socket) -> list[str]:
    return [f"{name}, {way}: {fault}" for fault in [*found, *reached(site, listener)]]


def _logged(said: str) -> list[str]:
    return [f"the log says {said.splitlines()[0]!r} …"] if said else []


if __name__ == "__main__":
    sys.exit(main())
