// The queue of requests that the server has not received yet. They are sent in order, and each keeps its id until the server has it.
import { call, request } from "./api.js";
import { emit } from "./dom.js";
import { fail, say } from "./screen.js";

// Adds a request about the session. Nothing is sent before the next `pump`.
export const push = (survey, act, body) => {
  survey._queue.push([`${survey._path}/${act}`, { ...body, token: survey._token }]);
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
    if (refused) view = await call(survey, survey._path);
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

// Sends everything at once without waiting for replies, because the page ends.
export const flush = (survey) => {
  for (const item of survey._queue) request(survey, ...item).catch(() => {});
};
