/**
 * A track of the ledger, or a file that ComfyUI serves.
 *
 * @typedef {{local_id: string} | {filename: string, subfolder?: string, type?: string}} Playable
 */

const NODES = [
  "AIGatewayLoadAudioURL",
  "AIGatewaySaveAudio",
  "AIGatewayFitMusic",
  "AIGatewayAddSoundtrack",
  "AIGatewayMakeLoop",
  "AIGatewayTakes",
];

/**
 * The server's paths of the audio and of the picture of its waveform.
 *
 * @param {Playable} file
 */
export function pathsOf(file) {
  if ("local_id" in file) {
    const track = `/aigateway/tracks/${encodeURIComponent(file.local_id)}`;
    return { audio: `${track}/audio`, picture: `${track}/waveform` };
  }
  const { filename, subfolder = "", type = "output" } = file;
  const query = new URLSearchParams({ filename, subfolder, type });
  return { audio: `/view?${query}`, picture: `/aigateway/waveform?${query}` };
}

/**
 * What a player on a node plays: nothing, unless it is a node of ours that made audio.
 *
 * Saved files are ComfyUI's own kind of output; what is only heard is text, which it does not count.
 *
 * @param {{comfyClass?: string}} node
 * @param {any} output what the server says that the node made
 * @returns {Playable[]}
 */
export function playablesOf({ comfyClass }, output) {
  if (!NODES.includes(comfyClass ?? "")) return [];
  return (
    output?.aigateway_audio?.map((/** @type {string} */ text) => JSON.parse(text)) ??
    output?.audio ??
    []
  );
}
