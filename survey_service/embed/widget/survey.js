// The course of a survey: the questions, the actions of the person, and the responses of the server.
import { emit, make, newId } from "./dom.js";
import { controlsOf, valueOf } from "./questions.js";
import { pump, push } from "./queue.js";
import { appear, buildScreen, close, complain, fail, givenOn, lay, makeButton, say } from "./screen.js";
import { begin } from "./session.js";
import { memory, wasInvited } from "./storage.js";
import { word } from "./translations.js";

// Makes the record of one survey. Every function of this folder that needs the survey takes this record.
// The build shortens the names of fields that begin with "_". Fields that come later:
//   _start              the key of the start, by which the server knows the session again
//   _session, _token    of the session, once there is one
//   _wait               ends the wait for the moment to start
//   _started            the survey has asked the server for a session
//   _words              the texts in the language of the session
//   _view               what the server said last
//   _question, _since   what the screen shows, and since when
//   _busy               the next question is not known yet, so the buttons of an answer do nothing
//   _begun              the person has begun to answer the question
//   _seen               the options that were on the screen at the last tick
//   _drafted            the ticks that were sent without "Continue"
//   _none               the person was asked whether none of the options fits
//   _acted              the person has pressed something
//   _most               how many questions there can be; the figure never grows
//   _said               the key of the text in the status line
//   _failed             the survey could not go on
//   _sending            the queue is at work
// screen.js adds the nodes (_slot, _frame, _dialog where there is one, _box, _form, _note, _progress, _field, _status), _floats, which is
// true for a dialog and for a corner, and _laid, the buttons that are laid out.
export const createSurvey = (element) => {
  const link = element.getAttribute("link");
  const survey = {
    _element: element,
    _name: element.getAttribute("survey"),
    // An empty attribute means that the address of the page carries the token of the link.
    _link: link == "" ? location.hash.split("discern=")[1] : link,
    // The screen and the queue call these two.
    _act: act,
    _take: take,
    // Requests that the server has not yet got, as pairs of body and act.
    _queue: [],
  };
  buildScreen(survey, enter);
  return survey;
};

// Resumes or begins a session and shows its question. An invitation that was declined, or shown lately, stays away.
export const start = async (survey) => {
  if (survey._busy || (survey._box.popover && !survey._start && wasInvited(survey))) return;
  survey._busy = survey._started = true;
  survey._failed = false;
  try {
    const view = await begin(survey);
    // An invitation that was answered is not repeated.
    if (view?.question || (view && !survey._box.popover)) {
      survey._words = view.words;
      appear(survey);
      (survey._session ? take : ask)(survey, view);
    }
  } catch (problem) {
    fail(survey, problem);
  }
};

// Somebody clicks what opens the dialog. After a failure the click belongs to the page: its link works.
const enter = (survey, event) => {
  if (survey._failed) return;
  event.preventDefault();
  survey._acted = true;
  survey._dialog.showModal();
  if (!survey._session) start(survey);
};

// Takes a view of the server. The server decides, but a question that somebody has begun to answer stays.
const take = (survey, view, refused) => {
  survey._view = view;
  const { question, progress } = view;
  const most = progress.answered + progress.at_most;
  survey._most = Math.min(survey._most ?? most, most);
  if (!question) return end(survey, view);
  if (question.id != survey._question?.id && (survey._busy || !survey._begun)) show(survey, question, progress.answered + 1, view);
  else {
    survey._busy = false;
    const why = refused?.errors?.[0].key?.replace("_", "-");
    if (refused) complain(survey, survey._words[why] ? why : "choose");
    // What was said about the answer stays, what was said about the connection does not.
    else say(survey, survey._said != "offline" && survey._said);
  }
};

// Does what a button is for.
const act = (survey, key) => {
  survey._acted = true;
  if (key == "agree") {
    survey._agreed = true;
    return start(survey);
  }
  if (key == "dismiss") return close(survey);
  if (key == "no-thanks" || key == "close") return leave(survey);
  if (survey._busy) return pump(survey);
  const view = survey._view;
  const claimed = view.claimed;
  if (key == "change") return show(survey, claimed.question, view.progress.answered);
  if (key == "back") {
    survey._question = null;
    survey._busy = true;
    push(survey, "back", { answer_id: newId() });
    return pump(survey);
  }
  const { id: question, type, n } = survey._question;
  const kind = /continue|right/.test(key) ? "answer" : key.replace("-", "_");
  const value = kind != "answer" ? undefined : key == "right" ? claimed.value : valueOf(survey);
  // Nothing ticked may be an answer or a slip: the second press says which.
  if (type == "multiple" && value && !value[0] && !survey._none) {
    survey._none = true;
    return say(survey, "none");
  }
  if (value === null || !emit(survey, "surveyanswer", { question, kind, value }, true)) return;
  // Only "single" and "scale" have one question ahead for each answer.
  const next = view.question.id == question && view.next_questions[view.ahead[kind != "answer" ? "skip" : type[0] == "s" && value]];
  survey._busy = !next;
  answer(survey, kind, value);
  if (next) show(survey, next, n + 1);
  pump(survey);
};

// Asks for consent. Nothing is stored before somebody agrees.
const ask = (survey, { consent, language }) => {
  survey._view = { language };
  survey._busy = false;
  survey._note.textContent = consent.text;
  lay(survey, "agree,no-thanks", word(survey, "consent"), survey._note);
};

// Shows a question. An answer that was clicked in an email is shown as text, and not preselected.
const show = (survey, question, n, { claimed, consent } = {}) => {
  survey._question = { ...question, n, answer: claimed?.text };
  survey._begun = survey._busy = survey._none = false;
  survey._drafted = "";
  survey._since = performance.now();
  survey._note.textContent = survey._agreed ? "" : consent?.text;
  const chosen = claimed && word(survey, "chosen");
  if (question.id == claimed?.question.id) return lay(survey, "right,change", chosen);
  say(survey);
  if (claimed) survey._note.append(" ", chosen, " ", makeButton(survey, "change"));
  lay(
    survey,
    `continue,back,dont-know,skip${survey._element.hasAttribute("refuse") ? ",refuse" : ""}${survey._floats ? ",no-thanks" : ""}`,
    question.text,
    make("p", { id: "h", part: "help", textContent: question.help, lang: question.help_lang }),
    ...controlsOf(question),
  );
  survey._back.hidden = !question.can_go_back;
  survey._bar.firstChild.style.width = (n * 100 - 50) / survey._most + "%";
  emit(survey, "surveyquestion", { question: question.id });
};

// Puts an answer into the queue. A draft is what the person had ticked when the page ended.
const answer = (survey, kind, value, draft) => {
  push(survey, "answers", {
    answer_id: newId(),
    question: survey._question.id,
    kind,
    value,
    seconds: (performance.now() - survey._since) / 1e3,
    draft,
  });
};

// Keeps the ticks of somebody who leaves the page without "Continue": what was on the screen is known, the rest is missing.
export const keepDraft = (survey) => {
  const ticked = givenOn(survey);
  if (survey._question?.type != "multiple" || survey._busy || !survey._begun || !ticked[0] || survey._drafted == ticked) return;
  survey._drafted = `${ticked}`;
  // What the page has removed is nowhere on the screen, so what was there at the last tick counts.
  answer(survey, "answer", { ticked, seen: survey._seen }, true);
};

// Somebody leaves: what was answered counts. Where nobody agreed, the browser stores only that, and only with the attribute "remember".
const leave = (survey) => {
  if (survey._box.popover || !survey._session) memory(survey, "");
  if (survey._view?.question) {
    push(survey, "finish", {});
    pump(survey);
  }
  if (!survey._session) end(survey, { status: "declined" });
  close(survey);
};

// Shows the result, or how the survey ended.
const end = (survey, { result, status }) => {
  const leads = /^https?:/.test(result?.redirect);
  const text = survey._words[status] ? "" : result?.text;
  survey._question = null;
  survey._note.textContent = "";
  say(survey);
  lay(
    survey,
    survey._floats ? "close" : "",
    word(survey, survey._words[status] ? status : text ? "thank" : "thanks"),
    make("p", { textContent: text, lang: result?.lang }),
    leads ? make("a", { className: "m", href: result.redirect, textContent: word(survey, "continue") }) : "",
  );
  survey._bar.firstChild.style.width = "100%";
  // An end without words leads on at once; the page may prevent it.
  if (survey._acted && emit(survey, "surveycomplete", { status, result }, true) && leads && !result.text) location.assign(result.redirect);
};
