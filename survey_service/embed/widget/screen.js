// The screen: the nodes inside the shadow root, which stand in the page, in a dialog or in the corner of the window.
import { emit, make } from "./dom.js";
import { seenOf } from "./questions.js";
import styles from "./styles.css";
import { word } from "./translations.js";

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(styles);

// Builds the nodes, hidden at first. A click that opens the dialog calls `enter`.
export const buildScreen = (survey, enter) => {
  const element = survey._element;
  const mode = element.getAttribute("mode");
  survey._slot = make("slot");
  survey._title = make("p", { part: "title" });
  survey._note = make("p", { part: "note" });
  survey._progress = make("p", { part: "progress" });
  survey._head = make("div", { className: "h" });
  survey._bar = make("div", { className: "b" }, make("i"));
  survey._field = make("fieldset");
  survey._field.setAttribute("aria-describedby", "h s");
  survey._status = make("p", { id: "s", role: "status", part: "status" });
  survey._form = make("form", {
    autocomplete: "off",
    oninput: () => {
      survey._begun = true;
      survey._none = false;
      survey._seen = seenOf(survey._field.elements);
    },
    // The second click of a double click must not answer the next question.
    onclick: (event) => {
      if (event.detail > 1) event.preventDefault();
    },
    onsubmit: (event) => {
      event.preventDefault();
      survey._act(survey, event.submitter.value);
    },
  });
  survey._box = make("section", { part: "survey", hidden: true }, survey._form);
  if (mode == "corner") survey._floats = survey._box.popover = "manual";
  if (mode == "modal") {
    survey._floats = survey._dialog = make("dialog", { ariaLabel: element.textContent.trim() }, survey._box);
    survey._slot.onclick = (event) => enter(survey, event);
  }
  const root = element.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [SHEET];
  survey._frame = survey._dialog ?? survey._box;
  root.append(survey._slot, survey._frame);
};

// Shows the survey instead of the content of the page; a dialog leaves its button in place.
export const appear = (survey) => {
  survey._slot.hidden = !survey._dialog;
  survey._box.hidden = false;
  reopen(survey);
};

// Puts the corner above everything on the page, and again after the page has moved the element. It takes no focus.
export const reopen = (survey) => {
  if (survey._box.popover && !survey._box.hidden) survey._box.togglePopover?.(true);
};

// Closes what floats above the page.
export const close = (survey) => {
  survey._dialog?.close();
  if (survey._box.popover) survey._box.hidden = true;
};

// Says that the survey cannot go on. The content of the page, usually a link, shows again, unless the link could not help either.
export const fail = (survey, problem) => {
  survey._failed = true;
  survey._busy = false;
  close(survey);
  survey._slot.hidden = /paused/.test(problem.code);
  survey._box.hidden = true;
  emit(survey, "surveyerror", problem);
};

// Makes the button for a key: the key is its value, and the text of the key is its label.
export const makeButton = (survey, value) => {
  const ariaLabel = word(survey, value);
  return make("button", {
    value,
    part: "button " + value,
    className: /continue|agree|close|right/.test(value) && "m",
    textContent: { back: "‹ " + ariaLabel, dismiss: "×" }[value] ?? ariaLabel,
    ariaLabel,
    // Enter presses the first submit button, which is the one that goes on.
    ...(/change|back|dismiss/.test(value) && { type: "button", onclick: () => survey._act(survey, value) }),
  });
};

// Lays out buttons, a legend and controls. The same buttons stay the same nodes.
// The focus moves only after an action of the person, and never out of another element of the page.
export const lay = (survey, buttons, text, ...controls) => {
  const element = survey._element;
  Object.assign(survey._box, { lang: survey._view.language, dir: survey._words.dir });
  const active = element.getRootNode().activeElement;
  if (survey._dialog) buttons += ",dismiss";
  if (survey._laid != buttons) {
    survey._laid = buttons;
    // What floats above the page says what it is: an invitation in the words of the page, a dialog by the title of the survey.
    if (survey._floats) survey._title.textContent = (survey._dialog ? "" : element.textContent.trim()) || word(survey, "title");
    survey._head.replaceChildren(survey._progress);
    survey._form.replaceChildren(survey._bar, survey._head, survey._title, survey._note, survey._field, survey._status);
    for (const value of buttons.match(/[\w-]+/g) ?? []) {
      const button = makeButton(survey, value);
      if (value == "back") survey._head.prepend((survey._back = button));
      else (value == "dismiss" ? survey._head : survey._form).append(button);
    }
  }
  const legend = make("legend", { tabIndex: -1, part: "question", textContent: text, lang: survey._question?.lang });
  survey._field.replaceChildren(legend, ...controls);
  if (survey._floats) survey._frame.ariaLabel = text;
  if (survey._acted && [null, element, document.body].includes(active)) legend.focus();
};

// Shows the progress, and in the status line the text of a key, if there is one.
export const say = (survey, key) => {
  survey._said = key;
  survey._status.className = key;
  survey._progress.textContent = survey._question ? word(survey, "progress") : "";
  survey._status.textContent = key ? word(survey, key) : "";
};

// Says what is wrong with an answer, and moves the focus to the first input. Returns null, the value of no answer.
export const complain = (survey, key) => {
  say(survey, key);
  const [input] = survey._field.elements;
  input.ariaInvalid = true;
  input.focus();
  return null;
};

// Returns the values that the person has given so far, as strings.
export const givenOn = (survey) => new FormData(survey._form).getAll("v");
