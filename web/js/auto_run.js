import { app } from "./comfy.js";
import { notify } from "./dom.js";
import { askPriceOf, linesOfEachRun } from "./price_line.js";
import { totalText } from "./price_text.js";
import { autoRun, openTab } from "./runs.js";
import { say } from "./words.js";

const NOTHING = { tab: /** @type {object | null} */ (null), what: "" };
/** The automatic runs that a person has allowed: ask only once. */
let agreed = NOTHING;
/** The question that is on the screen. @type {Promise<boolean | null> | null} */
let question = null;

/** Ask before automatic runs of a graph that buys other tracks in each run. */
export function watchAutoRun() {
  const queue = app.queuePrompt;
  app.queuePrompt = async function (...values) {
    const mode = autoRun();
    if (!mode) agreed = NOTHING;
    else if (!(await mayRun(mode))) return false;
    return queue.apply(this, values);
  };
}

/** @param {AutoRun} mode */
async function mayRun(mode) {
  const lines = linesOfEachRun();
  const tab = openTab();
  const what = JSON.stringify([mode, lines.map((line) => line.name)]);
  if (!lines.length || (tab === agreed.tab && what === agreed.what)) return true;
  question ??= askPerson(mode, lines).finally(() => {
    question = null;
  });
  const answer = await question;
  if (answer) agreed = { tab, what };
  return answer ?? true;
}

/**
 * @param {AutoRun} mode
 * @param {ReturnType<typeof linesOfEachRun>} lines
 * @returns {Promise<boolean | null>} null where there is nothing to ask
 */
async function askPerson(mode, lines) {
  const asked = lines.map((line) => line.request());
  const price = await askPriceOf(asked.map(asNew));
  if (!price || price.free) return null;
  const message = say(`auto_question_${mode}`, { price: totalText(price, asked) });
  const answer = await app.extensionManager.dialog.confirm({ title: say("music"), message });
  if (answer) return true;
  // Else the next change would ask again.
  if (app.extensionManager.queueSettings) app.extensionManager.queueSettings.mode = "disabled";
  notify("info", say("auto_off"));
  return false;
}

/**
 * A request of a run to come. Only a request with a prompt can be found among those that were bought.
 * @param {PriceRequest} asked
 */
const asNew = (asked) => ({ ...asked, request: { ...asked.request, prompt: undefined } });
