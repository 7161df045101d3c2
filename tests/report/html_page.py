"""A parsed page: tags with their attributes, and text by section."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Page:
    """Contents of a page."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    sections: dict[str, str] = field(default_factory=dict)
    """id of a section -> its text; "" is the part before the first section."""

    def attributes(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value or "" for _, attributes in self.tags for key, value in attributes.items() if key == name]

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of all such tags."""
        return [attributes for name, attributes in self.tags if name == tag]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page, self.open, self.section = Page(), [], ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.page.tags.append((tag, attributes))
        if tag == "section" and attributes.get("id"):
            self.section = attributes["id"] or ""
        self.handle_data(" ")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()} closes something else"
        self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.page.sections[self.section] = self.page.sections.get(self.section, "") + data


def read(html: str) -> Page:
    """Parse a page; fails on a tag that is not closed in order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    for name, text in reader.page.sections.items():
        reader.page.sections[name] = " ".join(text.split())
    return reader.page
