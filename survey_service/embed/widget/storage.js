// What the browser remembers of a survey: its start in localStorage, and declined invitations for as long as this page is open.
import { HOST } from "./api.js";

// The ids of surveys whose invitation was declined on this page.
export const DECLINED = new Set();

// Returns whom the survey is for, as the page says it: what is remembered of one person is not used for another. The first part of a signed
// identity is its contact, which stays the same when the identity is signed anew.
const person = (survey) => survey._element.getAttribute("identity")?.split(".")[0] || survey._link || "";

// Stores a value about this survey and person, or returns what is stored. Where the browser forbids the storage, nothing is remembered.
export const stored = (survey, purpose, value) => {
  const key = [HOST, survey._name, purpose, person(survey)];
  try {
    return value == null ? localStorage[key] : (localStorage[key] = value);
  } catch {}
};

// Stores the key of the start, or "" for somebody who did not agree. Without the attribute "remember" it does not touch the storage.
export const memory = (survey, value) => survey._element.hasAttribute("remember") && stored(survey, "start", value);

// Returns whether an invitation was shown here less than the days ago that the attribute "every" names, and stores that it is shown now.
export const wasInvited = (survey) => {
  const days = survey._element.getAttribute("every");
  const now = Date.now();
  return days && (now - stored(survey, "invited") < days * 864e5 || (stored(survey, "invited", now), false));
};
