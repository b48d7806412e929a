// The client of the respondent API: /api/v1 on the host that has sent this module.
export const HOST = new URL(import.meta.url).origin;

// Sends one request: an act in the session, or without an act the start of the survey. Its body carries the token, because pages and proxies
// change or strip headers. A string as body is sent as text/plain, which needs no preflight. With keepalive an answer survives the end of the
// page. The values are taken as they are, and not as a method "toJSON" gives them that old libraries add to every array.
export const request = (survey, body, act) =>
  fetch(`${HOST}/api/v1/${act ? `sessions/${survey._session}/${act}` : `surveys/${survey._name}/sessions`}`, {
    method: "POST",
    body: JSON.stringify({ ...body, token: act && survey._token }, function (key) {
      return this[key];
    }),
    keepalive: true,
    signal: AbortSignal.timeout(1e4),
  });

// Sends a request until the server replies, four times at most, and returns the view in the reply.
// Throws {status, code, detail} where the server refuses, and {code: "unreachable"} without a status where no reply came.
// A reply of a proxy, a service worker or a captive portal is none, whatever its status.
export const call = async (survey, body, act) => {
  for (const wait of [400, 800, 1600, 0]) {
    const reply = await request(survey, body, act).catch(() => 0);
    const content = (await reply.json?.().catch(() => 0)) || {};
    if (reply.ok && content.survey == survey._name && (survey._session ?? content.session) == content.session) return content;
    // 429 means "later"; every other 4xx of ours is final.
    if (/^urn:discern:/.test(content.type) && /^4(?!29)/.test(content.status)) throw content;
    await new Promise((done) => setTimeout(done, wait));
  }
  throw { code: "unreachable" };
};
