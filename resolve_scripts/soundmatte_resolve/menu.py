"""What the menu starts: one script from its first line to its last.

This module must not know what the scripts do.
"""

import os
import platform
import signal
import traceback
from typing import Any, Callable, Dict, Mapping

from soundmatte_resolve import connect, paths, wishes
from soundmatte_resolve.again import again
from soundmatte_resolve.alone import Alone
from soundmatte_resolve.refusal import Refusal, Stopped
from soundmatte_resolve.remove import remove
from soundmatte_resolve.restore import recover
from soundmatte_resolve.run import STOP, Run, stopper
from soundmatte_resolve.say import Teller
from soundmatte_resolve.self_test import self_test
from soundmatte_resolve.separate import separate

SCRIPTS: Dict[str, Callable[[Run], None]] = {
    "Separate Selected Clip": separate,
    "Place Stems Again": again,
    "Remove Stems": remove,
    "Self Test": self_test,
}


def run(name: str, names: Mapping[str, Any]) -> int:
    """Run a script; its exit status.

    Args:
        name: of `SCRIPTS`.
        names: globals of the script, in which Resolve leaves its objects.
    """
    folder = paths.state(os.environ)
    teller = Teller(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        _interruptible()
        with Alone(folder):
            _begin(folder)
            session = connect.connect(names)
            python = platform.python_version()
            teller.say(f"{name}, {session.title} on {platform.system()}, Python {python}.")
            recover(session, folder, teller)
            SCRIPTS[name](Run(session, folder, teller, wishes.read(folder), stopper(folder)))
        return 0
    except (Refusal, KeyboardInterrupt) as ended:
        refusal = ended if isinstance(ended, Refusal) else Stopped()
        teller.say(refusal)
        if refusal.hint:
            teller.say(refusal.hint)
        return 130 if isinstance(refusal, Stopped) else 1
    except OSError as error:
        teller.note(traceback.format_exc())
        teller.say(f"A file or folder cannot be used: {error}.")
        teller.say("Is the disk full, or may nobody write there?")
        return 1
    except Exception as error:
        teller.note(traceback.format_exc())
        teller.say(f"Something unforeseen went wrong: {error!r}.")
        teller.say(f"What is known of it is in {teller.path}.")
        return 1


def _begin(folder: str) -> None:
    """An earlier wish to stop does not count."""
    path = os.path.join(folder, STOP)
    if os.path.exists(path):
        os.remove(path)


def _interruptible() -> None:
    """Being asked to end is Ctrl+C: everything is put back first."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    try:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # Resolve's console does not run scripts on the first thread
        pass
