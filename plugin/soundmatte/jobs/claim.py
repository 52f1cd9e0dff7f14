"""Who is working on something: a process on a host, told apart from a later one with its number.

This module must not know what is worked on.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

#: In a folder of work under way, says whose it is.
CLAIM_FILE = "claim"


@dataclass(frozen=True)
class Claim:
    """A process: its host, number, and when it was started.

    On Linux the start is counted from a boot that is named, which no change of the clock moves.
    """

    host: str
    process: int
    started: str

    @staticmethod
    def mine() -> Claim:
        """This process."""
        return Claim(platform.node(), os.getpid(), _started(os.getpid()))

    @staticmethod
    def parse(text: str) -> Claim:
        """What `str` wrote."""
        host, process, started = text.rsplit("|", 2)
        return Claim(host, int(process), started)

    def __str__(self) -> str:
        return f"{self.host}|{self.process}|{self.started}"

    def alive(self) -> bool:
        """Whether that process still runs; one on another host is taken to.

        Homes lie on servers, and machines are copies of each other, with their ids: whoever guessed
        that another name is an older one of this machine could pay for a thing twice.
        """
        if self.host != platform.node():
            return True
        if not _runs(self.process):
            return False
        return self.started == _started(self.process)


def _runs(process: int) -> bool:
    if os.name == "nt":
        return _runs_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _runs_on_windows(process: int) -> bool:
    import ctypes

    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined, unused-ignore]
    handle = kernel.OpenProcess(0x100000, False, process)  # SYNCHRONIZE
    if not handle:
        return False
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == 0x102)  # WAIT_TIMEOUT
    finally:
        kernel.CloseHandle(handle)


def _started(process: int) -> str:
    """When a process was started; empty if it is gone."""
    return _by_proc(process) if platform.system() == "Linux" else _by_clock(process)


def _by_proc(process: int) -> str:
    """From Linux's /proc: ticks since a boot that is named."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    # The name in brackets may hold anything; field 22 is counted from behind it.
    return f"{text.rsplit(')', 1)[1].split()[19]}@{boot}"


def _by_clock(process: int) -> str:
    """From the system's own table of processes, which notes the time of day."""
    import psutil

    try:
        return f"{psutil.Process(process).create_time():.2f}"
    except psutil.Error:
        return ""
