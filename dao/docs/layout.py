"""Where the boxes and lines of a diagram go, as Graphviz' ``dot`` lays them out.

Graphviz comes inside the wheel of pygraphviz. It is told how large each box and label is, and draws no text itself,
so that what it says depends on no font of the machine; the templates draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pygraphviz  # type: ignore[import-untyped]

CHAR: Final = 6.9
"""How wide a character is drawn, in pixels: fixed-width at 11.5 pixels, and a little room."""
_MARGIN: Final = 8.0
_LABEL_LINE: Final = 14
_GAP: Final = 20
_LOOP: Final = 34
_ROW: Final = 860
"""How wide a row of boxes may be at least."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a box."""

    text: str
    kind: str
    type: str = ""
    key: str = ""
    height: int = 19


@dataclass(frozen=True, slots=True)
class Box:
    """A box to be placed; `rows` from top to bottom."""

    name: str
    kind: str
    rows: tuple[Row, ...]
    width: float
    href: str = ""
    title: str = ""

    @property
    def height(self) -> int:
        """Of all its rows."""
        return sum(row.height for row in self.rows)


@dataclass(frozen=True, slots=True)
class Line:
    """A line to be drawn between two boxes, or two of their rows, counted from 0."""

    start: str
    end: str
    kind: str
    start_row: int | None = None
    end_row: int | None = None
    label: tuple[str, ...] = ()
    who: str = ""
    href: str = ""
    title: str = ""
    start_mark: str = ""
    end_mark: str = ""


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A row and its top edge."""

    row: Row
    y: str
    middle: str


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """A box and its upper left corner."""

    box: Box
    x: str
    y: str
    rows: tuple[PlacedRow, ...]


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line, as an SVG path, and the lines of its label, each with its baseline."""

    line: Line
    path: str
    label_x: str
    label: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A diagram that can be drawn."""

    name: str
    title: str
    width: int
    height: int
    boxes: tuple[PlacedBox, ...]
    lines: tuple[PlacedLine, ...]


def text_width(text: str) -> float:
    """Return how much room *text* takes."""
    return len(text) * CHAR


def place(
    name: str,
    title: str,
    boxes: Sequence[Box],
    lines: Sequence[Line],
    *,
    ranks: float = 0.7,
    between: float = 0.25,
    down: bool = False,
) -> Picture:
    """Lay out a diagram from left to right, or downwards.

    Args:
        name: of the picture, for anchors and markers.
        title: what it shows, for those who cannot see it.
        boxes: what is to be placed, by unique names.
        lines: between these.
        ranks: inches between the ranks.
        between: inches between the boxes of a rank.
        down: whether the ranks are below each other.
    """
    linked = {end for line in lines if line.start != line.end for end in (line.start, line.end)}
    graph: Any = pygraphviz.AGraph(
        directed=True, strict=False, rankdir="TB" if down else "LR", ranksep=ranks, nodesep=between
    )
    graph.edge_attr.update(arrowhead="none", arrowtail="none")
    for box in boxes:
        if box.name in linked:
            graph.add_node(box.name, shape="plain", label=_table((row.height for row in box.rows), box.width))
    for number, line in enumerate(lines):
        if line.start == line.end:
            continue
        label = _table([_LABEL_LINE * len(line.label)], max(map(text_width, line.label))) if line.label else ""
        graph.add_edge(line.start, line.end, key=str(number), label=label, **_ports(line))
    graph.layout("dot")
    left, bottom, right, top = map(float, (graph.graph_attr["bb"] if linked else "0,0,0,0").split(","))

    def point(text: str) -> tuple[float, float]:
        x, y = map(float, text.split(","))
        return x - left + _MARGIN, top - y + _MARGIN

    placed = [_placed(box, *point(graph.get_node(box.name).attr["pos"])) for box in boxes if box.name in linked]
    alone = [box for box in boxes if box.name not in linked]
    beside, width, height = _in_rows(alone, right - left, top - bottom)
    by_name = {one.box.name: one for one in (*placed, *beside)}
    drawn = []
    for number, line in enumerate(lines):
        if line.start == line.end:
            drawn.append(_loop(line, by_name[line.start]))
            width = max(width, float(by_name[line.start].x) + by_name[line.start].box.width + _LOOP)
        else:
            edge = graph.get_edge(line.start, line.end, str(number))
            label_at = point(edge.attr["lp"]) if line.label else (0.0, 0.0)
            drawn.append(_drawn(line, [point(part) for part in edge.attr["pos"].split()], label_at))
    return Picture(
        name, title, round(width + 2 * _MARGIN), round(height + 2 * _MARGIN), (*placed, *beside), tuple(drawn)
    )


def _in_rows(boxes: Sequence[Box], width: float, height: float) -> tuple[list[PlacedBox], float, float]:
    """Place boxes without lines in rows below the others; return them, and how large the diagram has become."""
    found: list[PlacedBox] = []
    limit = max(width, _ROW)
    x, y, deep = 0.0, height + (_GAP if height else 0), 0.0
    for box in boxes:
        if x and x + box.width > limit:
            x, y, deep = 0.0, y + deep + _GAP, 0.0
        found.append(_placed(box, x + box.width / 2 + _MARGIN, y + box.height / 2 + _MARGIN))
        x, deep = x + box.width + _GAP, max(deep, box.height)
        width = max(width, x - _GAP)
    return found, width, y + deep if boxes else height


def _table(heights: Iterable[float], width: float) -> str:
    cells = "".join(
        f'<TR><TD FIXEDSIZE="TRUE" PORT="r{place}" WIDTH="{round(width)}" HEIGHT="{round(height)}"></TD></TR>'
        for place, height in enumerate(heights)
    )
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{cells}</TABLE>>'


def _ports(line: Line) -> dict[str, str]:
    found = {"tailport": line.start_row, "headport": line.end_row}
    sides = {"tailport": "e", "headport": "w"}
    return {port: f"r{row}:{sides[port]}" for port, row in found.items() if row is not None}


def _placed(box: Box, x: float, y: float) -> PlacedBox:
    width, height = round(box.width), box.height
    top = y - height / 2
    rows = []
    for row in box.rows:
        rows.append(PlacedRow(row, _number(top), _number(top + row.height / 2 + 4)))
        top += row.height
    return PlacedBox(box, _number(x - width / 2), _number(y - height / 2), tuple(rows))


def _drawn(line: Line, points: list[tuple[float, float]], label: tuple[float, float]) -> PlacedLine:
    first, *rest = [f"{_number(x)},{_number(y)}" for x, y in points]
    x, y = label
    top = y - _LABEL_LINE * len(line.label) / 2 + _LABEL_LINE - 4
    texts = tuple((text, _number(top + _LABEL_LINE * place)) for place, text in enumerate(line.label))
    return PlacedLine(line, f"M{first} C{' '.join(rest)}", _number(x), texts)


def _loop(line: Line, placed: PlacedBox) -> PlacedLine:
    """Draw a line from a box to itself, at its right side; Graphviz would lead it behind other boxes."""
    right = float(placed.x) + round(placed.box.width)
    rows = [placed.rows[row or 0] for row in (line.start_row, line.end_row)]
    start, end = (float(one.y) + one.row.height / 2 for one in rows)
    if start == end:
        start, end = start - 6, end + 6
    points = [(right, start), (right + _LOOP, start), (right + _LOOP, end), (right, end)]
    return _drawn(line, points, (right + _LOOP, (start + end) / 2))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
