"""Findings for code scanning and editors: SARIF 2.1.0 (OASIS, 2020)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from bias import __version__
from bias.files import replace_surrogates
from bias.levels import Level
from bias.reporting.findings import RULES, Finding, file_of, findings
from bias.reporting.marking import one_line
from bias.reporting.records import Outcome
from bias.reporting.wording import NOT_MEANT, sentence_case
from bias.types import ArticleReport

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: Mapping[Level, str] = {"low": "note", "medium": "warning", "high": "error"}
_FINGERPRINT = "textHash/v1"
_ARTICLE_KEYS = ("score", "interval", "percentile", "prior", "quotes", "threshold", "summary")


def render_sarif(outcomes: Sequence[Outcome]) -> str:
    """One run: a result for each opinionated sentence and each loaded word in it that counts and is shown, in ASCII.

    Failures and the articles' warnings are notifications of the run. Its property `articles` has the score of each
    article, its interval and percentile. A result in text that was extracted from a page, or stands in a row of a
    table, has no region, since the file has other offsets: the message of its location tells where in that text it is.
    """
    reports = [outcome for outcome in outcomes if isinstance(outcome, ArticleReport)]
    found = [(report, finding, number) for report in reports for finding, number in _numbered(report)]
    rules = [rule for rule in RULES if any(finding.rule == rule for _, finding, _ in found)]
    run = {
        "tool": {
            "driver": {
                "name": "newsbias",
                "version": __version__,
                "semanticVersion": __version__,
                "fullDescription": {"text": NOT_MEANT},
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": len(reports) == len(outcomes),
                "toolExecutionNotifications": [note for outcome in outcomes for note in _notifications(outcome)],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "results": [_result(report, finding, rules.index(finding.rule), number) for report, finding, number in found],
        "properties": {"articles": [_article(report) for report in reports]},
    }
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False) + "\n"


def uri_of(path: str) -> str:
    """A file's address: percent-encoded, with forward slashes; a relative path stays relative, another is file://."""
    pure = PurePath(replace_surrogates(path)[0])
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())


def _numbered(report: ArticleReport) -> Iterator[tuple[Finding, int]]:
    """Each finding that is shown, and its number among those of the same rule and words, shown or not."""
    seen: Counter[tuple[str, str]] = Counter()
    for finding in findings(report):
        for part in finding.parts:
            alike = (part.rule, one_line(part.text))
            seen[alike] += 1
            if part.is_shown:
                yield part, seen[alike]


def _rule(rule: str) -> dict[str, Any]:
    return {
        "id": rule,
        "shortDescription": {"text": sentence_case(RULES[rule])},
        "defaultConfiguration": {"level": "warning"},
    }


def _result(report: ArticleReport, finding: Finding, rule_index: int, number: int) -> dict[str, Any]:
    """A result; those of the same rule and words in an article are told apart by their number."""
    location: dict[str, Any] = _location(report.article.source)
    if finding.region is not None:
        location["physicalLocation"]["region"] = {
            "startLine": finding.region.start_line,
            "startColumn": finding.region.start_column,
            "endLine": finding.region.end_line,
            "endColumn": finding.region.end_column,
            "charOffset": finding.start,
            "charLength": finding.end - finding.start,
        }
    else:
        location["message"] = {"text": sentence_case(finding.place)}
    fingerprint = "\0".join((finding.rule, one_line(finding.text), str(number)))  # what is found, not where
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.level],
        **({} if report.known is None else {"baselineState": "new"}),
        "message": {"text": _message_text(finding.message)},
        "locations": [location],
        "partialFingerprints": {_FINGERPRINT: sha256(fingerprint.encode()).hexdigest()[:32]},
        "rank": round(100 * finding.probability, 1),
        "properties": {"probability": round(finding.probability, 4)},
    }


def _message_text(text: str) -> str:
    """Text that SARIF shows as it is, without arguments and links (sections 3.11.5 and 3.11.6).

    Braces, which hold the places of arguments, are doubled. An article's "](" gets a space between, as it would make a
    link of the text around it.
    """
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _location(source: str) -> dict[str, Any]:
    file, _ = file_of(source)
    return {"physicalLocation": {"artifactLocation": {"uri": uri_of(file)}}}


def _notifications(outcome: Outcome) -> Iterator[dict[str, Any]]:
    if isinstance(outcome, ArticleReport):
        source, level, messages = outcome.article.source, "warning", outcome.warnings
    else:
        source, level, messages = outcome.source, "error", (str(outcome.error),)
    for message in messages:
        text = f"{one_line(source)}: {one_line(message)}"
        yield {"level": level, "message": {"text": _message_text(text)}, "locations": [_location(source)]}


def _article(report: ArticleReport) -> dict[str, Any]:
    record = report.to_dict()
    return {
        "source": report.article.source,
        **{key: record[key] for key in _ARTICLE_KEYS},
        "model": record["model"],
    }
