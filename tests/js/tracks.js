/**
 * A track as the server answers it.
 *
 * @param {Partial<Track>} changed
 * @returns {Track}
 */
export const trackOf = (changed) => ({
  local_id: "l1",
  job_id: "job_1",
  service: "gateway",
  model: "ace-step",
  prompt: "calm piano",
  lyrics: "",
  duration: 30,
  asked_duration: 30,
  format: "mp3",
  take: 1,
  words: "as given",
  state: "completed",
  is_open: ["submitting", "queued", "running"].includes(changed.state ?? ""),
  is_dead: false,
  charge: 0.006,
  free: false,
  created: 1000,
  error: null,
  listed: false,
  repeats: 0,
  request_id: null,
  stored: true,
  starred: false,
  hidden: false,
  ...changed,
});
