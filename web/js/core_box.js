import { app } from "./comfy.js";
import { isOursAlone } from "./core_errors.js";
import { found } from "./dom.js";

/** The button that closes ComfyUI's own box about errors. Older versions have no such box. */
const CLOSE = '[data-testid="error-overlay-dismiss"]';

/**
 * Close ComfyUI's box about the error that our card explains, as its own button does: ComfyUI gives
 * packs no other way. The box stays where it also speaks of other errors. The node stays marked, and
 * ComfyUI's list of errors keeps the error.
 *
 * @param {() => boolean} isShown whether the card is still there
 */
export async function closeCoreBox(isShown) {
  const button = await found(() => document.querySelector(CLOSE));
  if (button instanceof HTMLElement && isShown() && isOursAlone(app.extensionManager))
    button.click();
}
