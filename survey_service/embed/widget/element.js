// The custom element: it connects the life cycle of the element in its page with one survey.
import { createSurvey, keepDraft, start } from "./survey.js";
import { flush, pump } from "./queue.js";
import { chooseBy } from "./questions.js";
import { reopen } from "./screen.js";
import { whenSeen } from "./start_moment.js";

const EVENTS = ["online", "pagehide", "visibilitychange", "keydown", "keypress", "keyup"];

export class PersonaSurvey extends HTMLElement {
  #survey;

  connectedCallback() {
    // Capturing at the window is earlier than every listener of the page below it.
    for (const type of EVENTS) addEventListener(type, this, true);
    const survey = (this.#survey ??= createSurvey(this));
    // Where the page has moved the element, the survey goes on where it was. A dialog starts when somebody opens it.
    if (survey._started) reopen(survey);
    else if (!survey._dialog) whenSeen(survey, start);
  }

  disconnectedCallback() {
    for (const type of EVENTS) removeEventListener(type, this, true);
    const survey = this.#survey;
    survey._wait?.abort();
    // An element that is moved is connected again at once; one that is removed leaves with its ticks.
    setTimeout(() => {
      if (this.isConnected) return;
      keepDraft(survey);
      pump(survey);
    });
  }

  handleEvent(event) {
    const survey = this.#survey;
    const { type, key } = event;
    if (key) {
      // Keys typed into the survey are not for the page's shortcuts. Keys that leave a field, and combinations, stay the page's.
      const leaves = /^(Tab|Esc|F\d)/.test(key) || ((event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph"));
      const path = event.composedPath();
      if (!leaves && path.includes(survey._frame)) event.stopImmediatePropagation();
      // Digits choose an answer, while the focus is inside the question and not in a field.
      if (type == "keydown" && /^\d$/.test(key) && path.includes(survey._field) && !/^t/.test(path[0].type))
        chooseBy(key, survey._question, survey._field.elements);
    } else if (type == "pagehide" || document.hidden) {
      keepDraft(survey);
      flush(survey);
    } else if (survey._failed && type == "online") start(survey);
    else pump(survey);
  }
}
