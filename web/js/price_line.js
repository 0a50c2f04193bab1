import { api, app, rootGraph } from "./comfy.js";
import { addRow, element, makeRoom, sentenceOf } from "./dom.js";
import { priceRequest } from "./price_request.js";
import { costText, estimateText, hintText } from "./price_text.js";
import { ask } from "./server.js";
import { placeOf, placesOf } from "./subgraphs.js";

/** @typedef {import("./comfy.js").GraphNode} GraphNode */
/** @typedef {import("./price_request.js").PriceRequest} PriceRequest */
/** @typedef {import("./price_text.js").PriceText} PriceText */
/** @typedef {import("./subgraphs.js").Place} Place */

const NODES = ["AIGatewayPromptToMusic", "AIGatewayTakes"];
const HEIGHT = 30;
const HINTS_HEIGHT = 44;
const CHECK_MILLISECONDS = 300;

/**
 * The price line of one node, on the node or on a subgraph's node around it.
 *
 * The price depends on widgets, on other nodes and on the Run button, and not all of them report a
 * change. So the line checks them all the time, and asks the server only after a change.
 */
class PriceLine {
  /** @param {Place} place */
  constructor({ node, hosts }) {
    this.node = node;
    this.hosts = hosts;
    /** The node that shows the line. */
    this.shownOn = hosts[0] ?? node;
    this.checked = "";
    /** @type {string[]} the ledger's ids of what the last run made or found again */
    this.tracks = [];
    this.text = element("span");
    this.element = element("div", { class: "aigateway-price", role: "status" }, this.text);
    this.hints = element("div", { class: "aigateway-hints", role: "note", hidden: true });
    addRow(this.shownOn, "aigateway_price", this.element, HEIGHT);
    addRow(this.shownOn, "aigateway_hints", this.hints, HINTS_HEIGHT);
  }

  /** @param {Place} place */
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
    const asked = this.request();
    const text = JSON.stringify(asked);
    if (text === this.checked) return;
    this.checked = text;
    this.tracks = [];
    void this.showEstimate(asked);
  }

  /** Ask the server again, although nothing on the canvas has changed. */
  refresh() {
    if (this.tracks.length) void this.showCost();
    else this.checked = "";
  }

  /** @param {PriceRequest} asked */
  async showEstimate(asked) {
    const { request, duration, count, takes, runs } = asked;
    const { checked } = this;
    const body = { ...request, duration, count, takes, runs };
    let hints = "";
    const text = await textOrError(async () => {
      const price = await ask("price", { method: "POST", body });
      hints = hintText(price);
      return estimateText(price, asked);
    });
    if (checked !== this.checked) return;
    this.showHints(hints);
    this.write(text);
  }

  /** @param {string} text a hint a line */
  showHints(text) {
    if (text === this.hints.title) return;
    this.hints.textContent = text;
    this.hints.title = text;
    this.hints.hidden = !text;
    makeRoom(this.shownOn);
  }

  /** @param {string[]} tracks the ledger's ids */
  showCostOf(tracks) {
    this.tracks = tracks;
    this.checked = JSON.stringify(this.request());
    void this.showCost();
  }

  async showCost() {
    const { tracks } = this;
    const text = await textOrError(async () =>
      costText(await Promise.all(tracks.map((id) => ask(`tracks/${encodeURIComponent(id)}`)))),
    );
    if (tracks === this.tracks) this.write(text);
  }

  /** @param {PriceText} shown */
  write({ text, isWarning }) {
    this.text.textContent = text;
    this.element.title = text;
    this.element.classList.toggle("aigateway-refused", isWarning);
    this.shownOn.setDirtyCanvas?.(true);
  }
}

/**
 * @param {() => Promise<PriceText>} read
 * @returns {Promise<PriceText>}
 */
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
  const made = placesOf(node, NODES).map((place) => new PriceLine(place));
  if (!made.length) return;
  for (const line of made) lines.add(line);
  const { onRemoved } = node;
  node.onRemoved = function (...values) {
    for (const line of made) lines.delete(line);
    return onRemoved?.apply(this, values);
  };
}

/** Ask for all prices again, for example after a limit was changed. */
export function refreshPrices() {
  for (const line of lines) line.refresh();
}

export function watchPrices() {
  setInterval(() => {
    if (!document.hidden) for (const line of lines) line.check();
  }, CHECK_MILLISECONDS);
  api.addEventListener("executed", ({ detail }) => {
    const ids = /** @type {string[]} */ (detail.output?.aigateway_track ?? []);
    const place = ids.length ? placeOf(rootGraph(), detail.display_node ?? detail.node) : null;
    if (!place) return;
    for (const line of lines) if (line.isAt(place)) line.showCostOf(ids);
  });
  for (const event of /** @type {const} */ ([
    "executed",
    "execution_success",
    "execution_error",
    "execution_interrupted",
  ]))
    api.addEventListener(event, refreshPrices);
}
