"""The command line: `python -m hashstagram tag PHOTO…` and `python -m hashstagram models`."""

import argparse
import os
import sys
from collections.abc import Sequence

import hashstagram
from hashstagram.choice import DEFAULT, MAX_TOP_K, Choice
from hashstagram.engines import ENGINES, cores
from hashstagram.errors import PhotoError, SettingError, WeightsError
from hashstagram.recommender import Recommender, available_models, load_model
from hashstagram.tagging.output import JsonLines, Text, harmless, models_json
from hashstagram.vocabulary import split_tags

OK, PHOTO_FAILED, BAD_SETTING = 0, 1, 2
# What a shell reports for a program that its reader or Ctrl-C has stopped: 128 and the signal's number.
_READER_GONE, _INTERRUPTED = 141, 130

_TAG_EXAMPLES = """\
examples:
  python -m hashstagram tag beach.jpg
  python -m hashstagram tag --top-k 10 --companions 4 holiday/*.jpg
  python -m hashstagram tag --always berlin --exclude love,selfie photo.heic
  python -m hashstagram tag --format jsonl *.jpg > hashtags.jsonl

A photo that cannot be used is named on standard error, and the others go on.
"""
_EPILOG = """\
exit codes:
  0  every photo has its hashtags
  1  at least one photo could not be used; standard error says which and why
  2  a setting, a model or the weights cannot be used

environment:
  HASHSTAGRAM_WEIGHTS     weight folder or gs://bucket/prefix (default: the folder of the repository)
  HASHSTAGRAM_CACHE       where weights from gs:// are kept (default: ~/.cache/hashstagram)
  HASHSTAGRAM_ENGINE      what --engine is when it is not given
  HASHSTAGRAM_THREADS     processor cores to compute with (default: all)
  HASHSTAGRAM_MAX_BYTES   largest photo file in bytes
  HASHSTAGRAM_MAX_PIXELS  largest photo in pixels
  NO_COLOR                set it to get text without colours
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; `argv` without the program's name, None for the process's own. Returns the exit code.

    Raises SystemExit, as argparse does, for `--help` (0) and for arguments that cannot be understood (2).
    """
    arguments = _parser().parse_args(argv)
    try:
        code = _tag(arguments) if arguments.command == "tag" else _models(arguments)
        sys.stdout.flush()
    except (SettingError, WeightsError) as error:
        _complain(str(error))
        return BAD_SETTING
    except BrokenPipeError:
        # The reader (head, less) has enough. Python flushes standard output once more at its end: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _tag(arguments: argparse.Namespace) -> int:
    choice = Choice(
        top_k=arguments.top_k,
        min_confidence=arguments.min_confidence,
        exclude=arguments.exclude,
        always=arguments.always,
        platform_tags=arguments.platform_tags,
        companions=arguments.companions,
    )
    cores.limit_from_environment()
    recommender = load_model(arguments.model, engine=arguments.engine)
    output = JsonLines(sys.stdout) if arguments.format == "jsonl" else Text(sys.stdout)
    code = OK
    for photo in arguments.photos:
        try:
            hashtags = recommender.recommend(photo, choice)
        except PhotoError as error:
            _complain(f"{photo}: {error}")
            code = PHOTO_FAILED
            continue
        output.photo(photo, recommender.name, _computed_by(recommender), hashtags)
    return code


def _computed_by(recommender: Recommender) -> str:
    engine = recommender.engine
    return f"{engine.precision} by {engine.name} on {engine.device}"


def _models(arguments: argparse.Namespace) -> int:
    records = available_models()
    if arguments.json:
        print(models_json(records))
    else:
        Text(sys.stdout).models(records)
    return OK


def _complain(sentence: str) -> None:
    print(f"hashstagram: {harmless(sentence)}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hashstagram",
        description="Photo in, hashtags out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"HashStagram {hashstagram.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")

    tag = commands.add_parser(
        "tag",
        help="recommend hashtags for photos",
        description="Recommend hashtags for photos.",
        epilog=f"{_TAG_EXAMPLES}\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tag.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="photo file: JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF or HEIC"
    )
    tag.add_argument("--model", metavar="NAME", help="model to ask (default: the first that `models` lists)")
    tag.add_argument(
        "--engine",
        choices=ENGINES,
        default=os.environ.get("HASHSTAGRAM_ENGINE") or "auto",
        help="what computes: int8 where the CPU is made for it, exact (fp32), or PyTorch (default: %(default)s)",
    )
    tag.add_argument(
        "--format",
        choices=["text", "jsonl"],
        default="text",
        help="text for people, or one JSON object a line for programs (default: %(default)s)",
    )
    wishes = tag.add_argument_group("which hashtags")
    wishes.add_argument(
        "--top-k",
        type=int,
        default=DEFAULT.top_k,
        metavar="N",
        help=f"how many hashtags, 1 to {MAX_TOP_K} (default: %(default)s)",
    )
    wishes.add_argument(
        "--companions",
        type=int,
        default=DEFAULT.companions,
        metavar="N",
        help="how many of them may be tags that people write with what the photo shows, at most half of all; "
        "0 for visible tags only (default: %(default)s)",
    )
    wishes.add_argument(
        "--min-confidence",
        type=float,
        default=DEFAULT.min_confidence,
        metavar="P",
        help="leave out tags that are less sure than this, 0 to 1 (default: %(default)g, leave out none)",
    )
    wishes.add_argument(
        "--exclude",
        type=split_tags,
        action="extend",
        default=[],
        metavar="TAG[,TAG]",
        help="tags that must not come; may be repeated",
    )
    wishes.add_argument(
        "--always",
        type=split_tags,
        action="extend",
        default=[],
        metavar="TAG[,TAG]",
        help="tags that come first, whatever the photo shows; may be repeated",
    )
    wishes.add_argument(
        "--platform-tags",
        action="store_true",
        help="let in tags about the platform, such as instagood and photooftheday",
    )

    models = commands.add_parser("models", help="list the models", description="List the models, the default first.")
    models.add_argument("--json", action="store_true", help="as a JSON array")
    return parser
