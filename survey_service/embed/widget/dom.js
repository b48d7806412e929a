// Helpers for the DOM and the browser.

// Creates a node with its properties and its children. A text that the bank does not translate has its own language.
export const make = (tag, { lang, ...properties } = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  if (lang) node.lang = lang;
  node.append(...children);
  return node;
};

// Dispatches an event that page scripts can observe on any ancestor. Returns false where a listener has prevented it.
export const emit = (survey, type, detail, cancelable) =>
  survey._element.dispatchEvent(new CustomEvent(type, { detail, cancelable, bubbles: true, composed: true }));

// Returns 160 random bits as text. Math.random may be replaced by the page, and randomUUID needs https.
export const newId = () => crypto.getRandomValues(new Uint32Array(5)).join("-");
