// Comfort for those whose browser runs scripts: find, sort, and print with everything open.
"use strict";
for (const field of document.querySelectorAll(".find")) {
  field.hidden = false;
  const input = field.querySelector("input");
  const found = field.querySelector("#found");
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const list of document.querySelectorAll("details.list")) {
      let here = 0;
      for (const one of list.querySelectorAll("article, table.rows tbody tr")) {
        const fits = one.textContent.toLowerCase().includes(wanted);
        one.hidden = !fits;
        here += fits ? 1 : 0;
      }
      if (wanted !== "" && here > 0) list.open = true;
      shown += here;
    }
    found.textContent = wanted === "" ? "" : shown + (shown === 1 ? " fits" : " fit");
  });
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") === "descending";
      const rising = head.classList.contains("number") ? falls : head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        const order = a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b);
        return rising ? order : -order;
      });
      body.append(...rows);
    });
  });
}
addEventListener("beforeprint", () => {
  for (const closed of document.querySelectorAll("details:not([open])")) {
    closed.open = true;
    closed.dataset.opened = "";
  }
});
addEventListener("afterprint", () => {
  for (const opened of document.querySelectorAll("details[data-opened]")) {
    opened.open = false;
    delete opened.dataset.opened;
  }
});
