// Between the page and the article: the page counts UTF-16 units in text nodes, the article code points.

// What stands in a sentence and is not of the article.
const ASIDE = ".tip, .verdict, .decision, [data-aside]";

function textNodes(sentence) {
  const walker = document.createTreeWalker(sentence, NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement.closest(ASIDE) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found;
}

const codePoints = (text) => [...text].length;
const units = (text, points) => [...text].slice(0, points).join("").length;

export const textOf = (sentence) => textNodes(sentence).map((node) => node.data).join("");

// [start, end] of the part of a range inside the sentence, in code points of the sentence; null if it holds no text.
export function offsetsOf(range, sentence) {
  let at = 0;
  let start = null;
  let end = null;
  for (const node of textNodes(sentence)) {
    if (range.intersectsNode(node)) {
      const from = node === range.startContainer ? range.startOffset : 0;
      const to = node === range.endContainer ? range.endOffset : node.data.length;
      if (to > from) {
        start ??= at + codePoints(node.data.slice(0, from));
        end = at + codePoints(node.data.slice(0, to));
      }
    }
    at += codePoints(node.data);
  }
  return start === null ? null : [start, end];
}

// The range of the page from one code point of the sentence to another.
export function rangeOf([start, end], sentence) {
  const range = new Range();
  let at = 0;
  let begun = false;
  for (const node of textNodes(sentence)) {
    const length = codePoints(node.data);
    if (!begun && start < at + length) {
      range.setStart(node, units(node.data, start - at));
      begun = true;
    }
    if (begun && end <= at + length) {
      range.setEnd(node, units(node.data, end - at));
      return range;
    }
    at += length;
  }
  return null;
}

// [start, end] of each word, in code points of the sentence.
export function wordsOf(sentence) {
  const text = textOf(sentence);
  return [...text.matchAll(/[\p{L}\p{N}\p{M}_]+(?:['’-][\p{L}\p{N}\p{M}_]+)*/gu)].map((match) => {
    const start = codePoints(text.slice(0, match.index));
    return [start, start + codePoints(match[0])];
  });
}
