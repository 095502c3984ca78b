"""The command `tag`: photos and folders in; text, rows or sidecars out."""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from tqdm import tqdm

from hashstagram.engines import cores
from hashstagram.errors import SettingError
from hashstagram.photos import Limits
from hashstagram.recommender import load_model
from hashstagram.tagging.folders import Found, Listed, Problem, find, is_photo
from hashstagram.tagging.options import choice_of
from hashstagram.tagging.order import Order
from hashstagram.tagging.output import Printed, harmless
from hashstagram.tagging.run import Outcome, Results, run
from hashstagram.tagging.sidecar_files import SidecarFiles
from hashstagram.tagging.tables import Table


def tag(arguments: argparse.Namespace) -> bool:
    """Do what the arguments ask for. Returns whether every photo could be used.

    Raises SettingError and WeightsError for what cannot be asked for.
    """
    choice = choice_of(arguments)
    cores.limit_from_environment()
    Limits.from_environment()
    order = Order.given(arguments.model, arguments.engine, choice)
    found = find(arguments.photos, recursive=arguments.recursive)
    # Of some photos named one by one, each problem is said at once; of a run that takes its time, all in the end.
    is_run = found.has_folder or arguments.out is not None or arguments.format == "xmp"
    photos = list(dict.fromkeys(found.photos)) if is_run else found.photos
    outcome = Outcome(problems=list(found.problems))
    with _results(arguments, order, found, photos) as results:
        todo = [photo for photo in photos if arguments.again or not results.has(photo)]
        outcome.kept = len(photos) - len(todo)
        try:
            if todo:
                recommender = load_model(arguments.model, engine=arguments.engine)
                prints = arguments.out is None and arguments.format != "xmp"
                bar = len(todo) > 1 and sys.stderr.isatty() and not (prints and sys.stdout.isatty())
                for problem in run(recommender, todo, choice, results, outcome, bar=bar):
                    if not is_run:
                        _say(problem)
        except KeyboardInterrupt:
            if is_run:
                _say_outcome(outcome, "Stopped. ")
            raise
    if is_run:
        _say_outcome(outcome)
    return not outcome.problems


def _results(
    arguments: argparse.Namespace, order: Order, found: Found, photos: Sequence[Listed]
) -> AbstractContextManager[Results]:
    form, out = arguments.format, arguments.out
    if form == "xmp":
        if out is not None and out.exists() and not out.is_dir():
            raise SettingError(f"{out} is a file. With --format xmp, --out names a folder.")
        return nullcontext(SidecarFiles(order, out, found.root))
    if out is None:
        return nullcontext(Printed(sys.stdout, form))
    _check_file(out)
    if form == "text":
        return _new_text(out)
    return Table(out, form, order, photos, again=arguments.again)


def _check_file(out: Path) -> None:
    if out.is_dir():
        raise SettingError(f"{out} is a folder. --out names a file, unless the format is xmp.")
    if not out.parent.is_dir():
        raise SettingError(f"There is no folder {out.parent} for {out.name}. Make it, or name another file with --out.")
    if is_photo(out.name):
        raise SettingError(f"{out} is named like a photo. Name a file for the hashtags with --out.")


@contextlib.contextmanager
def _new_text(out: Path) -> Iterator[Printed]:
    try:
        file = out.open("x", encoding="utf-8", errors="surrogateescape")
    except FileExistsError as error:
        raise SettingError(
            f"{out} exists, and a run that writes text cannot go on with it. "
            "Name another file with --out, or take --format csv or jsonl."
        ) from error
    except OSError as error:
        raise SettingError(f"{out} cannot be written ({error.strerror}). Name another file with --out.") from error
    with file:
        yield Printed(file, "text")


def _say_outcome(outcome: Outcome, before: str = "") -> None:
    print(f"{before}{outcome}", file=sys.stderr)
    for problem in outcome.problems:
        _say(problem)


def _say(problem: Problem) -> None:
    # A progress bar, where there is one, makes room for it.
    tqdm.write(f"hashstagram: {harmless(f'{problem.name}: {problem.sentence}')}", file=sys.stderr)
    sys.stderr.flush()
