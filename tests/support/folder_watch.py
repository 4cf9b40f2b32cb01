# SPDX-License-Identifier: Apache-2.0
"""Who changes files under a folder, as it happens (Linux inotify)."""
import ctypes
import os
import pathlib
import select
import struct
from typing import NamedTuple

MODIFY, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
IS_FOLDER = 0x40000000
_ALL = MODIFY | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE
_LIBC = ctypes.CDLL(None, use_errno=True)


class Event(NamedTuple):
    folder: pathlib.Path
    name: str
    kinds: int


class FolderWatch:
    """Of folders, and of folders that are made in them."""

    def __init__(self, *folders):
        self._fd = _LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._folders = {}
        for folder in folders:
            self._add(pathlib.Path(folder))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)

    def _add(self, folder):
        number = _LIBC.inotify_add_watch(self._fd, os.fsencode(folder), _ALL)
        if number >= 0:  # else it is gone already
            self._folders[number] = folder

    def wait(self, seconds):
        """Events in their order, as soon as there is one; none after `seconds`."""
        if not self._poll.poll(1e3 * seconds):
            return []
        data, events = os.read(self._fd, 65536), []
        while data:
            number, kinds, _, length = struct.unpack("=iIII", data[:16])
            name = os.fsdecode(data[16:16 + length].rstrip(b"\0"))
            data = data[16 + length:]
            if number not in self._folders or not name:
                continue
            event = Event(self._folders[number], name, kinds)
            if kinds & IS_FOLDER and kinds & (CREATE | MOVED_TO):
                self._add(event.folder / name)
            events.append(event)
        return events
