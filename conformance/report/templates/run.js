"use strict";
(() => {
  const form = document.getElementById("filter");
  const status = document.getElementById("shown");
  const text = document.getElementById("text");
  const boxes = [...form.querySelectorAll("input[name=verdict]")];
  const cases = [...document.querySelectorAll(".case")];
  const words = new Map();

  function matches(one, wanted, verdicts) {
    if (!words.has(one)) words.set(one, one.textContent.toLowerCase());
    return verdicts.has(one.dataset.verdict) && words.get(one).includes(wanted);
  }

  function filter() {
    const wanted = text.value.trim().toLowerCase();
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const narrowed = wanted !== "" || verdicts.size < boxes.length;
    // What stands inside a finding goes first, so that the finding stays where one of them does.
    const kept = new Set(cases.filter((one) => matches(one, wanted, verdicts)));
    for (const one of cases) one.hidden = !kept.has(one) && ![...one.querySelectorAll(".case")].some((inner) => kept.has(inner));
    if (narrowed) for (const one of kept) for (let up = one.parentElement.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
    for (const group of document.querySelectorAll(".group")) group.hidden = ![...group.querySelectorAll(".case")].some((one) => !one.hidden);
    status.textContent = narrowed ? `${kept.size} of ${cases.length} requirements` : "";
  }

  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));

  // A link to what is folded away opens it.
  function open() {
    const aim = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!aim) return;
    for (let up = aim.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
    aim.scrollIntoView();
  }
  addEventListener("hashchange", open);
  open();

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        // Where the clipboard is out of reach, the command is at least selected.
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
})();
