"""Hashtags for every photo of a folder or bucket: `python -m deploy.batch PHOTOS OUTPUT`.

Options behind `--` are Apache Beam's. With none, all cores of this machine are used.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from deploy.batch.order import Order
from deploy.batch.places import BatchError, place
from deploy.batch.shards import REASONS, check_output
from hashstagram import Choice, HashStagramError
from hashstagram.choice import DEFAULT, MAX_TOP_K
from hashstagram.engines import ENGINES, cores

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
        order = Order.given(arguments.model, arguments.engine, _choice(arguments))
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
    """The options. Those of the choice are the command line's."""
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
    options.add_argument("--model", metavar="NAME", help="model to ask (default: the weights' first)")
    options.add_argument(
        "--engine",
        choices=ENGINES,
        default=os.environ.get("HASHSTAGRAM_ENGINE") or "auto",
        help="what computes (default: %(default)s)",
    )
    wishes = options.add_argument_group("which hashtags, as for `python -m hashstagram tag`")
    wishes.add_argument("--top-k", type=int, default=DEFAULT.top_k, metavar="N", help=f"how many, 1 to {MAX_TOP_K}")
    wishes.add_argument("--companions", type=int, default=DEFAULT.companions, metavar="N", help="of them written with")
    wishes.add_argument("--min-confidence", type=float, default=DEFAULT.min_confidence, metavar="P", help="0 to 1")
    wishes.add_argument("--exclude", type=_tags, action="extend", default=[], metavar="TAG[,TAG]", help="never these")
    wishes.add_argument("--always", type=_tags, action="extend", default=[], metavar="TAG[,TAG]", help="these first")
    wishes.add_argument("--platform-tags", action="store_true", help="let in tags such as instagood")
    return options


def _parted(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _choice(arguments: argparse.Namespace) -> Choice:
    return Choice(
        top_k=arguments.top_k,
        min_confidence=arguments.min_confidence,
        exclude=arguments.exclude,
        always=arguments.always,
        platform_tags=arguments.platform_tags,
        companions=arguments.companions,
    )


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


def _tags(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 99_999:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 99999")
    return count


if __name__ == "__main__":
    sys.exit(main())
