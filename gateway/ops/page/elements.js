// The page's elements and how they are filled: always as text, and only when something is another than before, so that
// whoever reads a table aloud, or selects in it, is not interrupted once a second.
export const at = (id) => document.getElementById(id);

export function say(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

export function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function fill(element, children) {
  const fresh = document.createElement(element.tagName);
  fresh.append(...children);
  if (fresh.innerHTML !== element.innerHTML) element.replaceChildren(...fresh.childNodes);
}

export function rows(id, lines) {
  const body = at(id);
  const headings = [...body.closest("table").querySelectorAll("th")].map((heading) => heading.textContent);
  fill(body, lines.map((line) => {
    const cells = line.map((content, column) => {
      const cell = make("td", {}, content ?? "–");
      cell.setAttribute("role", "cell");
      cell.dataset.heading = headings[column];
      return cell;
    });
    const row = make("tr", {}, ...cells);
    row.setAttribute("role", "row");
    return row;
  }));
}

export function facts(id, pairs) {
  fill(at(id), pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value ?? "–")]));
}
