"""Every signature of the table: its wordings, its example, what it is called."""

from __future__ import annotations

import io

import pytest

from mlenv.doctor import knowledge
from mlenv.doctor.explain import normalize, signs
from mlenv.doctor.explain.patterns import patterns
from mlenv.doctor.explain.scan import scan
from mlenv.doctor.knowledge import Entry, Signature
from mlenv.result import MlenvError
from tests.support.logs import ids

ENTRIES = knowledge.entries()
SIGNATURES = [
    pytest.param(entry, signature, id=f"{entry.id}-{number}")
    for entry in ENTRIES.values()
    for number, signature in enumerate(entry.signatures)
]


def _covers(wording: str, example: str) -> bool:
    line = normalize.flat(example.encode().lower())
    return any(
        pattern.around(line, place)
        for pattern in patterns(wording, knowledge.phrases())
        for place in range(len(line))
    )


@pytest.mark.parametrize(("entry", "signature"), SIGNATURES)
def test_each_wording_has_an_example_and_each_example_is_found(
    entry: Entry, signature: Signature
) -> None:
    unused = [w for w in signature.match if not any(_covers(w, e) for e in signature.example)]
    assert unused == []
    for example in signature.example:
        hits = scan(io.BytesIO(example.encode())).hits
        assert any(hit.id == entry.id and hit.signature == signature for hit in hits), example


@pytest.mark.parametrize(("entry", "signature"), SIGNATURES)
def test_an_example_that_needs_no_context_is_called_by_its_name(
    entry: Entry, signature: Signature
) -> None:
    if signature.confidence != "high" or signature.when:
        return  # other causes have the same words: tests of logs as a whole cover these
    if any(confidence == "never" for _, confidence in signature.cases):
        return
    for example in signature.example:
        assert ids(example)[:1] == [entry.id], example


def test_every_cause_of_the_cases_has_an_entry_with_signatures() -> None:
    import json

    from tests.support.logs import DATA

    cases = [json.loads(line) for line in (DATA / "cases.jsonl").read_text().splitlines()]
    without = {c["category"] for c in cases} - {e.id for e in ENTRIES.values() if e.signatures}
    assert without == set()


def test_relations_name_entries_and_a_root_stands_above_its_consequences() -> None:
    order = [root.id for root in knowledge.roots()]
    assert len(order) == len(set(order))
    for place, root in enumerate(knowledge.roots()):
        assert {root.id, *root.consequences} <= set(ENTRIES), root.id
        assert not {*order[:place]} & {*root.consequences}, root.id


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[a-slug]\ntitel = 'x'\n",
            "mine.toml can't be read: Object contains unknown field `titel` - at `$[...]`.",
        ),
        (
            "[a-slug]\ntitle = 'x'\ncause = 'y'\nremedy = {prose = 'z'}\n"
            "[[a-slug.signature]]\nmatch = ['m']\nexample = ['m']\nconfidence = 'sure'\n",
            "mine.toml can't be read: Invalid enum value 'sure' - "
            "at `$[...].signature[0].confidence`.",
        ),
    ],
)
def test_a_typo_is_an_error_with_file_and_path(text: str, message: str) -> None:
    with pytest.raises(MlenvError) as caught:
        knowledge.read_entries(text, "mine.toml")
    assert caught.value.message == message


def test_conditions_are_about_facts_that_can_be_read() -> None:
    known = (
        set(signs.VALUES)
        | set(signs.SIGNS)
        | {"gpu_covered", "gpu_newer", "gpu_older", "wanted_older"}
        | {"lfs_pointer", "html_page", "other_format", "imported_by_package", "own_import"}
        | {"compat_in_use", "other_cuda_here"}
        | {"torchvision_pair", "torchcodec_pair", "torchcodec_too_new", "torchcodec_harmless"}
        | {"profile"}  # of the environment at hand, not of the log
    )
    used = {
        condition.removeprefix("not ").split()[0]
        for entry in ENTRIES.values()
        for conditions in (
            *(signature.when for signature in entry.signatures),
            *([c for c, _ in signature.cases] for signature in entry.signatures),
            *(variant.when for variant in entry.variants),
        )
        for condition in conditions
    }
    assert used - known == set()


@pytest.mark.parametrize(
    ("pattern", "line", "covered"),
    [
        ("cannot open", "it can't", None),
        ("lib* is missing", "libfoo.so.9 is missing", "libfoo.so.9 is missing"),
        ("lib* is missing", "lib foo is missing", None),
        ("from ... to", "from here, over there, to nowhere", "from here, over there, to"),
        ("<cat|dog> food", "eat dog food", "dog food"),
        ("dll not found", "redll not found", None),
        ("a{not-found}", "A找不到", "a找不到"),
        ("{no-such-phrase}", "x {no-such-phrase} y", "{no-such-phrase}"),
    ],
)
def test_patterns(pattern: str, line: str, covered: str | None) -> None:
    flat = normalize.flat(line.lower().encode())
    found = {
        made.around(flat, place)
        for made in patterns(pattern, knowledge.phrases())
        for place in range(len(flat))
    } - {None}
    assert found == ({covered.encode()} if covered else set())


def test_no_remedy_fetches_the_cudnn_that_a_message_names() -> None:
    log = (
        "ctranslate2==4.5.0\n"
        "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9}\n"
        "RuntimeError: cuDNN version incompatibility: PyTorch was compiled against (9, 10, 2)\n"
        "but found runtime version (9, 1, 0)\n"
    )
    from tests.support.logs import explained

    for diagnosis in explained(log):
        words = " ".join([diagnosis.remedy.prose, str(diagnosis.remedy.commands)])
        assert "9.1.0" not in words and "9.10.2" not in words
