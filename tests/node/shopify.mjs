// Whether Shopify's own library takes a webhook for genuine: node shopify.mjs SECRET, with {headers, body} on stdin
import "@shopify/shopify-api/adapters/node";
import { readFileSync } from "node:fs";
import { LogSeverity, shopifyApi } from "@shopify/shopify-api";
const { headers, body } = JSON.parse(readFileSync(0, "utf8"));
const shopify = shopifyApi({
  apiKey: "key", apiSecretKey: process.argv[2], apiVersion: "2026-10", hostName: "shop.example.com", isEmbeddedApp: false,
  logger: { level: LogSeverity.Error, log: () => {} },
});
const request = { method: "POST", url: "/in/src_1", headers };
const found = await shopify.webhooks.validate({ rawBody: body, rawRequest: request, rawResponse: {} });
console.log(JSON.stringify(found.valid ? { valid: true, topic: found.topic } : { valid: false, reason: found.reason }));
