import { api } from "./comfy.js";
import { addRow, element, iconButton } from "./dom.js";
import { address } from "./server.js";
import { hostOf, nodeById, placeOf, rootGraph } from "./subgraphs.js";
import { say } from "./words.js";

const NODES = ["AIGatewayLoadAudioURL", "AIGatewaySaveAudio"];
const HEIGHT = 150;

/** @typedef {{local_id: string} | {filename: string, subfolder?: string, type?: string}} Playable */

/** @param {Playable} file */
function sourcesOf(file) {
  if ("local_id" in file) {
    const track = `tracks/${encodeURIComponent(file.local_id)}`;
    return { audio: address(`${track}/audio`), picture: address(`${track}/waveform`) };
  }
  const { filename, subfolder = "", type = "output" } = file;
  const query = new URLSearchParams({ filename, subfolder, type });
  return { audio: api.apiURL(`/view?${query}`), picture: address(`waveform?${query}`) };
}

/**
 * A waveform that shows what is being played, and goes where it is clicked.
 *
 * @param {HTMLAudioElement} audio
 */
export function waveform(audio) {
  const picture = element("img", { alt: say("waveform"), draggable: false });
  const position = element("div", { class: "aigateway-position" });
  const box = element("div", { class: "aigateway-waveform" }, picture, position);
  picture.addEventListener("error", () => box.classList.add("aigateway-none"));
  picture.addEventListener("load", () => box.classList.remove("aigateway-none"));
  const move = () => {
    position.style.left = `${(100 * audio.currentTime) / (audio.duration || 1)}%`;
  };
  for (const event of ["timeupdate", "seeked", "loadedmetadata"]) audio.addEventListener(event, move);
  box.addEventListener("click", (event) => {
    const { left, width } = box.getBoundingClientRect();
    if (Number.isFinite(audio.duration))
      audio.currentTime = (audio.duration * (event.clientX - left)) / width;
  });
  return { box, picture };
}

/** Plays the files of one node, one of them at a time. */
class Player {
  constructor(node) {
    this.node = node;
    /** @type {Playable[]} */
    this.files = [];
    this.index = 0;
    this.audio = element("audio", { controls: true, preload: "metadata" });
    const { box, picture } = waveform(this.audio);
    this.picture = picture;
    this.count = element("span");
    this.choice = element(
      "div",
      { class: "aigateway-choice" },
      iconButton("chevron-left", say("previous"), () => this.step(-1)),
      this.count,
      iconButton("chevron-right", say("next"), () => this.step(1)),
    );
    this.element = element("div", { class: "aigateway-player" }, box, this.audio, this.choice);
    addRow(node, "aigateway_player", this.element, HEIGHT);
  }

  /** @param {Playable[]} files */
  play(files) {
    if (JSON.stringify(files) === JSON.stringify(this.files)) return;
    this.files = files;
    this.step(-this.index);
  }

  /** @param {number} by */
  step(by) {
    const { length } = this.files;
    this.index = (this.index + by + length) % length;
    const { audio, picture } = sourcesOf(this.files[this.index]);
    this.audio.src = audio;
    this.picture.src = picture;
    this.count.textContent = `${this.index + 1} / ${length}`;
    this.choice.hidden = length < 2;
    this.node.setDirtyCanvas?.(true, true);
  }
}

/** @type {WeakMap<object, Player>} */
const players = new WeakMap();

export function watchPlayers() {
  api.addEventListener("executed", ({ detail }) => {
    const place = placeOf(detail.display_node ?? detail.node);
    if (place) showPlayer(place, detail.output);
  });
}

/**
 * Show what nodes made before this page, or this tab of it, was opened.
 *
 * @param {Record<string, any>} outputs by the node's id, with its subgraph's id before it
 */
export function showPlayers(outputs) {
  for (const [locator, output] of Object.entries(outputs)) {
    const [id, subgraphId] = locator.split(":").reverse();
    const subgraph = subgraphId ? rootGraph().subgraphs?.get(subgraphId) : null;
    const node = nodeById(subgraphId ? subgraph : rootGraph(), id);
    const host = subgraph ? hostOf(subgraph) : null;
    if (node) showPlayer({ node, hosts: host ? [host] : [] }, output);
  }
}

/** On the node, and on those around it: there, what was made last is what the subgraph made. */
function showPlayer({ node, hosts }, output) {
  const files = output?.aigateway_audio ?? output?.audio;
  if (!NODES.includes(node.comfyClass) || !files?.length) return;
  for (const bearer of [node, ...hosts]) {
    let player = players.get(bearer);
    if (!player) players.set(bearer, (player = new Player(bearer)));
    player.play(files);
  }
}
