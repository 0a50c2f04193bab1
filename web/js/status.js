import { api, app, resultsInApp, rootGraph } from "./comfy.js";
import { addRow, centerOnResults, element, iconButton } from "./dom.js";
import { TAB } from "./news.js";
import { isOfOpenTab, onTabOf, RUN_ENDS } from "./runs.js";
import { hostedNodeOf } from "./subgraphs.js";
import { has, isEnglish, say } from "./words.js";

const HEIGHT = 40;

/** @type {WeakMap<GraphNode, HTMLElement>} */
const lines = new WeakMap();
/**
 * The lines of the runs that have not ended, as far as this page has heard.
 * @type {Map<string, Set<HTMLElement>>}
 */
const underWay = new Map();

/** Show the status lines of our nodes, also on the subgraphs' nodes around them. */
export function watchStatus() {
  api.addEventListener("aigateway_status", ({ detail }) =>
    onTabOf(detail.prompt_id, () => {
      showInApp(detail, statusText(detail));
      const hosted = hostedNodeOf(rootGraph(), detail.node);
      for (const node of hosted ? [hosted.node, ...hosted.hosts] : []) show(node, detail);
    }),
  );
  for (const end of RUN_ENDS)
    api.addEventListener(end, ({ detail }) => underWay.delete(detail?.prompt_id ?? ""));
  api.addEventListener("reconnected", () => void forgetLostRuns());
}

/** A killed server does not report the end of its run: remove its last status lines. */
async function forgetLostRuns() {
  const response = await api.fetchApi("/queue");
  /** @type {{queue_running: [number, string][]}} */
  const { queue_running: running } = await response.json();
  const runs = running.map(([, id]) => id);
  for (const [run, shown] of underWay) {
    if (runs.includes(run)) continue;
    underWay.delete(run);
    for (const line of shown) line.textContent = line.title = "";
  }
  if (last && !runs.includes(last.prompt_id)) forget();
}

/** A status in the page's language. @param {Pick<Status, "text" | "parts">} status */
export function statusText({ text, parts }) {
  if (isEnglish() || !parts.length || !parts.every(({ key }) => has(key))) return text;
  return parts.map(({ key, values }) => say(key, values)).join(" · ");
}

/** @type {(node: GraphNode, status: Status) => void} */
function show(node, status) {
  let line = lines.get(node);
  if (!line) {
    line = element("aigateway-row", { class: "aigateway-status", role: "status", tabIndex: 0 });
    lines.set(node, line);
    addRow(node, "aigateway_status", line, HEIGHT);
  }
  const text = statusText(status);
  line.textContent = text;
  line.title = text;
  underWay.set(status.prompt_id, (underWay.get(status.prompt_id) ?? new Set()).add(line));
}

const ENDS = /** @type {const} */ (["execution_error", "execution_interrupted"]);
/** From the best to the worst. */
const VERDICTS = ["status_loop_good", "status_loop_bad"];
/** Set after a person has read where an App's tracks are. */
const KNOWS_TAB = "AIgateway.knowsTab";
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
/**
 * The worst verdict on a loop of the run: it stays after the run.
 * @type {Status | null}
 */
let verdict = null;
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/** An App shows no nodes. So the last status line of a node stands over the App's results. */
export function watchAppStatus() {
  api.addEventListener("execution_start", forget);
  for (const end of ENDS) api.addEventListener(end, forget);
  api.addEventListener("execution_success", () => {
    // If only some items failed, the message stays until the next run.
    if (!last || isFailure(last)) return;
    const { prompt_id } = last;
    const found = verdict;
    forget();
    if (found) showInApp(found, statusText(found));
    else if (localStorage.getItem(KNOWS_TAB) === null) showTab(prompt_id);
  });
}

/** @type {(status: Status, words: string) => void} */
export function showInApp(status, words) {
  if (last && isFailure(last) && !isFailure(status)) return;
  if (rankOf(status) > rankOf(verdict)) verdict = status;
  // It covers the results that a person wants to see.
  const isKept = isFailure(status) || rankOf(status) > 0;
  put(status, words, isKept ? [iconButton("times", say("close"), forget)] : []);
}

/** An App has no sidebar: say where the tracks are, until a person has closed that. */
function showTab(/** @type {string} */ prompt_id) {
  const learnt = (/** @type {() => unknown} */ act) => () => {
    localStorage.setItem(KNOWS_TAB, "true");
    forget();
    act();
  };
  put({ text: "", parts: [], prompt_id, node: "" }, say("app_tab"), [
    iconButton("headphones", say("app_tab_open"), learnt(openTab)),
    iconButton(
      "times",
      say("close"),
      learnt(() => {}),
    ),
  ]);
}

async function openTab() {
  const { command } = app.extensionManager;
  await command.execute("Comfy.ToggleLinear");
  await new Promise(requestAnimationFrame);
  if (!document.querySelector(".aigateway-music"))
    await command.execute(`Workspace.ToggleSidebarTab.${TAB}`);
}

/** @type {(status: Status, words: string, buttons: HTMLElement[]) => void} */
function put(status, words, buttons) {
  last = status;
  text.textContent = words;
  next.replaceChildren(...buttons);
  if (!line.isConnected) document.body.append(line);
  timer ??= setInterval(position, CHECK_MILLISECONDS);
  position();
}

function forget() {
  last = verdict = null;
  line.remove();
  clearInterval(timer);
  timer = undefined;
}

function position() {
  line.hidden = !resultsInApp() || !isOfOpenTab(last?.prompt_id);
  if (!line.hidden) centerOnResults(line);
}

/** @param {Status | null} status */
const rankOf = (status) =>
  Math.max(0, ...(status?.parts ?? []).map(({ key }) => VERDICTS.indexOf(key) + 1));

/** @param {Status} status */
const isFailure = ({ parts }) => parts.some(({ key }) => key === "status_failed");
