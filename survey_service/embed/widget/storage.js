// What the browser remembers of a survey: the session, in localStorage, and declined invitations, for as long as this page is open.
import { HOST } from "./api.js";

// The ids of surveys whose invitation was declined on this page.
export const DECLINED = new Set();

// Stores [path, token] of a session, or [] for somebody who did not agree; without a value, returns what is stored.
// Without the attribute "remember" it does not touch the storage. Where the browser forbids the storage, nothing is remembered.
export const memory = ({ _element: element }, value) => {
  const key = HOST + element.getAttribute("survey");
  try {
    if (element.hasAttribute("remember")) return value ? (localStorage[key] = JSON.stringify(value)) : JSON.parse(localStorage[key]);
  } catch {}
};
