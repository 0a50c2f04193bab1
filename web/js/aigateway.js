import { watchAutoRun } from "./auto_run.js";
import { api, app } from "./comfy.js";
import { element, watchRows } from "./dom.js";
import { watchErrors } from "./error_card.js";
import { watchDrops, watchWavFiles } from "./graph.js";
import { keepLength, watchKeptMusic } from "./kept_music.js";
import { readNews, watchNews } from "./news.js";
import { showPlayers, watchPlayers } from "./player.js";
import { addPrice, watchPrices } from "./price_line.js";
import { watchRuns } from "./runs.js";
import { completeSaveAudio } from "./save_audio.js";
import { alignValues, nameFields, noteControl } from "./saved_graphs.js";
import { settings } from "./settings.js";
import { registerSidebar } from "./sidebar.js";
import { watchAppStatus, watchStatus } from "./status.js";
import { orderTemplates, showNodes } from "./templates.js";
import { watchTheme } from "./theme.js";
import { useWords } from "./words.js";

app.registerExtension({
  name: "AIgateway.Music",
  settings,
  async init() {
    // The page logs each message without a listener: add the listeners before the first await.
    watchErrors();
    watchNews();
    watchStatus();
    for (const name of ["aigateway", "notices", "sidebar", "players"]) {
      const { href } = new URL(`../css/${name}.css`, import.meta.url);
      document.head.append(element("link", { rel: "stylesheet", href }));
    }
  },
  async setup() {
    watchTheme();
    await watchLanguage();
    registerSidebar();
    orderTemplates();
    watchRows();
    watchRuns();
    watchAutoRun();
    watchDrops();
    watchWavFiles();
    watchKeptMusic();
    watchPrices();
    watchPlayers();
    watchAppStatus();
    void readNews();
  },
  beforeRegisterNodeDef: (_, definition) => noteControl(definition),
  beforeConfigureGraph(graph) {
    nameFields(graph);
    showNodes(graph);
  },
  nodeCreated(node) {
    alignValues(node);
    keepLength(node);
    addPrice(node);
    completeSaveAudio(node);
  },
  onNodeOutputsUpdated: showPlayers,
});

/** Read the words of the language that ComfyUI is set to; English for missing words. */
async function loadWords() {
  const locale = String(app.ui.settings.getSettingValue("Comfy.Locale") ?? "en");
  const response = await api.fetchApi("/i18n");
  const locales = await response.json();
  // Another pack may have words in a language that this one does not have.
  const chosen = [locale, locale.split("-")[0] ?? ""].find((code) => locales[code]?.aigateway);
  const words = { ...locales.en?.aigateway, ...locales[chosen ?? "en"]?.aigateway };
  useWords(words, chosen);
}

/** Load the words now, and again when the language changes. */
export async function watchLanguage() {
  app.ui.settings.addEventListener("Comfy.Locale.change", () => void loadWords());
  await loadWords();
}
