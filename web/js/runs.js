import { api, app } from "./comfy.js";

/**
 * The tabs that queued runs, by the runs' ids.
 * @type {Map<string, object>}
 */
const tabs = new Map();
/** How many runs are remembered. */
const MOST = 500;

/** @returns {AutoRun | null} null where only a person starts a run */
export function autoRun() {
  const mode = app.extensionManager?.queueSettings?.mode ?? "";
  if (mode === "change") return mode;
  // Versions of ComfyUI tell an instant run that goes on from one that waits for its first start.
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
    const [oldest] = tabs.keys();
    if (tabs.size > MOST && oldest !== undefined) tabs.delete(oldest);
    return answer;
  };
}

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
