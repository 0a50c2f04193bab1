import { api } from "./comfy.js";

/** @typedef {{reason: string, limit?: number, spent?: number, balance?: number}} Refusal */
/** @typedef {{kind: string, values: Record<string, string | number>}} Hint */
/**
 * The price of a request, in US dollars.
 *
 * @typedef {object} Price
 * @property {boolean} free
 * @property {boolean} bought whether the track is there already
 * @property {number | null} each of one track; null if it is not known
 * @property {boolean} at_most whether the tracks may cost less
 * @property {number | null} total of all tracks of all runs
 * @property {number} tracks that one run makes
 * @property {Hint[]} hints what a person may want to know before the run
 * @property {string[]} uncertain the ledger's ids of tracks that may be bought already
 * @property {Refusal | null} refused why the request would be refused
 */
/** What a track is expected to cost with a model. @typedef {Pick<Price, "each" | "at_most">} ModelPrice */
/**
 * A row of the ledger.
 *
 * @typedef {object} Track
 * @property {string} local_id
 * @property {string | null} job_id
 * @property {string} service
 * @property {string} model
 * @property {string} prompt
 * @property {string} lyrics
 * @property {number} duration in seconds: the track's if it is known, else `asked_duration`
 * @property {number} asked_duration in seconds
 * @property {string} format
 * @property {number} take
 * @property {string} words what is sung
 * @property {string} state
 * @property {boolean} is_open whether the job may still end by itself
 * @property {boolean} is_dead whether the job failed or was cancelled
 * @property {number | null} charge what the gateway took or is expected to take, in US dollars
 * @property {boolean} free
 * @property {number} created in seconds since 1970
 * @property {string | null} error
 * @property {boolean} listed whether the gateway lists a submit that got no answer
 * @property {string | null} request_id the gateway's id of the submit, for its support
 * @property {boolean} stored whether its file is on the server
 * @property {boolean} starred whether it is a favorite
 * @property {boolean} hidden whether the list leaves it out
 */

/**
 * Ask the pack's part of the server.
 *
 * @param {string} path below `/aigateway/`
 * @param {{method?: string, body?: unknown, query?: Record<string, string | number>}} [options]
 * @returns {Promise<any>}
 * @throws {Error} with the server's sentence
 */
export async function ask(path, { method = "GET", body, query } = {}) {
  const response = await api.fetchApi(`/aigateway/${path}${searchOf(query)}`, {
    method,
    cache: "no-store",
    ...(method === "GET"
      ? {}
      : {
          headers: { "Content-Type": "application/json", "X-AIgateway-Page": "1" },
          body: JSON.stringify(body ?? {}),
        }),
  });
  const answer = await json(response);
  if (!response.ok || answer === undefined) throw new Error(sentence(response, answer));
  return answer;
}

/**
 * Why the server refuses to send a file.
 *
 * @param {string} path of the file
 * @returns {Promise<string | null>} the server's sentence; null if it sends the file
 */
export async function refusalOf(path) {
  const response = await api.fetchApi(path, { cache: "no-store" });
  if (!response.ok) return sentence(response, await json(response));
  await response.body?.cancel();
  return null;
}

/**
 * @param {Response} response
 * @returns {Promise<any>} undefined if it is no JSON
 */
async function json(response) {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

/**
 * @param {Response} response
 * @param {any} answer
 * @returns {string}
 */
const sentence = (response, answer) =>
  answer?.error ?? `${response.status} ${response.statusText}`.trim();

/** @param {Record<string, string | number>} [query] */
function searchOf(query) {
  if (!query) return "";
  const pairs = Object.entries(query).map(([name, value]) => [name, String(value)]);
  return `?${new URLSearchParams(pairs)}`;
}
