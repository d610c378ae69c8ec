"""Places of what is drawn of `doctor.loaded`: boxes in four columns, and curves between them.

Units are those of the drawing, about a pixel each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlenv.cli.render.pages import short
from mlenv.doctor.loaded import FAMILIES, Drawing, Edge, Node, State

LEFT = {"package": 0, "torch": 272, "library": 544, "driver": 868}
WIDTH = {"package": 186, "torch": 186, "library": 238, "driver": 186}
HEIGHT, UNIT, MARGIN = 74, 104, 6
LETTER, SMALL = 7.9, 6.7  # widths of a letter: of titles, of file names
WORDS: dict[State, str] = {
    "ok": "",
    "outside": "from outside",
    "missing": "not found",
    "broken": "does not load",
    "absent": "not here",
    "unseen": "not looked at",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A node in its place; `lines` are below its title."""

    node: Node
    x: float
    y: float
    width: float
    title: str
    lines: tuple[str, ...]
    word: str


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge in its place; `middle` is where its mark goes. `words` say what it shows."""

    edge: Edge
    path: str
    middle: tuple[float, float]
    words: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A whole drawing. `words` is its description for those who don't see it."""

    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]
    width: float
    height: float
    words: str


def placed(drawing: Drawing, packages: str) -> Placed:
    """Put nodes into rows and columns, and lead the edges from side to side.

    Paths in the directory `packages` are shown from there on.
    """
    rows = _rows(drawing.nodes)
    boxes = {node.key: _box(node, rows[node.key], packages) for node in drawing.nodes}
    edges = [edge for edge in drawing.edges if {edge.source, edge.target} <= boxes.keys()]
    curves = tuple(_curve(edge, edges, boxes, packages) for edge in edges)
    height = max((box.y for box in boxes.values()), default=0) + HEIGHT + MARGIN
    width = LEFT["driver"] + WIDTH["driver"] + 2 * MARGIN
    words = ". ".join(curve.words for curve in curves)
    return Placed(tuple(boxes.values()), curves, width, height, words)


def _rows(nodes: Sequence[Node]) -> dict[str, float]:
    """Rows, from 0: CTranslate2 and the driver are in the last one, so that they meet."""
    columns: dict[str, list[Node]] = {}
    for node in nodes:
        columns.setdefault(node.column, []).append(node)
    libraries = sorted(columns.get("library", ()), key=_family)
    steps = max(len(libraries) - 1, 1)
    last = max(3.3, steps * 0.82 + 0.7)
    rows = {node.key: place * (last - 0.7) / steps for place, node in enumerate(libraries)}
    companions = [node for node in columns.get("package", ()) if node.key != "ctranslate2"]
    rows |= {node.key: 0.85 * place for place, node in enumerate(companions)}
    rows |= {node.key: 1.25 if node.key == "torch" else 2.3 for node in columns.get("torch", ())}
    rows |= {node.key: last for node in columns.get("driver", ())}
    if any(node.key == "ctranslate2" for node in nodes):
        rows["ctranslate2"] = last
    return rows


def _family(node: Node) -> int:
    names = [*FAMILIES.values()]
    known = [place for place, name in enumerate(names) if name == node.title]
    by_name = [place for place, stem in enumerate(FAMILIES) if node.title.startswith(stem)]
    return (known or by_name or [len(names)])[0]


def _box(node: Node, row: float, packages: str) -> Box:
    width = WIDTH[node.column]
    lines: tuple[str, ...] = (node.version,) if node.version else ()
    if node.files and not node.version:
        folder, _, name = short(node.files[0], packages).rpartition("/")
        more = f" + {len(node.files) - 1}" if len(node.files) > 1 else ""
        space = int((width - 24) / SMALL)
        lines = (_end(folder, space), _end(name, space - len(more)) + more)
    return Box(
        node,
        LEFT[node.column] + MARGIN,
        row * UNIT + MARGIN,
        width,
        _end(node.title, int((width - 24) / LETTER)),
        lines,
        WORDS[node.state],
    )


def _end(text: str, space: int) -> str:
    """The end of a text, which tells most of a path."""
    return text if len(text) <= space else "\u2026" + text[1 - space :]


def _curve(edge: Edge, edges: Sequence[Edge], boxes: dict[str, Box], packages: str) -> Curve:
    source, target = boxes[edge.source], boxes[edge.target]
    leaving = sorted(
        (each for each in edges if each.source == edge.source), key=lambda e: boxes[e.target].y
    )
    coming = sorted(
        (each for each in edges if each.target == edge.target), key=lambda e: boxes[e.source].y
    )
    x, y = source.x + source.width, source.y + _port(leaving.index(edge), len(leaving))
    end, floor = target.x - 7, target.y + _port(coming.index(edge), len(coming))
    bend = max(40.0, (end - x) / 2)
    path = f"M{x:g} {y:g}C{x + bend:g} {y:g} {end - bend:g} {floor:g} {end:g} {floor:g}"
    return Curve(
        edge, path, ((x + end) / 2, (y + floor) / 2), _words(edge, source, target, packages)
    )


def _port(place: int, count: int) -> float:
    """The place on a box's side where an edge begins or ends."""
    return HEIGHT * (place + 1) / (count + 1)


def _words(edge: Edge, source: Box, target: Box, packages: str) -> str:
    files = ", ".join(short(file, packages) for file in edge.files)
    parts = [part for part in (WORDS[edge.state], files or edge.note) if part]
    return f"{source.node.title} to {target.node.title}: {'; '.join(parts) or edge.how}"


def rows_of(drawing: Drawing) -> Iterator[tuple[str, str, Edge, str]]:
    """The drawing as rows of a table: from, to, the edge, and the word for its state."""
    titles = {node.key: f"{node.title} {node.version}".strip() for node in drawing.nodes}
    for edge in drawing.edges:
        yield titles[edge.source], titles.get(edge.target, ""), edge, WORDS[edge.state] or "found"
