import { api, rootGraph } from "./comfy.js";
import { addRow, downloadLink, element, iconButton } from "./dom.js";
import { sound, waveform } from "./player_parts.js";
import { onTabOf } from "./runs.js";
import { Seams } from "./seams.js";
import { ask } from "./server.js";
import { hostedNodeOf, hostedNodeOfLocator } from "./subgraphs.js";
import { pathsOf, playablesOf } from "./track_facts.js";
import { say } from "./words.js";

const HEIGHT = 150;

/** Plays the files of one node, one of them at a time. */
class Player {
  /** @param {GraphNode} node */
  constructor(node) {
    this.node = node;
    /** @type {Playable[]} */
    this.files = [];
    this.index = 0;
    this.audio = sound({ controls: true });
    const { box, picture } = waveform(this.audio);
    this.picture = picture;
    this.seams = new Seams(this.audio, box);
    this.count = element("span");
    this.choice = element(
      "span",
      { class: "aigateway-choice" },
      iconButton("chevron-left", say("previous"), () => this.show(this.index - 1)),
      this.count,
      iconButton("chevron-right", say("next"), () => this.show(this.index + 1)),
    );
    this.take = element("span");
    this.download = downloadLink();
    const line = [this.choice, this.take, this.seams.button, this.download];
    const foot = element("div", { class: "aigateway-foot" }, ...line);
    this.element = element("aigateway-row", { class: "aigateway-player" }, box, this.audio, foot);
    addRow(node, "aigateway_player", this.element, HEIGHT);
  }

  /** @param {Playable[]} files */
  load(files) {
    if (JSON.stringify(files) === JSON.stringify(this.files)) return;
    this.files = files;
    this.show(0);
  }

  /** @param {number} index of the file; the first follows the last */
  show(index) {
    const count = this.files.length;
    this.index = (index + count) % count;
    const file = this.files[this.index];
    if (!file) return;
    const { audio, picture } = pathsOf(file);
    this.audio.src = this.download.href = api.apiURL(audio);
    this.picture.src = api.apiURL(picture);
    this.seams.load(this.audio.src, file.seams);
    this.count.textContent = `${this.index + 1} / ${count}`;
    this.choice.hidden = count < 2;
    void this.showTake(file);
    this.node.setDirtyCanvas?.(true, true);
  }

  /** @param {Playable} file */
  async showTake(file) {
    this.take.textContent = "";
    if (!("local_id" in file)) return;
    try {
      /** @type {Track} */
      const { prompt, take } = await ask(`tracks/${encodeURIComponent(file.local_id)}`);
      if (prompt && file === this.files[this.index])
        this.take.textContent = say("take", { n: take });
    } catch {
      // The ledger was replaced: the file still plays.
    }
  }
}

/** @type {WeakMap<GraphNode, Player>} */
const players = new WeakMap();

export function watchPlayers() {
  api.addEventListener("executed", ({ detail }) =>
    onTabOf(detail.prompt_id, () =>
      showPlayer(hostedNodeOf(rootGraph(), detail.display_node ?? detail.node), detail.output),
    ),
  );
}

/**
 * Show the outputs of nodes from before this page, or this tab of it, was opened.
 * @param {Record<string, unknown>} outputs by the locators of their nodes
 */
export function showPlayers(outputs) {
  for (const [locator, output] of Object.entries(outputs))
    showPlayer(hostedNodeOfLocator(rootGraph(), locator), output);
}

/**
 * Show a player on a node, and on the subgraphs' nodes around it.
 * @param {HostedNode | null} hosted
 * @param {unknown} output
 */
function showPlayer(hosted, output) {
  if (!hosted) return;
  const files = playablesOf(hosted.node, output);
  if (!files.length) return;
  for (const node of [hosted.node, ...hosted.hosts]) {
    const player = players.get(node) ?? new Player(node);
    players.set(node, player);
    player.load(files);
  }
}
