"""The program: `python app.py` serves the page and the APIs, here and on a Hugging Face Space.

`demo` is the page that is served.
"""

import sys
from pathlib import Path

from hashstagram import HashStagramError

EXAMPLES = tuple(sorted((Path(__file__).parent / "examples").glob("*.jpg")))

try:
    from hashstagram.engines import cores
    from hashstagram.web.environment import Settings
    from hashstagram.web.page import build_page
    from hashstagram.web.server import serve
    from hashstagram.web.service import Service

    cores.limit_from_environment()
    settings = Settings.from_environment()
    service = Service(settings.models, engine=settings.engine, workers=settings.workers, queue=settings.queue)
    demo = build_page(service, uploads=settings.uploads, examples=EXAMPLES)
except HashStagramError as error:
    if __name__ != "__main__":
        raise
    sys.exit(f"HashStagram cannot start. {error}")


def main() -> None:
    """Serve until the process is told to end; what cannot be used is named in one sentence."""
    try:
        serve(demo, service, settings, EXAMPLES)
    except HashStagramError as error:
        sys.exit(f"HashStagram cannot start. {error}")


if __name__ == "__main__":
    main()
