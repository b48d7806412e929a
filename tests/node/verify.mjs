// What other people's verifiers make of our messages: for each {secret, headers, body} a list of who accepts it.
import { readFileSync } from "node:fs";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const accepts = (Verifier, { secret, headers, body }) => {
  try {
    new Verifier(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
};
const judged = JSON.parse(readFileSync(0)).map((one) => [accepts(Standard, one), accepts(Svix, one)]);
console.log(JSON.stringify(judged));
