import { api, resultsInApp } from "./comfy.js";
import { centerOnResults, element, iconButton } from "./dom.js";
import { stepButton } from "./next_steps.js";
import { isOfOpenTab } from "./runs.js";
import { say } from "./words.js";

/** @typedef {import("./status.js").Status} Status */

const ENDS = /** @type {const} */ (["execution_error", "execution_interrupted"]);
/** How often it is checked whether the page still shows the App of the run. */
const CHECK_MILLISECONDS = 250;

const text = element("span", { class: "aigateway-app-text" });
const next = element("span", { class: "aigateway-next" });
const line = element(
  "div",
  { class: "aigateway-app-status", role: "status", hidden: true },
  text,
  next,
);
/** @type {Status | null} */
let last = null;
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/** An App shows no nodes. So the line that a node said last stands over the App's results. */
export function watchAppStatus() {
  api.addEventListener("execution_start", forget);
  for (const end of ENDS) api.addEventListener(end, forget);
  // What failed beside good music is said until the next run.
  api.addEventListener("execution_success", () => {
    if (last && !isFailure(last)) forget();
  });
}

/**
 * @param {Status} status
 * @param {string} words it in the page's language
 */
export function showInApp(status, words) {
  if (last && isFailure(last) && !isFailure(status)) return;
  last = status;
  text.textContent = words;
  next.replaceChildren(
    ...(status.step ? [stepButton(status.step)] : []),
    // It lies over the results, where a person wants to see them.
    ...(isFailure(status) ? [iconButton("times", say("close"), forget)] : []),
  );
  if (!line.isConnected) document.body.append(line);
  timer ??= setInterval(place, CHECK_MILLISECONDS);
  place();
}

function forget() {
  last = null;
  line.remove();
  clearInterval(timer);
  timer = undefined;
}

function place() {
  line.hidden = !resultsInApp() || !isOfOpenTab(last?.prompt_id);
  if (!line.hidden) centerOnResults(line);
}

/** @param {Status} status */
const isFailure = ({ parts }) => parts.some(({ key }) => key === "status_failed");
