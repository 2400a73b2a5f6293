// The page: queue, the open article, verdicts by button and key.

import * as api from "./api.js";
import { ArticleView } from "./article.js";
import { articlesOf } from "./files.js";

const at = (id) => document.getElementById(id);
const view = new ArticleView(at("article"), describeChosen);
const done = []; // what undo takes back, newest last
const narrow = matchMedia("(max-width: 52rem)"); // as in the style sheet
let queue = [];
let threshold = null; // that of the model, unless the reviewer has moved the slider
let busy = Promise.resolve();
let waiting = 0;

function say(text, isError = false) {
  at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

// One thing at a time, in the order asked for; what goes wrong is told, and nothing on the page pretends otherwise.
function run(task) {
  waiting += 1;
  at("article").setAttribute("aria-busy", "true");
  busy = busy.then(task).catch((error) => say(error.message, true)).then(() => {
    waiting -= 1;
    at("article").setAttribute("aria-busy", String(waiting > 0));
  });
}

// The queue

async function refreshQueue() {
  queue = await api.articles();
  showQueue();
}

function showQueue() {
  const finished = queue.filter((item) => item.sentences !== null && item.judged >= item.sentences).length;
  const judged = queue.reduce((sum, item) => sum + item.judged, 0);
  at("progress").textContent = queue.length
    ? `${finished} of ${queue.length} articles done, ${judged} sentences judged`
    : "";
  at("articles").replaceChildren(...queue.map(queueItem));
}

function queueItem(item) {
  const link = document.createElement("a");
  link.href = `#${item.id}`;
  const name = document.createElement("b");
  name.textContent = item.title ?? item.source.split("/").at(-1);
  link.title = item.source;
  const count = document.createElement("span");
  count.className = "faint";
  count.textContent = item.sentences === null ? `${item.judged} judged` : `${item.judged} of ${item.sentences} judged`;
  link.append(name, count);
  if (item.sentences) {
    const bar = document.createElement("progress");
    bar.max = item.sentences;
    bar.value = item.judged;
    bar.setAttribute("aria-hidden", "true");
    link.append(bar);
  }
  if (item.id === view.id) link.setAttribute("aria-current", "page");
  const row = document.createElement("li");
  row.append(link);
  return row;
}

async function open(id) {
  if (!id || id === "article") return;
  if (id !== view.id) {
    threshold = null;
    say("Scoring …");
  }
  present(await api.article(id, threshold));
  say("");
  await refreshQueue();
}

function present(shown) {
  const isNew = shown.id !== view.id;
  view.show(shown);
  const { article, threshold: from } = shown.report;
  document.title = `${article.title ?? article.source} – newsbias review`;
  const percent = Math.round(100 * from);
  at("threshold").value = String(percent);
  at("threshold-value").textContent = `${percent} %`;
  at("bar").hidden = false;
  countVerdicts();
  if (!isNew) return;
  if (narrow.matches) at("queue").open = false;
  view.root.scrollTo({ top: 0, behavior: "instant" });
}

function countVerdicts() {
  const item = queue.find((found) => found.id === view.id);
  if (!item) return;
  item.sentences = view.report.sentences.length;
  item.judged = view.verdicts.size;
  showQueue();
}

// Show what became of the sentences: one by itself, for a long article takes long to draw.
async function refresh(article, sentences) {
  if (article !== view.id || sentences.length > 1) return present(await api.article(article, threshold));
  view.update(await api.article(article, threshold, sentences[0]), sentences[0]);
  countVerdicts();
}

function stepArticle(step) {
  const next = queue[queue.findIndex((item) => item.id === view.id) + step];
  if (next) location.hash = next.id;
  else say(step > 0 ? "That was the last article." : "That was the first article.");
}

// Verdicts

function describeChosen() {
  const { chosen, report } = view;
  if (chosen === null || !report) {
    at("selected").textContent = "No sentence is chosen: click one, or press j.";
    return;
  }
  const { label, spans } = view.standing(chosen);
  const sentence = report.sentences[chosen];
  const points = [...sentence.text];
  const words = spans.map(([start, end]) => points.slice(start - sentence.start, end - sentence.start).join(""));
  const verdict = view.verdicts.get(chosen);
  at("selected").textContent =
    `Sentence ${chosen + 1} of ${report.sentences.length}: ${label}` +
    (words.length ? `, by “${words.join("”, “")}”` : "") +
    (verdict ? ` (${verdict.decision})` : " (no verdict)");
}

async function save(told, verdict, { goOn = false } = {}) {
  const before = verdict.sentences.map((index) => [index, view.verdicts.get(index) ?? null]);
  const article = view.id;
  await api.judge({ article, threshold, ...verdict });
  done.push({ article, before });
  await refresh(article, verdict.sentences);
  if (goOn) view.move(1);
  say(`Saved: ${told}.`);
}

async function undo() {
  const last = done.at(-1);
  if (!last) return say("There is nothing to undo.");
  const { article } = last;
  const bare = last.before.filter(([, verdict]) => !verdict).map(([index]) => index);
  if (bare.length) await api.judge({ article, sentences: bare, action: "take_back" });
  for (const [index, verdict] of last.before) {
    if (!verdict) continue;
    await api.judge({ article, sentences: [index], action: "label", label: verdict.label, spans: verdict.spans, threshold });
  }
  done.pop();
  await refresh(article, last.before.map(([index]) => index));
  if (location.hash !== `#${article}`) location.hash = article;
  view.choose(last.before[0][0]);
  say("Undone, and saved.");
}

const label = (index, value) => save(value, { sentences: [index], action: "label", label: value }, { goOn: true });
const words = (index, spans, told) =>
  save(told, { sentences: [index], action: "label", label: "opinionated", spans });

const actions = {
  accept: (index) => save("accepted", { sentences: [index], action: "accept" }, { goOn: true }),
  reject: (index) => label(index, view.report.sentences[index].label === "opinionated" ? "neutral" : "opinionated"),
  opinionated: (index) => label(index, "opinionated"),
  neutral: (index) => label(index, "neutral"),
};

function mark() {
  const range = view.selected();
  if (!range) return say("Select the words first, with the mouse or the arrow keys → and ←.");
  const { label: standing, spans } = view.standing(view.chosen);
  return words(view.chosen, standing === "opinionated" ? [...spans, range] : [range], "words marked");
}

function unmark() {
  const focused = document.activeElement.closest?.("mark[data-start]");
  const range = view.selected() ?? (focused && [Number(focused.dataset.start), Number(focused.dataset.end)]);
  const [gone, kept] = view.chosen === null || !range ? [[], []] : view.split(view.chosen, range);
  if (!gone.length) return say("Go to a marked word first: by Tab, or select it.");
  return words(view.chosen, kept, "mark taken off");
}

function acceptRest() {
  const open = view.report.sentences.map((s) => s.index).filter((index) => !view.verdicts.has(index));
  if (!open.length) return say("Every sentence has a verdict.");
  return save(`${open.length} accepted`, { sentences: open, action: "accept" });
}

const whole = { mark, unmark, undo, rest: acceptRest };

function act(name) {
  if (!view.report) return;
  run(() => {
    if (whole[name]) return whole[name]();
    if (view.chosen === null) return say("Choose a sentence first: click it, or press j.");
    return actions[name](view.chosen);
  });
}

function moveWord(step, extend) {
  if (view.chosen === null) return say("Choose a sentence first: click it, or press j.");
  const selected = view.moveWord(step, extend);
  if (selected) say(`Selected: ${selected}`);
}

const keys = {
  a: () => act("accept"), r: () => act("reject"), o: () => act("opinionated"), n: () => act("neutral"),
  m: () => act("mark"), x: () => act("unmark"), u: () => act("undo"), A: () => act("rest"),
  j: () => run(() => view.move(1)), ArrowDown: () => run(() => view.move(1)),
  k: () => run(() => view.move(-1)), ArrowUp: () => run(() => view.move(-1)),
  f: () => run(() => view.nextOpen() || say("No opinionated sentence is left without a verdict.")),
  ArrowRight: (event) => run(() => moveWord(1, event.shiftKey)),
  ArrowLeft: (event) => run(() => moveWord(-1, event.shiftKey)),
  "]": () => stepArticle(1), "[": () => stepArticle(-1), "?": () => at("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, dialog[open], summary, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
  if ((!view.report || !at("keys").checked) && event.key !== "?") return;
  event.preventDefault();
  keys[event.key](event);
});

at("keys").checked = localStorage.getItem("keys") !== "off";
at("keys").addEventListener("change", () => localStorage.setItem("keys", at("keys").checked ? "on" : "off"));

at("bar").addEventListener("pointerdown", (event) => {
  if (event.target.closest("button")) event.preventDefault(); // keeps the selection of words
});
at("bar").addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) act(button.dataset.action);
});
narrow.addEventListener("change", () => {
  at("queue").open = !narrow.matches;
});
at("help-open").addEventListener("click", () => at("help").showModal());
at("threshold").addEventListener("input", () => {
  at("threshold-value").textContent = `${at("threshold").value} %`;
});
at("threshold").addEventListener("change", () => {
  threshold = Number(at("threshold").value) / 100;
  run(async () => present(await api.article(view.id, threshold)));
});

// New articles

at("paste").addEventListener("submit", (event) => {
  event.preventDefault();
  run(async () => {
    say("Scoring …");
    threshold = null;
    const shown = await api.score({ text: at("text").value, title: at("title").value || null });
    present(shown);
    history.pushState(null, "", `#${shown.id}`);
    at("paste").reset();
    say("");
    await refreshQueue();
    view.root.focus();
  });
});

async function addFiles(files) {
  const added = [];
  for (const file of files) {
    for (const article of await articlesOf(file)) added.push(await api.add(article));
  }
  if (!added.length) return;
  await refreshQueue();
  say(`Added to the queue: ${added.length}.`);
  location.hash = added[0].id;
}

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  run(() => addFiles(files));
});
at("files").addEventListener("change", () => {
  const files = [...at("files").files];
  at("files").value = "";
  run(() => addFiles(files));
});

window.addEventListener("hashchange", () => {
  const id = location.hash.slice(1);
  if (id !== view.id) run(() => open(id));
});

run(async () => {
  const { model, reviewer, labels } = await api.health();
  at("model").textContent = `${model.name} ${model.version}, reviewer ${reviewer}`;
  at("labels").textContent = labels;
  await refreshQueue();
  await open(location.hash.slice(1) || queue[0]?.id);
});
