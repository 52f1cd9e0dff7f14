"""Who is let in, what is refused, and which bytes come back: requests by hand, and over sockets."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.page.conftest import Opened
from tests.page.visiting import Visitor

from soundmatte.page import ranges, server
from soundmatte.page.guard import LARGEST_BODY
from soundmatte.page.seen import Seen

Open = Callable[..., Opened]
#: Everything that a browser that was let in can ask for.
ASKED = ["/state", "/file/still"]
ACTS = ["choose", "separate", "cancel", "again", "done", "left"]
STATIC = ["/", "/page.css", "/page.js", "/sound.js", "/icon.svg"]


@pytest.fixture
def visitor(opened: Open) -> Visitor:
    """Somebody who was let in, and sees a picture."""
    _, visitor = opened()
    visitor.look(lambda state: "movie" in state.get("files", {}))
    return visitor


def hosts(port: int) -> list[str | None]:
    return [
        None,
        "",
        "127.0.0.1",
        f"127.0.0.1:{port + 1}",
        f"evil.example:{port}",
        f"127.0.0.1.evil.example:{port}",
        f"evil.example@127.0.0.1:{port}",
        f"[::1]:{port}",
        f"0.0.0.0:{port}",
        f"127.0.0.1:{port}, evil.example",
        f"2130706433:{port}",
    ]


def test_a_foreign_host_is_refused_everywhere(visitor: Visitor) -> None:
    for host in hosts(visitor.port):
        for path in (*STATIC, *ASKED):
            assert visitor.ask("GET", path, Host=host).status == 403, (host, path)
        assert visitor.ask("POST", "/done", b"{}", Host=host).status == 403
    for host in (f"localhost:{visitor.port}", f"LOCALHOST:{visitor.port}"):
        assert visitor.ask("GET", "/state", Host=host).status == 200
    twice = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{visitor.port}\r\nHost: evil.example\r\n\r\n"
    assert b" 403 " in visitor.raw(twice.encode())


def test_what_is_said_on_another_page_is_refused(visitor: Visitor) -> None:
    port = visitor.port
    origins = [
        None,
        "null",
        "http://evil.example",
        f"https://127.0.0.1:{port}",
        f"http://127.0.0.1:{port + 1}",
        f"http://127.0.0.1:{port}.evil.example",
        # Another name of the same server is another page.
        f"http://localhost:{port}",
    ]
    for act in [*ACTS, "enter"]:
        for origin in origins:
            assert visitor.ask("POST", f"/{act}", b"{}", Origin=origin).status == 403, origin
        for site in ("cross-site", "same-site", "none"):
            assert visitor.ask("POST", f"/{act}", b"{}", Sec_Fetch_Site=site).status == 403
    assert visitor.look()["phase"] == "choosing"


def test_what_another_page_asks_for_is_refused(visitor: Visitor) -> None:
    """Another port of this computer is the same site, and would be sent the cookie."""
    for site in ("cross-site", "same-site"):
        for path in (*ASKED, *STATIC):
            assert visitor.ask("GET", path, Sec_Fetch_Site=site).status == 403
        walked = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate"}
        assert visitor.ask("GET", "/", **walked, Sec_Fetch_Dest="document").status == 200
        assert visitor.ask("GET", "/", **walked, Sec_Fetch_Dest="iframe").status == 403
        assert visitor.ask("GET", "/state", **walked, Sec_Fetch_Dest="document").status == 403


def test_nobody_comes_in_without_the_word(opened: Open) -> None:
    visiting, visitor = opened(enter=False)
    word = visiting.editor.address()[1]
    for cookie in ("", f"soundmatte-{visitor.port}=", f"soundmatte-{visitor.port}={word}", "x"):
        for path in ASKED:
            assert visitor.ask("GET", path, Cookie=cookie or None).status == 403
        for act in ACTS:
            answer = visitor.ask("POST", f"/{act}", b"{}", Cookie=cookie or None)
            assert answer.status == 403
    for wrong in ("", word[:-1], word + "A", word.swapcase(), 7, None, [word], "\ud800"):
        answer = visitor.say("enter", word=wrong)
        assert (answer.status, answer.headers["Set-Cookie"]) == (403, None)
    assert visitor.enter(word).status == 204


def test_the_word_lets_one_browser_in_once(opened: Open) -> None:
    visiting, visitor = opened()
    word = visiting.editor.address()[1]
    other = Visitor(visitor.port)
    assert other.enter(word).status == 403
    assert other.ask("GET", "/state").status == 403
    # The one that is in may be loaded again with its address.
    assert visitor.enter(word).status == 204
    assert visitor.ask("GET", "/state").status == 200


def test_the_cookie_is_for_this_server_alone(opened: Open) -> None:
    visiting, visitor = opened(enter=False)
    cookie = visitor.enter(visiting.editor.address()[1]).headers["Set-Cookie"]
    value, *attributes = [part.strip() for part in cookie.split(";")]
    assert value.startswith(f"soundmatte-{visitor.port}=")
    assert len(value.partition("=")[2]) >= 43
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict"]


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/static/page.js",
        "/page.js/",
        "/./page.js",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "/file/../../etc/passwd",
        "/file/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/file//etc/passwd",
        "/file/C:\\Windows\\win.ini",
        "/file/still%00.png",
        "/file/still/",
        "/file/still.png",
        "/file/",
        "/file",
        "/file/target",
        "/index.html",
        "/STATE",
        "/state/",
        "/enter",
        "file/still",
        "http://127.0.0.1/file/still",
        "*",
    ],
)
def test_there_is_nothing_but_what_is_on_the_list(visitor: Visitor, path: str) -> None:
    answer = visitor.raw(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{visitor.port}\r\n"
        f"Cookie: {visitor.cookie}\r\n\r\n".encode()
    )
    assert answer.split(b" ")[1] in (b"404", b"400"), answer[:200]
    assert b"root:" not in answer


def test_only_get_and_post_are_answered(visitor: Visitor) -> None:
    for method in ("HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "FOO"):
        for path in ("/", "/state"):
            answer = visitor.ask(method, path)
            assert answer.status == 405, method
            assert not [name for name in answer.headers if name.lower().startswith("access-")]
    assert visitor.ask("POST", "/state", b"{}").status == 404
    assert visitor.ask("GET", "/done").status == 404
    for line in (b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        assert b"200" not in visitor.raw(line)


def test_too_much_is_refused_and_never_read(visitor: Visitor) -> None:
    whole = b'{"word": "' + b"a" * (LARGEST_BODY - 12) + b'"}'
    assert len(whole) == LARGEST_BODY
    assert visitor.ask("POST", "/cancelled", whole).status == 404
    assert visitor.ask("POST", "/done", whole + b" ").status == 413
    for length, status in [("1" * 30, 413), ("-1", 400), ("+1", 400), ("0x1", 400), (None, 411)]:
        assert visitor.ask("POST", "/done", b"", Content_Length=length).status == status
    chunked = {"Transfer_Encoding": "chunked", "Content_Length": None}
    assert visitor.ask("POST", "/done", b"2\r\n{}\r\n0\r\n\r\n", **chunked).status == 411
    assert visitor.ask("GET", "/state", b"{}", Content_Length="2").status == 400
    assert visitor.ask("GET", "/" + "a" * 70_000).status == 414


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 60_000, b'"a"', b"null"])
def test_what_is_no_object_is_refused(visitor: Visitor, body: bytes) -> None:
    for act in ACTS:
        assert visitor.ask("POST", f"/{act}", body).status == 400


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_another_page_cannot_speak_json(visitor: Visitor, kind: str | None) -> None:
    assert visitor.ask("POST", "/done", b"{}", Content_Type=kind).status == 415


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"prompt": "x" * 501},
        {"prompt": 7},
        {"invert": "yes"},
        {"engine": "other"},
        {"candidates": 5},
        {"candidates": True},
        {"style": "odd"},
        {"max_cost": "100"},
    ],
)
def test_only_what_is_on_the_page_can_be_chosen(
    visitor: Visitor, choice: dict[str, object]
) -> None:
    before = visitor.offered()
    if choice:
        assert visitor.say("choose", choice=choice).status == 400
        assert visitor.say("separate", choice=choice, offer=before["number"]).status == 400
    else:
        assert visitor.say("choose").status == 400
    assert visitor.look(lambda state: True)["offer"] == before


def test_every_answer_forbids_what_it_can(visitor: Visitor) -> None:
    answers = [visitor.ask("GET", path) for path in (*STATIC, *ASKED, "/nothing")]
    answers += [visitor.say("left"), visitor.ask("FOO", "/"), visitor.say("nothing")]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Access-Control-Allow-Origin"] is None
        assert "Python" not in (answer.headers["Server"] or "")


def test_the_page_brings_everything_itself() -> None:
    for name, _ in server._PARTS.values():
        text = (server._STATIC / name).read_text(encoding="utf-8")
        assert "//" not in text.replace("http://www.w3.org/2000/svg", "").replace("// ", "")
        if name.endswith("html"):
            assert "<style" not in text
            assert "style=" not in text
            assert "onclick" not in text
            assert "<script>" not in text
    assert {path.name for path in server._STATIC.iterdir()} == {
        n for n, _ in server._PARTS.values()
    }


def test_it_listens_on_this_computer_alone() -> None:
    with server.Server(Seen()) as one, server.Server(Seen()) as other:
        for serving in (one, other):
            assert serving._server.socket.getsockname() == ("127.0.0.1", serving.port)
        assert one.port != other.port
        assert len({one.address.partition("#")[2], other.address.partition("#")[2]}) == 2


def test_who_speaks_slowly_is_hung_up_on(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.6)
    _, visitor = opened()
    head = f"POST /done HTTP/1.1\r\nHost: 127.0.0.1:{visitor.port}\r\n"
    head += f"Origin: http://127.0.0.1:{visitor.port}\r\nCookie: {visitor.cookie}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 500\r\n"
    # Nothing at all; letters of the head, one by one; a body that never comes.
    for start in ("", head, head + "\r\n"):
        with socket.create_connection(("127.0.0.1", visitor.port), timeout=10) as slow:
            slow.sendall(start.encode())
            began, end = time.monotonic(), None
            slow.settimeout(0.1)
            while end is None and time.monotonic() - began < 8:
                try:
                    slow.sendall(b"X" if start else b"")
                    end = time.monotonic() if not slow.recv(1000) else None
                except TimeoutError:
                    pass
                except OSError:
                    end = time.monotonic()
            assert end is not None
            assert 0.3 < end - began < 5


def test_a_few_connections_are_all_that_there_are(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 30.0)
    _, visitor = opened()
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(server.CONNECTIONS + 4):
            one = socket.create_connection(("127.0.0.1", visitor.port), timeout=5)
            held.append(stack.enter_context(contextlib.closing(one)))
        time.sleep(0.2)
        with pytest.raises(OSError, match=r"(?i)reset|closed|aborted|broken"):
            visitor.ask("GET", "/")
    time.sleep(0.2)
    # Their places are free again.
    assert visitor.ask("GET", "/").status == 200


def test_who_does_not_listen_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(server, "SLOWEST", 0.3)
    (tmp_path / "long.wav").write_bytes(bytes(1 << 25))
    seen = Seen()
    seen.lay_out("mix", tmp_path / "long.wav")
    with server.Server(seen) as serving, contextlib.closing(socket.socket()) as deaf:
        visitor = Visitor(serving.port)
        visitor.enter(serving.address.partition("#")[2])
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", serving.port))
        head = f"GET /file/mix HTTP/1.1\r\nHost: 127.0.0.1:{serving.port}\r\n"
        deaf.sendall(f"{head}Cookie: {visitor.cookie}\r\n\r\n".encode())
        time.sleep(1.0)
        deaf.settimeout(5)
        got = 0
        with contextlib.suppress(ConnectionError):
            while block := deaf.recv(1 << 20):
                got += len(block)
        assert 0 < got < 1 << 25
        assert len(visitor.ask("GET", "/file/mix").body) == 1 << 25


def test_nothing_is_logged(
    opened: Open, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    visiting, visitor = opened()
    _, word = visiting.editor.address()
    visitor.ask("GET", f"/nothing?{word}")
    visitor.ask("GET", f"/{word}", Host="evil.example")
    visitor.raw(f"{word}\r\n\r\n".encode())
    said = caplog.text + "".join(capfd.readouterr())
    assert word not in said
    assert visitor.cookie.partition("=")[2] not in said


# Ranges.


def test_a_browser_can_ask_for_a_part(visitor: Visitor) -> None:
    whole = visitor.ask("GET", "/file/movie?v=9")
    size = len(whole.body)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Length"] == str(size)
    for said, first, last in [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, size - 1),
        ("bytes=100-199", 100, 199),
        (f"bytes={size - 1}-{size + 99}", size - 1, size - 1),
        ("bytes=-7", size - 7, size - 1),
        (f"bytes=-{size + 7}", 0, size - 1),
    ]:
        part = visitor.ask("GET", "/file/movie", Range=said)
        assert part.status == 206, said
        assert part.body == whole.body[first : last + 1]
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert part.headers["Content-Length"] == str(last - first + 1)
    for said in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
        part = visitor.ask("GET", "/file/movie", Range=said)
        assert (part.status, part.body) == (416, b"")
        assert part.headers["Content-Range"] == f"bytes */{size}"
    for said in (
        "bytes=5-2",
        "bytes=-",
        "bytes=0-1,4-5",
        "chars=0-1",
        "bytes=a-b",
        "bytes=0-9" * 9,
    ):
        part = visitor.ask("GET", "/file/movie", Range=said)
        assert (part.status, part.body) == (200, whole.body), said


@given(
    size=st.integers(0, 50),
    first=st.one_of(st.none(), st.integers(0, 60)),
    last=st.one_of(st.none(), st.integers(0, 60)),
)
def test_ranges_are_what_the_numbers_say(size: int, first: int | None, last: int | None) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    numbers = range(size)
    if first is None and last is None:
        meant = None
    elif first is None:
        meant = list(numbers[max(0, size - (last or 0)) :])
    elif last is not None and last < first:
        meant = None
    else:
        meant = [n for n in numbers if n >= first and (last is None or n <= last)]
    try:
        found = ranges.wanted(header, size)
    except ranges.NotThere:
        assert meant == []
    else:
        assert (None if found is None else list(range(*found))) == meant
        assert found is None or meant
