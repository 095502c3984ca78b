"""The options of the command line."""

import argparse
from pathlib import Path

import hashstagram
from hashstagram.choice import DEFAULT, MAX_TOP_K, Choice
from hashstagram.engines.choose import ENGINES, engine_from_environment
from hashstagram.vocabulary import split_tags

FORMATS = ("text", "csv", "jsonl", "xmp")

_TAG_EXAMPLES = """\
examples:
  python -m hashstagram tag beach.jpg
  python -m hashstagram tag --top-k 10 --companions 4 holiday/*.jpg
  python -m hashstagram tag --always berlin --exclude love,selfie photo.heic
  python -m hashstagram tag holiday --recursive --format csv --out holiday.csv
  python -m hashstagram tag holiday --recursive --format xmp
  python -m hashstagram tag holiday --recursive --format xmp --out sidecars
  python -m hashstagram tag --format jsonl *.jpg > hashtags.jsonl

Photos are only ever read. One that cannot be used is named on standard error, and the others go on.

With --out (csv, jsonl) or --format xmp, a run that was stopped goes on where it was when the same command is given
again: it keeps what is written for the same photo, model and choice, and tries again what could not be used.

--format xmp writes photo.jpg.xmp, where digiKam, darktable and Immich look for keywords. Those that are there stay; a
later run replaces only tags of its own, and what you take out does not come back. docs/FOLDERS.md has the rest.
"""
_EPILOG = """\
exit codes:
  0  every photo has its hashtags
  1  at least one photo could not be used; standard error says which and why
  2  a setting, a model or the weights cannot be used

environment:
  HASHSTAGRAM_WEIGHTS     weight folder or gs://bucket/prefix (default: the folder of the repository)
  HASHSTAGRAM_CACHE       where weights from gs:// are kept (default: ~/.cache/hashstagram)
  HASHSTAGRAM_RENAMES     file with names of your own for tags
  HASHSTAGRAM_ENGINE      what --engine is when it is not given
  HASHSTAGRAM_THREADS     processor cores to compute with (default: all)
  HASHSTAGRAM_MAX_BYTES   largest photo file in bytes
  HASHSTAGRAM_MAX_PIXELS  largest photo in pixels
  NO_COLOR                set it to get text without colours
"""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; `command` says which was given."""
    top = argparse.ArgumentParser(
        prog="python -m hashstagram",
        description="Photo in, hashtags out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"HashStagram {hashstagram.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _add_tag(commands)
    models = commands.add_parser("models", help="list the models", description="List the models, the default first.")
    models.add_argument("--json", action="store_true", help="as a JSON array")
    doctor = commands.add_parser(
        "doctor",
        help="say what is installed, what computes the models and why, and what is wrong",
        description="Look at this installation: packages, processor, weights, models and what computes them, settings. "
        "Weights from gs:// are fetched, as they are for any command.",
        epilog="exit codes:\n  0  all is well\n  2  something would stop HashStagram; the last lines say what",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doctor.add_argument("--json", action="store_true", help="as a JSON object")
    return top


def add_model(options: argparse.ArgumentParser) -> None:
    """Add what says which model is asked, and what computes it."""
    options.add_argument("--model", metavar="NAME", help="model to ask (default: the first that `models` lists)")
    options.add_argument(
        "--engine",
        choices=ENGINES,
        default=engine_from_environment(),
        help="what computes: int8 where the CPU is made for it, exact (fp32), or PyTorch (default: %(default)s)",
    )


def add_choice(options: argparse.ArgumentParser) -> None:
    """Add what says which hashtags are wanted: a `Choice`."""
    wishes = options.add_argument_group("which hashtags")
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
    variety = wishes.add_mutually_exclusive_group()
    unasked = {True: "", False: " (default)"}
    variety.add_argument(
        "--variety",
        action="store_true",
        default=DEFAULT.variety,
        help=f"near-synonyms such as sea and ocean take two of five places at most{unasked[not DEFAULT.variety]}",
    )
    variety.add_argument(
        "--no-variety",
        action="store_false",
        dest="variety",
        help=f"the surest tags, even if they say nearly the same{unasked[DEFAULT.variety]}",
    )


def choice_of(arguments: argparse.Namespace) -> Choice:
    """What was asked for by the options of `add_choice`. Raises SettingError for a value out of range."""
    return Choice(
        top_k=arguments.top_k,
        min_confidence=arguments.min_confidence,
        exclude=arguments.exclude,
        always=arguments.always,
        platform_tags=arguments.platform_tags,
        companions=arguments.companions,
        variety=arguments.variety,
    )


def _add_tag(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    tag = commands.add_parser(
        "tag",
        help="recommend hashtags for photos and folders",
        description="Recommend hashtags for photos, or for the photos of folders.",
        epilog=f"{_TAG_EXAMPLES}\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tag.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO_OR_FOLDER",
        help="JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF or HEIC; a folder stands for the photos in it",
    )
    tag.add_argument("--recursive", "-r", action="store_true", help="folders in folders count too")
    add_model(tag)
    output = tag.add_argument_group("where hashtags go")
    output.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="text for people, csv (a row for each photo and tag) for spreadsheets, jsonl (a JSON object a line and "
        "photo) for programs, xmp (a sidecar for each photo) for photo programs (default: %(default)s)",
    )
    output.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="file to write into in place of standard output; for xmp a folder, where sidecars lie as the photos do "
        "in theirs (without it, each lies beside its photo)",
    )
    output.add_argument("--again", action="store_true", help="compute anew what an earlier run has done")
    add_choice(tag)
