import { api } from "./comfy.js";
import { element, sentenceOf } from "./dom.js";
import { notify } from "./notify.js";
import { pathsOf } from "./playable.js";
import { refusalOf } from "./server.js";
import { titleOf } from "./track_facts.js";
import { waveform } from "./waveform.js";

/** @typedef {import("./server.js").Track} Track */

/** The player at the foot of the Music tab. */
export class Dock {
  constructor() {
    /** @type {Track | null} */
    this.track = null;
    this.audio = element("audio", { controls: true, preload: "metadata" });
    this.audio.addEventListener("error", () => void this.explain());
    const { box, picture } = waveform(this.audio);
    this.picture = picture;
    this.title = element("div", { class: "aigateway-title" });
    this.element = element("div", { class: "aigateway-player aigateway-dock", hidden: true });
    this.element.append(this.title, box, this.audio);
  }

  /** @param {Track} track */
  play(track) {
    const { audio, picture } = pathsOf(track);
    this.track = track;
    this.element.hidden = false;
    this.title.textContent = this.title.title = titleOf(track);
    this.picture.src = api.apiURL(picture);
    this.audio.src = api.apiURL(audio);
    // Fails without a sound device. The controls then still work.
    this.audio.play().catch(() => {});
  }

  pause() {
    this.audio.pause();
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
