import { api } from "./comfy.js";
import { closeCoreBox } from "./core_box.js";
import { centerOnResults, element, iconButton, sentenceOf } from "./dom.js";
import { stepAfter, stepButton } from "./next_steps.js";
import { notify } from "./notify.js";
import { refreshPrices } from "./price_line.js";
import { ask } from "./server.js";
import { copyId } from "./track_actions.js";
import { errorTitle, priceOf } from "./track_facts.js";
import { say } from "./words.js";

/**
 * An error of the pack's own, as the server tells it.
 *
 * @typedef {object} PackError
 * @property {string} type
 * @property {string} text what is wrong and what to do, in English
 * @property {string | null} job_id
 * @property {number} [charge] what the gateway took for the job, in US dollars
 * @property {string | null} local_id the ledger's id, of a track that may be bought already
 * @property {string} setting that holds the limit
 * @property {string | null} [node] the id of its execution
 * @property {string} [prompt_id]
 */

/** @type {HTMLElement | null} */
let shown = null;

export function watchErrors() {
  api.addEventListener("aigateway_error", ({ detail }) => void showError(detail));
  // What was wrong may not be wrong in the next run.
  api.addEventListener("execution_start", close);
}

function close() {
  shown?.remove();
  shown = null;
}

/**
 * Show the card of an error: a sentence, the next step, and the id of the job.
 *
 * @param {PackError} error
 */
export async function showError(error) {
  const track = await trackOf(error);
  close();
  const step = stepAfter(error);
  const facts = {
    setting: error.setting,
    node: error.node,
    track,
    after: () => {
      close();
      refreshPrices();
    },
  };
  const button = stepButton(step, facts, "aigateway-button aigateway-step");
  if (step === "buy_again" && track) button.append(` · ${priceOf(track)}`);
  const { job_id } = error;
  const copy = job_id ? iconButton("copy", say("copy_id"), () => copyId({ job_id })) : null;
  const id = job_id ? element("code", {}, job_id) : null;
  shown = element(
    "div",
    { class: "aigateway-card", role: "alert" },
    element(
      "div",
      { class: "aigateway-card-head" },
      element("strong", {}, errorTitle(error)),
      iconButton("times", say("close"), close),
    ),
    element("div", { class: "aigateway-card-text", tabIndex: 0 }, error.text),
    element("div", { class: "aigateway-card-foot" }, button, id, copy),
  );
  document.body.append(shown);
  centerOnResults(shown);
  const card = shown;
  void closeCoreBox(() => card.isConnected);
}

/**
 * @param {PackError} error
 * @returns {Promise<import("./server.js").Track | null>}
 */
async function trackOf({ local_id }) {
  if (!local_id) return null;
  try {
    return await ask(`tracks/${encodeURIComponent(local_id)}`);
  } catch (error) {
    notify("warn", sentenceOf(error));
    return null;
  }
}
