import { api } from "./comfy.js";

/** A page of another origin cannot send this header. */
const OWN_PAGE = { "X-AIgateway-Page": "1" };

/**
 * Ask the pack's part of the server.
 * @param {string} path below `/aigateway/`
 * @param {{method?: string, body?: unknown, query?: Record<string, string | number>}} [options]
 * @returns {Promise<any>}
 * @throws {Error} with the server's sentence
 */
export async function ask(path, { method = "GET", body, query } = {}) {
  const response = await api.fetchApi(`/aigateway/${path}${searchOf(query)}`, {
    method,
    cache: "no-store",
    headers: { "Content-Type": "application/json", ...OWN_PAGE },
    ...(method === "GET" ? {} : { body: JSON.stringify(body ?? {}) }),
  });
  const answer = await json(response);
  if (!response.ok || answer === undefined) throw new Error(sentence(response, answer));
  return answer;
}

/**
 * Why the server refuses to send a file.
 * @param {string} path of the file
 * @returns {Promise<string | null>} the server's sentence; null if it sends the file
 */
export async function refusalOf(path) {
  const response = await api.fetchApi(path, { cache: "no-store", headers: { ...OWN_PAGE } });
  if (!response.ok) return sentence(response, await json(response));
  await response.body?.cancel();
  return null;
}

/** @type {(response: Response) => Promise<any>} */
async function json(response) {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

/** @type {(response: Response, answer: any) => string} */
const sentence = (response, answer) =>
  answer?.error ?? `${response.status} ${response.statusText}`.trim();

/** @param {Record<string, string | number>} [query] */
function searchOf(query) {
  if (!query) return "";
  const pairs = Object.entries(query).map(([name, value]) => [name, String(value)]);
  return `?${new URLSearchParams(pairs)}`;
}
