// Calls of the JSON interface; each resolves to its answer, or throws an Error with the server's one line.

async function call(path, body) {
  const options = body === undefined
    ? {}
    : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer: is bias review still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail ?? `The server answered ${response.status}.`);
  return answer;
}

export const health = () => call("/health");
export const articles = () => call("/v1/articles");
export const add = (article) => call("/v1/articles", article);
export const score = (article) => call("/v1/score", article);
export const judge = (verdict) => call("/v1/labels", verdict);

// An article, or what is to be shown of one of its sentences.
export function article(id, threshold, sentence = null) {
  const asked = Object.entries({ threshold, sentence }).filter(([, value]) => value !== null);
  return call(`/v1/articles/${encodeURIComponent(id)}?${new URLSearchParams(asked)}`);
}
