"""Names of your own for tags: a file that says what each of them is called instead.

    # tag: name
    dog: hund
    puppy: hund
    beach: 해변

One tag and its name a line; lines that begin with `#` are comments. The names count wherever tags come out or are asked
for: the page, the APIs, the command line, sidecars, assistants.
"""

import os
from pathlib import Path

from hashstagram.errors import SettingError
from hashstagram.vocabulary import Vocabulary, normalised

VARIABLE = "HASHSTAGRAM_RENAMES"


def renamed(vocabulary: Vocabulary, path: str | os.PathLike[str] | None = None) -> Vocabulary:
    """The vocabulary with the names of a file; None is the file that HASHSTAGRAM_RENAMES names, if any.

    Raises SettingError for a file that cannot be read, and, with its number, for a line that is not a tag and a name,
    names a tag that is not in the vocabulary, or one that stands in a line above.
    """
    chosen = os.fspath(path) if path is not None else os.environ.get(VARIABLE, "")
    if not chosen:
        return vocabulary
    names: dict[str, str] = {}
    for number, line in enumerate(_lines(Path(chosen).expanduser()), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"Line {number} of {chosen}"
        tag, colon, name = (part.strip() for part in line.partition(":"))
        if not (tag and colon and name):
            raise SettingError(f"{where} is {line.strip()!r}. Write a tag, a colon and its name, such as: dog: hund")
        if normalised(tag) in names:
            raise SettingError(f"{where} names {tag!r} once more. Remove one of the two lines.")
        try:
            vocabulary.renamed({tag: name})
        except SettingError as error:
            raise SettingError(f"{where}: {error}") from error
        names[normalised(tag)] = name
    return vocabulary.renamed(names)


def _lines(path: Path) -> list[str]:
    try:
        # Editors on Windows begin a file with a mark of its encoding.
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SettingError(
            f"The file of names {path} cannot be read ({error.strerror}). Name another one, or unset {VARIABLE}."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingError(f"The file of names {path} is not text in UTF-8. Save it as UTF-8.") from error
