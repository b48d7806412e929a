// The client of the respondent API: /api/v1 on the host that has sent this module.
export const HOST = new URL(import.meta.url).origin;

// Sends one request: POST with a body, GET without. A body carries its token itself, a GET names it in its header.
// A string as body is sent as text/plain, which needs no preflight. With keepalive an answer survives the end of the page.
export const request = (survey, path, body) =>
  fetch(`${HOST}/api/v1/${path}`, {
    method: body ? "POST" : "GET",
    body: JSON.stringify(body),
    headers: body ? {} : { Authorization: `Bearer ${survey._token}` },
    keepalive: true,
    signal: AbortSignal.timeout(1e4),
  });

// Sends a request until the server replies, four times at most, and returns the JSON of the reply.
// Throws {status, code, detail} where the server refuses, and {code: "unreachable"} without a status where no reply came.
export const call = async (survey, path, body) => {
  for (const wait of [400, 800, 1600, 0]) {
    const reply = await request(survey, path, body).catch(() => ({}));
    const content = await reply.json?.().catch(() => {});
    if (reply.ok && content) return content;
    // 429 means "later"; every other 4xx is final.
    if (/^4(?!29)/.test(reply.status)) throw { status: reply.status, ...content };
    await new Promise((done) => setTimeout(done, wait));
  }
  throw { code: "unreachable" };
};
