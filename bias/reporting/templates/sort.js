/* The index of articles, sorted by the column whose heading is pressed. Without this it stays in the articles' order. */
(() => {
  const table = document.querySelector(".index table");
  const rows = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const texts = new Intl.Collator(document.documentElement.lang, { numeric: true });

  /* What a row is sorted by: a number, a text, or nothing, which goes last either way. */
  const key = (row, column) => {
    const cell = row.classList.contains("failure") && column > 0 ? null : row.cells[column];
    if (!cell) return null;
    if (!("value" in cell.dataset)) return cell.textContent.trim();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };

  const sort = (column, direction) => {
    const compare = (one, other) => {
      const a = key(one, column), b = key(other, column);
      if (a === null || b === null) return (a === null) - (b === null);
      return direction * (typeof a === "number" ? a - b : texts.compare(a, b));
    };
    rows.append(...[...rows.rows].sort(compare));
    headings.forEach((heading) => heading.removeAttribute("aria-sort"));
    headings[column].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  };

  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    /* Names from A on first, numbers from the highest. */
    const first = column === 0 ? 1 : -1;
    button.addEventListener("click", () => {
      const sorted = heading.getAttribute("aria-sort");
      const direction = sorted === "ascending" ? -1 : sorted === "descending" ? 1 : first;
      sort(column, direction);
    });
  });
  document.querySelector(".index .sorting").hidden = false;
})();
