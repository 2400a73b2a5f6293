// Files that were dropped or chosen: each the articles in it, as the interface takes them.

function decoded(name, bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${name} is not UTF-8 text: give it to bias review on the command line.`);
  }
}

function row(line, source) {
  let values;
  try {
    values = JSON.parse(line);
  } catch {
    throw new Error(`${source} is not JSON.`);
  }
  if (typeof values?.text !== "string") throw new Error(`${source} has no text under "text".`);
  return { text: values.text, title: typeof values.title === "string" ? values.title : null, source };
}

export async function articlesOf(file) {
  const { name } = file;
  if (/\.(csv|parquet)$/i.test(name)) throw new Error(`${name} is a table: give it to bias review on the command line.`);
  const text = decoded(name, await file.arrayBuffer());
  if (!/\.jsonl$/i.test(name)) return [{ text, source: name }];
  const lines = [...text.split("\n").entries()].filter(([, line]) => line.trim());
  return lines.map(([number, line]) => row(line, `${name}:${number + 1}`));
}
