// The custom element: it connects the life cycle of the element in its page with one survey.
import { createSurvey, keepDraft, start } from "./survey.js";
import { flush, pump } from "./queue.js";
import { reopen } from "./screen.js";

export class PersonaSurvey extends HTMLElement {
  #survey;

  connectedCallback() {
    addEventListener("online", this);
    addEventListener("pagehide", this);
    // The page has moved the element: the survey goes on where it was.
    if (this.#survey) return reopen(this.#survey);
    const survey = (this.#survey = createSurvey(this));
    // A dialog starts when somebody opens it.
    if (survey._dialog) return;
    if (this.hasAttribute("lazy"))
      new IntersectionObserver(([{ isIntersecting }], watcher) => {
        if (isIntersecting) {
          watcher.disconnect();
          start(survey);
        }
      }).observe(this);
    else start(survey);
  }

  disconnectedCallback() {
    removeEventListener("online", this);
    removeEventListener("pagehide", this);
  }

  handleEvent({ type }) {
    const survey = this.#survey;
    if (type == "pagehide") {
      keepDraft(survey);
      flush(survey);
    } else if (survey._failed) start(survey);
    else pump(survey);
  }
}
