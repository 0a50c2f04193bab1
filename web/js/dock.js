import { api } from "./comfy.js";
import { downloadLink, element, iconButton } from "./dom.js";
import {
  explainSilence,
  positionOf,
  shownVolume,
  showPlays,
  sound,
  volumeSlider,
  waveform,
} from "./player_parts.js";
import { Seams } from "./seams.js";
import { pathsOf, titleOf } from "./track_facts.js";
import { say } from "./words.js";

/**
 * The player at the foot of the Music tab.
 *
 * Its audio element is not in the document, because there it would stop with the tab.
 */
class Dock {
  constructor() {
    /** @type {Track | null} */
    this.track = null;
    /** Called when another track plays, or when playing stops. */
    this.onchange = () => {};
    this.audio = sound();
    this.audio.addEventListener("error", () => this.track && explainSilence(this.track));
    for (const event of ["play", "pause", "ended"])
      this.audio.addEventListener(event, () => this.showState());
    const { box, picture } = waveform(this.audio);
    this.picture = picture;
    this.seams = new Seams(this.audio, box);
    this.title = element("div", { class: "aigateway-title" });
    this.button = iconButton("play", say("play"), () => this.track && this.toggle(this.track));
    this.time = element("span", { class: "aigateway-time" });
    for (const event of ["timeupdate", "loadedmetadata"])
      this.audio.addEventListener(event, () => this.showTime());
    this.download = downloadLink();
    const controls = [this.button, this.time, this.volume(), this.seams.button, this.download];
    const line = element("div", { class: "aigateway-dock-controls" }, ...controls);
    const properties = { class: "aigateway-player aigateway-dock", hidden: true };
    this.element = element("div", properties, this.title, box, line);
  }

  volume() {
    const { audio } = this;
    const input = volumeSlider((volume) => {
      audio.muted = false;
      audio.volume = volume;
    });
    audio.addEventListener("volumechange", () => {
      input.value = shownVolume();
    });
    return input;
  }

  /** Play a track; pause it if it plays already. @param {Track} track */
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
    this.seams.load(this.audio.src);
    this.showTime();
  }

  /** @param {Track} track */
  plays({ local_id }) {
    return local_id === this.track?.local_id && !this.audio.paused;
  }

  showState() {
    showPlays(this.button, !this.audio.paused);
    this.element.classList.toggle("aigateway-sounding", !this.audio.paused);
    this.onchange();
  }

  showTime() {
    this.time.textContent = positionOf(this.audio);
  }
}

/** @type {Dock | null} */
let made = null;

/** The one dock of the page: it plays on while the tab is closed. */
export function dock() {
  made ??= new Dock();
  return made;
}
