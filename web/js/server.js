import { api } from "./comfy.js";

/** @typedef {{reason: string, limit?: number, spent?: number}} Refusal */
/**
 * @typedef {{free: boolean, bought: boolean, each: number | null, total: number | null,
 *     refused: Refusal | null}} Price
 */
/**
 * One row of the ledger.
 *
 * @typedef {object} Track
 * @property {string} local_id
 * @property {string | null} job_id
 * @property {string} service
 * @property {string} model
 * @property {string} prompt
 * @property {string} lyrics
 * @property {number} duration
 * @property {number} asked_duration
 * @property {string} format
 * @property {number} take
 * @property {string} state
 * @property {number | null} price
 * @property {boolean} free
 * @property {number} created
 * @property {string | null} error
 * @property {boolean} stored
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
  const search = query ? `?${new URLSearchParams(Object.entries(query).map(pairOfText))}` : "";
  const response = await api.fetchApi(`/aigateway/${path}${search}`, {
    method,
    cache: "no-store",
    ...(method === "GET"
      ? {}
      : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) }),
  });
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.statusText}`);
  }
  if (!response.ok) throw new Error(answer.error ?? `${response.status} ${response.statusText}`);
  return answer;
}

/** @param {[string, string | number]} pair */
const pairOfText = ([name, value]) => [name, String(value)];

/** @param {string} path below `/aigateway/` */
export const address = (path) => api.apiURL(`/aigateway/${path}`);
