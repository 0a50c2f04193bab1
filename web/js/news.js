import { api, app } from "./comfy.js";
import { notify } from "./dom.js";
import { ask } from "./server.js";
import { aheadText, newsText } from "./track_facts.js";

export const TAB = "aigateway-music";
const AHEAD_MILLISECONDS = 1000;

/** Show on the icon of the Music tab how many tracks are new, and name each as it comes. */
export function watchNews() {
  api.addEventListener("aigateway_news", ({ detail }) => {
    showCount(detail.count);
    if (detail.what) notify(detail.what === "ready" ? "info" : "warn", newsText(detail));
  });
  let timer = 0;
  api.addEventListener("aigateway_ahead", ({ detail }) => {
    // Runs that are queued together are told together.
    clearTimeout(timer);
    timer = setTimeout(() => notify("info", aheadText(detail)), AHEAD_MILLISECONDS);
  });
}

/** Show how many tracks became new while no page was open. */
export async function readNews() {
  try {
    showCount((await ask("news")).count);
  } catch {
    // The Music tab shows the fault when it is opened.
  }
}

/** Nothing is new any more: the Music tab is open. */
export async function forgetNews() {
  showCount(0);
  await ask("news/seen", { method: "POST" });
}

/** @param {number} count */
function showCount(count) {
  const tab = app.extensionManager.getSidebarTabs().find(({ id }) => id === TAB);
  if (tab) tab.iconBadge = count ? String(count) : "";
}
