import { app } from "./comfy.js";
import { found } from "./dom.js";

const GROUP = "AIgateway";
const SETTLING_FRAMES = 40;

/**
 * Open the settings at one of ours, with the cursor in it.
 *
 * @param {string} name of the setting, without its group
 */
export async function openSettings(name) {
  await app.extensionManager.command.execute("Comfy.ShowSettingsDialog");
  const group = await found(() => groupEntry());
  group?.click();
  const id = `${GROUP}.${name}`;
  // Older versions of ComfyUI mark only what the row holds.
  const row = await found(
    () =>
      /** @type {HTMLInputElement | null} */ (
        document.querySelector(`:is([data-setting-id="${id}"], [id="${id}"]) input`)
      ),
  );
  row?.scrollIntoView({ block: "center" });
  // The dialog moves the focus itself while it opens.
  for (let frame = 0; row && frame < SETTLING_FRAMES; frame++) {
    if (document.activeElement !== row) row.focus();
    await new Promise(requestAnimationFrame);
  }
}

/** The dialog's entry for our settings: ComfyUI gives no other way to it. */
function groupEntry() {
  for (const dialog of document.querySelectorAll('[role="dialog"]'))
    for (const entry of dialog.querySelectorAll("li, button, [role=option], span, div"))
      if (entry.childElementCount === 0 && entry.textContent?.trim() === GROUP)
        return /** @type {HTMLElement} */ (entry);
  return null;
}
