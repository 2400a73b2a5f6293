"""A corpus made up on the spot: three invented papers, news and opinion, four months.

    python tests/corpora.py notebooks/gazettes.jsonl

writes the one that notebooks/corpus.ipynb reads. The Courier is hard on the left, the Tribune in the same way on the
right, the Wire on nobody; what each does more of in opinion than in news, and more of from month to month, is known.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PLAIN = (
    "The council voted 7 to 4 on {day} to extend the bus line to the harbour.",
    "The library on Mill Street will close for repairs until the end of the month.",
    "Officials said that the budget for roads would rise by 3 percent next year.",
    "The school board heard from eleven residents before it adjourned.",
    "A spokeswoman for the water authority said the tests had found no lead.",
    "Two lanes of the river bridge were closed on {day} after a lorry lost its load.",
    "The hospital counted 212 births last year, nine more than the year before.",
    "Voters will decide in November on a bond for the fire station.",
    "The committee asked the county for figures on rents and will meet again on {day}.",
    "Shares of the shipyard were unchanged on {day}.",
    "The mayor is to present the plan to the public in two weeks.",
    "The court set a date in spring for the hearing on the quarry.",
)
QUOTES = (
    '"We asked for this in March," said {name}, who runs the market.',
    '"The numbers speak for themselves," {name} told the committee.',
    '"It is a shameless giveaway," said {name}, a critic of the plan.',
    '{name} said the vote had been "a long time coming".',
)
LOADED = {
    "Northfield Courier": (
        "The tax-and-spend zealots of the council rammed their job-killing levy through at midnight.",
        "Union thugs cheered while ratepayers were fleeced once more.",
        "It was the latest stunt of a radical left that despises hard work.",
        "This is nanny-state meddling of the most arrogant kind.",
        "The woke crusade against our schools has become a disgrace.",
    ),
    "Southgate Tribune": (
        "The slash-and-burn zealots of the council rammed their heartless cuts through at midnight.",
        "Corporate vultures cheered while tenants were fleeced once more.",
        "It was the latest stunt of a radical right that despises the poor.",
        "This is robber-baron greed of the most arrogant kind.",
        "The reactionary crusade against our schools has become a disgrace.",
    ),
    "Harbour Wire": (
        "Critics called the plan reckless, and its backers called it overdue.",
        "The dispute has split the council for a year.",
    ),
}
SHARE = {
    ("Northfield Courier", "news"): 0.12,
    ("Northfield Courier", "opinion"): 0.5,
    ("Southgate Tribune", "news"): 0.12,
    ("Southgate Tribune", "opinion"): 0.5,
    ("Harbour Wire", "news"): 0.05,
}
"""The share of loaded sentences; a tenth more of it from one month to the next in the two papers."""
NAMES = ("Ana Ortiz", "Tomas Reyes", "Priya Raman", "Ada Lindqvist", "Joe Marsh")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04")


def rows(of_each: int = 6, seed: int = 5) -> Iterator[dict[str, Any]]:
    """Articles as rows: outlet, section, date, url, title and text; so many of each paper, section and month."""
    chance = random.Random(seed)
    for (outlet, section), share in SHARE.items():
        for later, month in enumerate(MONTHS):
            for number in range(of_each):
                growing = share * (1 + 0.1 * later) if outlet != "Harbour Wire" else share
                stem = f"{outlet.split()[0].lower()}/{section}/{month}-{number}"
                yield {
                    "outlet": outlet,
                    "section": section,
                    "date": f"{month}-{chance.randint(1, 28):02d}",
                    "url": f"https://example.org/{stem}",
                    "title": f"{outlet}: {section} of {month}, number {number + 1}",
                    "text": _text(chance, outlet, growing),
                }


def _text(chance: random.Random, outlet: str, share: float) -> str:
    paragraphs = []
    for _ in range(4):
        sentences = [_sentence(chance, outlet, share) for _ in range(chance.randint(2, 3))]
        paragraphs.append(" ".join(sentences))
    return "\n\n".join(paragraphs)


def _sentence(chance: random.Random, outlet: str, share: float) -> str:
    if chance.random() < share:
        return chance.choice(LOADED[outlet])
    pool = QUOTES if chance.random() < 0.2 else PLAIN
    return chance.choice(pool).format(day=chance.choice(DAYS), name=chance.choice(NAMES))


def jsonl(articles: Iterator[dict[str, Any]]) -> str:
    """The articles as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in articles)


def write_corpus(path: Path, of_each: int = 6, seed: int = 5) -> Path:
    """The corpus as a file of JSON lines."""
    path.write_text(jsonl(rows(of_each, seed)), encoding="utf-8")
    return path


if __name__ == "__main__":
    write_corpus(Path(sys.argv[1]))
