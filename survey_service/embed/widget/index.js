// The entry point of the widget: it registers <persona-survey>. docs/embed.md describes the element for the people who embed it.
// `make widget` bundles this folder into ../static/widget.js, which is the file that the service sends.
import { PersonaSurvey } from "./element.js";

const NAME = "persona-survey";

if (customElements.get(NAME)) console.error(NAME, "is already defined");
else customElements.define(NAME, PersonaSurvey);

export { PersonaSurvey };
