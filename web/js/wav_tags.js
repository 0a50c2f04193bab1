/** Limit on the chunks before and after the samples. */
const MOST_CHUNKS = 100;
const HEADER = 8;

/**
 * The tags of a WAV file, as a file that begins with them: ID3, as an MP3 has it.
 * @param {Blob} file any file
 * @returns {Promise<Blob | null>} null where it is no WAV file, or has no tags
 */
export async function tagsOfWav(file) {
  /** @type {(start: number, length: number) => Promise<Uint8Array>} */
  const read = async (start, length) =>
    new Uint8Array(await file.slice(start, start + length).arrayBuffer());
  const text = (/** @type {Uint8Array} */ bytes) => String.fromCharCode(...bytes);
  const head = text(await read(0, 12));
  if (!head.startsWith("RIFF") || !head.endsWith("WAVE")) return null;
  let position = 12;
  for (let count = 0; count < MOST_CHUNKS && position + HEADER <= file.size; count++) {
    const header = await read(position, HEADER);
    const size = new DataView(header.buffer).getUint32(4, true);
    const start = position + HEADER;
    if (text(header.subarray(0, 4)).toLowerCase() === "id3 ")
      return file.slice(start, start + size, "audio/mpeg");
    // A chunk ends at an even byte.
    position = start + size + (size % 2);
  }
  return null;
}
