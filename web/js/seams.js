import { element, iconButton, notify, sentenceOf, setIcon } from "./dom.js";
import { keptVolume, takeOver } from "./player_parts.js";
import { soundOfSeam } from "./seam_sound.js";
import { length, say } from "./words.js";

/** @type {AudioContext | null} one for all players, made at a click: before it may not sound */
let context = null;

/**
 * A button that plays the seams of a file, one after the other, each again and again. Marks in the
 * waveform show them. For a file without a seam, the button plays the end and then the beginning.
 */
export class Seams {
  /**
   * @param {HTMLAudioElement} audio of the player
   * @param {HTMLElement} box its waveform
   */
  constructor(audio, box) {
    this.audio = audio;
    this.box = box;
    this.address = "";
    /** @type {Seam[]} */
    this.seams = [];
    /** The seam that plays; -1 without one. */
    this.index = -1;
    /** @type {AudioBufferSourceNode | null} */
    this.source = null;
    /** @type {Promise<AudioBuffer> | null} */
    this.decoded = null;
    this.button = iconButton("sync", "", () => this.next());
    this.button.classList.add("aigateway-seam");
    audio.addEventListener("loadedmetadata", () => this.show());
    this.show();
  }

  /** @type {(address: string, seams?: Seam[]) => void} */
  load(address, seams = []) {
    this.pause();
    Object.assign(this, { address, seams, decoded: null });
    this.show();
  }

  get shown() {
    const { duration } = this.audio;
    if (this.seams.length) return this.seams;
    return Number.isFinite(duration) ? [/** @type {Seam} */ ([duration, 0])] : [];
  }

  /** Play the next seam; stop after the last. */
  next() {
    const index = this.index + 1;
    if (index >= this.shown.length) this.pause();
    else void this.play(index);
  }

  /** @param {number} index */
  async play(index) {
    const seam = this.shown[index];
    if (!seam) return;
    this.source?.stop();
    takeOver(this);
    this.index = index;
    this.show();
    try {
      context ??= new AudioContext();
      const { address } = this;
      this.decoded ??= decoded(context, address);
      const file = await this.decoded;
      // Another file, another seam or a stop may have come first.
      if (this.index === index && this.address === address) this.sound(file, seam);
    } catch (error) {
      this.pause();
      notify("warn", sentenceOf(error));
    }
  }

  /** @type {(file: AudioBuffer, seam: Seam) => void} */
  sound(file, seam) {
    if (!context) return;
    const { sampleRate, numberOfChannels } = file;
    const channels = Array.from({ length: numberOfChannels }, (_, channel) =>
      soundOfSeam(file.getChannelData(channel), sampleRate, seam),
    );
    const buffer = new AudioBuffer({
      length: channels[0]?.length ?? 1,
      numberOfChannels,
      sampleRate,
    });
    channels.forEach((samples, channel) => {
      buffer.copyToChannel(samples, channel);
    });
    const { volume, muted } = keptVolume();
    const way = new GainNode(context, { gain: muted ? 0 : volume });
    this.source = new AudioBufferSourceNode(context, { buffer, loop: true });
    this.source.connect(way).connect(context.destination);
    void context.resume();
    this.source.start();
  }

  pause() {
    this.source?.stop();
    this.source = null;
    this.index = -1;
    this.show();
  }

  show() {
    const { shown, index } = this;
    this.button.disabled = !shown.length;
    this.button.setAttribute("aria-pressed", String(index >= 0));
    const isLast = index + 1 >= shown.length;
    setIcon(this.button, index >= 0 && isLast ? "stop" : "sync", this.label(isLast));
    const { duration } = this.audio;
    for (const mark of this.box.querySelectorAll(".aigateway-mark")) mark.remove();
    // The end of a file needs no mark until it is heard.
    const marked = this.seams.length || index >= 0 ? shown : [];
    marked.forEach(([leave, enter], place) => {
      for (const at of new Set([leave, enter])) {
        const mark = element("div", { class: "aigateway-mark" });
        mark.classList.toggle("aigateway-heard", place === index);
        mark.style.left = `${Math.min(99.5, (100 * at) / (duration || 1))}%`;
        if (duration) this.box.append(mark);
      }
    });
  }

  /** @param {boolean} isLast */
  label(isLast) {
    const count = this.shown.length;
    if (this.index >= 0 && isLast) return say("seam_stop");
    const [leave, enter] = this.shown[this.index + 1] ?? [0, 0];
    if (!this.seams.length) return say("seam_end");
    if (leave !== enter) return say("seam_loop");
    return say("seam_join", { n: this.index + 2, count, time: length(leave) });
  }
}

/** @type {(context: AudioContext, address: string) => Promise<AudioBuffer>} */
async function decoded(context, address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return context.decodeAudioData(await answer.arrayBuffer());
}
