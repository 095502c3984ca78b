"""What bad inputs need around them: files, a FIFO, a private photo, and an address at which nobody must ever ask."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from reliability.bad_inputs import cases
from reliability.ways import Site
from reliability.wire import HOST
from tests.odd_photos import encoded, scene


@contextlib.contextmanager
def trap(folder: Path, port: int, uploads: Path) -> Iterator[tuple[Site, socket.socket]]:
    """A site in an empty `folder`, and the socket of its address: a connection that waits there is a fault."""
    files = folder / "files"
    files.mkdir()
    private = folder / "private.png"
    private.write_bytes(encoded(scene(), "PNG"))
    for case in cases():
        if case.file is not None:
            name, data = case.file
            (files / name).write_bytes(data)
    (files / "empty").mkdir()
    os.mkfifo(files / "fifo.jpg")
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        listener.setblocking(False)
        address = f"http://{HOST}:{listener.getsockname()[1]}/a.png"
        yield Site(port, uploads, files, address, private), listener


def reached(site: Site, listener: socket.socket) -> list[str]:
    """What was reached that must not be: the address, or a file outside of the upload folder."""
    found = []
    with contextlib.suppress(BlockingIOError):
        listener.accept()[0].close()
        found.append("the network was asked")
    content = site.private.read_bytes()
    if any(path.read_bytes() == content for path in site.uploads.rglob("*") if path.is_file()):
        found.append("a private photo lies among the uploads")
    outside = (site.uploads.parent, site.folder.parent, Path("/tmp"), Path("/"))  # noqa: S108 - where a name leads
    found += [f"{folder / 'escaped.jpg'} was written" for folder in outside if (folder / "escaped.jpg").exists()]
    return found
