// Questions of each type: the controls that ask, and the value that the person has given.
import { make } from "./dom.js";
import { complain, givenOn } from "./screen.js";

// Returns the controls of a question. Only an earlier answer of the person is selected.
export const controlsOf = ({ text, type, options, columns, ends = [], unit = "", unit_lang, given }) => {
  const before = [given?.ticked ?? given ?? []].flat().map(String);
  const choice = (type, value, text, lang, more) =>
    make(
      "label",
      { part: "option" },
      make("input", { type, name: "v", value, checked: before.includes(value), ...more }),
      make("span", { textContent: text, lang }),
    );

  if (options) {
    const rows = options.map(({ id, text, lang, label }) => choice(type == "multiple" ? "checkbox" : "radio", id, text, lang, label && { ariaLabel: label }));
    if (!columns) return rows;
    const grid = make("div", { className: "s" }, ...rows);
    grid.style.gridTemplateColumns = columns;
    // The words stand below the points, where they have room.
    return [grid, make("div", { className: "e", ariaHidden: true }, ...ends.map(({ text, lang }) => make("small", { textContent: text, lang })))];
  }
  const input = make(type == "text" ? "textarea" : "input", {
    part: "input",
    name: "v",
    inputMode: type == "text" ? type : "decimal",
    value: before.join(),
    ariaLabel: text + " " + unit,
  });
  return [make("div", { className: type[0] }, input, make("span", { textContent: unit, lang: unit_lang }))];
};

// Returns the value that the person has given. Where there is none, says so and returns null. Numbers and texts go to the server as they
// were typed, because it knows the digits and marks of every language, and says what is wrong.
export const valueOf = (survey) => {
  const { type } = survey._question;
  const given = givenOn(survey);
  if (type == "multiple") return given;
  const text = given[0]?.trim();
  if (!text) return complain(survey, type[0] == "s" ? "choose" : type);
  return type == "scale" ? +text : text;
};

// Chooses the answer of a digit: the point of a scale, else the option at that place. Nothing is sent.
export const chooseBy = (key, { type }, inputs) =>
  [...inputs].find((input, place) => (type == "scale" ? input.value : place + 1) == key)?.click();

// Returns the options that the person has seen: those that are ticked, and those that begin above the lower edge of the window.
export const seenOf = (inputs) =>
  [...inputs].filter((input) => input.checked || input.getBoundingClientRect().top < innerHeight).map((input) => input.value);
