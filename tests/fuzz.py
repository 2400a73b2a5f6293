"""Coverage-guided fuzzing of what reads strangers' text: `python tests/fuzz.py TARGET [libFuzzer options] [CORPUS]`.

Needs `pip install atheris`. A target is one of `TARGETS`; without options it runs until it is stopped. What it finds
becomes a case of cases/nasty.json. `tests/test_fuzz.py` runs the same targets on a fixed number of inputs without
atheris, which is what every change is tested by.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

NAMES = ("a.txt", "a.md", "a.jsonl", "a.csv", "a.html", "a.parquet")
ENCODINGS = ("utf-8", "utf-8", "utf-16", "cp1252", "utf-32", "utf-8-sig", "shift_jis", "utf-7")


def text_of(data: bytes) -> str:
    """Any bytes as a text, lone surrogates among it."""
    return data.decode("utf-8", "surrogateescape")


def _reading(data: bytes) -> None:
    from invariants import check_reading

    kind = data[0] if data else 0
    errors = "replace" if kind & 128 else "strict"
    check_reading(data[1:], NAMES[kind % len(NAMES)], ENCODINGS[kind // 16 % len(ENCODINGS)], errors)


def _segmentation(data: bytes) -> None:
    from invariants import check_segmentation

    check_segmentation(text_of(data))


def _quotation(data: bytes) -> None:
    from invariants import check_quotation

    check_quotation(text_of(data))


def _lexicon(data: bytes) -> None:
    from invariants import check_lexicon

    check_lexicon(text_of(data))


def _reporting(data: bytes) -> None:
    from invariants import check_rendering, check_report, hash_detector

    report = check_report(text_of(data), hash_detector())
    if report is not None:
        check_rendering(report)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "reading": _reading,
    "segmentation": _segmentation,
    "quotation": _quotation,
    "lexicon": _lexicon,
    "reporting": _reporting,
}


def main() -> None:
    """Fuzz until stopped; libFuzzer takes the options."""
    import atheris

    with atheris.instrument_imports(include=["bias", "nupunkt"]):
        import invariants  # noqa: F401, loaded here to be instrumented
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
