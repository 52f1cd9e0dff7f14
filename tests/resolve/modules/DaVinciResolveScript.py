"""The script's side of the fake Resolve, under the name that Resolve's own module has.

As in Resolve, every attribute is there: one that nobody has is None, and calling it fails. The
process at `FAKE_RESOLVE` notes that as a fault. Standard library, Python 3.6.
"""

import json
import os
import socket
import threading

_shared = []


class _Link:
    """The connection of this process."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", int(port)))
        self._stream = self._socket.makefile("rb")
        self._lock = threading.Lock()
        hello = self.ask({"hello": "script", "pid": os.getpid()})
        self.names = hello["names"]
        self.listed = hello["listed"]
        self.outside = hello["outside"]
        self.objects = {name: hello[name] for name in ("resolve", "fusion", "bmd")}

    def ask(self, line):
        """Say a line, hear one. Resolve that has gone hears and says nothing."""
        with self._lock:
            try:
                self._socket.sendall(json.dumps(line).encode() + b"\n")
                heard = self._stream.readline()
            except OSError:
                heard = b""
        return json.loads(heard.decode()) if heard else {"value": None}

    def close(self):
        """Be gone, for a process that goes on."""
        self._stream.close()
        self._socket.close()

    def thing(self, name):
        """One of the objects that a script begins with."""
        return _read(self, self.objects[name])


class _Thing:
    """Something of Resolve's; two of them are never the same, whatever they stand for."""

    def __init__(self, link, uid, kind):
        self.__dict__["_link"] = link
        self.__dict__["_uid"] = uid
        self.__dict__["_kind"] = kind

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        known = self._link.names[self._kind]
        if name not in known:
            said = f"{self._kind}.{name} is nowhere in Resolve's API"
            self._link.ask({"violation": said})
            return None
        if not known[name]:
            return None

        def called(*args):
            line = {"object": self._uid, "class": self._kind, "call": name}
            line["args"] = [_written(arg) for arg in args]
            answer = self._link.ask(line)
            if "broken" in answer:
                raise RuntimeError(answer["broken"])
            return _read(self._link, answer["value"])

        return called

    def __dir__(self):
        return [name for name, here in self._link.names[self._kind].items() if here]

    def __repr__(self):
        return f"<{self._kind} {self._uid}>"


def _written(value):
    if isinstance(value, _Thing):
        return {"$object": value._uid}
    if isinstance(value, dict):
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(each) for each in value]
    return value


def _read(link, value):
    if isinstance(value, dict) and "$object" in value:
        return _Thing(link, value["$object"], value["class"])
    if isinstance(value, dict) and "$pairs" in value:
        return {key: _read(link, each) for key, each in value["$pairs"]}
    if isinstance(value, dict):
        return {key: _read(link, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_read(link, each) for each in value]
    return value


def link():
    """The connection; None where no Resolve is running."""
    if not _shared and os.environ.get("FAKE_RESOLVE"):
        try:
            _shared.append(_Link(os.environ["FAKE_RESOLVE"]))
        except OSError:
            return None
    return _shared[0] if _shared else None


def scriptapp(name):
    """The application, from outside: the paid edition's alone."""
    found = link()
    return found.thing("resolve") if found and found.outside and name == "Resolve" else None
