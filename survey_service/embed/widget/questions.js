// Questions of each type: the controls that ask, and the value that the person has given.
import { make } from "./dom.js";
import { complain, givenOn } from "./screen.js";

// Returns the controls of a question. Only an earlier answer of the person is selected.
export const controlsOf = ({ text, type, options, min, max, labels = {}, labels_lang, unit = "", unit_lang, given }) => {
  const before = [given?.ticked ?? given ?? []].flat().map(String);
  const choice = (type, value, text, lang, more) =>
    make(
      "label",
      { part: "option" },
      make("input", { type, name: "v", value, checked: before.includes(value), ...more }),
      make("span", { textContent: text, lang }),
    );

  if (options)
    return options.map(({ id, text, lang }) => choice(type == "single" ? "radio" : "checkbox", id, text, lang));
  if (type == "scale") {
    // Points stand in rows of five, or of six where a row of five would leave a single point in the last: 5 + 5, 6 + 5. Their words stand
    // below, where they have room.
    const points = make("div", { className: "s" });
    points.style.setProperty("--n", (max - min) % 5 ? 5 : 6);
    const texts = Object.keys(labels).map((point) => make("small", { textContent: point + " " + labels[point], lang: labels_lang?.[point] }));
    for (; min <= max; min++) points.append(choice("radio", `${min}`, min, "", labels[min] && { ariaLabel: min + " " + labels[min] }));
    return [points, make("div", { className: "e", ariaHidden: true }, ...texts)];
  }
  const input = make(type == "text" ? "textarea" : "input", {
    className: "t",
    part: "input",
    name: "v",
    inputMode: type == "text" ? type : "decimal",
    value: before.join(),
    ariaLabel: text + " " + unit,
  });
  return [input, make("span", { textContent: unit, lang: unit_lang })];
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

// Returns the options that the person has seen: those that are ticked, and those that begin above the lower edge of the window.
export const seenOf = (inputs) =>
  [...inputs].filter((input) => input.checked || input.getBoundingClientRect().top < innerHeight).map((input) => input.value);
