// Answers the widget's calls with a dry run. The answers are kept in this page only.
const answers = [];
const send = window.fetch.bind(window);
let language, consent;
let stopped = false;

window.fetch = async (address, options = {}) => {
  const path = new URL(address, location.href).pathname;
  if (!path.startsWith("/api/v1/")) return send(address, options);
  const body = options.body ? JSON.parse(options.body) : {};
  const act = path.split("/").pop();
  if (act === "sessions") {
    ({ language, consent } = body);
    answers.length = 0;
  }
  for (const { answer_id, question, kind, value } of act === "answers" ? (body.answers ?? [body]) : []) {
    if (!answers.some((known) => known.answer_id === answer_id)) answers.push({ answer_id, question, kind, value });
  }
  stopped ||= act === "finish";
  const done = { answers, language, consent, stopped, back: act === "back" };
  const reply = await send(document.documentElement.dataset.rehearsal, {
    method: "POST",
    body: JSON.stringify(done),
    headers: { "Content-Type": "text/plain" },
  });
  if (act === "back" || !reply.ok) answers.pop();
  return reply;
};
