// Filters the rows of a table by what is typed. The page is complete without it. It loads and sends nothing.
(() => {
  const place = document.getElementById("filter");
  const table = document.querySelector("table.rows");
  if (!place || !table) return;
  const rows = Array.from(table.tBodies[0].rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("span");
  label.textContent = place.textContent;
  input.type = "search";
  input.autocomplete = "off";
  input.spellcheck = false;
  label.append(input);
  place.replaceChildren(label, count);
  place.className = "filter";
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      if (!row.hidden) shown += 1;
    });
    count.textContent = `${shown} / ${rows.length}`;
  };
  input.addEventListener("input", show);
  show();
})();
