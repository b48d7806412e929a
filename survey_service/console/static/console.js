// The console without this file is complete: it adds keys, the ways of a spreadsheet in the grid, and sentences beside cells.
const typing = (element) => element.closest("input:not([type=checkbox]), select, textarea, [contenteditable]");
const $ = (selector) => document.querySelector(selector);
document.documentElement.classList.add("js");

// Times are written in UTC; here they are those of the reader.
const language = document.documentElement.lang, locale = navigator.language.startsWith(language) ? navigator.language : language;
for (const time of document.querySelectorAll("time"))
  time.textContent = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(time.dateTime));

// Filters apply as soon as they are chosen.
for (const form of document.querySelectorAll("form[data-submit]"))
  form.addEventListener("change", () => {
    for (const field of form.elements) if (!field.value) field.disabled = true; // what is not set stays out of the address
    form.submit();
  });

// Keys: off while typing, and off in a browser where somebody has switched them off.
const dialog = $("#keys"), off = $("#keys-off");
off.checked = localStorage.getItem("keys") === "off";
off.addEventListener("change", () => localStorage.setItem("keys", off.checked ? "off" : "on"));
let before = "";
document.addEventListener("keydown", (event) => {
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || off.checked && event.key !== "?") return;
  if (event.key === "?") { if (!dialog.open) dialog.showModal(); return; }
  const link = [...document.querySelectorAll("[data-key]")].find((a) => a.dataset.key === event.key || a.dataset.key === `${before} ${event.key}`);
  before = event.key;
  setTimeout(() => { before = ""; }, 1500);
  if (!link) return;
  event.preventDefault();
  if (event.key === "/" && $("#q")) $("#q").focus();
  else location.assign(link.href);
});
if (location.hash === "#q") $("#q")?.focus();

// The grid.
const grid = $("form[data-grid]");
if (grid) {
  const rows = () => [...grid.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("input:not([type=hidden])")));
  const past = [];
  const place = (input) => {
    const all = rows(), y = all.findIndex((row) => row.includes(input));
    return [all, y, all[y].indexOf(input)];
  };
  const mark = (input) => input.closest("td").classList.toggle("edited", input.value !== input.dataset.was);
  const change = (changes) => {
    past.push(changes.map(([input]) => [input, input.dataset.before ?? input.value]));
    for (const [input, value] of changes) { input.value = value; input.dataset.before = value; mark(input); }
    changes[0][0].dispatchEvent(new Event("input", { bubbles: true }));
  };
  let own = false;
  for (const input of grid.querySelectorAll("td input:not([type=hidden])")) input.dataset.before = input.value;
  grid.addEventListener("input", (event) => {
    const input = event.target;
    if (own || !input.matches("td input:not([type=hidden])") || input.value === input.dataset.before) return;
    past.push([[input, input.dataset.before]]);
    input.dataset.before = input.value;
    mark(input);
  });
  grid.addEventListener("keydown", (event) => {
    const input = event.target;
    if (!input.matches("td input:not([type=hidden])")) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      event.preventDefault();
      const last = past.pop();
      if (!last) return;
      own = true;
      for (const [field, value] of last) { field.value = value; field.dataset.before = value; mark(field); }
      last[0][0].dispatchEvent(new Event("input", { bubbles: true }));
      own = false;
      last[0][0].focus();
      return;
    }
    const [dy, dx] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], Enter: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    if (!dy && !dx || event.ctrlKey || event.metaKey || event.altKey) return;
    const inside = dx < 0 ? input.selectionStart > 0 : dx > 0 ? input.selectionEnd < input.value.length : false;
    const selected = input.selectionStart === 0 && input.selectionEnd === input.value.length;
    if (inside && !selected) return;
    const [all, y, x] = place(input), next = all[y + dy]?.[x + dx];
    if (event.key === "Enter" && !next) return;
    event.preventDefault();
    if (next) { next.focus(); next.select(); }
  });
  grid.addEventListener("paste", (event) => {
    const input = event.target, text = event.clipboardData.getData("text/plain").replace(/\r/g, "").replace(/\n$/, "");
    if (!input.matches("td input:not([type=hidden])") || !/[\t\n]/.test(text)) return;
    event.preventDefault();
    const [all, y, x] = place(input);
    const changes = text.split("\n").flatMap((line, dy) => line.split("\t").map((value, dx) => [all[y + dy]?.[x + dx], value.trim()]));
    own = true;
    change(changes.filter(([field]) => field && !field.readOnly));
    own = false;
  });
  grid.addEventListener("reset", () => setTimeout(() => {
    for (const input of grid.querySelectorAll("td input:not([type=hidden])")) { input.dataset.before = input.value; mark(input); }
    past.length = 0;
    grid.dispatchEvent(new Event("input", { bubbles: true }));
  }));
  // The checker's sentences, from the figures beside the grid to the cells that they are about.
  const tell = () => {
    for (const slot of grid.querySelectorAll("[data-problem]")) slot.textContent = "";
    for (const input of grid.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    for (const item of document.querySelectorAll("#live [data-cell]")) {
      const slot = [...grid.querySelectorAll("[data-problem]")].find((small) => small.dataset.problem === item.dataset.cell);
      if (!slot) continue;
      slot.textContent = item.querySelector(".sentence").textContent;
      slot.lang = item.querySelector(".sentence [lang]")?.lang ?? document.documentElement.lang;
      slot.id = `wrong-${item.dataset.cell}`;
      const input = slot.closest("td").querySelector("input:not([type=hidden])");
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", slot.id);
    }
  };
  tell();
  const said = () => { $("#said").textContent = [$("#live h2")?.textContent, $("#live .sentence")?.textContent].filter(Boolean).join(". "); };
  new MutationObserver(said).observe($("#live"), { childList: true });
  new MutationObserver(tell).observe($("#live"), { childList: true });
}
