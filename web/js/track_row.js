import { api } from "./comfy.js";
import { downloadLink, element, iconButton } from "./dom.js";
import { makeDraggable } from "./graph.js";
import { copy } from "./track_actions.js";
import { actionsOf, factsOf, pathsOf, titleOf } from "./track_facts.js";
import { say } from "./words.js";

/** In pixels, as in the style sheet. */
export const ROW_HEIGHT = 52;

/** @type {Record<Exclude<Action, "compare" | "star" | "group">, string>} */
const ICONS = {
  play: "play",
  copy_id: "copy",
  reuse: "replay",
  pick_up: "plus-circle",
  cancel: "times",
  buy_again: "cart-plus",
  hide: "eye-slash",
};

/** @type {(track: Track, now: number, state: RowState, act: Act) => HTMLElement} */
export function drawTrack(track, now, state, act) {
  const title = titleOf(track);
  const facts = factsOf(track, now);
  const kind = track.is_dead ? "dead" : track.state;
  const badge = element("span", { class: `aigateway-state aigateway-${kind}` });
  badge.textContent = say(`state_${track.state}`);
  const prompt = element("button", { class: "aigateway-prompt", type: "button" }, title);
  prompt.dataset.action = "prompt";
  prompt.addEventListener("click", () => void copy(title));
  const buttons = actionsOf(track).map((action) => button(action, track, state, act));
  if (track.stored) buttons.splice(1, 0, namedDownload(track, title));
  const row = element(
    "div",
    {
      class: "aigateway-track",
      role: "listitem",
      title: [title, facts, track.error].filter(Boolean).join("\n"),
    },
    thumbnail(track, state, act),
    prompt,
    element("div", { class: "aigateway-facts" }, badge, element("span", {}, track.error ?? facts)),
    element(
      "div",
      { class: "aigateway-corner" },
      groupButton(track, act),
      button("star", track, state, act),
    ),
    element("div", { class: "aigateway-actions" }, ...buttons),
  );
  row.classList.toggle("aigateway-playing", state.isPlaying);
  row.classList.toggle("aigateway-member", track.group?.is_first === false);
  row.classList.toggle("aigateway-starred", track.starred);
  if (track.job_id) makeDraggable(row, track);
  return row;
}

/**
 * Opens and closes the takes after the first row of a group.
 * @type {(track: Track, act: Act) => HTMLElement | null}
 */
function groupButton(track, act) {
  if (!track.group?.is_first) return null;
  const { size, opened } = track.group;
  const word = opened ? "takes_close" : "takes_open";
  const icon = opened ? "chevron-down" : "chevron-right";
  const made = iconButton(icon, say(word, { n: size }), () => act("group", track));
  made.classList.add("aigateway-group");
  made.dataset.action = "group";
  made.setAttribute("aria-expanded", String(Boolean(opened)));
  made.append(say("takes", { n: size }));
  return made;
}

/** @type {(action: Action, track: Track, state: RowState, act: Act) => HTMLElement} */
function button(action, track, state, act) {
  const { icon, word, isPressed } = appearanceOf(action, track, state);
  const made = iconButton(icon, say(word), () => act(action, track));
  made.dataset.action = action;
  made.setAttribute("aria-label", `${say(word)}: ${titleOf(track)}`);
  if (isPressed !== undefined) made.setAttribute("aria-pressed", String(isPressed));
  if (action === "star") made.classList.add("aigateway-star");
  if (action === "compare") {
    made.replaceChildren(state.letter || "A/B");
    made.classList.add("aigateway-letters");
  }
  return made;
}

/**
 * @param {Action} action
 * @param {Track} track
 * @param {RowState} state
 * @returns {{icon: string, word: string, isPressed?: boolean}}
 */
function appearanceOf(action, { starred, hidden }, { isPlaying, letter }) {
  if (action === "play" && isPlaying) return { icon: "pause", word: "pause" };
  if (action === "hide" && hidden) return { icon: "eye", word: "unhide" };
  if (action === "star")
    return { icon: starred ? "star-fill" : "star", word: "star", isPressed: starred };
  if (action === "compare") return { icon: "", word: "compare", isPressed: letter !== "" };
  return { icon: ICONS[/** @type {keyof typeof ICONS} */ (action)], word: action };
}

/** @type {(track: Track, title: string) => HTMLAnchorElement} */
function namedDownload(track, title) {
  const link = downloadLink(api.apiURL(pathsOf(track).audio));
  link.dataset.action = "download";
  link.setAttribute("aria-label", `${say("download")}: ${title}`);
  return link;
}

/**
 * The waveform of a track that can be played.
 * @param {Track} track
 * @param {RowState} state
 * @param {Act} act
 */
function thumbnail(track, { letter }, act) {
  const mark = letter ? element("span", { class: "aigateway-letter" }, letter) : null;
  const box = element("div", { class: "aigateway-thumbnail" }, mark);
  if (!track.stored) return box;
  const picture = element("img", {
    alt: "",
    src: api.apiURL(pathsOf(track).picture),
    draggable: false,
  });
  picture.addEventListener("error", () => picture.remove());
  box.prepend(picture);
  box.classList.add("aigateway-clickable");
  box.addEventListener("click", () => act("play", track));
  return box;
}
