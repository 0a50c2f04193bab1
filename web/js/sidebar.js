import { Choices } from "./choices.js";
import { api, app } from "./comfy.js";
import { comparison } from "./comparison.js";
import { dock } from "./dock.js";
import { element, iconButton, sentenceOf } from "./dom.js";
import { dollars } from "./format.js";
import { pickUp, reuse } from "./graph.js";
import { Loss } from "./loss.js";
import { forgetNews, TAB } from "./news.js";
import { notify } from "./notify.js";
import { Pages } from "./pages.js";
import { balanceText } from "./price_text.js";
import { ask } from "./server.js";
import { buyAgain, cancel, copyId, hide, star } from "./track_actions.js";
import { identityOf } from "./track_facts.js";
import { drawTrack, ROW_HEIGHT } from "./track_row.js";
import { VirtualList } from "./virtual_list.js";
import { say } from "./words.js";

/** @typedef {import("./server.js").Track} Track */
/** @typedef {import("./track_facts.js").Action} Action */

const PAGE = 50;
/** Between two refreshes while a graph runs, and while no graph waits for the open jobs. */
const BUSY_MILLISECONDS = 1500;
const IDLE_MILLISECONDS = 20_000;
/** What may change the account's balance: the gateway is asked for it. */
const ENDS = /** @type {const} */ ([
  "execution_success",
  "execution_error",
  "execution_interrupted",
  "aigateway_news",
]);
/** What a person does that changes the list. */
const CHANGES = /** @type {Action[]} */ (["cancel", "buy_again", "star", "hide"]);
/** What else may change the list. */
const EVENTS = /** @type {const} */ (["execution_start", "executed", ...ENDS]);

const nowSeconds = () => Date.now() / 1000;
const isRunning = () => Number(app.ui?.lastQueueSize ?? 1) > 0;

/** The Music tab: every track of the ledger. */
class Music {
  constructor() {
    this.choices = new Choices(() => void this.list.restart());
    /** Jobs that are under way. */
    this.active = 0;
    this.timer = 0;
    this.isClosed = false;
    this.dock = dock();
    this.comparison = comparison();
    this.dock.onchange = this.comparison.onchange = () => void this.list.show();
    this.balance = element("span", { class: "aigateway-balance", role: "status" });
    this.spent = element("div", { class: "aigateway-spent", role: "status" });
    this.loss = new Loss(() => this.refresh());
    this.message = element("div", { class: "aigateway-empty", role: "status" });
    /** @type {Record<Action, (track: Track) => unknown>} */
    this.actions = {
      play: (track) => this.dock.toggle(track),
      copy_id: copyId,
      reuse,
      pick_up: (track) => pickUp(track),
      cancel,
      buy_again: buyAgain,
      compare: (track) => this.comparison.pick(track),
      star,
      hide,
    };
    /** @type {VirtualList<Track>} */
    this.list = new VirtualList({
      label: say("music"),
      rowHeight: ROW_HEIGHT,
      pages: new Pages(PAGE, (offset, limit) => this.read(offset, limit)),
      draw: (track) =>
        drawTrack(track, nowSeconds(), this.look(track), (action) => this.act(action, track)),
      identify: (track) => identityOf(track, nowSeconds(), this.look(track)),
    });
    this.refresh = this.refresh.bind(this);
    this.showBalance = this.showBalance.bind(this);
    const refresh = iconButton("refresh", say("refresh"), () => {
      void this.showBalance();
      return this.refresh();
    });
    const title = element("span", { class: "aigateway-heading" }, say("music"));
    this.element = element(
      "div",
      { class: "aigateway-music" },
      element("div", { class: "aigateway-head" }, title, this.balance, refresh),
      this.choices.element,
      this.spent,
      this.loss.element,
      this.message,
      this.list.element,
      this.comparison.element,
      this.dock.element,
    );
  }

  /** @param {Track} track */
  look(track) {
    return { isPlaying: this.dock.plays(track), letter: this.comparison.letterOf(track) };
  }

  /** @param {HTMLElement} parent */
  open(parent) {
    parent.classList.add("aigateway-tab");
    parent.replaceChildren(this.element);
    for (const event of EVENTS) api.addEventListener(event, this.refresh);
    for (const event of ENDS) api.addEventListener(event, this.showBalance);
    void this.showBalance();
    void this.list.restart().then(() => this.schedule());
    forgetNews().catch((error) => notify("warn", sentenceOf(error)));
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    for (const event of EVENTS) api.removeEventListener(event, this.refresh);
    for (const event of ENDS) api.removeEventListener(event, this.showBalance);
    this.dock.onchange = this.comparison.onchange = () => {};
    this.list.close();
  }

  /** Plan the next refresh. */
  schedule() {
    clearTimeout(this.timer);
    if (this.isClosed) return;
    const isBusy = this.active > 0 && isRunning();
    this.timer = setTimeout(
      async () => {
        if (!document.hidden) await this.refresh();
        this.schedule();
      },
      isBusy ? BUSY_MILLISECONDS : IDLE_MILLISECONDS,
    );
  }

  async refresh() {
    const wasActive = this.active;
    await this.list.refresh();
    if (this.active && !wasActive) this.schedule();
  }

  /** Show what the account has left, where the gateway tells it. */
  async showBalance() {
    try {
      this.balance.textContent = balanceText(await ask("balance"));
    } catch {
      // The list says what is wrong with the server.
      this.balance.textContent = "";
    }
  }

  /**
   * Read rows, and show what the answer says of all of them.
   *
   * @param {number} offset
   * @param {number} limit
   */
  async read(offset, limit) {
    const { query } = this.choices;
    const isOld = () => JSON.stringify(query) !== JSON.stringify(this.choices.query);
    try {
      const answer = await ask("tracks", { query: { ...query, limit, offset } });
      if (isOld() || this.isClosed) return null;
      this.active = answer.active;
      this.loss.show(answer.loss);
      const { today, month } = answer.spent;
      this.spent.textContent = say("spent", { today: dollars(today), month: dollars(month) });
      this.choices.count(answer.counts);
      this.message.textContent = answer.total ? "" : this.choices.emptiness;
      return { rows: answer.tracks, total: answer.total };
    } catch (error) {
      this.message.textContent = sentenceOf(error);
      return null;
    }
  }

  /**
   * @param {Action} action
   * @param {Track} track
   */
  async act(action, track) {
    await this.actions[action](track);
    if (CHANGES.includes(action)) await this.refresh();
  }
}

export function registerSidebar() {
  /** @type {Music | null} */
  let open = null;
  app.extensionManager.registerSidebarTab({
    id: TAB,
    icon: "pi pi-headphones",
    title: say("music"),
    tooltip: say("music_tooltip"),
    type: "custom",
    iconBadge: "",
    render: (parent) => {
      open?.close();
      open = new Music();
      open.open(parent);
    },
    destroy: () => {
      open?.close();
      open = null;
    },
  });
}
