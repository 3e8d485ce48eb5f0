// Drives Chromium for the tests of the page: a command in each line of standard input, as
// JSON, and its answer in a line of standard output. Only what a person can do is done.
//
//   {"open": {"scheme": "dark", "width": 360, "script": false}}   a browser of somebody's own
//   {"goto": URL} {"fill": [SELECTOR, TEXT]} {"choose": [SELECTOR, VALUE]} {"tick": SELECTOR}
//   {"press": SELECTOR}                                           and wait for the page it leads to
//   {"look": FILE}                                                what is shown, and a screenshot
//   {"audit": URL}                                                axe-core, html-validate, csp_evaluator

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { HtmlValidate } from "html-validate";
import { CspEvaluator } from "csp_evaluator/dist/evaluator.js";
import { CspParser } from "csp_evaluator/dist/parser.js";
import { Severity } from "csp_evaluator/dist/finding.js";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

const browser = await chromium.launch({
  executablePath,
  // Root has no sandbox, and a container little shared memory.
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
let page;

async function open({ scheme = "light", width = 1280, height = 800, script = false }) {
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height },
    javaScriptEnabled: script,
  });
  page = await context.newPage();
  return {};
}

async function goto(url) {
  const response = await page.goto(url);
  return { status: response.status() };
}

async function press(selector) {
  const [response] = await Promise.all([
    page.waitForNavigation(),
    page.locator(selector).click(),
  ]);
  return { status: response.status(), url: page.url() };
}

async function look(file) {
  await page.screenshot({ path: file, fullPage: true });
  const size = page.viewportSize();
  // Without scripts nothing can be asked inside the page: the engine knows how wide it is.
  const session = await page.context().newCDPSession(page);
  const { cssContentSize } = await session.send("Page.getLayoutMetrics");
  return {
    text: await page.locator("body").innerText(),
    width: cssContentSize.width,
    viewport: size.width,
  };
}

// What others have found to go wrong with pages, in a browser that may look inside.
async function audit(url) {
  const findings = [];
  for (const scheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme: scheme, bypassCSP: true });
    const looked = await context.newPage();
    const response = await looked.goto(url);
    await looked.evaluate(axe);
    const result = await looked.evaluate(() => globalThis.axe.run());
    for (const violation of result.violations) {
      const where = violation.nodes.map((node) => node.target.join(" ")).join(", ");
      findings.push(`axe, ${scheme}: ${violation.id}: ${violation.help}: ${where}`);
    }
    if (scheme === "light") {
      findings.push(...(await written(await response.text())));
      findings.push(...policy(response.headers()["content-security-policy"] ?? ""));
    }
    await context.close();
  }
  return { findings };
}

async function written(html) {
  const validate = new HtmlValidate({
    extends: ["html-validate:standard"],
    // Templates leave blank lines; a trailing space is nobody's problem.
    rules: { "no-trailing-whitespace": "off" },
  });
  const report = await validate.validateString(html);
  const messages = report.results.flatMap((result) => result.messages);
  return messages.map((one) => `html-validate: ${one.line}: ${one.ruleId}: ${one.message}`);
}

function policy(text) {
  const findings = new CspEvaluator(new CspParser(text).csp).evaluate();
  // What is only a thought costs nobody anything.
  const bad = findings.filter((one) => one.severity <= Severity.MEDIUM);
  return bad.map((one) => `csp_evaluator: ${one.directive}: ${one.description}`);
}

const commands = {
  open,
  goto,
  press,
  look,
  audit,
  fill: ([selector, text]) => page.locator(selector).fill(text).then(() => ({})),
  choose: ([selector, value]) => page.locator(selector).selectOption(value).then(() => ({})),
  tick: (selector) => page.locator(selector).check().then(() => ({})),
  count: (selector) => page.locator(selector).count().then((count) => ({ count })),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [[name, argument]] = Object.entries(JSON.parse(line));
  try {
    const answer = await commands[name](argument);
    console.log(JSON.stringify(answer));
  } catch (error) {
    console.log(JSON.stringify({ error: `${name}: ${error.message}` }));
  }
}
await browser.close();
