"""The command line: `python -m hashstagram tag PHOTO_OR_FOLDER…`, `models` and `doctor`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from hashstagram.errors import SettingError, WeightsError
from hashstagram.recommender import available_models
from hashstagram.tagging.options import parser
from hashstagram.tagging.output import Text, harmless, models_json

OK, PHOTO_FAILED, BAD_SETTING = 0, 1, 2
# What a shell reports for a program that its reader or Ctrl-C has stopped: 128 and the signal's number.
_READER_GONE, _INTERRUPTED = 141, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; `argv` without the program's name, None for the process's own. Returns the exit code.

    Raises SystemExit, as argparse does, for `--help` (0) and for arguments that cannot be understood (2).
    """
    arguments = parser().parse_args(argv)
    try:
        code = _COMMANDS[arguments.command](arguments)
        sys.stdout.flush()
    except (SettingError, WeightsError) as error:
        print(f"hashstagram: {harmless(str(error))}", file=sys.stderr, flush=True)
        return BAD_SETTING
    except BrokenPipeError:
        # The reader (head, less) has enough. Python flushes standard output once more at its end: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _tag(arguments: argparse.Namespace) -> int:
    # What a run needs is imported for a run, so that the lists come quickly.
    from hashstagram.tagging.tag import tag

    return OK if tag(arguments) else PHOTO_FAILED


def _models(arguments: argparse.Namespace) -> int:
    records = available_models()
    if arguments.json:
        print(models_json(records))
    else:
        Text(sys.stdout).models(records)
    return OK


def _doctor(arguments: argparse.Namespace) -> int:
    from hashstagram.tagging import doctor

    report = doctor.examine()
    if arguments.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        Text(sys.stdout).plain(doctor.text(report))
    return BAD_SETTING if report.problems else OK


_COMMANDS = {"tag": _tag, "models": _models, "doctor": _doctor}
