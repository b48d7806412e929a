// Types of <persona-survey>. Save this file beside your own types, or point `paths` at it. React: widget-react.d.ts too.

export type AnswerKind = "answer" | "skip" | "dont_know" | "refuse";
/** A number question has the text as it was typed; the service reads it. */
export type AnswerValue = string | number | string[];

export interface SurveyEvents {
  /** A new session, not a resumed one. */
  surveystart: CustomEvent<{ session: string }>;
  /** The question that is now shown. */
  surveyquestion: CustomEvent<{ question: string }>;
  /** Before sending: `preventDefault()` keeps it from being sent. */
  surveyanswer: CustomEvent<{ question: string; kind: AnswerKind; value?: AnswerValue }>;
  /** The end. `preventDefault()` keeps a result without text from leading on. `declined`: the person did not agree to be asked. */
  surveycomplete: CustomEvent<{
    status: "complete" | "finished" | "expired" | "declined";
    result?: { text: string | null; redirect: string | null } | null;
  }>;
  /** `status` is absent if the server could not be reached; `code` is then `unreachable`. */
  surveyerror: CustomEvent<{ code?: string; status?: number; title?: string; detail?: string }>;
}

export type Word =
  | "continue" | "back" | "dont-know" | "skip" | "refuse" | "no-thanks" | "close" | "progress"
  | "choose" | "none" | "number" | "text" | "plain" | "too-long" | "outside" | "offline" | "thanks" | "expired"
  | "chosen" | "change" | "right" | "consent" | "agree" | "declined" | "dismiss" | "title";

/** Attributes of the element. The ones without a value are on when they are there. */
export type PersonaSurveyAttributes = {
  survey: string;
  lang?: string;
  mode?: "inline" | "modal" | "corner";
  theme?: "light";
  link?: string;
  identity?: string;
  lazy?: "" | true;
  delay?: string | number;
  scroll?: string | number;
  exit?: "" | true;
  every?: string | number;
  remember?: "" | true;
  refuse?: "" | true;
} & { [hidden in `hidden-${string}`]?: string } & { [label in `label-${Word}`]?: string };

export declare class PersonaSurvey extends HTMLElement {
  addEventListener<K extends keyof SurveyEvents>(
    type: K, listener: (this: PersonaSurvey, event: SurveyEvents[K]) => unknown, options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "persona-survey": PersonaSurvey;
  }
  interface GlobalEventHandlersEventMap extends SurveyEvents {}
}
