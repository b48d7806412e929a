// What a shop's Node server sends with Segment's library: node segment.mjs HOST KEY FIRST COUNT
import { Analytics } from "@segment/analytics-node";
const [host, writeKey, first, count] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, path: "/v1/batch", flushAt: 3, maxRetries: 10 });
const failed = [];
analytics.on("error", (error) => failed.push(String(error.code)));
analytics.identify({ userId: `node-${first}`, traits: { email: `node-${first}@example.com`, plan: "gold" } });
for (let n = 0; n < Number(count); n++) {
  analytics.track({ userId: `node-${first}`, event: "Brochure Downloaded", messageId: `node-${first}-${n}` });
}
await analytics.closeAndFlush();
if (failed.length) throw new Error(failed.join());
