// Drives Firefox over WebDriver BiDi: each line of the input is a command in JSON, each line of the output its result.
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const browser = await puppeteer.launch({ browser: "firefox", executablePath: process.argv[2], headless: true });
const page = await browser.newPage();

const element = async (script) => (await page.evaluateHandle(script)).asElement();
const commands = {
  open: ({ url }) => page.goto(url).then(() => null),
  // Not page.goBack(): it waits for the page to load, and a page that is shown again from memory does not load.
  back: () => page.evaluate(() => history.back()).then(() => null),
  reload: () => page.reload().then(() => null),
  run: ({ script }) => page.evaluate(script),
  click: async ({ script }) => (await element(script)).click().then(() => null),
  type: async ({ script, text }) => (await element(script)).type(text).then(() => null),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...more } = JSON.parse(line);
  const reply = await commands[command](more).then(
    (result) => ({ result: result ?? null }),
    (error) => ({ error: String(error) }),
  );
  console.log(JSON.stringify(reply));
}
await browser.close();
