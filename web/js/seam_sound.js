/** Seconds before a seam, and after it. */
const WINDOW = 2;
/** Seconds of silence before the seam plays again, and of the fades around the silence. */
const PAUSE = 0.4;
const FADE = 0.01;

/**
 * The sound of a seam: the last two seconds before it, two seconds after it, and a pause.
 * @param {Float32Array} samples one channel of the file
 * @param {number} rate in Hz
 * @param {Seam} seam
 */
export function soundOfSeam(samples, rate, [leave, enter]) {
  const end = Math.min(samples.length, Math.round(leave * rate));
  const start = Math.round(enter * rate);
  const before = samples.slice(Math.max(0, end - WINDOW * rate), end);
  const after = samples.slice(start, start + WINDOW * rate);
  const fade = Math.min(Math.round(FADE * rate), before.length, after.length);
  before.subarray(0, fade).forEach((value, index) => {
    before[index] = (value * index) / fade;
  });
  after.subarray(after.length - fade).forEach((value, index) => {
    after[after.length - fade + index] = (value * (fade - 1 - index)) / fade;
  });
  const made = new Float32Array(before.length + after.length + Math.round(PAUSE * rate));
  made.set(before);
  made.set(after, before.length);
  return made;
}
