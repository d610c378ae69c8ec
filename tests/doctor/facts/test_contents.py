from mlenv.doctor.facts.contents import compared
from mlenv.doctor.facts.packages import Distribution, Packages
from mlenv.doctor.facts.record import Damage
from mlenv.doctor.facts.trial import Tried

SITE = "/venv/lib/python3.11/site-packages"
NAMES = ("ctranslate2", "tqdm", "nvidia-cudnn-cu12")
INSTALLED = Packages(tuple(Distribution(name, "1.0", SITE) for name in NAMES))
WORDS = f'File "{SITE}/ctranslate2/__init__.py", line 21\nImportError: libct2.so: cannot open'


def looked(*trial: Tried, damaged: str = "", installed: Packages = INSTALLED) -> list[set[str]]:
    """The names whose contents were compared, one set a look."""
    looks: list[set[str]] = []

    def look(names: object) -> Packages:
        looks.append(set(names))  # type: ignore[call-overload]
        found = Damage(f"{SITE}/x.so", damaged, "changed", 9, 9)
        return Packages(damages=(found,) if damaged in looks[-1] else ())

    compared(installed, trial, look)
    return looks


def test_packages_that_the_last_words_name_come_first() -> None:
    failed = Tried("words", exit_code=1, last_words=WORDS)
    assert looked(failed, damaged="ctranslate2") == [{"ctranslate2"}]
    assert looked(failed, damaged="tqdm") == [{"ctranslate2"}, {"tqdm"}]


def test_where_a_signal_ended_it_any_library_may_be_to_blame() -> None:
    assert looked(Tried("words", exit_code=-11)) == [set(NAMES)]


def test_nothing_is_compared_for_a_failure_of_another_kind() -> None:
    missing = "ModuleNotFoundError: No module named 'tokenizers'"
    assert looked(Tried("words", "imports")) == []
    assert looked(Tried("words", exit_code=1, last_words=missing)) == []
    assert looked(Tried("words", exit_code=1, last_words=WORDS, alone=True)) == []
    seen = Packages(INSTALLED.distributions, (Damage("x", "tqdm", "empty"),))
    assert looked(Tried("words", exit_code=-11), installed=seen) == []
