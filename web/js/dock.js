import { api } from "./comfy.js";
import { downloadLink, element, iconButton, sentenceOf, setIcon } from "./dom.js";
import { length } from "./format.js";
import { notify } from "./notify.js";
import { pathsOf } from "./playable.js";
import { refusalOf } from "./server.js";
import { sound } from "./sound.js";
import { titleOf } from "./track_facts.js";
import { waveform } from "./waveform.js";
import { say } from "./words.js";

/** @typedef {import("./server.js").Track} Track */

/**
 * The player at the foot of the Music tab.
 *
 * Its audio element is not in the document: there it would fall silent with the tab.
 */
class Dock {
  constructor() {
    /** @type {Track | null} */
    this.track = null;
    /** Called when another track plays, or none. */
    this.onchange = () => {};
    this.audio = sound();
    this.audio.addEventListener("error", () => void this.explain());
    for (const event of ["play", "pause", "ended"])
      this.audio.addEventListener(event, () => this.showState());
    const { box, picture } = waveform(this.audio);
    this.picture = picture;
    this.title = element("div", { class: "aigateway-title" });
    this.button = iconButton("play", say("play"), () => this.track && this.toggle(this.track));
    this.time = element("span", { class: "aigateway-time" });
    for (const event of ["timeupdate", "loadedmetadata"])
      this.audio.addEventListener(event, () => this.showTime());
    this.download = downloadLink();
    const controls = [this.button, this.time, this.volume(), this.download];
    const line = element("div", { class: "aigateway-dock-controls" }, ...controls);
    const properties = { class: "aigateway-player aigateway-dock", hidden: true };
    this.element = element("div", properties, this.title, box, line);
  }

  volume() {
    const { audio } = this;
    const input = element("input", {
      class: "aigateway-volume",
      type: "range",
      min: "0",
      max: "1",
      step: "0.05",
      value: String(audio.volume),
      title: say("volume"),
      "aria-label": say("volume"),
    });
    input.addEventListener("input", () => {
      audio.muted = false;
      audio.volume = Number(input.value);
    });
    audio.addEventListener("volumechange", () => {
      input.value = audio.muted ? "0" : String(audio.volume);
    });
    return input;
  }

  /**
   * Play a track; pause it if it plays already.
   *
   * @param {Track} track
   */
  toggle(track) {
    if (this.plays(track)) {
      this.audio.pause();
      return;
    }
    if (track.local_id !== this.track?.local_id) this.load(track);
    // Fails without a sound device. The controls then still work.
    this.audio.play().catch(() => {});
  }

  /** @param {Track} track */
  load(track) {
    const { audio, picture } = pathsOf(track);
    const title = titleOf(track);
    this.track = track;
    this.element.hidden = false;
    this.title.textContent = this.title.title = title;
    this.picture.src = api.apiURL(picture);
    this.audio.src = this.download.href = api.apiURL(audio);
    this.showTime();
  }

  /** @param {Track} track */
  plays({ local_id }) {
    return local_id === this.track?.local_id && !this.audio.paused;
  }

  showState() {
    if (this.audio.paused) setIcon(this.button, "play", say("play"));
    else setIcon(this.button, "pause", say("pause"));
    this.onchange();
  }

  showTime() {
    const { currentTime, duration } = this.audio;
    this.time.textContent = `${length(currentTime)} / ${length(duration || 0)}`;
  }

  /** Say why a track cannot be played: the server knows, the audio element does not. */
  async explain() {
    if (!this.track) return;
    try {
      const refusal = await refusalOf(pathsOf(this.track).audio);
      if (refusal) notify("warn", refusal);
    } catch (error) {
      notify("warn", sentenceOf(error));
    }
  }
}

/** @type {Dock | null} */
let made = null;

/** The one dock of the page: it plays on while the tab is closed. */
export function dock() {
  made ??= new Dock();
  return made;
}
