import { api, app } from "./comfy.js";
import { isOursAlone } from "./core_errors.js";
import { centerOnResults, element, found, iconButton, notify, sentenceOf } from "./dom.js";
import { stepAfter, stepButton } from "./error_steps.js";
import { refreshPrices } from "./price_line.js";
import { ask } from "./server.js";
import { copyId } from "./track_actions.js";
import { errorTitle, priceOf } from "./track_facts.js";
import { say } from "./words.js";

/** @type {HTMLElement | null} */
let shown = null;

export function watchErrors() {
  api.addEventListener("aigateway_error", ({ detail }) => void showError(detail));
  // The next run may succeed.
  api.addEventListener("execution_start", close);
}

function close() {
  shown?.remove();
  shown = null;
}

/**
 * Show the card of an error: a sentence, the next step, and the id of the job.
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
  // The dashboard comes first, because it shows whether the track is bought already.
  const first =
    step === "buy_again"
      ? stepButton("open_dashboard", {}, "aigateway-button aigateway-step")
      : null;
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
    element("div", { class: "aigateway-card-foot" }, first, button, id, copy),
  );
  document.body.append(shown);
  centerOnResults(shown);
  const card = shown;
  void closeCoreBox(() => card.isConnected);
}

/** @type {(error: PackError) => Promise<Track | null>} */
async function trackOf({ local_id }) {
  if (!local_id) return null;
  try {
    return await ask(`tracks/${encodeURIComponent(local_id)}`);
  } catch (error) {
    notify("warn", sentenceOf(error));
    return null;
  }
}

/** The button that closes ComfyUI's own box about errors. Older versions have no such box. */
const CLOSE = '[data-testid="error-overlay-dismiss"]';

/**
 * Close ComfyUI's box about the error that our card explains, as its own button does: ComfyUI gives
 * packs no other way. The box stays if it also names other errors. The node stays marked, and
 * ComfyUI's list of errors keeps the error.
 * @param {() => boolean} isShown whether the card is still there
 */
export async function closeCoreBox(isShown) {
  const button = await found(() => document.querySelector(CLOSE));
  if (button instanceof HTMLElement && isShown() && isOursAlone(app.extensionManager))
    button.click();
}
