// The same with RudderStack's: node rudder.mjs HOST KEY FIRST COUNT
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
const [host, writeKey, first, count] = process.argv.slice(2);
// By itself it tries three times within two seconds, and loses what it has. Without an error handler, a response that ends
// after its headers (the server was killed while it sent them) ends the process and with it the batches that still wait.
const client = new RudderAnalytics(writeKey, { dataPlaneUrl: host, flushAt: 3, retryCount: 12, errorHandler: () => {} });
client.identify({ userId: `ruddernode-${first}`, traits: { email: `ruddernode-${first}@example.com` } });
for (let n = 0; n < Number(count); n++) {
  client.track({ userId: `ruddernode-${first}`, event: "Brochure Downloaded", messageId: `ruddernode-${first}-${n}` });
}
await new Promise((resolve) => client.flush(resolve));
