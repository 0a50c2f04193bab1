import { api } from "./comfy.js";
import { element, iconButton } from "./dom.js";
import {
  explainSilence,
  keepVolume,
  keptVolume,
  positionOf,
  shownVolume,
  showPlays,
  takeOver,
  volumeSlider,
  waveform,
} from "./player_parts.js";
import { chase, sideFor } from "./player_sync.js";
import { pathsOf, titleOf } from "./track_facts.js";
import { length, say } from "./words.js";

const LETTERS = ["A", "B"];

/** Two tracks, A and B, to be compared by ear: a switch keeps the position. */
class Comparison {
  constructor() {
    /** @type {(Track | null)[]} */
    this.tracks = [null, null];
    /** Called when a track is picked, or left. */
    this.onchange = () => {};
    this.pair = new Pair(() => this.show());
    this.sides = LETTERS.map((_, index) => this.side(index));
    this.waveforms = this.pair.sounds.map((audio, index) => {
      audio.addEventListener("error", () => this.explain(index));
      for (const event of ["timeupdate", "loadedmetadata"])
        audio.addEventListener(event, () => this.showTime());
      return waveform(audio);
    });
    this.button = iconButton("play", say("play"), () => this.toggle());
    this.other = element("button", {
      class: "aigateway-button",
      type: "button",
      onclick: () => this.pair.hear(1 - this.pair.heard),
    });
    this.time = element("span", { class: "aigateway-time" });
    this.volume = volumeSlider((volume) => {
      keepVolume({ volume, muted: false });
      this.pair.applyVolume();
    });
    this.heard = element("div", { class: "aigateway-unseen", role: "status" });
    const close = iconButton("times", say("close"), () => this.close());
    const parts = [this.button, this.other, this.time, this.volume];
    this.controls = element("div", { class: "aigateway-dock-controls" }, ...parts);
    const sides = element("div", { class: "aigateway-sides" }, ...this.sides);
    this.element = element(
      "div",
      {
        class: "aigateway-player aigateway-comparison",
        role: "group",
        "aria-label": say("comparison"),
        hidden: true,
      },
      element("div", { class: "aigateway-picked" }, sides, close),
      ...this.waveforms.map(({ box }) => box),
      this.controls,
      this.heard,
    );
    this.element.addEventListener("keydown", (event) => this.press(event));
  }

  /** @param {number} index */
  side(index) {
    const onclick = () => this.pair.hear(index);
    return element("button", { class: "aigateway-side", type: "button", onclick });
  }

  get isFull() {
    return this.tracks.every((track) => track);
  }

  /** The letter of a picked track; "" for other tracks. @param {Track} track */
  letterOf({ local_id }) {
    return LETTERS[this.tracks.findIndex((track) => track?.local_id === local_id)] ?? "";
  }

  /** Pick a track, or leave it if it is picked. @param {Track} track */
  pick(track) {
    const ids = this.tracks.map((each) => each?.local_id ?? null);
    const index = sideFor(ids, track.local_id, this.pair.heard);
    this.put(index, this.letterOf(track) ? null : track);
    // The rows of the list, with all their buttons, stand before the button.
    if (this.isFull) this.button.focus();
  }

  /** @type {(index: number, track: Track | null) => void} */
  put(index, track) {
    this.tracks[index] = track;
    const { audio, picture } = track ? pathsOf(track) : { audio: null, picture: "" };
    this.pair.load(index, audio && api.apiURL(audio));
    const shown = this.waveforms[index]?.picture;
    if (shown) shown.src = picture && api.apiURL(picture);
    if (!this.isFull) this.pair.pause();
    if (!track) this.pair.hear(1 - index);
    this.show();
    this.onchange();
  }

  close() {
    this.put(0, null);
    this.put(1, null);
  }

  toggle() {
    if (this.pair.isPlaying) this.pair.pause();
    else this.pair.play();
  }

  /**
   * The keys A and B, also if a keyboard has other letters at their positions.
   * @param {KeyboardEvent} event
   */
  press(event) {
    const { key, code, ctrlKey, altKey, metaKey } = event;
    const letter = /^[a-z]$/i.test(key) ? key.toUpperCase() : code.replace("Key", "");
    const index = LETTERS.indexOf(letter);
    if (index < 0 || ctrlKey || altKey || metaKey) return;
    // ComfyUI has commands on single letters.
    event.preventDefault();
    event.stopPropagation();
    if (this.isFull) this.pair.hear(index);
  }

  show() {
    const { heard } = this.pair;
    this.element.hidden = this.tracks.every((track) => !track);
    this.element.classList.toggle("aigateway-full", this.isFull);
    this.controls.hidden = !this.isFull;
    this.tracks.forEach((track, index) => {
      const isHeard = this.isFull && index === heard;
      this.showSide(index, track, isHeard);
      const box = this.waveforms[index]?.box;
      if (box) box.hidden = !isHeard;
    });
    showPlays(this.button, this.pair.isPlaying);
    this.volume.value = shownVolume();
    this.other.textContent = say("hear", { letter: LETTERS[1 - heard] ?? "" });
    const track = this.tracks[heard];
    this.heard.textContent = track && this.isFull ? heardText(LETTERS[heard], track) : "";
    this.showTime();
  }

  /** @type {(index: number, track: Track | null, isHeard: boolean) => void} */
  showSide(index, track, isHeard) {
    const side = this.sides[index];
    if (!side) return;
    const title = track ? titleOf(track) : say("compare_another");
    side.replaceChildren(
      element("b", { class: "aigateway-letter" }, LETTERS[index] ?? ""),
      element("span", { class: "aigateway-title" }, title),
      ...(track ? [element("span", { class: "aigateway-take" }, takeOf(track))] : []),
      element("i", { class: isHeard ? "pi pi-volume-up" : "", "aria-hidden": true }),
    );
    side.title = title;
    side.disabled = !this.isFull;
    side.setAttribute("aria-pressed", String(isHeard));
  }

  showTime() {
    this.time.textContent = positionOf(this.pair.audio);
  }

  /** @param {number} index of the track that cannot be played */
  explain(index) {
    const track = this.tracks[index];
    if (track) void explainSilence(track);
  }
}

/** Take and length, which tell two tracks apart: `take 2 · 0:30`. @param {Track} track */
function takeOf(track) {
  const take = track.prompt ? say("take", { n: track.take }) : null;
  return [take, length(track.duration)].filter(Boolean).join(" · ");
}

/** @type {(letter: string | undefined, track: Track) => string} */
const heardText = (letter = "", track) =>
  say("heard", { letter, track: `${titleOf(track)} · ${takeOf(track)}` });

/** @type {Comparison | null} */
let made = null;

/** The one comparison of the page: it plays on while the Music tab is closed. */
export function comparison() {
  made ??= new Comparison();
  return made;
}

/** The time constant of a fade, in seconds: a switch does not click, and nobody hears the fade. */
const FADE = 0.005;

/**
 * Two tracks that run side by side. One of them is audible.
 *
 * The silent one follows the position of the other, so that a switch is immediate: an element that
 * must seek first, or that was muted, is silent for a moment. So neither is muted. The silent one
 * is not connected to the output.
 */
export class Pair {
  /** @param {() => unknown} onchange called when it starts, stops or switches */
  constructor(onchange) {
    this.onchange = onchange;
    this.heard = 0;
    this.sounds = [this.made(0), this.made(1)];
    /** @type {AudioContext | null} made at the first play: before a click it may not sound */
    this.context = null;
    /** @type {GainNode[]} the ways out of both */
    this.ways = [];
  }

  /** @param {number} index */
  made(index) {
    const audio = element("audio", { preload: "auto", preservesPitch: false });
    const isHeard = () => index === this.heard;
    audio.addEventListener("play", () => isHeard() && this.play());
    // The end of a track is a pause, too.
    audio.addEventListener("pause", () => isHeard() && this.pause());
    audio.addEventListener("seeking", () => isHeard() && this.follow());
    audio.addEventListener("timeupdate", () => isHeard() && this.follow());
    return audio;
  }

  /** The audible one. */
  get audio() {
    return /** @type {HTMLAudioElement} */ (this.sounds[this.heard]);
  }

  get silent() {
    return /** @type {HTMLAudioElement} */ (this.sounds[1 - this.heard]);
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  /** @type {(index: number, address: string | null) => void} */
  load(index, address) {
    const audio = this.sounds[index];
    if (address) audio?.setAttribute("src", address);
    else audio?.removeAttribute("src");
    audio?.load();
    if (this.isPlaying) this.play();
  }

  play() {
    takeOver(this);
    this.follow();
    this.applyVolume();
    this.open();
    // Fails without a sound device. The controls then still work.
    for (const audio of this.sounds)
      if (audio.paused && audio.hasAttribute("src")) audio.play().catch(() => {});
    this.onchange();
  }

  pause() {
    for (const audio of this.sounds) audio.pause();
    void this.context?.suspend();
    this.onchange();
  }

  /** Connect only the audible one to the output. */
  open() {
    this.context ??= this.connected();
    const { context, heard } = this;
    void context.resume();
    this.ways.forEach(({ gain }, index) => {
      gain.setTargetAtTime(index === heard ? 1 : 0, context.currentTime, FADE);
    });
  }

  connected() {
    const context = new AudioContext();
    this.ways = this.sounds.map((audio) => {
      const way = new GainNode(context, { gain: 0 });
      context.createMediaElementSource(audio).connect(way).connect(context.destination);
      return way;
    });
    return context;
  }

  /** Switch to a track, at the position of the other. @param {number} index */
  hear(index) {
    if (index === this.heard) return;
    const { isPlaying } = this;
    const { currentTime } = this.audio;
    this.heard = index;
    const { audio } = this;
    audio.playbackRate = 1;
    if (chase(audio.currentTime - currentTime) === null) audio.currentTime = currentTime;
    // The shorter track may have ended.
    if (isPlaying && !audio.ended) this.play();
    else this.pause();
  }

  /** Bring the silent track to the position of the other. */
  follow() {
    const { audio, silent } = this;
    if (!(audio.currentTime <= silent.duration)) return;
    const rate = audio.paused ? null : chase(silent.currentTime - audio.currentTime);
    if (rate === null) silent.currentTime = audio.currentTime;
    silent.playbackRate = rate ?? 1;
    if (this.isPlaying && silent.paused) silent.play().catch(() => {});
  }

  applyVolume() {
    const { volume, muted } = keptVolume();
    for (const audio of this.sounds) Object.assign(audio, { volume, muted });
  }
}
