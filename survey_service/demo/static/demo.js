// The CRM's side of the demo page. It listens to the events of the element and polls the service and the demo's CRM.
const EVERY = 700;
const crm = document.querySelector("#crm");
const { survey, receiver, verified, rejected, noReceiver, noHooks, hook, hooks } = crm.dataset;
const memory = [location.origin, survey, "start", ""]; // where the widget keeps the key of its start, because the page says `remember`
const part = (id) => document.querySelector(`#${id}`);
const make = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

const language = document.documentElement.lang;

part("restart").onclick = () => {
  delete localStorage[memory];
  location.reload();
};

const before = {}; // what was shown last, by persona

function showBelief({ personas, headline }) {
  part("headline").textContent = headline;
  const changed = personas.some(({ id, probability }) => id in before && before[id] !== probability);
  const top = Math.max(...personas.map((persona) => persona.probability));
  const bars = part("belief");
  personas.forEach(({ id, name, probability }) => {
    let row = bars.querySelector(`[data-persona="${id}"]`);
    if (!row) {
      row = make("li", {}, make("span", { textContent: name }), make("em"), make("b"), make("i"));
      row.dataset.persona = id;
      bars.append(row);
    }
    const share = `${(probability * 100).toFixed(0)}%`;
    row.className = probability === top ? "top" : "";
    row.querySelector("b").textContent = share;
    if (changed) {
      const points = Math.round((probability - before[id]) * 100);
      row.querySelector("em").textContent = points > 0 ? `+${points}` : points < 0 ? `−${-points}` : "0";
      row.querySelector("em").className = points > 0 ? "up" : "";
    }
    before[id] = probability;
    row.querySelector("i").style.setProperty("--share", share);
  });
}

function showAnswers({ answers }) {
  part("no-answers").hidden = answers.length > 0;
  const list = part("answers");
  const rows = answers.map(({ question, answer, weight, bits }, place) =>
    make("li", { className: bits && place === answers.length - 1 ? "tells" : "" }, make("span", { textContent: question }), make("br"), make("strong", { textContent: answer }), make("small", { textContent: ` ${weight}` })));
  if (list.textContent !== rows.map((row) => row.textContent).join("")) list.replaceChildren(...rows);
}

function showHooks(events) {
  part("no-hooks").textContent = noHooks;
  part("no-hooks").hidden = events.length > 0;
  part("messages").hidden = !events.length;
  part("messages").querySelector("summary").textContent = events.length === 1 ? hook : hooks.replace("{number}", events.length);
  const list = part("hooks");
  for (const event of events) {
    if (list.querySelector(`[data-event="${event.id}"]`)) continue;
    const summary = make("summary", {}, make("code", { textContent: event.type }), make("span", { textContent: `#${event.sequence ?? "–"}` }),
      make("span", { className: event.verified ? "good" : "bad", textContent: event.verified ? `✓ ${verified}` : `✗ ${rejected}` }),
      make("time", { textContent: new Date(event.at).toLocaleTimeString(language === "en" ? "en-GB" : language) }));
    const row = make("li", {}, make("details", {}, summary, make("pre", { tabIndex: 0, textContent: JSON.stringify(event.body, null, 2) })));
    row.dataset.event = event.id;
    list.prepend(row);
  }
}

async function json(url, options) {
  const reply = await fetch(url, { cache: "no-store", ...options });
  if (!reply.ok) throw new Error(`${reply.status} from ${url}`);
  return reply.json();
}

// The session that the widget has begun: the same start leads to it again.
let begun = {};
async function session() {
  const start_id = localStorage[memory];
  if (start_id && begun.start_id !== start_id) {
    const view = await json(`/api/v1/surveys/${survey}/sessions`, { method: "POST", body: JSON.stringify({ start_id }) });
    begun = { start_id, session: view.session, token: view.token };
  }
  return start_id && begun;
}

async function refresh() {
  try {
    const found = await session();
    if (!found) return;
    const state = await json(`/demo/state?${new URLSearchParams({ session: found.session, token: found.token })}`);
    showBelief(state);
    showAnswers(state);
    const { events } = await json(`${receiver}/received?contact=${state.contact}`);
    showHooks(events);
  } catch (problem) {
    part("no-hooks").hidden = false;
    part("no-hooks").textContent = noReceiver;
    console.warn(problem.message);
  }
}

async function watch() {
  await refresh();
  setTimeout(watch, EVERY);
}

document.querySelector("persona-survey").addEventListener("surveystart", refresh);
watch();
