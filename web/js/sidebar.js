import { api, app } from "./comfy.js";
import { comparison } from "./comparison.js";
import { dock } from "./dock.js";
import { element, iconButton, notify, sentenceOf } from "./dom.js";
import { pickUp, reuse } from "./graph.js";
import { forgetNews, TAB } from "./news.js";
import { Pages } from "./pages.js";
import { balanceText } from "./price_text.js";
import { ask } from "./server.js";
import { buyAgain, cancel, copyId, hide, star } from "./track_actions.js";
import { aheadText, identityOf } from "./track_facts.js";
import { drawTrack, ROW_HEIGHT } from "./track_row.js";
import { VirtualList } from "./virtual_list.js";
import { dollars, say } from "./words.js";

const PAGE = 50;
/** Between two refreshes while a graph runs, and while no graph waits for the open jobs. */
const BUSY_MILLISECONDS = 1500;
const IDLE_MILLISECONDS = 20_000;
/** Events after which the gateway is asked for the balance. */
const ENDS = /** @type {const} */ ([
  "execution_success",
  "execution_error",
  "execution_interrupted",
  "aigateway_news",
]);
/** Actions of a person that change the list. */
const CHANGES = /** @type {Action[]} */ (["cancel", "buy_again", "star", "hide", "group"]);
/** Events that may change the list. */
const EVENTS = /** @type {const} */ (["execution_start", "executed", "aigateway_ahead", ...ENDS]);

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
    /** Ids of tracks whose groups are open. @type {Set<string>} */
    this.opened = new Set();
    this.dock = dock();
    this.comparison = comparison();
    this.dock.onchange = this.comparison.onchange = () => void this.list.show();
    this.balance = element("span", { class: "aigateway-balance", role: "status" });
    this.spent = element("div", { class: "aigateway-spent", role: "status" });
    this.ahead = element("div", { class: "aigateway-ahead", role: "status" });
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
      group: (track) => this.toggleGroup(track),
    };
    /** @type {VirtualList<Track>} */
    this.list = new VirtualList({
      label: say("music"),
      rowHeight: ROW_HEIGHT,
      pages: new Pages(PAGE, (offset, limit) => this.read(offset, limit)),
      draw: (track) =>
        drawTrack(track, nowSeconds(), this.stateOf(track), (action) => this.act(action, track)),
      identify: (track) => identityOf(track, nowSeconds(), this.stateOf(track)),
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
      this.ahead,
      this.loss.element,
      this.message,
      this.list.element,
      this.comparison.element,
      this.dock.element,
    );
  }

  /** @param {Track} track */
  stateOf(track) {
    return { isPlaying: this.dock.plays(track), letter: this.comparison.letterOf(track) };
  }

  /** Show all takes of a group, or only the first. @param {Track} track */
  toggleGroup({ local_id, group }) {
    if (group?.opened) this.opened.delete(group.opened);
    else this.opened.add(local_id);
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

  /** Show the balance of the account, where the gateway tells it. */
  async showBalance() {
    try {
      this.balance.textContent = balanceText(await ask("balance"));
    } catch {
      // The list shows the fault of the server.
      this.balance.textContent = "";
    }
  }

  /**
   * Read rows, and show the counts and sums of all rows.
   * @param {number} offset
   * @param {number} limit
   */
  async read(offset, limit) {
    const { query } = this.choices;
    const isOld = () => JSON.stringify(query) !== JSON.stringify(this.choices.query);
    try {
      const opened = [...this.opened].join(",");
      const answer = await ask("tracks", { query: { ...query, limit, offset, opened } });
      if (isOld() || this.isClosed) return null;
      this.active = answer.active;
      this.loss.show(answer.loss);
      const { today, month } = answer.spent;
      this.spent.textContent = say("spent", { today: dollars(today), month: dollars(month) });
      this.ahead.textContent = aheadText(answer.ahead);
      this.choices.count(answer.counts);
      this.message.textContent = answer.total ? "" : this.choices.emptiness;
      return { rows: answer.tracks, total: answer.total };
    } catch (error) {
      this.message.textContent = sentenceOf(error);
      return null;
    }
  }

  /** @type {(action: Action, track: Track) => Promise<void>} */
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

/** The loss of the ledger, above the tracks. Spending stops until the person has accepted it. */
export class Loss {
  /** @param {() => unknown} accepted called when spending goes on */
  constructor(accepted) {
    this.accepted = accepted;
    this.sentence = element("p");
    this.button = element(
      "button",
      { class: "aigateway-button", type: "button", onclick: () => this.accept() },
      say("go_on"),
    );
    this.element = element(
      "div",
      { class: "aigateway-loss", role: "alert", hidden: true },
      this.sentence,
      element("p", {}, say("loss_stops")),
      this.button,
    );
  }

  /** @param {string | null | undefined} loss the server's sentence, if rows were lost */
  show(loss) {
    this.element.hidden = !loss;
    this.sentence.textContent = loss ?? "";
  }

  async accept() {
    this.button.disabled = true;
    try {
      this.show((await ask("accept-loss", { method: "POST" })).loss);
      notify("info", say("loss_accepted"));
      await this.accepted();
    } catch (error) {
      notify("error", sentenceOf(error));
    } finally {
      this.button.disabled = false;
    }
  }
}

/** As `Show` and `Sort` on the server. */
const SHOWS = ["all", "completed", "open", "over", "uncertain", "starred", "hidden"];
const SORTS = ["newest", "longest", "dearest", "prompt", "starred"];
const SORT = "AIgateway.sort";
const TYPING_MILLISECONDS = 200;

/** A person's view of the list: a search, a filter and an order. */
export class Choices {
  /** @param {() => unknown} changed */
  constructor(changed) {
    this.typing = 0;
    // A filter that is chosen while a search is typed takes the search with it.
    const chosen = () => {
      clearTimeout(this.typing);
      changed();
    };
    this.search = this.searchField(chosen);
    this.shows = SHOWS.map((value) => element("option", { value }, say(`show_${value}`)));
    this.show = choice("show", this.shows, chosen);
    const sorts = SORTS.map((value) => element("option", { value }, say(`sort_${value}`)));
    this.sort = choice("sort", sorts, () => {
      localStorage.setItem(SORT, this.sort.value);
      chosen();
    });
    const kept = localStorage.getItem(SORT) ?? "";
    if (SORTS.includes(kept)) this.sort.value = kept;
    this.element = element(
      "div",
      { class: "aigateway-choices", role: "search" },
      this.search,
      this.show,
      this.sort,
    );
  }

  /** @param {() => unknown} chosen */
  searchField(chosen) {
    const input = element("input", {
      type: "search",
      class: "aigateway-input aigateway-search",
      placeholder: say("search"),
      "aria-label": say("search"),
    });
    input.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(chosen, TYPING_MILLISECONDS);
    });
    return input;
  }

  /** As the server reads them. */
  get query() {
    return { search: this.search.value, show: this.show.value, sort: this.sort.value };
  }

  /** Why the list is empty. */
  get emptiness() {
    const { search, show } = this.query;
    if (search) return say("nothing_found");
    return say(show === "all" ? "no_tracks" : "none_of_kind");
  }

  /**
   * Say how many tracks each filter shows.
   * @param {Record<string, number>} counts by the filters' names
   */
  count(counts) {
    for (const option of this.shows) {
      const text = `${say(`show_${option.value}`)} · ${counts[option.value]}`;
      // A browser closes an open list when it changes.
      if (option.textContent !== text) option.textContent = text;
    }
  }
}

/**
 * @param {string} word the name of the choice
 * @param {HTMLOptionElement[]} options
 * @param {() => unknown} onchange
 */
function choice(word, options, onchange) {
  const properties = { class: "aigateway-input", title: say(word), "aria-label": say(word) };
  return element("select", { ...properties, onchange }, ...options);
}
