"""`bias audit`: what is wrong with labelled data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bias.cli.data import (
    Data,
    DataFolder,
    GroupColumn,
    LabelColumn,
    LeaningColumn,
    OutletColumn,
    Positive,
    SpansColumn,
    TopicColumn,
    VotesColumn,
    columns_of,
    needs_training,
    read_data,
)
from bias.cli.options import Debug, Encoding, Errors, Model, TextColumn
from bias.cli.progress import track
from bias.cli.status import ExitStatus
from bias.cli.streams import note
from bias.cli.targets import Overwrite, new_file

if TYPE_CHECKING:
    from bias.training.data.examples import Example
    from bias.training.labels.audit import Audit, Checked


def audit(
    data: Data,
    model: Model = None,
    output_file: Annotated[
        str | None,
        typer.Option(
            "--output-file",
            "-o",
            metavar="FILE",
            help="A .csv, .jsonl or .parquet file with all sentences to review, the suspicious ones first; "
            "bias train reads it once it is corrected.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    output_format: Annotated[
        Literal["full", "json"], typer.Option(help="A view for the terminal, or a JSON object.")
    ] = "full",
    by: Annotated[
        Literal["article", "outlet"],
        typer.Option(help="Judge no sentence by others of its article, or of its outlet."),
    ] = "article",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of all that is drawn.")] = 13,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    positive: Positive = None,
    spans_column: SpansColumn = None,
    votes_column: VotesColumn = None,
    group_column: GroupColumn = None,
    outlet_column: OutletColumn = None,
    leaning_column: LeaningColumn = None,
    topic_column: TopicColumn = None,
    data_folder: DataFolder = None,
    encoding: Encoding = "utf-8",
    errors: Errors = "strict",
    debug: Debug = False,
) -> ExitStatus:
    """Look for label errors, disagreement, leaks and repeats in labelled sentences.

    Name several files (train.csv test.csv) to see what they share.
    """
    target = new_file(output_file, overwrite, (".csv", ".jsonl", ".parquet"))
    with needs_training("bias audit"):
        from bias.modelfolder import model_folder
        from bias.training.data.splits import read_seen, unseen
        from bias.training.labels import audit as auditing
        from bias.training.labels.embedding import read_texts

    columns = columns_of(
        text=text_column,
        label=label_column,
        spans=spans_column,
        votes=votes_column,
        group=group_column,
        outlet=outlet_column,
        leaning=leaning_column,
        topic=topic_column,
    )
    files = []
    for name in data:
        loaded = read_data(
            [name], columns, positive=positive, data_folder=data_folder, encoding=encoding, errors=errors
        )
        factor = loaded.files[0].weight  # of NAME@WEIGHT; the review file keeps the rows' own weights
        labelled = [replace(e, weight=e.weight / factor) for e in loaded.examples if e.label is not None]
        files.append((name, labelled))
    examples = [example for _, some in files for example in some]
    folder = model_folder(model)
    texts = [example.text for example in examples]
    read = read_texts(folder, texts, lambda items: track(items, "sentences", len(texts)))
    found = auditing.audit(files, read.features, by=by, seed=seed)
    seen = read_seen(folder)
    caveat = _caveat(len(examples), unseen(examples, seen)[1] if seen else None)
    if output_format == "json":
        print(json.dumps(_facts(found, files, caveat), indent=2, ensure_ascii=False))
    else:
        from bias.cli.audit_view import show

        show(found, files, caveat)
    if target is not None:
        _write(target, found.rows)
        note(f"wrote {target}: {len(examples):,} sentences, {_suspicious(found):,} suspicious ones first")
    return ExitStatus.DONE


def _caveat(sentences: int, seen: int | None) -> str | None:
    """How far the label check can be trusted, given what the model was made from."""
    if seen is None:
        return (
            "the model does not say what it was trained on: if these sentences were among it, it knows their labels, "
            "and errors among those stay hidden"
        )
    if not seen:
        return None
    return (
        f"the model was made from {seen:,} of these {sentences:,} sentences: it knows their labels, and errors among "
        "them stay hidden; a model trained on other data finds more (--model)"
    )


def _suspicious(found: Audit) -> int:
    return sum(row.suspicious for row in found.rows)


def _facts(found: Audit, files: Sequence[tuple[str, Sequence[Example]]], caveat: str | None) -> dict[str, Any]:
    """What was found, ready for `json.dumps`."""
    votes = found.agreement
    return {
        "files": [{"name": name, "sentences": len(some), "opinionated": _opinionated(some)} for name, some in files],
        "label_errors": {"checked": found.checked, "found": found.count("label"), "caveat": caveat},
        "agreement": votes
        and {
            "sentences": votes.sentences,
            "votes": votes.votes,
            "alpha": votes.alpha and votes.alpha.to_dict(),
            "unanimous": round(votes.unanimous, 4),
        },
        "leaks": [
            {
                "of": leak.of,
                "values": leak.values,
                "sentences": leak.sentences,
                "baseline": round(leak.baseline, 4),
                "in_sample": round(leak.in_sample, 4),
                "out_of_sample": round(leak.out_of_sample, 4),
                "gain": leak.gain.to_dict(),
                "leaks": leak.leaks,
            }
            for leak in found.leaks
        ],
        "shared": [
            {"first": pair.first, "second": pair.second, "sentences": len(pair.repeats), "articles": pair.articles}
            for pair in found.shared
        ],
        "repeats": found.count("repeat"),
        "conflicts": found.count("conflict"),
        "suspicious": [_row(row) for row in found.rows if row.suspicious],
    }


def _opinionated(examples: Sequence[Example]) -> int:
    return sum((example.label or 0.0) >= 0.5 for example in examples)


def _row(row: Checked) -> dict[str, Any]:
    return {
        "place": row.example.place,
        "text": row.example.text,
        "label": _number(row.example.label),
        "probability": None if row.probability is None else round(row.probability, 4),
        "quality": None if row.quality is None else round(row.quality, 4),
        "issues": " ".join(row.issues),
    }


def _number(label: float | None) -> float | int | None:
    return int(label) if label in (0.0, 1.0) else label


def _write(target: Path, rows: Sequence[Checked]) -> None:
    """Write the rows with all that training reads of them.

    Votes go by another name than training looks for: they would outweigh a corrected label.
    """
    from bias.output import row_writer

    more: dict[str, list[Any]] = {
        "spans": [None if e.spans is None else [list(span) for span in e.spans] for e in _of(rows)],
        "votes_given": [e.votes and f"{e.votes[0]}/{e.votes[1]}" for e in _of(rows)],
        "opinion": [e.opinion for e in _of(rows)],
        "outlet_label": [_number(e.outlet_label) for e in _of(rows)],
        "group": [e.group for e in _of(rows)],
        "outlet": [e.outlet for e in _of(rows)],
        "leaning": [e.leaning for e in _of(rows)],
        "topic": [e.topic for e in _of(rows)],
        "weight": [e.weight if e.weight != 1 else None for e in _of(rows)],
    }
    kept = {name: values for name, values in more.items() if any(value not in (None, "") for value in values)}
    with row_writer(target) as out:
        for i, row in enumerate(rows):
            out.write(_row(row) | {name: values[i] for name, values in kept.items()})


def _of(rows: Sequence[Checked]) -> Iterator[Example]:
    return (row.example for row in rows)
