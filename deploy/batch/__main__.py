"""Hashtags for every photo of a folder or bucket: `python -m deploy.batch PHOTOS OUTPUT`.

Options behind `--` are Apache Beam's. With none, all cores of this machine are used.
"""

import argparse
import sys
from collections.abc import Sequence

from deploy.batch.order import Order
from deploy.batch.places import BatchError, place
from deploy.batch.shards import REASONS, check_output
from hashstagram import HashStagramError
from hashstagram.engines import cores
from hashstagram.tagging.options import add_choice, add_model, choice_of

OK, PHOTO_FAILED, BAD_SETTING = 0, 1, 2
SHARDS = 64

_EPILOG = """\
examples:
  python -m deploy.batch holiday hashtags
  python -m deploy.batch gs://my-bucket/photos gs://my-bucket/hashtags --shards 2000 -- --runner=DataflowRunner …

exit codes, as for `python -m hashstagram tag`:
  0  every photo has its hashtags
  1  at least one photo could not be used; refused-*.jsonl say which and why
  2  a setting, a model, the weights or a place cannot be used
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a job; `argv` without the program's name, None for the process's own. Returns the exit code.

    Raises SystemExit, as argparse does, for `--help` (0) and for arguments that cannot be understood (2).
    """
    ours, for_beam = _parted(list(sys.argv[1:] if argv is None else argv))
    arguments = parser().parse_args(ours)
    try:
        order = Order.given(arguments.model, arguments.engine, choice_of(arguments))
        place(arguments.photos).check()
        check_output(place(arguments.output).names(), arguments.shards)
        counted = _run(arguments, order, for_beam)
    except HashStagramError as error:
        print(f"hashstagram: {error}", file=sys.stderr)
        return BAD_SETTING
    refused = {reason: counted[reason] for reason in REASONS if counted[reason]}
    print(f"{counted['photos']} photos: {counted['kept']} were done before, {sum(refused.values())} refused")
    for reason, count in refused.items():
        print(f"  {reason}: {count}")
    return PHOTO_FAILED if refused else OK


def parser() -> argparse.ArgumentParser:
    """The options. Those of model and choice are the command line's."""
    options = argparse.ArgumentParser(
        prog="python -m deploy.batch",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("photos", metavar="PHOTOS", help="folder or gs://bucket/prefix; folders in it count too")
    options.add_argument("output", metavar="OUTPUT", help="folder or gs://bucket/prefix for the shards")
    options.add_argument(
        "--shards",
        type=_count,
        default=SHARDS,
        metavar="N",
        help="how many files the output has, the same in every run: one for some 4,000 photos, "
        "and a few for each core (default: %(default)s)",
    )
    add_model(options)
    add_choice(options)
    return options


def _parted(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _run(arguments: argparse.Namespace, order: Order, for_beam: list[str]) -> dict[str, int]:
    try:
        from deploy.batch.pipeline import Job, run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "apache_beam":
            raise
        raise BatchError(
            "Apache Beam is not installed. Install deploy/batch/requirements.txt into an environment of its own."
        ) from error
    # One process with a thread for each core, which all share the model.
    here = [f"--direct_num_workers={cores.count()}", "--direct_running_mode=multi_threading"]
    return run(Job(arguments.photos, arguments.output, arguments.shards, order), for_beam or here)


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 99_999:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 99999")
    return count


if __name__ == "__main__":
    sys.exit(main())
