import { api, app } from "./comfy.js";

/**
 * The tabs that queued runs, by the runs' ids.
 * @type {Map<string, object>}
 */
const tabs = new Map();
/**
 * The runs that were queued while earlier runs were still waiting or running, and the running ones.
 * @typedef {{runs: Set<string>, open: Set<string>}} Batch
 * @type {Batch}
 */
let batch = { runs: new Set(), open: new Set() };
/** The events with which a run ends. */
export const RUN_ENDS = /** @type {const} */ ([
  "execution_success",
  "execution_error",
  "execution_interrupted",
]);
/** How many runs are remembered. */
const MOST = 500;

/** @returns {AutoRun | null} null where only a person starts a run */
export function autoRun() {
  const mode = app.extensionManager?.queueSettings?.mode ?? "";
  if (mode === "change") return mode;
  // Some versions of ComfyUI have different modes for an instant run that repeats and for one that
  // waits for its first start.
  return mode.startsWith("instant") ? "instant" : null;
}

export const openTab = () => app.extensionManager?.workflow?.activeWorkflow ?? null;

/** Remember from which tab each run was queued: ComfyUI's events name the run alone. */
export function watchRuns() {
  const queue = api.queuePrompt;
  api.queuePrompt = async function (...values) {
    const tab = openTab();
    const answer = await queue.apply(this, values);
    if (tab && answer?.prompt_id) tabs.set(answer.prompt_id, tab);
    if (answer?.prompt_id) addToBatch(answer.prompt_id);
    const [oldest] = tabs.keys();
    if (tabs.size > MOST && oldest !== undefined) tabs.delete(oldest);
    return answer;
  };
  for (const end of RUN_ENDS)
    api.addEventListener(end, ({ detail }) => batch.open.delete(detail?.prompt_id ?? ""));
  api.addEventListener("status", ({ detail }) => {
    // If the server was away, the page missed the end of a run.
    if (detail?.exec_info?.queue_remaining === 0) batch.open.clear();
  });
}

/** @param {string} runId */
function addToBatch(runId) {
  if (!batch.open.size) batch = { runs: new Set(), open: new Set() };
  batch.runs.add(runId);
  batch.open.add(runId);
}

/** The newest batch if it has this run, else null. @param {string | undefined} runId */
export const batchOf = (runId) => (batch.runs.has(runId ?? "") ? batch : null);

/**
 * Whether a run belongs to the tab that is open. A run that this page did not queue may do so.
 * @param {string | undefined} runId
 */
export function isOfOpenTab(runId) {
  const tab = tabs.get(runId ?? "");
  return !tab || tab === openTab();
}

/** How often it is checked whether another tab was opened, while something waits for it. */
const CHECK_MILLISECONDS = 250;
/** @type {Map<object, (() => void)[]>} */
const waiting = new Map();
/** @type {ReturnType<typeof setInterval> | null} */
let timer = null;

/**
 * Show something of a run on its own tab: now, or when that tab is opened again.
 * @param {string | undefined} runId
 * @param {() => void} show
 */
export function onTabOf(runId, show) {
  const tab = tabs.get(runId ?? "");
  if (!tab || tab === openTab()) {
    show();
    return;
  }
  waiting.set(tab, [...(waiting.get(tab) ?? []), show]);
  timer ??= setInterval(showWaiting, CHECK_MILLISECONDS);
}

function showWaiting() {
  const tab = openTab();
  const shows = tab ? waiting.get(tab) : null;
  if (!tab || !shows) return;
  waiting.delete(tab);
  if (!waiting.size) {
    clearInterval(timer ?? undefined);
    timer = null;
  }
  for (const show of shows) show();
}
