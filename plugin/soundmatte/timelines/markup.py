"""XML as other programs left it: read without trust, changed without touching the rest.

A document is parsed into elements that know where in the text they stand, so that a change is a
splice: whatever it does not concern (comments, unknown elements, the order of attributes, the
DOCTYPE line) stays as it was, byte for byte. Entities are refused, and nothing outside is ever
fetched. This module must not know any format's elements.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from soundmatte.timelines.errors import HostileTimeline, UnreadableTimeline

#: Bytes of a document; the longest features stay far below.
_MOST_BYTES = 64 << 20
_MOST_ELEMENTS = 2_000_000
#: Elements inside one another; a nested sequence takes seven.
_DEEPEST = 250
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""<\?xml\b[^>]*?\bencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
#: Families of encodings that editors write; others of Python's are no encodings of documents.
_CODECS = re.compile(r"utf-?(8|16|32)|ascii|iso8859|cp\d|mac|shift|euc|gb|big5|koi8")
_TAG_NAME = re.compile(rb"<[^\s/>]+")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=/>]+)\s*=\s*("[^"]*"|'[^']*')""")
_INDENT = re.compile(rb"(?:\r?\n|\r)([ \t]*)\Z")
#: What XML 1.0 cannot hold, and line breaks, which no name should.
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028\u2029]")


@dataclass(eq=False, slots=True)
class Element:
    """An element, and where it stands.

    Attributes:
        text: the characters in it, not in its children, without space around them.
        start: offset of its `<`.
        close: offset of its end tag; of no meaning where it is an empty-element tag.
    """

    tag: str
    attributes: dict[str, str]
    start: int
    close: int = -1
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, *tags: str) -> list[Element]:
        """Its children with one of these tags."""
        return [child for child in self.children if child.tag in tags]

    def one(self, *path: str) -> Element | None:
        """The first child along a path of tags."""
        found = self
        for tag in path:
            child = next((child for child in found.children if child.tag == tag), None)
            if child is None:
                return None
            found = child
        return found

    def word(self, *path: str) -> str:
        """The text of the first child along a path; empty where there is none."""
        found = self.one(*path)
        return found.text if found else ""

    def within(self, *without: str) -> Iterator[Element]:
        """All elements in it, in the order of the text, none inside one with a tag of `without`."""
        waiting = list(reversed(self.children))
        while waiting:
            element = waiting.pop()
            yield element
            if element.tag not in without:
                waiting.extend(reversed(element.children))


@dataclass(frozen=True)
class Document:
    """A document: its elements, and its text in UTF-8."""

    root: Element
    text: bytes
    codec: str
    mark: bytes

    def finish(self, element: Element) -> int:
        """The offset behind the whole element."""
        if self.alone(element):
            return self.body(element)
        return self.text.index(b">", element.close) + 1

    def alone(self, element: Element) -> bool:
        """Whether it is an empty-element tag."""
        return self.text.endswith(b"/>", 0, self.body(element))

    def body(self, element: Element) -> int:
        """The offset behind the element's start tag."""
        return self.text.index(b">", self._behind_attributes(element)) + 1

    def attribute(self, element: Element, name: str) -> tuple[int, int]:
        """Where the value stands, its quotes included; or twice where it could be put."""
        begin = self._behind_name(element)
        at = begin
        while found := _ATTRIBUTE.match(self.text, at):
            if found[1] == name.encode():
                return found.span(2)
            at = found.end()
        return begin, begin

    def indent(self, element: Element) -> bytes | None:
        """The space that its line begins with; None where it does not begin its line."""
        line = _INDENT.search(self.text, max(0, element.start - 1000), element.start)
        return line[1] if line else None

    @cached_property
    def newline(self) -> bytes:
        """How its lines end."""
        return b"\r\n" if b"\r\n" in self.text else b"\n"

    def _behind_name(self, element: Element) -> int:
        name = _TAG_NAME.match(self.text, element.start)
        assert name is not None
        return name.end()

    def _behind_attributes(self, element: Element) -> int:
        at = self._behind_name(element)
        while found := _ATTRIBUTE.match(self.text, at):
            at = found.end()
        return at


def opened(path: Path, root: str) -> Document:
    """The document in a file.

    Args:
        root: the tag that its root must have.

    Raises:
        UnreadableTimeline: no such file, no XML, or another root.
        HostileTimeline: entities, an internal DTD, or more than a timeline can be.
    """
    try:
        if not path.is_file():
            raise UnreadableTimeline(f"{path} is no file.", hint="Name a document that is there.")
        if path.stat().st_size > _MOST_BYTES:
            raise _too_much(path, f"is larger than {_MOST_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableTimeline(
            f"{path} cannot be read: {error.strerror or error}.",
            hint="Check that it is there and may be read.",
        ) from error
    document = _parsed(data, path)
    if document.root.tag != root:
        raise UnreadableTimeline(
            f"{path.name} is a document of <{document.root.tag}>, not of <{root}>.",
            hint="Export the timeline again, in the format that its name says.",
        )
    return document


def legal(text: str) -> str:
    """`text` without what XML cannot hold."""
    return _NO_TEXT.sub(" ", text).strip()


def _too_much(path: Path, what: str) -> HostileTimeline:
    return HostileTimeline(
        f"{path.name} {what}; no timeline is.", hint="Export one timeline alone from the editor."
    )


def _parsed(data: bytes, path: Path) -> Document:
    mark, codec = next(((m, c) for m, c in _MARKS if data.startswith(m)), (b"", ""))
    if not codec:
        declared = _DECLARED.match(data)
        codec = declared[1].decode("ascii") if declared else "utf-8"
    try:
        if not _CODECS.match(codecs.lookup(codec).name):
            raise LookupError
        text = data[len(mark) :].decode(codec).encode()
    except (LookupError, UnicodeError) as error:
        raise UnreadableTimeline(
            f"{path.name} is not the {codec} text that it says it is.",
            hint="Export it again, or save it as UTF-8.",
        ) from error
    return Document(_Builder(path).built(text), text, codec, mark)


class _Builder:
    """Makes elements of what expat reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[tuple[Element, list[str]]] = []
        self._count = 0
        self._root: Element | None = None
        parser = self._parser = expat.ParserCreate(encoding="utf-8")
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._entity

    def built(self, text: bytes) -> Element:
        try:
            self._parser.Parse(text, True)
        except expat.ExpatError as error:
            raise UnreadableTimeline(
                f"{self._path.name} is damaged: {expat.ErrorString(error.code)} "
                f"in line {error.lineno}.",
                hint="Export it again from the editor.",
            ) from error
        assert self._root is not None
        return self._root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST_ELEMENTS or len(self._open) >= _DEEPEST:
            raise _too_much(self._path, "has too many elements, or too many inside one another")
        element = Element(tag, attributes, self._parser.CurrentByteIndex)
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self._root = element
        self._open.append((element, []))

    def _end(self, tag: str) -> None:
        element, words = self._open.pop()
        element.close = self._parser.CurrentByteIndex
        element.text = "".join(words).strip()

    def _characters(self, text: str) -> None:
        self._open[-1][1].append(text)

    def _doctype(self, name: str, system: str | None, public: str | None, inside: int) -> None:
        if inside:
            self._entity()

    def _entity(self, *_: object) -> NoReturn:
        raise HostileTimeline(
            f"{self._path.name} brings definitions of its own (entities), which no editor writes.",
            hint="Export it again from the editor.",
        )


class Changes:
    """Changes to a document, made all at once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        #: From, to, and what comes there instead.
        self._splices: list[tuple[int, int, bytes]] = []
        self._appended: dict[int, tuple[Element, list[ElementTree.Element]]] = {}

    def set_text(self, element: Element, value: str) -> None:
        """Give an element without children another text."""
        if self._document.alone(element):
            tag = f"</{element.tag}>".encode()
            self._open(element, _escaped(value) + tag)
        else:
            self._splices.append((self._document.body(element), element.close, _escaped(value)))

    def set_attribute(self, element: Element, name: str, value: str) -> None:
        """Give an element an attribute, in the place of the old one where there is one."""
        start, end = self._document.attribute(element, name)
        quoted = b'"' + _escaped(value) + b'"'
        self._splices.append((start, end, quoted if end > start else f" {name}=".encode() + quoted))

    def add_behind(self, sibling: Element, parent: Element, added: ElementTree.Element) -> None:
        """Put an element behind a child of `parent`."""
        indent = self._document.indent(sibling)
        at = self._document.finish(sibling)
        self._splices.append((at, at, self._lines(added, parent, indent)))

    def add_first(self, parent: Element, added: ElementTree.Element) -> None:
        """Put an element before all children of `parent`, which has some."""
        indent = self._document.indent(parent.children[0])
        at = self._document.body(parent)
        self._splices.append((at, at, self._lines(added, parent, indent)))

    def append(self, parent: Element, added: ElementTree.Element) -> None:
        """Put an element behind all children of `parent`, and behind what was appended before."""
        if parent.children:
            self.add_behind(parent.children[-1], parent, added)
        else:
            self._appended.setdefault(parent.start, (parent, []))[1].append(added)

    def made(self) -> bytes:
        """The changed document, in the encoding that it had."""
        for parent, elements in self._appended.values():
            self._fill(parent, elements)
        self._appended = {}
        text, parts, at = self._document.text, [], 0
        for start, end, new in sorted(self._splices, key=lambda splice: splice[:2]):
            assert at <= start <= end
            parts += [text[at:start], new]
            at = end
        content = b"".join([*parts, text[at:]]).decode()
        return self._document.mark + content.encode(self._document.codec, "xmlcharrefreplace")

    def _fill(self, parent: Element, elements: list[ElementTree.Element]) -> None:
        outer = self._document.indent(parent)
        inner = None if outer is None else outer + (b"\t" if b"\t" in outer or not outer else b"  ")
        content = b"".join(self._lines(element, parent, inner) for element in elements)
        content += b"" if outer is None else self._document.newline + outer
        if self._document.alone(parent):
            self._open(parent, content + f"</{parent.tag}>".encode())
        else:
            self._splices.append((self._document.body(parent), parent.close, content))

    def _open(self, element: Element, content: bytes) -> None:
        """Make a start tag of an empty-element tag, with `content` behind it."""
        end = self._document.body(element)
        slash = self._document.text.rindex(b"/", element.start, end)
        self._splices.append((slash, end, b">" + content))

    def _lines(self, added: ElementTree.Element, parent: Element, indent: bytes | None) -> bytes:
        if indent is None:
            return ElementTree.tostring(added)
        outer = self._document.indent(parent)
        step = b"\t"
        if outer is not None and indent.startswith(outer) and indent != outer:
            step = indent[len(outer) :]
        ElementTree.indent(added, step.decode())
        lines = ElementTree.tostring(added).splitlines()
        return b"".join(self._document.newline + indent + line for line in lines)


def _escaped(text: str) -> bytes:
    element = ElementTree.Element("e", {"a": text})
    return ElementTree.tostring(element).split(b'"')[1]


def document_text(root: ElementTree.Element) -> bytes:
    """A new document: its declaration, a DOCTYPE line of the root's name, and the elements."""
    ElementTree.indent(root, "  ")
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE {root.tag}>\n'
    body: bytes = ElementTree.tostring(root, "utf-8")
    return head.encode() + body + b"\n"
