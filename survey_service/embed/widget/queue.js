// The queue of requests that the server has not received yet. They are sent in order, and each keeps its id until the server has it.
import { call, request } from "./api.js";
import { emit } from "./dom.js";
import { fail, say } from "./screen.js";
import { begin } from "./session.js";

// Adds a request about the session: [body, act]. Nothing is sent before the next `pump`.
export const push = (survey, act, body) => {
  survey._queue.push([body, act]);
};

// Sends what waits, and then lets the survey take the last view. While the server cannot be reached, it tries again every five seconds.
export const pump = async (survey) => {
  const queue = survey._queue;
  if (survey._sending) return;
  survey._sending = true;
  let view, refused;
  try {
    while (queue.length) {
      view = await call(survey, ...queue[0]).catch((problem) => {
        if (!problem.status) throw problem;
        emit(survey, "surveyerror", (refused = problem));
      });
      queue.shift();
    }
    // What was refused is dropped: the survey goes on from where the server is.
    if (refused) view = await begin(survey);
    if (view) survey._take(survey, view, refused);
  } catch (problem) {
    if (problem.status) fail(survey, problem);
    else {
      say(survey, "offline");
      setTimeout(pump, 5e3, survey);
    }
  }
  survey._sending = false;
  // Something may have been added after the last item was sent.
  if (view && queue.length) pump(survey);
};

// Sends everything that waits, because the page may end: answers that follow each other in one request, so that they arrive in order. The
// longest three have 48 kB, and browsers take 64 kB from a page that ends. What arrives again later has the same id and counts once.
export const flush = async (survey) => {
  const waiting = [...survey._queue];
  while (waiting.length) {
    const answers = [];
    while (answers.length < 3 && waiting[0]?.[1] == "answers") answers.push(waiting.shift()[0]);
    await request(survey, ...(answers[0] ? [{ answers }, "answers"] : waiting.shift())).catch(() => 0);
  }
};
