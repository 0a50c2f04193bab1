import { app } from "./comfy.js";
import { element } from "./dom.js";
import { addPlayer, showPlayers } from "./player.js";
import { addPrice, watchPrices } from "./price.js";
import { settings } from "./settings.js";
import { registerSidebar } from "./sidebar.js";
import { loadWords } from "./words.js";

app.registerExtension({
  name: "AIgateway.Music",
  settings,
  async init() {
    const href = new URL("../css/aigateway.css", import.meta.url).href;
    document.head.append(element("link", { rel: "stylesheet", href }));
  },
  async setup() {
    await loadWords();
    app.ui.settings.addEventListener("Comfy.Locale.change", () => void loadWords());
    registerSidebar();
    watchPrices();
  },
  nodeCreated(node) {
    addPrice(node);
    addPlayer(node);
  },
  onNodeOutputsUpdated: showPlayers,
});
