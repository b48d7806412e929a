// The start of a session. The server gives the same session for the same start, so a remembered start resumes it.
import { call } from "./api.js";
import { emit, newId } from "./dom.js";
import { memory } from "./storage.js";

// Asks the server for the session and returns its view: the remembered one, or a new one where that has expired or is somebody else's.
// Returns undefined where nobody shall be asked. The server gives no token while it waits for consent.
export const begin = async (survey) => {
  const known = memory(survey);
  const old = survey._session;
  // Somebody who did not agree is asked again only after pressing something, such as what opens the dialog.
  if (known === "" && !survey._acted) return;
  survey._start ??= known || newId();
  const view = await ask(survey, known || old).catch((problem) => {
    if (!known || problem.code != "somebody_else") throw problem;
  });
  if (view && !(known && view.status == "expired")) return view;
  survey._start = newId();
  return ask(survey);
};

const ask = async (survey, resumes) => {
  const element = survey._element;
  const hidden = {};
  for (const { name, value } of element.attributes) if (/^hidden-/.test(name)) hidden[name.slice(7)] = value;
  survey._session = null;
  const view = await call(survey, {
    start_id: survey._start,
    page: location.origin + location.pathname,
    // Without one the server takes the browser's.
    language: languageOf(element),
    identity: element.getAttribute("identity"),
    link: survey._link,
    consent: !!survey._agreed,
    words: true,
    hidden,
  });
  view.left_out?.map(({ path, message }) => console.warn("Discern:", path, message));
  const { session, token } = view;
  if (token) {
    survey._session = session;
    survey._token = token;
    memory(survey, survey._start);
    if (!resumes) emit(survey, "surveystart", { session });
  }
  return view;
};

// Returns the language of the nearest element that names one. A shadow root is part of the element that has it.
const languageOf = (node) => {
  for (; node; node = node.getRootNode().host) {
    const language = node.closest("[lang]")?.lang;
    if (language) return language;
  }
};
