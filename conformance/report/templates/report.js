"use strict";
// pytest-html's template has neither a language, a landmark, labels, nor anything that the keyboard reaches in its table.
document.documentElement.lang = "en";
addEventListener("DOMContentLoaded", () => {
  const verdict = document.querySelector(".banner h2");
  if (verdict) document.title = `${verdict.textContent}: ${document.title}`;
  const main = document.createElement("main");
  main.append(...[...document.body.children].filter((one) => one.localName !== "footer"));
  document.body.prepend(main);
  for (const box of document.querySelectorAll("input.filter")) {
    box.setAttribute("aria-label", box.nextElementSibling.textContent.replace(/,\s*$/, ""));
  }

  // Each click draws the table anew, so that buttons are put in again and the focus returns to where it was.
  let focused = "";
  function button(cell, name, state, value) {
    let inner = cell.querySelector("button");
    if (!inner) {
      inner = document.createElement("button");
      inner.type = "button";
      inner.append(...cell.childNodes);
      cell.append(inner);
      inner.addEventListener("click", (event) => {
        event.stopPropagation();
        focused = name;
        cell.click();
      });
    }
    if (state) inner.setAttribute(state, value);
    if (name === focused) inner.focus();
  }
  function reachable() {
    for (const head of document.querySelectorAll("#results-table .sortable:not(.hidden)")) {
      button(head, `column ${head.dataset.columnType}`);
      head.ariaSort = head.matches(".asc") ? "ascending" : head.matches(".desc") ? "descending" : "none";
    }
    for (const row of document.querySelectorAll("#results-table .collapsible")) {
      const folded = row.nextElementSibling.classList.contains("hidden");
      button(row.querySelector(".col-verdict"), `row ${row.dataset.id}`, "aria-expanded", String(!folded));
    }
    focused = "";
  }
  reachable();
  new MutationObserver(reachable).observe(main, { childList: true });
});
