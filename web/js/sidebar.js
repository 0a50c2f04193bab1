import { api, app } from "./comfy.js";
import { element, iconButton } from "./dom.js";
import { dollars } from "./format.js";
import { notify } from "./notify.js";
import { waveform } from "./player.js";
import { address, ask } from "./server.js";
import { drawTrack, identifyTrack, ROW_HEIGHT } from "./track_row.js";
import { VirtualList } from "./virtual_list.js";
import { say } from "./words.js";

/** @typedef {import("./server.js").Track} Track */

const PAGE = 50;
const TYPING_MILLISECONDS = 200;
/** Between two looks while a graph runs, and while only jobs are open that nobody waits for. */
const BUSY_MILLISECONDS = 1500;
const IDLE_MILLISECONDS = 20_000;

/** Every track of the ledger, newest first. */
class Music {
  constructor() {
    this.search = "";
    this.asked = 0;
    this.active = 0;
    this.audio = element("audio", { controls: true, preload: "metadata" });
    this.audio.addEventListener("error", () => void this.explain());
    const { box, picture } = waveform(this.audio);
    this.picture = picture;
    this.title = element("div", { class: "aigateway-title" });
    this.player = element("div", { class: "aigateway-player aigateway-dock" });
    this.player.append(this.title, box, this.audio);
    this.player.hidden = true;
    /** @type {Track | null} */
    this.playing = null;
    this.spent = element("div", { class: "aigateway-spent", role: "status" });
    this.message = element("div", { class: "aigateway-empty", role: "status" });
    this.list = new VirtualList({
      rowHeight: ROW_HEIGHT,
      pageSize: PAGE,
      read: (offset, limit) => this.read(offset, limit),
      draw: (track) => drawTrack(track, this),
      identify: identifyTrack,
    });
    const input = element("input", {
      type: "search",
      class: "aigateway-input aigateway-search",
      placeholder: say("search"),
      "aria-label": say("search"),
    });
    let typing = 0;
    input.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        this.search = input.value;
        void this.list.restart();
      }, TYPING_MILLISECONDS);
    });
    const refresh = iconButton("refresh", say("refresh"), () => this.refresh());
    const title = element("span", { class: "aigateway-heading" }, say("music"));
    this.element = element(
      "div",
      { class: "aigateway-music" },
      element("div", { class: "aigateway-head" }, title, refresh),
      input,
      this.spent,
      this.message,
      this.list.element,
      this.player,
    );
    this.look = this.look.bind(this);
    this.refresh = this.refresh.bind(this);
  }

  /** @param {HTMLElement} parent */
  open(parent) {
    parent.classList.add("aigateway-tab");
    parent.replaceChildren(this.element);
    for (const event of ["execution_start", "executed", "execution_success", "execution_error"])
      api.addEventListener(event, this.refresh);
    api.addEventListener("execution_interrupted", this.refresh);
    void this.list.restart().then(this.look);
  }

  close() {
    clearTimeout(this.timer);
    this.closed = true;
    for (const event of ["execution_start", "executed", "execution_success", "execution_error"])
      api.removeEventListener(event, this.refresh);
    api.removeEventListener("execution_interrupted", this.refresh);
    this.audio.pause();
    this.list.close();
  }

  /** Look again for as long as something may change. */
  look() {
    clearTimeout(this.timer);
    if (this.closed) return;
    const isBusy = this.active > 0 && isRunning();
    this.timer = setTimeout(
      async () => {
        if (!document.hidden) await this.refresh();
        this.look();
      },
      isBusy ? BUSY_MILLISECONDS : IDLE_MILLISECONDS,
    );
  }

  async refresh() {
    const wasActive = this.active;
    await this.list.refresh();
    if (this.active && !wasActive) this.look();
  }

  async read(offset, limit) {
    const { search } = this;
    try {
      const answer = await ask("tracks", { query: { search, limit, offset } });
      if (search !== this.search || this.closed) return null;
      this.active = answer.active;
      const { today, month } = answer.spent;
      this.spent.textContent = say("spent", { today: dollars(today), month: dollars(month) });
      const nothing = search ? say("nothing_found") : say("no_tracks");
      this.message.textContent = answer.total ? "" : nothing;
      return { rows: answer.tracks, total: answer.total };
    } catch (error) {
      this.message.textContent = error.message;
      return null;
    }
  }

  /** @param {Track} track */
  play(track) {
    this.playing = track;
    const source = `tracks/${encodeURIComponent(track.local_id)}`;
    this.player.hidden = false;
    this.title.textContent = this.title.title = track.prompt || track.job_id || "";
    this.picture.src = address(`${source}/waveform`);
    this.audio.src = address(`${source}/audio`);
    // Without a sound device there is nothing to be heard, and nothing to be done about it here.
    this.audio.play().catch(() => {});
  }

  /** A player knows that it failed; the server knows why. */
  async explain() {
    if (!this.playing) return;
    try {
      await ask(`tracks/${encodeURIComponent(this.playing.local_id)}/audio`);
    } catch (error) {
      notify("warn", error.message);
    }
  }

  /** @param {Track} track */
  async cancel(track) {
    await this.act(track, "cancel", (after) =>
      say(after.state === "cancelled" ? "cancelled_done" : "cancelled_not"),
    );
  }

  /** @param {Track} track */
  async buyAgain(track) {
    const price = track.price === null ? say("price_unknown") : dollars(track.price);
    const message = say("buy_again_question", { price });
    const isSure = await app.extensionManager.dialog.confirm({ title: say("buy_again"), message });
    if (isSure) await this.act(track, "buy-again", () => say("bought_again"));
  }

  /**
   * @param {Track} track
   * @param {string} action
   * @param {(after: Track) => string} describe
   */
  async act(track, action, describe) {
    const path = `tracks/${encodeURIComponent(track.local_id)}/${action}`;
    try {
      notify("info", describe(await ask(path, { method: "POST" })));
    } catch (error) {
      notify("error", error.message);
    }
    await this.refresh();
  }
}

const isRunning = () => Number(app.ui?.lastQueueSize ?? 1) > 0;

export function registerSidebar() {
  /** @type {Music | null} */
  let open = null;
  app.extensionManager.registerSidebarTab({
    id: "aigateway-music",
    icon: "pi pi-headphones",
    title: say("music"),
    tooltip: say("music_tooltip"),
    type: "custom",
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
