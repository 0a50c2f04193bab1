import { api, app, rootGraph } from "./comfy.js";
import { addRow, element, makeRoom, sentenceOf } from "./dom.js";
import { stepButton } from "./error_steps.js";
import { forgetModelPrices, priceModels } from "./model_prices.js";
import { BUYERS, bodyOf, isInRun, isSkipped, priceRequest, TAKES } from "./price_request.js";
import {
  costText,
  estimateText,
  hintText,
  runText,
  shortCost,
  shortEstimate,
} from "./price_text.js";
import { autoRun, batchOf, onTabOf } from "./runs.js";
import { ask } from "./server.js";
import { hostedNodeOf, hostedNodesOf } from "./subgraphs.js";
import { TitlePrice } from "./title_price.js";
import { priceOf } from "./track_facts.js";
import { say } from "./words.js";

const HEIGHT = 30;
const HINTS_HEIGHT = 58;
const CHECK_MILLISECONDS = 300;
/** After a run, ask for the costs of at most this many tracks. */
const MOST_TRACKS = 200;

/**
 * The price line of one node, on the node or on a subgraph's node around it.
 *
 * The price depends on widgets, on other nodes and on the Run button, and not all of them report a
 * change. So the line checks them all the time, and asks the server only after a change.
 */
class PriceLine {
  /** @param {HostedNode} hosted */
  constructor({ node, hosts }) {
    this.node = node;
    this.hosts = hosts;
    /** The node that shows the line. */
    this.shownOn = hosts[0] ?? node;
    this.checked = "";
    /** See `Price`. */
    this.forced = "";
    /** @type {string[]} the ledger's ids of the tracks of the last run */
    this.tracks = [];
    /** The tracks of each run that was queued together with the last one, by the runs' ids. */
    this.ofRuns = /** @type {Map<string, string[]>} */ (new Map());
    /** @type {object | null} */
    this.batch = null;
    this.text = element("span");
    const hints = { class: "aigateway-hints", role: "note", hidden: true, tabIndex: 0 };
    this.hints = element("aigateway-row", hints);
    this.run = element("span", { class: "aigateway-run" });
    this.step = element("span", { class: "aigateway-next" });
    const parts = [this.text, this.run, this.step];
    this.element = element("aigateway-row", { class: "aigateway-price", role: "status" }, ...parts);
    addRow(this.shownOn, "aigateway_price", this.element, HEIGHT, say("price"));
    addRow(this.shownOn, "aigateway_hints", this.hints, HINTS_HEIGHT);
    this.title = new TitlePrice(this.shownOn);
  }

  /** Names the node, also if the same subgraph is in the graph twice. */
  get name() {
    return [...this.hosts, this.node].map(({ id }) => id).join(":");
  }

  /** @param {HostedNode} hosted */
  isAt({ node, hosts }) {
    const nearest = hosts.slice(hosts.length - this.hosts.length);
    return node === this.node && this.hosts.every((host, depth) => host === nearest[depth]);
  }

  request() {
    const batchCount = app.extensionManager?.queueSettings?.batchCount ?? 1;
    return priceRequest(this, rootGraph(), batchCount);
  }

  /** Show another price if something that decides it has changed. */
  check() {
    this.title.update();
    const asked = this.request();
    const text = this.stateOf(asked);
    if (text === this.checked) return false;
    this.checked = text;
    this.tracks = [];
    if (isSkipped(this)) this.clear();
    else void this.showEstimate(asked);
    return true;
  }

  /** The facts that the text of the line depends on. @param {PriceRequest} asked */
  stateOf(asked) {
    return JSON.stringify([asked, asked.isNewEachRun && autoRun(), isSkipped(this)]);
  }

  /** Show no price: ComfyUI leaves the node out of the run. */
  clear() {
    this.showHints("");
    this.write({ text: "", isWarning: false }, "");
  }

  /** Whether a run of the graph that holds all others buys the tracks of this line. */
  get isInRun() {
    return isInRun(this, rootGraph());
  }

  /** Ask the server again, although nothing on the canvas has changed. */
  refresh() {
    if (this.tracks.length) void this.showCost();
    else this.checked = "";
  }

  /** @param {PriceRequest} asked */
  async showEstimate(asked) {
    const { checked } = this;
    const body = { ...bodyOf(asked), runs: asked.runs };
    let [hints, short] = ["", ""];
    const text = await textOrError(async () => {
      const price = await ask("price", { method: "POST", body });
      this.forced = price.forced;
      hints = hintText(price);
      short = shortEstimate(price, asked);
      return estimateText(price, asked, autoRun());
    });
    void priceModels(this.node, this.hosts, asked);
    if (checked !== this.checked) return;
    this.showHints(hints);
    this.write(text, short);
  }

  /** @param {string} text a hint a line */
  showHints(text) {
    if (text === this.hints.title) return;
    this.hints.textContent = text;
    this.hints.title = text;
    this.hints.hidden = !text;
    makeRoom(this.shownOn);
  }

  /** @type {(tracks: string[], runId: string) => void} the tracks by the ledger's ids */
  showCostOf(tracks, runId) {
    // Kept music was paid in an earlier run: the estimate stays.
    if (this.request().isKept) return;
    const batch = batchOf(runId);
    if (!batch || batch !== this.batch) this.ofRuns.clear();
    this.batch = batch;
    this.ofRuns.set(runId, tracks);
    this.tracks = [...new Set([...this.ofRuns.values()].flat())].slice(-MOST_TRACKS);
    this.checked = this.stateOf(this.request());
    void this.showCost();
  }

  async showCost() {
    const { tracks } = this;
    let short = "";
    const text = await textOrError(async () => {
      const rows = await Promise.all(tracks.map((id) => ask(`tracks/${encodeURIComponent(id)}`)));
      short = shortCost(rows);
      const isOneByOne = this.node.comfyClass !== TAKES && rows.length > 1;
      return costText(rows, this.forced, isOneByOne ? this.ofRuns.size : 1);
    });
    if (tracks === this.tracks) this.write(text, short);
  }

  /** @type {(shown: PriceText, short: string) => void} */
  write(shown, short) {
    const { text, isWarning } = shown;
    this.text.textContent = text;
    this.element.title = text;
    this.text.classList.toggle("aigateway-refused", isWarning);
    this.title.show(short, isWarning);
    void this.writeStep(shown);
    this.shownOn.setDirtyCanvas?.(true);
  }

  /** Show the next step after a price. @param {PriceText} shown */
  async writeStep({ step, setting, uncertain }) {
    const track = uncertain ? await ask(`tracks/${encodeURIComponent(uncertain)}`) : null;
    const button = step ? stepButton(step, { setting, track, after: refreshPrices }) : null;
    if (track) button?.append(` · ${priceOf(track)}`);
    // The dashboard comes first, because it shows whether the track is bought already.
    const first = uncertain ? [stepButton("open_dashboard"), " · "] : [];
    this.step.replaceChildren(...first, ...(button ? [button] : []));
  }

  /** @param {PriceText | null} total of the whole run; null where this line says it all */
  writeRun(total) {
    this.run.textContent = total?.text ?? "";
    this.run.title = total?.text ?? "";
    this.run.classList.toggle("aigateway-refused", total?.isWarning ?? false);
    if (total?.isWarning && !this.step.childElementCount) void this.writeStep(total);
  }
}

/** @type {(read: () => Promise<PriceText>) => Promise<PriceText>} */
async function textOrError(read) {
  try {
    return await read();
  } catch (error) {
    return { text: sentenceOf(error), isWarning: true };
  }
}

/** @type {Set<PriceLine>} */
const lines = new Set();

/** @param {GraphNode} node any node that was just made */
export function addPrice(node) {
  const made = hostedNodesOf(node, BUYERS).map((hosted) => new PriceLine(hosted));
  if (!made.length) return;
  for (const line of made) lines.add(line);
  const { onRemoved } = node;
  node.onRemoved = function (...values) {
    for (const line of made) {
      lines.delete(line);
      line.title.remove();
    }
    return onRemoved?.apply(this, values);
  };
}

/** The newest question for the price of the whole run. */
let total = 0;

/** If several nodes buy, show the price of the whole run on each line. */
async function showRun() {
  total += 1;
  const mine = total;
  const inRun = [...lines].filter((line) => line.isInRun);
  const asked = inRun.map((line) => line.request());
  const text = asked.length < 2 ? null : await runTextOf(asked);
  if (mine !== total) return;
  for (const line of lines) line.writeRun(inRun.includes(line) ? text : null);
}

/** @param {PriceRequest[]} asked */
async function runTextOf(asked) {
  const price = await askPriceOf(asked);
  return price && runText(price, asked);
}

/**
 * The price of several nodes in one run.
 * @param {PriceRequest[]} asked
 * @returns {Promise<Price | null>} null where the server refuses
 */
export async function askPriceOf(asked) {
  try {
    return await ask("price", { method: "POST", body: { nodes: asked.map(bodyOf) } });
  } catch {
    // The line of the node shows the fault.
    return null;
  }
}

/** The lines of the nodes that make other tracks in each run of the graph. */
export const linesOfEachRun = () =>
  [...lines].filter((line) => line.isInRun && line.request().isNewEachRun);

/** Ask for all prices again, for example after a limit was changed. */
export function refreshPrices() {
  forgetModelPrices();
  for (const line of lines) line.refresh();
  void showRun();
}

function checkPrices() {
  const inRun = [...lines].map((line) => line.isInRun).join();
  const changed = [...lines].map((line) => line.check());
  if (changed.includes(true) || inRun !== checkedRun) void showRun();
  checkedRun = inRun;
}

let checkedRun = "";

export function watchPrices() {
  setInterval(() => {
    if (!document.hidden) checkPrices();
  }, CHECK_MILLISECONDS);
  api.addEventListener("executed", ({ detail }) => {
    const ids = /** @type {string[]} */ (detail.output?.aigateway_track ?? []);
    if (ids.length) onTabOf(detail.prompt_id, () => showCosts(detail, ids));
  });
  for (const event of /** @type {const} */ ([
    "executed",
    "execution_success",
    "execution_error",
    "execution_interrupted",
    "aigateway_news",
  ]))
    api.addEventListener(event, refreshPrices);
}

/** @type {(executed: Executed, ids: string[]) => void} */
function showCosts({ display_node, node, prompt_id }, ids) {
  const hosted = hostedNodeOf(rootGraph(), display_node ?? node);
  for (const line of lines) if (hosted && line.isAt(hosted)) line.showCostOf(ids, prompt_id ?? "");
}
