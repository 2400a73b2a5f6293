// The article that is open: which sentence is chosen, what the reviewer made of each, and how to move about.

import { offsetsOf, rangeOf, wordsOf } from "./offsets.js";

const overlaps = ([a, b], [c, d]) => a < d && c < b;

export class ArticleView {
  constructor(root, onChoose) {
    this.root = root;
    this.onChoose = onChoose;
    this.id = this.report = this.chosen = null;
    this.words = null;
    this.added = []; // ranges of the words that the reviewer marked
    const choose = (event) => {
      const sentence = event.target.closest(".sentence[data-index]");
      if (sentence) this.choose(Number(sentence.dataset.index), false);
    };
    root.addEventListener("click", choose);
    root.addEventListener("focusin", choose);
  }

  show(shown) {
    const hadFocus = this.root.contains(document.activeElement) && this.root !== document.activeElement;
    if (shown.id !== this.id) this.chosen = null;
    this.id = shown.id;
    this.report = shown.report;
    this.verdicts = new Map(shown.verdicts.map((verdict) => [verdict.sentence, verdict]));
    this.words = null;
    // The server has escaped everything that comes from the article, and the page's policy runs no script in it.
    this.root.innerHTML = shown.html;
    const sentences = [...this.root.querySelectorAll(".sentence[data-index]")];
    this.elements = new Map(sentences.map((sentence) => [Number(sentence.dataset.index), sentence]));
    for (const [index, sentence] of this.elements) sentence.tabIndex = index === 0 ? 0 : -1;
    this.drawWords();
    if (this.chosen === null) this.onChoose();
    else this.choose(this.chosen, false);
    if (hadFocus) this.element(this.chosen)?.focus({ preventScroll: true });
  }

  // Take one sentence anew, from what is shown of it alone.
  update(shown, index) {
    const old = this.element(index);
    const parsed = new DOMParser().parseFromString(shown.html, "text/html");
    const sentence = document.adoptNode(parsed.querySelector(`.sentence[data-index="${index}"]`));
    const hadFocus = old.contains(document.activeElement);
    sentence.tabIndex = old.tabIndex;
    old.replaceWith(sentence);
    this.elements.set(index, sentence);
    this.verdicts.delete(index);
    for (const verdict of shown.verdicts) this.verdicts.set(verdict.sentence, verdict);
    this.words = null;
    this.drawWords();
    if (this.chosen === index) this.choose(index, false);
    if (hadFocus) sentence.focus({ preventScroll: true });
  }

  // The words that the reviewer marked are drawn over the text, and the marks taken off say so.
  drawWords() {
    this.leave();
    for (const [index, verdict] of this.verdicts) {
      const sentence = this.element(index);
      const { start } = this.report.sentences[index];
      const marks = [...sentence.querySelectorAll("mark[data-start]")];
      const marked = marks.map((mark) => [Number(mark.dataset.start), Number(mark.dataset.end)]);
      for (const [place, mark] of marks.entries()) {
        const standing = verdict.label === "opinionated" && verdict.spans.some((span) => overlaps(span, marked[place]));
        mark.classList.toggle("taken-off", this.counts(mark) && !standing);
      }
      for (const span of verdict.spans) {
        if (marked.some(([a, b]) => a === span[0] && b === span[1])) continue;
        const range = rangeOf([span[0] - start, span[1] - start], sentence);
        if (range) this.added.push(range);
      }
    }
    if (!CSS.highlights) return;
    const all = CSS.highlights.get("added") ?? new Highlight(); // of every view: a notebook may hold several
    for (const range of this.added) all.add(range);
    CSS.highlights.set("added", all);
  }

  // Take the drawn words off the page.
  leave() {
    for (const range of this.added) CSS.highlights?.get("added")?.delete(range);
    this.added = [];
  }

  // Whether a mark is on the outlet's own words.
  counts(mark) {
    const start = Number(mark.dataset.start);
    const sentence = mark.closest(".sentence[data-index]");
    const { spans } = this.report.sentences[Number(sentence.dataset.index)];
    return this.counted(spans).some((span) => span.start === start);
  }

  counted(spans) {
    return spans.filter((span) => span.voice === "outlet" || this.report.quotes === "include");
  }

  element(index) {
    return this.elements?.get(index) ?? null;
  }

  choose(index, focus = true) {
    const before = this.root.querySelector(".sentence[aria-current]");
    const sentence = this.element(index);
    if (!sentence) {
      this.chosen = null;
      return;
    }
    if (before !== sentence) {
      before?.removeAttribute("aria-current");
      this.words = null;
    }
    this.chosen = index;
    sentence.setAttribute("aria-current", "true");
    if (focus) {
      sentence.focus({ preventScroll: true });
      sentence.scrollIntoView({ block: "center" });
    }
    this.onChoose();
  }

  move(step) {
    const last = this.report.sentences.length - 1;
    const next = this.chosen === null ? (step > 0 ? 0 : last) : this.chosen + step;
    if (next >= 0 && next <= last) this.choose(next);
  }

  nextOpen() {
    const from = this.chosen ?? -1;
    const open = this.report.sentences.filter((s) => s.label === "opinionated" && !this.verdicts.has(s.index));
    const next = open.find((s) => s.index > from) ?? open[0];
    if (next) this.choose(next.index);
    return Boolean(next);
  }

  // Select the next word of the chosen sentence, or the one before; `extend` moves the end of the selection alone.
  moveWord(step, extend) {
    const sentence = this.element(this.chosen);
    if (!sentence) return;
    const words = wordsOf(sentence);
    if (!words.length) return;
    const clamp = (place) => Math.max(0, Math.min(words.length - 1, place));
    if (!this.words) this.words = step > 0 ? [0, 0] : [words.length - 1, words.length - 1];
    else if (extend) this.words = [this.words[0], Math.max(this.words[0], clamp(this.words[1] + step))];
    else this.words = [clamp(this.words[0] + step), clamp(this.words[0] + step)];
    const range = rangeOf([words[this.words[0]][0], words[this.words[1]][1]], sentence);
    if (range) getSelection().setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
    return getSelection().toString();
  }

  // The selected words as offsets of the article; chooses the sentence that the selection begins in.
  selected() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    const node = range.startContainer;
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    const sentence = element.closest(".sentence[data-index]") ?? this.element(this.chosen);
    if (!sentence || !this.root.contains(sentence)) return null;
    const found = offsetsOf(range, sentence);
    if (!found) return null;
    const index = Number(sentence.dataset.index);
    if (index !== this.chosen) this.choose(index, false);
    return found.map((offset) => offset + this.report.sentences[index].start);
  }

  // Label and loaded words of the outlet as they stand now: the reviewer's, else the model's.
  standing(index) {
    const verdict = this.verdicts.get(index);
    if (verdict) return { label: verdict.label, spans: verdict.spans };
    const { label, spans } = this.report.sentences[index];
    return { label, spans: this.counted(spans).map((span) => [span.start, span.end]) };
  }

  // The standing words that overlap [start, end], and the others.
  split(index, range) {
    const { spans } = this.standing(index);
    return [spans.filter((span) => overlaps(span, range)), spans.filter((span) => !overlaps(span, range))];
  }
}
