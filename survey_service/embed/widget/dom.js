// Two helpers for the DOM.

// Creates a node with its properties and its children.
export const make = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

// Dispatches an event that page scripts can observe on any ancestor. Returns false where a listener has prevented it.
export const emit = (survey, type, detail, cancelable) =>
  survey._element.dispatchEvent(new CustomEvent(type, { detail, cancelable, bubbles: true, composed: true }));
