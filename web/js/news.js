import { api, app } from "./comfy.js";
import { notify } from "./dom.js";
import { ask } from "./server.js";
import { aheadText, newsText } from "./track_facts.js";

export const TAB = "aigateway-music";
const AHEAD_MILLISECONDS = 1000;

/** Show the number of new tracks on the icon of the Music tab, and name each new track. */
export function watchNews() {
  api.addEventListener("aigateway_news", ({ detail }) => {
    showCount(detail.count);
    if (detail.what) notify(detail.what === "ready" ? "info" : "warn", newsText(detail));
  });
  let timer = 0;
  api.addEventListener("aigateway_ahead", ({ detail }) => {
    // Runs that were queued together have one message.
    clearTimeout(timer);
    timer = setTimeout(() => notify("info", aheadText(detail)), AHEAD_MILLISECONDS);
  });
}

/** Show the number of tracks that became new while no page was open. */
export async function readNews() {
  try {
    showCount((await ask("news")).count);
  } catch {
    // The Music tab shows the fault when it is opened.
  }
}

/** The Music tab is open: no track counts as new. */
export async function forgetNews() {
  showCount(0);
  await ask("news/seen", { method: "POST" });
}

/** @param {number} count */
function showCount(count) {
  const tab = app.extensionManager.getSidebarTabs().find(({ id }) => id === TAB);
  if (tab) tab.iconBadge = count ? String(count) : "";
}
