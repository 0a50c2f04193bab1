import { api, app } from "./comfy.js";
import { addRow, element } from "./dom.js";
import { dollars } from "./format.js";
import { UNKNOWN, valuesOf } from "./inputs.js";
import { ask } from "./server.js";
import { placeOf, placesOf } from "./subgraphs.js";
import { say } from "./words.js";

const NODE = "AIGatewayPromptToMusic";
const HEIGHT = 30;
const LOOK_MILLISECONDS = 300;
const ENDED = ["completed", "failed", "cancelled", "uncertain"];

/**
 * The price line of one node, on it or on a subgraph's node around it.
 *
 * What decides the price sits in widgets, in other nodes and beside the Run button, and not all of
 * it tells when it changes: so it is looked at, and the server is asked only after a change.
 */
class PriceLine {
  /** @param {import("./subgraphs.js").Place} place */
  constructor({ node, hosts }) {
    this.node = node;
    this.hosts = hosts;
    this.bearer = hosts[0] ?? node;
    this.seen = "";
    /** @type {string[]} what the last run made or found again */
    this.tracks = [];
    this.text = element("span");
    this.element = element("div", { class: "aigateway-price", role: "status" }, this.text);
    addRow(this.bearer, "aigateway_price", this.element, HEIGHT);
  }

  /** @param {import("./subgraphs.js").Place} place */
  isAt({ node, hosts }) {
    const near = hosts.slice(hosts.length - this.hosts.length);
    return node === this.node && this.hosts.every((host, depth) => host === near[depth]);
  }

  order() {
    return orderOf(this.node, this.hosts);
  }

  look() {
    const order = this.order();
    const seen = JSON.stringify(order);
    if (seen === this.seen) return;
    this.seen = seen;
    this.tracks = [];
    void this.showEstimate(order);
  }

  /** Ask again, although nothing on the canvas changed. */
  refresh() {
    if (this.tracks.length) void this.showCost();
    else this.seen = "";
  }

  /** @param {ReturnType<PriceLine['order']>} order */
  async showEstimate(order) {
    const { durations, runs, count, request } = order;
    // A length that is not known yet is priced by the second, as ten of them.
    const known = durations.length > 0;
    const duration = known ? Math.max(...durations) : 10;
    try {
      const body = { ...request, runs, count, duration };
      const price = await ask("price", { method: "POST", body });
      if (JSON.stringify(order) !== this.seen) return;
      this.write(...estimate(price, known ? null : duration, order.count * runs));
    } catch (error) {
      if (JSON.stringify(order) === this.seen) this.write(error.message, true);
    }
  }

  /** @param {string[]} tracks the ledger's ids */
  bought(tracks) {
    this.tracks = tracks;
    this.seen = JSON.stringify(this.order());
    void this.showCost();
  }

  async showCost() {
    const asked = this.tracks;
    try {
      const tracks = await Promise.all(asked.map((id) => ask(`tracks/${id}`)));
      if (asked === this.tracks) this.write(...cost(tracks));
    } catch (error) {
      if (asked === this.tracks) this.write(error.message, true);
    }
  }

  /**
   * @param {string} text
   * @param {boolean} [isRefused]
   */
  write(text, isRefused = false) {
    this.text.textContent = text;
    this.element.title = text;
    this.element.classList.toggle("aigateway-refused", isRefused);
    this.bearer.setDirtyCanvas?.(true);
  }
}

/** What a run of the graph would order from this node. */
function orderOf(node, hosts) {
  const durations = valuesOf(node, "duration", hosts);
  const names = ["prompt", "lyrics", "format", "model", "take"];
  const values = names.map((name) => valuesOf(node, name, hosts));
  // Lists of different lengths run to the end of the longest.
  const counts = [durations, ...values].map((each) => (each === UNKNOWN ? 1 : each.length));
  // Its name differs from version to version, its place beside the number does not.
  const take = node.widgets?.find((widget) => widget.name === "take");
  const control = take?.linkedWidgets?.[0]?.value;
  const repeats = !control || control === "fixed" || isLinked(node, "take");
  const known = names.map((name, place) => [name, values[place]]);
  const isWhole = known.every(([, each]) => each !== UNKNOWN && each[0] !== undefined);
  const wanted = known.filter(([name, each]) => isWhole || (name === "model" && each !== UNKNOWN));
  return {
    // Only a request that is known whole can be found among those that were bought.
    request: Object.fromEntries(wanted.map(([name, each]) => [name, each[0]])),
    durations: durations === UNKNOWN ? [] : durations.map(Number),
    count: Math.max(...counts),
    // The same take is bought once, however often the graph runs.
    runs: repeats ? 1 : batchCount(),
  };
}

const isLinked = (node, name) =>
  node.inputs?.some((input) => input.name === name && input.link != null) ?? false;

const batchCount = () => app.extensionManager?.queueSettings?.batchCount ?? 1;

/**
 * @param {import("./server.js").Price} price
 * @param {number | null} seconds what the price is for where the length is not known
 * @param {number} pieces
 * @returns {[string, boolean]}
 */
function estimate(price, seconds, pieces) {
  if (price.free) return [say("price_free"), false];
  if (price.bought && seconds === null) return [say("price_bought"), false];
  const { each, total, refused } = price;
  let text = say("price_unknown");
  if (each !== null && seconds !== null)
    text = say("price_second", { price: dollars(each / seconds) });
  else if (each !== null && pieces > 1)
    text = say("price_many", { n: pieces, each: dollars(each), total: dollars(total ?? each) });
  else if (each !== null) text = dollars(each);
  if (!refused || (seconds !== null && refused.reason.startsWith("per_"))) return [text, false];
  const values = { limit: dollars(refused.limit ?? 0), spent: dollars(refused.spent ?? 0) };
  return [`${text} · ${say(`refused_${refused.reason}`, values)}`, true];
}

/**
 * @param {import("./server.js").Track[]} tracks
 * @returns {[string, boolean]}
 */
function cost(tracks) {
  if (tracks.every((track) => track.free)) return [say("cost_free"), false];
  const uncertain = tracks.some((track) => track.state === "uncertain");
  const sum = tracks
    .filter((track) => track.state !== "failed" && track.state !== "cancelled")
    .reduce((total, track) => total + (track.price ?? 0), 0);
  const isOver = tracks.every((track) => ENDED.includes(track.state));
  if (uncertain) return [say("cost_uncertain", { price: dollars(sum) }), true];
  return [say(isOver ? "cost_paid" : "cost_ordered", { price: dollars(sum) }), false];
}

/** @type {Set<PriceLine>} */
const lines = new Set();

/** @param {any} bearer any node that was just made */
export function addPrice(bearer) {
  const made = placesOf(bearer, [NODE]).map((place) => new PriceLine(place));
  if (!made.length) return;
  for (const line of made) lines.add(line);
  const { onRemoved } = bearer;
  bearer.onRemoved = function (...values) {
    for (const line of made) lines.delete(line);
    return onRemoved?.apply(this, values);
  };
}

function showCosts({ detail }) {
  const tracks = detail.output?.aigateway_track?.map((track) => track.local_id);
  const place = tracks?.length ? placeOf(detail.display_node ?? detail.node) : null;
  if (place) for (const line of lines) if (line.isAt(place)) line.bought(tracks);
}

/** Ask for all prices again, for example after a limit was changed. */
export function refreshPrices() {
  for (const line of lines) line.refresh();
}

export function watchPrices() {
  setInterval(() => {
    if (!document.hidden) for (const line of lines) line.look();
  }, LOOK_MILLISECONDS);
  api.addEventListener("executed", showCosts);
  for (const event of ["executed", "execution_success", "execution_error", "execution_interrupted"])
    api.addEventListener(event, refreshPrices);
}
