"""Calibrating a finished model anew: on labelled sentences, on whole annotated articles, against a reference corpus.

The weights stay as they are. What is given is made anew, what is not stays, except where it would no longer be true:
percentiles of a prior whose maps have changed are dropped.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from bias.calibration import PRIORS
from bias.detector import Detector
from bias.errors import DataError, UsageError
from bias.modelfolder import (
    MANIFEST,
    TOKENIZER,
    TRAINABLE,
    WEIGHTS,
    ModelFolder,
    default_model,
    open_model,
    read_calibration,
    verify_file,
)
from bias.output import atomic_write
from bias.training.calibration.calibrate import (
    NEWS_SHARE,
    RECORD,
    CalibrationReport,
    Method,
    checked,
    fit_development,
    read_development,
)
from bias.training.calibration.newsmap import cross_fitted_news, fit_news, read_news
from bias.training.calibration.reference import make_reference, unread
from bias.training.calibration.thresholds import parse_rule
from bias.training.card import CardTemplate, write_card
from bias.training.data.basil import AnnotatedArticle
from bias.training.data.examples import Example
from bias.training.data.pages import Page
from bias.training.data.readers import DataFile
from bias.training.data.splits import SEEN, fingerprint, is_known, read_seen, unseen
from bias.training.folder import CONFIG, new_model_folder, plain, update_manifest

KEPT = (MANIFEST, WEIGHTS, TOKENIZER, TRAINABLE, CONFIG, SEEN, "recipe.toml", "run.json", "metrics.json", "LICENSE")
"""What a copy of a model folder holds, beside its card."""

UNKNOWN = "the model does not say what it was trained on: were it these sentences, it would look better than it is"

FEWEST_EVENTS = 5
FEWEST_MARKED = 40
"""Marked sentences of annotated articles that the `news` map asks for; half as many in the outlet's own words."""


@dataclass(frozen=True, slots=True)
class Material:
    """What to calibrate on; any of the three may be empty. `files` says where the examples came from."""

    examples: Sequence[Example] = ()
    files: Sequence[DataFile] = ()
    articles: Sequence[AnnotatedArticle] = ()
    pages: Sequence[Page] = ()
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, and what was left out: sentences, articles and pages that the model was trained on.

    `moved_news` says that `news` is now `balanced` moved to `NEWS_SHARE`. `news` are the figures of the `news` maps on
    whole articles, each event by maps fitted on the others. `corpus` describes the reference; `dropped` are the priors
    whose former percentiles no longer hold.
    """

    balanced: CalibrationReport | None = None
    moved_news: bool = False
    seen_sentences: int = 0
    news: Mapping[str, Any] | None = None
    seen_articles: int = 0
    corpus: str | None = None
    seen_pages: int = 0
    dropped: tuple[str, ...] = ()


def recalibrate(
    folder: Path,
    material: Material,
    *,
    method: Method = "platt",
    rule: str = "macro-f1",
    each: int | None = None,
    output: Path | None = None,
    template: CardTemplate | None = None,
    watch: Callable[[Iterable[Page]], Iterable[Page]] = iter,
) -> Outcome:
    """Calibrate a model folder in place, or a copy of it at `output`.

    In place bias.json is replaced, atomically, and the sentences calibrated on are added to seen.txt as development
    data, so that no measurement takes them for new; the card is written only with a `template`. Twice gives the same.

    Args:
        each, watch: as `make_reference` has them.

    Raises:
        DataError: too little to calibrate on; the message says what was found.
        ModelError: the folder is damaged or no model.
        OutputError: the output exists or cannot be written.
        UsageError: nothing to calibrate on, or a model inside an installed package and no output.
    """
    parse_rule(rule)
    if not (material.examples or material.articles or material.pages):
        raise UsageError("nothing to calibrate on: give labelled sentences, --articles or --reference")
    if output is None:
        refuse_packaged(folder)
    open_model.cache_clear()
    detector = Detector(folder)
    for name, described in detector.model.manifest["files"].items():
        verify_file(folder / name, described)
    trained = {key: part for key, part in read_seen(folder).items() if part == "train"}
    examples, seen_sentences = unseen(material.examples, trained)
    if material.examples and not examples:
        raise DataError(f"the model was trained on all {seen_sentences} sentences: give others, kept apart")
    changes, outcome = _fit(detector, replace(material, examples=examples), trained, method, rule, each, watch)
    outcome = replace(outcome, seen_sentences=seen_sentences)
    if output is None:
        _note_seen(folder, examples)
        update_manifest(folder, **changes)
        if template is not None:
            write_card(folder, template)
        return outcome
    with new_model_folder(output) as copy:
        for name in KEPT:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, copy / name)
        _note_seen(copy, examples)
        update_manifest(copy, **changes)
        write_card(copy, template)
    return outcome


def refuse_packaged(folder: Path) -> None:
    """Refuse to change a model that is part of the installed package, or the shipped one beside it in a checkout.

    Raises:
        UsageError: the folder is such a model.
    """
    found = folder.resolve()
    if found == default_model().resolve():
        raise UsageError(f"{folder} is the shipped model, which is not changed: write a copy with -o DIR")
    if found.is_relative_to(Path(str(resources.files("bias"))).resolve()):
        raise UsageError(f"{folder} is part of the installed package and is not changed: write a copy with -o DIR")


def _fit(
    detector: Detector,
    material: Material,
    trained: Mapping[str, str],
    method: Method,
    rule: str,
    each: int | None,
    watch: Callable[[Iterable[Page]], Iterable[Page]],
) -> tuple[dict[str, Any], Outcome]:
    """What changes in bias.json, and what is to be told of it."""
    model = detector.model
    values: dict[str, Any] = dict(model.manifest["calibration"])
    record: dict[str, Any] = dict(model.manifest.get(RECORD) or {})
    outcome = Outcome()
    if material.examples:
        rows = read_development(detector, material.examples)
        found, report = fit_development(rows, method, rule, model)
        if not trained:
            report = replace(report, notes=(*report.notes, UNKNOWN))
        record["balanced"] = {**report.to_dict(), "data": [plain(file) for file in material.files]}
        outcome = replace(outcome, balanced=report)
        if _is_fitted(values, record):
            values = {**found, "news": values["news"]}
        else:
            values, record["news"] = found, {"share": NEWS_SHARE}
            outcome = replace(outcome, moved_news=not material.articles)
    if material.articles:
        articles, seen = _new_articles(material.articles, trained)
        values["news"], record["news"] = _fit_articles(detector, articles)
        outcome = replace(outcome, news=record["news"], seen_articles=seen)
    checked(values)
    reference, dropped = _still_true(model, values)
    if material.pages:
        changed = replace(model, calibration=read_calibration(values))
        pages, seen = unread(material.pages, trained)
        reference = make_reference(detector, pages, material.reference, model=changed, each=each, watch=watch)
        outcome = replace(outcome, corpus=reference["corpus"], seen_pages=seen)
        dropped = ()
    return {"calibration": values, RECORD: record, "reference": reference}, replace(outcome, dropped=dropped)


def _is_fitted(values: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether `news` was fitted on whole articles: it says so, or weighs more than the sentence."""
    if "news" in record:
        return "articles" in record["news"]
    return set(values["news"]["written"]["weights"]) != {"sentence"}


def _new_articles(
    articles: Sequence[AnnotatedArticle], trained: Mapping[str, str]
) -> tuple[list[AnnotatedArticle], int]:
    kept = [article for article in articles if not is_known([s.text for s in article.sentences], trained)]
    if not kept:
        raise DataError(f"the model was trained on sentences of all {len(articles)} articles: give others")
    return kept, len(articles) - len(kept)


def _fit_articles(detector: Detector, articles: Sequence[AnnotatedArticle]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The `news` maps, and what bias.json tells of them."""
    events = len({article.event for article in articles})
    written = sum(sum(article.written) for article in articles)
    own = sum(sum(article.outlets_own) for article in articles)
    if events < FEWEST_EVENTS or written < FEWEST_MARKED or own < FEWEST_MARKED // 2:
        raise DataError(
            f"the news map asks for {FEWEST_EVENTS} events and {FEWEST_MARKED} marked sentences, "
            f"{FEWEST_MARKED // 2} of them in the outlet's own words; there are {events}, {written} and {own}"
        )
    rows = read_news(detector, articles)
    figures = cross_fitted_news(rows)
    return fit_news(rows), {
        "articles": len(articles),
        "events": events,
        "sentences": len(rows),
        "written": written,
        "outlets_own": own,
        "figures": plain(figures),
    }


def _still_true(model: ModelFolder, values: Mapping[str, Any]) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The reference as it was, less the priors whose maps have changed, and their names."""
    reference: dict[str, Any] | None = model.manifest.get("reference")
    changed = [prior for prior in PRIORS if values[prior] != model.manifest["calibration"][prior]]
    if reference is None or not changed:
        return reference, ()
    kept = {key: found for key, found in reference["quantiles"].items() if key.partition("/")[0] not in changed}
    dropped = tuple(prior for prior in changed if any(key.startswith(f"{prior}/") for key in reference["quantiles"]))
    return ({**reference, "quantiles": kept} if kept else None), dropped


def _note_seen(folder: Path, examples: Sequence[Example]) -> None:
    before = read_seen(folder)
    seen = {fingerprint(example.text): "development" for example in examples} | before
    if seen != before:
        with atomic_write(folder / SEEN) as file:
            file.writelines(f"{key}\t{part}\n" for key, part in sorted(seen.items()))
