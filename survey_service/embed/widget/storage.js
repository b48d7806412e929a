// What the browser remembers of a survey: its start, and when it invited last.
import { HOST } from "./api.js";

const PAGE = {};

// Stores a value about this survey and person, or returns what is stored: in localStorage where the page allows it, an invitation otherwise for
// as long as this page is open. Where the browser forbids the storage, nothing is remembered. What is remembered of one person is not used for
// another: the first part of a signed identity is its contact, which stays the same when the identity is signed anew.
const stored = (survey, allowed, purpose, value) => {
  const element = survey._element;
  const key = [HOST, survey._name, purpose, element.getAttribute("identity")?.split(".")[0] || survey._link];
  try {
    const storage = element.hasAttribute(allowed) ? localStorage : survey._box.popover ? PAGE : {};
    return value == null ? storage[key] : (storage[key] = value);
  } catch {}
};

// Stores the key of the start, or "" for somebody who did not agree or declined the invitation; without a value, returns what is stored.
export const memory = (survey, value) => stored(survey, "remember", "start", value);

// Returns whether an invitation was shown here less than the days ago that the attribute "every" names, and stores that it is shown now.
export const wasInvited = (survey) => {
  const days = survey._element.getAttribute("every");
  const now = Date.now();
  return days && (now - stored(survey, "every", "invited") < days * 864e5 || (stored(survey, "every", "invited", now), false));
};
