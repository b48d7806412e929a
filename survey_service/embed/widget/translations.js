// The texts that the widget says. The server sends them with the session, in its language; attributes of the page go first.

// Returns the text for a key: that of the attribute label-*, or that of the server.
// Facts about the question fill its gaps, such as {n} and {most}; an unknown fact shows as an ellipsis.
export const word = (survey, key) => {
  const text = survey._element.getAttribute("label-" + key) ?? survey._words[key];
  const facts = { most: survey._most, ...survey._question };
  return text.replace(/{(\w+)}/g, (_, name) => facts[name] ?? "…");
};
