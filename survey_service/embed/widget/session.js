// The start of a session: a remembered session is resumed, otherwise the server begins a new one.
import { call } from "./api.js";
import { emit } from "./dom.js";
import { memory } from "./storage.js";

// Returns the view of the remembered session. Returns undefined where a new session shall begin, and {} where nobody shall be asked.
export const resume = async (survey) => {
  try {
    // Where nothing is remembered, this throws, and a new session begins.
    const [path, token] = memory(survey);
    // Somebody who did not agree is asked again only after pressing something, such as what opens the dialog.
    if (!path) return survey._acted ? undefined : {};
    survey._token = token;
    const view = await call(survey, path + "?words");
    if (view.status == "expired") return;
    survey._path = path;
    return view;
  } catch {}
};

// Asks the server to begin a session and returns its first view. The server gives no token while it waits for consent.
export const begin = async (survey) => {
  const element = survey._element;
  const hidden = {};
  for (const { name, value } of element.attributes) if (name.startsWith("hidden-")) hidden[name.slice(7)] = value;
  const link = element.getAttribute("link");
  const view = await call(survey, `surveys/${element.getAttribute("survey")}/sessions`, {
    page: location.origin + location.pathname,
    language: element.closest("[lang]")?.lang || navigator.language,
    identity: element.getAttribute("identity"),
    // An empty attribute means that the address of the page carries the token of the link.
    link: link == "" ? location.hash.split("discern=")[1] : link,
    consent: survey._agreed,
    words: true,
    hidden,
  });
  const { session, token } = view;
  if (token) {
    survey._path = `sessions/${session}`;
    survey._token = token;
    memory(survey, [survey._path, token]);
    emit(survey, "surveystart", { session });
  }
  return view;
};
