"""A page of the book as a reader finds it: ids, links, and the elements with what they say."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "input", "br", "hr", "img"}


@dataclass
class Element:
    """An element with its attributes, those within, and the text of both."""

    tag: str
    attributes: dict[str, str]
    inside: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def all(self, tag: str = "", **wanted: str) -> list[Element]:
        """Those within that have this tag and these attributes; of a class, one among others is enough."""
        found = []
        for one in self.inside:
            if tag in ("", one.tag) and all(
                value in one.attributes.get(name.rstrip("_"), "").split()
                if name == "class_"
                else one.attributes.get(name) == value
                for name, value in wanted.items()
            ):
                found.append(one)
            found += one.all(tag, **wanted)
        return found

    def one(self, tag: str = "", **wanted: str) -> Element:
        (found,) = self.all(tag, **wanted)
        return found


class Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.texts.append(data)


def read(file: Path) -> Element:
    parser = Parser()
    parser.feed(file.read_text("utf-8"))
    parser.close()
    assert len(parser.open) == 1, f"{file.name} leaves {parser.open[-1].tag} open"
    return parser.open[0]
