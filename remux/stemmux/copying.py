"""Bytes from one file to another by the cheapest way that the system has.

A clone, where the file system can let two files share their blocks; else a copy inside the kernel;
else block by block. This module must not know what the files hold.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import BinaryIO

from stemmux.errors import UnreadableMedia

#: Bytes between two looks at whether somebody wants to stop.
PIECE = 64 << 20
_BLOCK = 1 << 20
#: `ioctl` request of Linux that makes one file a clone of another.
_FICLONE = 0x40049409
#: Answers that mean "not in this way", and say nothing about another.
_NOT_SO = {
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENOTTY,
    errno.EPERM,
    errno.EBADF,
    errno.ETXTBSY,
    errno.EOVERFLOW,
}

#: Copies up to so many bytes: source, its position, target, its position, count.
_Way = Callable[[BinaryIO, int, BinaryIO, int, int], int]


def clone(source: BinaryIO, target: BinaryIO) -> bool:
    """Make the empty `target` share all of the source's blocks; False where that cannot be.

    Only Linux is asked (Btrfs, XFS, bcachefs and others); nothing is written if it fails.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        return False
    return True


def copy_range(
    source: BinaryIO,
    start: int,
    target: BinaryIO,
    to: int,
    length: int,
    told: Callable[[int], None] | None = None,
) -> None:
    """Copy `length` bytes from `start` of one unbuffered file to `to` of another.

    Args:
        told: given the bytes done, after every `PIECE`; may raise to end the work.

    Raises:
        UnreadableMedia: the source ends before.
        OSError: as the system reports it, such as a full disk.
    """
    done = 0
    ways = list(_WAYS)
    while done < length:
        try:
            count = min(PIECE, length - done)
            copied = ways[0](source, start + done, target, to + done, count)
        except OSError as error:
            if len(ways) == 1 or error.errno not in _NOT_SO:
                raise
            copied = 0
        if copied == 0 and len(ways) > 1:
            # Some file systems answer 0 where they mean "not in this way".
            ways.pop(0)
        elif copied == 0:
            raise UnreadableMedia("A file was cut short while it was copied.", hint="Try again.")
        done += copied
        if told is not None and copied:
            told(done)


def _ranged(source: BinaryIO, start: int, target: BinaryIO, to: int, count: int) -> int:
    return os.copy_file_range(source.fileno(), target.fileno(), count, start, to)


def _sent(source: BinaryIO, start: int, target: BinaryIO, to: int, count: int) -> int:
    target.seek(to)
    return os.sendfile(target.fileno(), source.fileno(), start, count)


def _blocks(source: BinaryIO, start: int, target: BinaryIO, to: int, count: int) -> int:
    source.seek(start)
    data = memoryview(source.read(min(count, _BLOCK)))
    target.seek(to)
    written = 0
    while written < len(data):
        written += target.write(data[written:])
    return written


#: From the cheapest on. Elsewhere than on Linux the kernel copies to sockets only.
_WAYS: tuple[_Way, ...] = (_ranged, _sent, _blocks) if sys.platform == "linux" else (_blocks,)
