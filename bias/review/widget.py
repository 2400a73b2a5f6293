"""A report to correct in a notebook: the page of `bias review` as a widget, and the same by method."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from bias.errors import BiasError, DataError, UsageError
from bias.reporting.html import render_fragment
from bias.review.corrections import Correction, correction_of, decision_on, digest_of, latest, taken_back, to_examples
from bias.review.store import Store, read_corrections
from bias.types import ArticleReport, Label, SentenceResult

_STATIC = resources.files("bias.review") / "static"

_IMPORT = re.compile(r'^import .* from "\./\w+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|function|class)", re.MULTILINE)


def module() -> str:
    """The widget's script as the one module that a notebook loads, the parts it shares with the page first."""
    parts = [(_STATIC / name).read_text("utf-8") for name in ("offsets.js", "article.js", "widget.js")]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", part)) for part in parts)


class Review(anywidget.AnyWidget):
    """One report and a reviewer's verdicts on its sentences; what `ArticleReport.review` gives.

    A verdict is a `Correction`; a later one on the same sentence takes its place, and `undo` brings back what was
    before. Sentences are numbered from 0, as in the report.

    Raises:
        DataError: `labels` holds something else than verdicts.
        UsageError: this machine's user has no name, and none is given.
    """

    _esm = module()
    _css = (_STATIC / "widget.css").read_text("utf-8")
    _article = traitlets.Dict().tag(sync=True)
    _state = traitlets.Dict().tag(sync=True)

    def __init__(self, report: ArticleReport, *, reviewer: str | None = None, labels: str | Path | None = None) -> None:
        self._report, self._reviewer = report, reviewer or _user()
        self._labels = None if labels is None else Path(labels)
        self._given = self._read()
        self._undoable: list[dict[int, Correction | None]] = []
        key = digest_of(report.article.text)
        super().__init__(_article={"id": key, "report": report.to_dict()}, _state=self._shown())
        self.on_msg(self._on_message)

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """The verdicts that stand, in the order of the sentences."""
        return tuple(verdict for _, verdict in sorted(self._verdicts().items()))

    @property
    def unjudged(self) -> tuple[int, ...]:
        """The sentences without a verdict."""
        judged = self._verdicts()
        return tuple(index for index in range(len(self._report.sentences)) if index not in judged)

    def accept(self, *sentences: int) -> None:
        """Label and loaded words of these sentences are right.

        Raises:
            DataError: there is no such sentence.
            OutputError: the verdict could not be saved. So with every method below.
        """
        self._judge({index: self._correction(index, self._result(index).label) for index in sentences})

    def accept_rest(self) -> None:
        """Accept every sentence that has no verdict."""
        self.accept(*self.unjudged)

    def reject(self, *sentences: int) -> None:
        """The other label is right for these sentences."""
        self._judge({index: self._correction(index, _other(self._result(index).label)) for index in sentences})

    def label(self, sentence: int, label: Label, words: Iterable[str] | None = None) -> None:
        """Give a sentence its label and, if it is opinionated, its loaded words; None leaves the marked ones.

        Raises:
            DataError: the words are not in the sentence, or in quoted speech.
        """
        spans = None if words is None else [self._find(sentence, text) for text in words]
        self._judge({sentence: self._correction(sentence, label, spans)})

    def mark(self, sentence: int, *words: str) -> None:
        """Mark more words of a sentence as loaded, which makes it opinionated.

        Raises:
            DataError: as `label`.
        """
        spans = [self._find(sentence, text) for text in words]
        self._judge({sentence: self._correction(sentence, "opinionated", [*self._standing(sentence), *spans])})

    def unmark(self, sentence: int, *words: str) -> None:
        """Take the marks off words of a sentence; its label stays opinionated.

        Raises:
            DataError: the words are not marked.
        """
        gone = [self._find(sentence, text) for text in words]
        standing = self._standing(sentence)
        for text, (start, end) in zip(words, gone, strict=True):
            if not any(a < end and start < b for a, b in standing):
                raise DataError(f"{text!r} is not marked in sentence {sentence}")
        kept = [(a, b) for a, b in standing if not any(a < end and start < b for start, end in gone)]
        self._judge({sentence: self._correction(sentence, "opinionated", kept)})

    def take_back(self, *sentences: int) -> None:
        """Take the verdicts on these sentences back."""
        for index in sentences:
            self._result(index)
        verdicts = self._verdicts()
        self._judge({index: taken_back(verdicts[index]) for index in sentences if index in verdicts})

    def undo(self) -> None:
        """Undo the last step of this widget, which may be undone too; nothing happens where there is none."""
        if not self._undoable:
            return
        now = self._verdicts()
        made = {}
        for index, before in self._undoable[-1].items():
            if before is not None:
                made[index] = replace(before, time=taken_back(before).time)
            elif index in now:
                made[index] = taken_back(now[index])
        self._keep(made)
        self._undoable.pop()

    def to_examples(self) -> list[dict[str, Any]]:
        """Rows for `bias train`, one a verdict; see `bias.review.corrections.to_examples`."""
        return to_examples(self.corrections)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, and the report with its verdicts for where no widget runs, as on a printed page."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle[0]["text/html"] = self._state["html"]
        return bundle

    def _read(self) -> list[Correction]:
        if self._labels is None or not self._labels.exists():
            return []
        key = digest_of(self._report.article.text)
        found = read_corrections(self._labels)
        return [verdict for verdict in found if (verdict.article, verdict.reviewer) == (key, self._reviewer)]

    def _verdicts(self) -> dict[int, Correction]:
        """What stands, by the index of the sentence in this report, which it is given."""
        places = {(r.sentence.start, r.sentence.end): r.sentence.index for r in self._report.sentences}
        standing = (verdict for verdict in latest(self._given) if (verdict.start, verdict.end) in places)
        return {index: replace(found, index=index) for found in standing for index in (places[found.start, found.end],)}

    def _result(self, index: int) -> SentenceResult:
        sentences = self._report.sentences
        if not 0 <= index < len(sentences):
            raise DataError(f"the article has {len(sentences)} sentences, from 0 on, and none with the number {index}")
        return sentences[index]

    def _standing(self, index: int) -> list[tuple[int, int]]:
        """The loaded words of the outlet as they stand, at the article's offsets: the reviewer's, else the model's."""
        result = self._result(index)
        verdict = self._verdicts().get(index)
        found = verdict or correction_of(self._report, result, reviewer=self._reviewer, label=result.label)
        if verdict is None or verdict.label == "opinionated":
            marks = found.spans if verdict else found.marked
            return [(found.start + start, found.start + end) for start, end in marks]
        return []

    def _find(self, index: int, words: str) -> tuple[int, int]:
        """Where words stand in a sentence, at the article's offsets; outside the quotes if they do."""
        sentence = self._result(index).sentence
        places = [sentence.start + match.start() for match in re.finditer(re.escape(words), sentence.text)]
        if not words or not places:
            raise DataError(f"sentence {index} does not hold {words!r}: {sentence.text!r}")
        quoted = sentence.withheld if self._report.quotes == "separate" else ()
        own = [at for at in places if not any(start <= at < end for start, end in quoted)]
        at = (own or places)[0]
        return at, at + len(words)

    def _correction(self, index: int, label: Label, spans: Iterable[tuple[int, int]] | None = None) -> Correction:
        return correction_of(self._report, self._result(index), reviewer=self._reviewer, label=label, spans=spans)

    def _judge(self, made: Mapping[int, Correction]) -> None:
        before = self._verdicts()
        self._keep(made)
        if made:
            self._undoable.append({index: before.get(index) for index in made})

    def _keep(self, made: Mapping[int, Correction]) -> None:
        if self._labels is not None and made:
            with Store(self._labels) as store:
                store.add(made.values())
        self._given += made.values()
        self._state = self._shown()

    def _shown(self) -> dict[str, Any]:
        """The report as HTML, and the verdicts as the page's JSON interface gives them."""
        report, verdicts = self._report, self._verdicts()
        decisions = {
            index: decision
            for index, verdict in verdicts.items()
            if (decision := decision_on(report, report.sentences[index], verdict)) is not None
        }
        return {
            "html": render_fragment(report, marks=decisions),
            "saved": self._labels is not None,
            "verdicts": [
                {
                    "sentence": index,
                    "label": verdict.label,
                    "decision": decisions.get(index),
                    "spans": [[verdict.start + start, verdict.start + end] for start, end in verdict.spans],
                }
                for index, verdict in sorted(verdicts.items())
            ],
        }

    def _on_message(self, _: object, content: Mapping[str, Any], __: object) -> None:
        """What the widget's buttons and keys ask for; the answer tells that it is done, or why not."""
        try:
            self._act(content["action"], content.get("sentence", 0), content.get("label"), content.get("spans"))
        except BiasError as error:
            self.send({"error": str(error)})
        else:
            self.send({"done": content["action"]})

    def _act(self, action: str, sentence: int, label: Label | None, spans: Sequence[Sequence[int]] | None) -> None:
        match action:
            case "accept":
                self.accept(sentence)
            case "reject":
                self.reject(sentence)
            case "rest":
                self.accept_rest()
            case "undo":
                self.undo()
            case "label" if label is not None:
                chosen = None if spans is None else [(start, end) for start, end in spans]
                self._judge({sentence: self._correction(sentence, label, chosen)})
            case _:
                raise DataError(f"there is no action {action!r}")


def _other(label: Label) -> Label:
    return "neutral" if label == "opinionated" else "opinionated"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("this machine's user has no name: say who reviews with reviewer=") from error
