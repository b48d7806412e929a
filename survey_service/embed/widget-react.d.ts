// <persona-survey> in JSX, for React 18 and 19. Keep it beside widget.d.ts.
import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { PersonaSurvey, PersonaSurveyAttributes, SurveyEvents } from "./widget";

/** React 19 listens by these properties; React 18 needs a ref and `addEventListener`. */
type Listeners = { [event in keyof SurveyEvents as `on${event}`]?: (event: SurveyEvents[event]) => void };
type Props = DetailedHTMLProps<HTMLAttributes<PersonaSurvey>, PersonaSurvey> & PersonaSurveyAttributes & Listeners;

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "persona-survey": Props;
    }
  }
}

declare global {
  namespace JSX {
    interface IntrinsicElements {
      "persona-survey": Props;
    }
  }
}
