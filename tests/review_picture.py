"""Makes docs/review.png, the picture of the review page: python tests/review_picture.py."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from browser import Server, chromium, click_first_line
from factories import harbour
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SEEDS = ("07-column-tax-cut.txt", "08-column-tax-rise.txt", "01-wire-market-attack.txt")

KEYS = {
    0: ("a",),
    1: ("a",),
    3: ("a",),
    5: (*["ArrowRight"] * 3, "m"),  # predictably
    6: ("a",),
}
"""What is pressed on which sentence, by its index."""


def main() -> None:
    """Judge a few sentences and take the picture."""
    with TemporaryDirectory() as folder, chromium() as browser:
        article = harbour().article
        queue = Path(folder) / "drafts.jsonl"
        queue.write_text(json.dumps({"text": article.text, "title": article.title}), "utf-8")
        seeds = [str(ROOT / "seeds" / name) for name in SEEDS]
        with Server(Path(folder), ROOT / "models/default", str(queue), *seeds) as server:
            page = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=2)
            page.goto(server.address)
            page.wait_for_selector(".sentence[data-index]")
            for index, keys in KEYS.items():
                click_first_line(page, index)
                for key in keys:
                    page.keyboard.press(key)
                    page.wait_for_selector("main[aria-busy=false]")
            drawn = Image.open(BytesIO(page.screenshot())).convert("RGB")
    # A third of the bytes, which no eye misses.
    drawn.quantize(128, dither=Image.Dither.NONE).save(ROOT / "docs" / "review.png", optimize=True)


if __name__ == "__main__":
    main()
