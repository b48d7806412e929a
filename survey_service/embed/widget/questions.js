// Questions of each type: the controls that ask, and the value that the person has given.
import { make } from "./dom.js";
import { complain, givenOn } from "./screen.js";

// Returns the controls of a question. Only an earlier answer of the person is selected.
export const controlsOf = ({ text, type, options, min, max, labels = {}, unit = "", given }) => {
  const before = [given?.ticked ?? given ?? []].flat().map(String);
  const choice = (type, value, ...text) =>
    make("label", { part: "option" }, make("input", { type, name: "v", value, checked: before.includes(value) }), make("span", {}, ...text));

  if (options) return options.map(({ id, text }) => choice(type == "single" ? "radio" : "checkbox", id, text));
  if (type == "scale") {
    // Points stand in rows of five, or of six where a row of five would leave a single point in the last: 5 + 5, 6 + 5.
    const points = make("div", { className: (max - min) % 5 ? "s5" : "s6" });
    for (; min <= max; min++) points.append(choice("radio", `${min}`, `${min} `, make("small", { textContent: labels[min] })));
    return [points];
  }
  const input = make(type == "text" ? "textarea" : "input", {
    className: "t",
    part: "input",
    name: "v",
    inputMode: type == "text" ? type : "decimal",
    maxLength: 4000,
    value: before.join(),
    ariaLabel: `${text} ${unit}`,
  });
  return [input, unit];
};

// Returns the value that the person has given. Where it is no answer to the question, says why and returns null.
export const valueOf = (survey) => {
  const { type, min, max } = survey._question;
  const given = givenOn(survey);
  if (type == "multiple") return given;
  const text = given[0]?.trim();
  const number = Number(text?.replace(/\s/g, "").replace(",", "."));
  if (text && (type == "single" || type == "text")) return text;
  // 1,500 is one and a half in some languages and fifteen hundred in others.
  const plain = !/\d[.,]\d{3}(?!\d)/.test(text);
  // NaN fails both comparisons.
  if (text && plain && number >= (min ?? number) && number <= (max ?? number)) return number;
  return complain(survey, !text ? (type[0] == "s" ? "choose" : type) : plain ? "outside" : "plain");
};

// Returns the options that the person has seen: those that are ticked, and those that begin above the lower edge of the window.
export const seenOf = (inputs) =>
  [...inputs].filter((input) => input.checked || input.getBoundingClientRect().top < innerHeight).map((input) => input.value);
