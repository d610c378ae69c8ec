"""The pages of JSON documents: fields and schema from the records, with a recorded example."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import fields as fields_of

from documentation import DOCS
from documentation import markdown as md
from documentation.schemas import envelope_schema, records, schema_of
from mlenv.doctor.snapshot import Snapshot
from mlenv.environment.generations import Generation
from mlenv.environment.generations.links import _Record as Links
from mlenv.environment.install.bundle import Manifest
from mlenv.environment.receipts import Receipt
from mlenv.speech.models.pinned import _Record as Pinned
from mlenv.speech.transcribe.origins import Record as Origins
from mlenv.speech.transcribe.transcript import Transcript

EXAMPLES = DOCS / "reference" / "examples"

# The record as it is in its file: without its place, and with the number of its format.
_GENERATION = msgspec.defstruct(
    "Generation",
    [
        ("schema", int),
        *((f.name, f.type) for f in fields_of(Generation) if f.name not in ("path", "name")),
    ],
    namespace={"__doc__": Generation.__doc__},
    kw_only=True,
)

# Further examples of a command whose documents differ much: the command, and what is shown.
MORE = {"doctor-fleet": ("doctor", "Of several hosts (`mlenv doctor --from hosts`)")}

# Documents that are files and no command's `--json`: what they are, and their record.
FILES: dict[str, tuple[str, Any]] = {
    "transcript": ("What `--format json` writes for one recording.", Transcript),
    "receipt": ("What `mlenv verify` keeps of each run.", Receipt),
    "snapshot": ("What `mlenv doctor --snapshot` writes.", Snapshot),
    "generation": ("`mlenv.json` in a generation: what it was built from.", _GENERATION),
    "bundle-manifest": ("`bundle.json` in a bundle.", Manifest),
    "links": ("`mlenv-links.json` in site-packages: the links to cuDNN and cuBLAS.", Links),
    "model-record": ("What is written down about a model at its first use.", Pinned),
    "transcript-record": ("What lies in `.mlenv/` beside transcripts, for `--resume`.", Origins),
}


def pages() -> dict[str, str]:
    """All pages and schema files."""
    made = {"reference/json/index.md": _index()}
    for name, types in records().items():
        made[f"reference/json/{_file(name)}.md"] = _page(name, types)
        made[f"reference/schemas/{_file(name)}.json"] = _schema_text(envelope_schema(name))
    for name, (text, record) in FILES.items():
        made[f"reference/json/{name}.md"] = _page_of_file(name, text, record)
        made[f"reference/schemas/{name}.json"] = _schema_text(schema_of((record,)))
    return made


def fields(record: Any) -> Iterator[str]:
    """A table for each record in a document, the outermost first."""
    yield from _tables(schema_of((record,)))


def _tables(schema: dict[str, Any]) -> Iterator[str]:
    for name in _in_order(schema):
        component = schema["$defs"][name]
        if "properties" not in component:
            continue
        title = component.get("title", name)
        yield f"### {title}\n"
        if text := component.get("description"):
            yield md.prose(text)
        required = component.get("required", ())
        yield md.table(
            ("key", "type", ""),
            (
                (md.code(key), _type(kind, schema), "" if key in required else "may be missing")
                for key, kind in component["properties"].items()
            ),
        )


def _in_order(schema: dict[str, Any]) -> list[str]:
    """The names of all records, each behind that which first refers to it."""
    order: list[str] = []

    def visit(node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                visit(each)
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in order:
                order.append(name)
                visit(schema["$defs"][name])
            for key, each in node.items():
                if key != "$defs":
                    visit(each)

    visit(schema)
    return order


def _type(kind: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in words."""

    def inner(each: object) -> str:
        return _type(each, schema) if isinstance(each, dict) else "anything"

    if reference := kind.get("$ref"):
        name = reference.rpartition("/")[2]
        component = schema["$defs"][name]
        title = component.get("title", name)
        link = f"[{title}](#{md.slug(title)})"
        return link if "properties" in component else inner(component)
    if members := kind.get("anyOf"):
        return " or ".join(dict.fromkeys(map(inner, members)))
    if "enum" in kind:
        return " or ".join(md.code(json.dumps(each)) for each in kind["enum"])
    if items := kind.get("prefixItems"):
        return f"list of {len(items)}: {', '.join(map(inner, items))}"
    if kind.get("type") == "array":
        return f"list of {inner(kind.get('items'))}"
    if kind.get("type") == "object":
        return f"object of {inner(kind.get('additionalProperties'))}"
    return str(kind.get("type", "anything"))


def _index() -> str:
    top = (
        "Every command prints one JSON document with `--json`, and nothing else on standard "
        "output. All of them have the same envelope:"
    )
    envelope = md.table(
        ("key", ""),
        (
            ("`schema`", "Version of the envelope: 1."),
            ("`mlenv`", "Version of mlenv."),
            ("`command`", "The command."),
            ("`ok`", "True where all that was asked for is done."),
            ("`exit_code`", "The exit code: see [Exit codes](../errors.md#exit-codes)."),
            ("`data`", "The command's own document; empty where it could not begin."),
            ("`errors`", "Each with `code` and `message`: see [Error codes](../errors.md)."),
        ),
    )
    commands = md.table(
        ("command", "documents"),
        (
            (f"[`mlenv {name}`]({_file(name)}.md)", ", ".join(map(_name, types)))
            for name, types in records().items()
        ),
    )
    files = md.table(
        ("file", ""),
        ((f"[{name.replace('-', ' ')}]({name}.md)", text) for name, (text, _) in FILES.items()),
    )
    return "\n".join(
        [
            md.head("JSON documents", top),
            envelope,
            "Keys are added in later versions; none is removed or changes its meaning without a "
            "new `schema`.\n",
            "## Commands\n",
            commands,
            "## Files\n",
            files,
        ]
    )


def _page(name: str, types: tuple[Any, ...]) -> str:
    ways = " or ".join(f"[{_name(each)}](#{md.slug(_name(each))})" for each in types)
    page = [
        md.head(f"JSON of `mlenv {name}`", f"What `mlenv {name} --json` prints: `data` is {ways}."),
        f"[JSON Schema](../schemas/{_file(name)}.json) of the whole document.\n",
        *_example(_file(name)),
        "## Fields\n",
        *_tables(schema_of(types)),
    ]
    return "\n".join(page)


def _page_of_file(name: str, text: str, record: Any) -> str:
    page = [
        md.head(f"JSON: {name.replace('-', ' ')}", text),
        f"[JSON Schema](../schemas/{name}.json).\n",
        *_example(name),
        "## Fields\n",
        *fields(record),
    ]
    return "\n".join(page)


def _example(name: str) -> Iterator[str]:
    yield from _shown(name, "Example")
    for more, (command, title) in MORE.items():
        if command == name:
            yield from _shown(more, title)


def _shown(name: str, title: str) -> Iterator[str]:
    file = EXAMPLES / f"{name}.json"
    if file.exists():
        yield f"## {title}\n"
        yield "Recorded from a run; lists are cut to their first items.\n"
        yield md.block(file.read_text("utf-8"), "json")


def _name(record: Any) -> str:
    return str(record.__name__).lstrip("_")


def _file(name: str) -> str:
    return name.replace(" ", "-")


def _schema_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1) + "\n"
