// What pages can do better with scripts; all of it can be done without. Nothing is kept anywhere.

// Tables are sorted by a button in each heading: days and numbers as such, names as the reader's
// language has it; what is empty comes last.
const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

function sortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  if (body.rows.length < 3) return;
  headings.forEach((heading, place) => {
    if (!heading.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.setAttribute("aria-label", `${table.dataset.sortable} ${heading.textContent.trim()}`);
    button.addEventListener("click", () => {
      const way = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      headings.forEach((one) => one.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      const told = (row) => row.cells[place]?.textContent.trim() ?? "";
      const rows = [...body.rows].map((row) => [told(row), row]);
      rows.sort(([one], [other]) => {
        if (!one || !other) return Boolean(other) - Boolean(one) || 0;
        return way * collator.compare(one, other);
      });
      body.append(...rows.map(([, row]) => row));
    });
    heading.append(" ", button);
  });
}

// A field for searching suggests names while one types; a suggestion that is chosen is gone to.
function suggesting(field) {
  const { suggest } = field.form.dataset;
  const list = document.createElement("datalist");
  list.id = `${field.id}-suggestions`;
  field.after(list);
  field.setAttribute("list", list.id);
  let waiting;
  let asking;
  let places = new Map();
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const query = new URLSearchParams({ q: field.value, lang: document.documentElement.lang });
    try {
      const answer = await fetch(`${suggest}?${query}`, { signal: asking.signal });
      if (!answer.ok) return;
      const [, names, kinds, addresses] = await answer.json();
      places = new Map(names.map((name, number) => [name, addresses[number]]));
      list.replaceChildren(
        ...names.map((name, number) => {
          const option = document.createElement("option");
          option.value = name;
          option.label = `${name} (${kinds[number]})`;
          return option;
        }),
      );
    } catch (fault) {
      if (fault.name !== "AbortError") places = new Map();
    }
  };
  field.addEventListener("input", (event) => {
    clearTimeout(waiting);
    const place = places.get(field.value);
    // Who chooses from the list types nothing; browsers tell the two apart in this way only.
    if (place && (event.inputType ?? "insertReplacementText") === "insertReplacementText") {
      const there = new URL(place);
      location.assign(`${there.pathname}?lang=${document.documentElement.lang}`);
    } else if (field.value.trim().length > 1) {
      waiting = setTimeout(ask, 150);
    }
  });
}

document.querySelectorAll("table[data-sortable]").forEach(sortable);
document.querySelectorAll("form[data-suggest] input[type=search]").forEach(suggesting);
