// The review of one report in a notebook: the article, the buttons below it, and the same keys as on the page.

import { ArticleView } from "./article.js";

const BUTTONS = [
  ["accept", "Accept", "a"], ["reject", "Reject", "r"], ["opinionated", "Opinionated", "o"], ["neutral", "Neutral", "n"],
  ["mark", "Mark words", "m"], ["unmark", "Unmark", "x"], ["undo", "Undo", "u"], ["rest", "Accept the rest", "A"],
];
const MOVES = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
const HELP =
  "Click a sentence, or move with j and k. Select words with the mouse or with → and ← (with Shift several), then mark them.";

function make(name, attributes = {}, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

function render({ model, el }) {
  const article = make("div", { class: "article", tabindex: "0", role: "group", "aria-label": "Article" });
  const selected = make("p", { class: "selected" });
  const progress = make("p", { class: "progress" });
  const status = make("p", { class: "status", role: "status" });
  const buttons = BUTTONS.map(([action, name, key]) =>
    make("button", { type: "button", "data-action": action }, `${name} `, make("kbd", {}, key === "A" ? "Shift a" : key)));
  const actions = make("div", { class: "actions", role: "group", "aria-label": "Verdict on the chosen sentence" }, ...buttons);
  const help = make("p", { class: "help" }, HELP);
  // JupyterLab has commands on single keys, and one of them deletes cells.
  const root = make("div", { class: "newsbias-review", "data-lm-suppress-shortcuts": "true" },
    article, make("div", { class: "bar" }, selected, progress, actions, help), status);
  const view = new ArticleView(article, describe);
  let goOn = false;

  const say = (text, isError = false) => {
    status.textContent = text;
    status.classList.toggle("error", isError);
  };

  function describe() {
    const { chosen, report } = view;
    if (chosen === null || !report) {
      selected.textContent = "No sentence is chosen.";
      return;
    }
    const { label, spans } = view.standing(chosen);
    const sentence = report.sentences[chosen];
    const points = [...sentence.text];
    const words = spans.map(([start, end]) => points.slice(start - sentence.start, end - sentence.start).join(""));
    const verdict = view.verdicts.get(chosen);
    selected.textContent = `Sentence ${chosen}: ${label}` + (words.length ? `, by “${words.join("”, “")}”` : "") +
      ` (${verdict ? verdict.decision : "no verdict"})`;
  }

  function draw() {
    view.show({ ...model.get("_article"), ...model.get("_state") });
    progress.textContent = `${view.verdicts.size} of ${view.report.sentences.length} sentences judged`;
  }

  const send = (content, next = false) => {
    goOn = next;
    model.send(content);
  };
  const label = (value, spans, next = false) => send({ action: "label", sentence: view.chosen, label: value, spans }, next);

  function mark() {
    const range = view.selected();
    if (!range) return say("Select the words first, with the mouse or the keys → and ←.");
    const { label: standing, spans } = view.standing(view.chosen);
    label("opinionated", standing === "opinionated" ? [...spans, range] : [range]);
  }

  function unmark() {
    const focused = document.activeElement.closest?.("mark[data-start]");
    const range = view.selected() ?? (focused && [Number(focused.dataset.start), Number(focused.dataset.end)]);
    const [gone, kept] = view.chosen === null || !range ? [[], []] : view.split(view.chosen, range);
    if (!gone.length) return say("Go to a marked word first: by Tab, or select it.");
    label("opinionated", kept);
  }

  const onSentence = {
    accept: () => send({ action: "accept", sentence: view.chosen }, true),
    reject: () => send({ action: "reject", sentence: view.chosen }, true),
    opinionated: () => label("opinionated", null, true),
    neutral: () => label("neutral", null, true),
    mark, unmark,
  };
  const onAll = { undo: () => send({ action: "undo" }), rest: () => send({ action: "rest" }) };

  function act(name) {
    if (onAll[name]) onAll[name]();
    else if (name !== "mark" && view.chosen === null) say("Choose a sentence first: click it, or press j.");
    else onSentence[name]();
  }

  function answered(content) {
    if (content.error) say(content.error, true);
    else {
      if (goOn) view.move(1);
      say(content.done === "undo" ? "Undone." : model.get("_state").saved ? "Saved." : "Noted, in the notebook’s memory.");
    }
    goOn = false;
  }

  article.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const button = BUTTONS.find(([, , key]) => key === event.key);
    if (button) act(button[0]);
    else if (MOVES[event.key]) view.move(MOVES[event.key]);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      if (view.chosen === null) return;
      view.moveWord(event.key === "ArrowRight" ? 1 : -1, event.shiftKey);
    } else return;
    event.preventDefault();
  });
  root.addEventListener("keydown", (event) => event.stopPropagation());
  article.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']"); // those of the strip and the table of terms
    const sentence = link && article.querySelector(`[id="${CSS.escape(link.hash.slice(1))}"][data-index]`);
    if (!link) return;
    event.preventDefault(); // the address is the notebook's
    if (sentence) view.choose(Number(sentence.dataset.index));
  });
  actions.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button")) event.preventDefault(); // keeps the selection of words
  });
  actions.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (button) act(button.dataset.action);
  });

  model.on("change:_state", draw);
  model.on("msg:custom", answered);
  el.append(root);
  draw();
  return () => {
    model.off("change:_state", draw);
    model.off("msg:custom", answered);
    view.leave();
  };
}

export default { render };
