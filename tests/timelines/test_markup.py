"""XML is read without trust, and a change touches nothing else."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element as New

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmatte.timelines.errors import HostileTimeline, UnreadableTimeline
from soundmatte.timelines.markup import Changes, Document, legal, opened

PLAIN = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE r>
<r b='2'  a="1 > 0">
  <!-- kept -->
  <c/>
  <d e = "x/y" >text</d  >
\t<f></f>
</r>
<!-- behind -->
"""


def _opened(tmp_path: Path, text: bytes, root: str = "r") -> Document:
    path = tmp_path / "document.xml"
    path.write_bytes(text)
    return opened(path, root)


def _new(tag: str, text: str = "") -> New:
    element = New(tag)
    element.text = text
    return element


def test_elements_know_where_they_stand(tmp_path: Path) -> None:
    document = _opened(tmp_path, PLAIN)
    c, d, f = document.root.children
    assert [document.text[e.start : document.finish(e)] for e in (c, d, f)] == [
        b"<c/>",
        b'<d e = "x/y" >text</d  >',
        b"<f></f>",
    ]
    assert document.text[document.body(document.root) :].startswith(b"\n  <!-- kept")
    assert [document.indent(e) for e in (c, d, f)] == [b"  ", b"  ", b"\t"]
    assert d.text == "text"


def test_nothing_changed_is_the_same_bytes(tmp_path: Path) -> None:
    assert Changes(_opened(tmp_path, PLAIN)).made() == PLAIN


def test_every_change_is_a_splice(tmp_path: Path) -> None:
    document = _opened(tmp_path, PLAIN)
    changes = Changes(document)
    c, d, f = document.root.children
    changes.append(c, _new("g", "é & <"))
    changes.set_text(d, "o'ther")
    changes.set_attribute(d, "e", 'a"b')
    changes.set_attribute(d, "n", "1")
    changes.set_text(f, "filled")
    changes.set_attribute(document.root, "a", "0")
    changes.append(document.root, _new("h"))
    changes.append(document.root, _new("i"))
    assert changes.made() == (
        PLAIN.replace(b'a="1 > 0"', b'a="0"')
        .replace(b"<c/>", b"<c>\n    <g>&#233; &amp; &lt;</g>\n  </c>")
        .replace(b'<d e = "x/y" >text</d  >', b'<d n="1" e = "a&quot;b" >o\'ther</d  >')
        .replace(b"<f></f>", b"<f>filled</f>\n\t<h />\n\t<i />")
    )


def test_lines_end_as_they_did(tmp_path: Path) -> None:
    document = _opened(tmp_path, PLAIN.replace(b"\n", b"\r\n"))
    changes = Changes(document)
    changes.append(document.root, _new("h"))
    made = changes.made()
    assert made.count(b"\r\n") == made.count(b"\n") == PLAIN.count(b"\n") + 1


@pytest.mark.parametrize(
    "codec", ["utf-16", "utf-8-sig", "iso-8859-1", "windows-1252", "shift_jis"]
)
def test_the_encoding_stays(tmp_path: Path, codec: str) -> None:
    name, word = codec.removesuffix("-sig"), "日本" if codec == "shift_jis" else "für ©"
    text = f'<?xml version="1.0" encoding="{name}"?>\n<r><!-- {word} --><c>{word}</c></r>'
    document = _opened(tmp_path, text.encode(codec))
    assert document.root.word("c") == word
    assert Changes(document).made() == text.encode(codec)
    changes = Changes(document)
    changes.set_text(document.root.children[0], f"{word} 🎬")
    made = changes.made()
    assert made.decode(codec).startswith(text[: text.index("<c>")])
    assert _opened(tmp_path, made).root.word("c") == f"{word} 🎬"


HOSTILE = {
    "an entity": b'<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>',
    "entities in entities": b'<!DOCTYPE r [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><r>&c;</r>',
    "a file": b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r>&a;</r>',
    "a parameter entity": b'<!DOCTYPE r [<!ENTITY % a SYSTEM "http://127.0.0.1/a">%a;]><r/>',
    "an internal subset": b"<!DOCTYPE r [<!ELEMENT r ANY>]><r/>",
    "an entity of an outer DTD": b'<!DOCTYPE r SYSTEM "http://127.0.0.1/r.dtd"><r>&a;</r>',
    "no end of depth": b"<r>" * 300 + b"</r>" * 300,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_documents_are_refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(HostileTimeline) as refused:
        _opened(tmp_path, HOSTILE[what])
    assert refused.value.hint


def test_an_outer_dtd_is_no_harm(tmp_path: Path) -> None:
    text = b'<!DOCTYPE r PUBLIC "-//A//B//EN" "http://127.0.0.1/r.dtd"><r/>'
    assert _opened(tmp_path, text).root.tag == "r"


def test_endless_documents_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    with path.open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(HostileTimeline, match="larger than 64 MiB"):
        opened(path, "r")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no markup",
        b"<r>",
        b"<r></s>",
        b"<r/><r/>",
        b"<s/>",
        b'<?xml version="1.0" encoding="punycode"?><r/>',
        b'<?xml version="1.0" encoding="nothing"?><r/>',
        b"<r>\xff</r>",
        b"\xff\xfe<",
    ],
)
def test_what_is_no_such_document_is_said(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(UnreadableTimeline) as refused:
        _opened(tmp_path, text)
    assert refused.value.hint
    assert not isinstance(refused.value, HostileTimeline)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.xml", tmp_path):
        with pytest.raises(UnreadableTimeline, match="is no file"):
            opened(path, "r")


@given(st.text())
def test_any_name_is_made_legal(text: str) -> None:
    document = f"<r>{legal(text).replace('&', '').replace('<', '').replace(']', '')}</r>"
    assert ElementTree.fromstring(document).tag == "r"
