// Which anchors are on screen at a media time. The answer depends on the time alone, so seeking backwards, looping and a
// dropped frame need no case of their own.

/** @import { Anchor, Copy } from "./contract.d.ts" */

/**
 * @param {Anchor[]} anchors
 * @param {number} ms
 */
export function activeAt(anchors, ms) {
  return anchors.filter((anchor) => anchor.start_ms <= ms && ms < anchor.end_ms);
}

/**
 * The anchors of a WebVTT file with one metadata cue an anchor. The cue's own times win over the payload's: a creator who
 * edits the file by hand moves the cue. A cue that is not an anchor is passed over, as a player of captions would do.
 * @param {string} text
 * @returns {Anchor[]}
 */
export function parseAnchors(text) {
  const anchors = [];
  const blocks = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n").split(/\n{2,}/);
  if (!/^WEBVTT(?=\s|$)/.test(blocks[0])) return [];
  for (const block of blocks) {
    const lines = block.split("\n").filter(Boolean);
    const at = lines.findIndex((line) => line.includes("-->"));
    // The timing line is the first or, after a cue's name, the second; NOTE, STYLE and REGION blocks have none there.
    if (at < 0 || at > 1 || /^(NOTE|STYLE|REGION)\b/.test(lines[0])) continue;
    const [start, end] = lines[at].split("-->").map((part) => milliseconds(part.trim().split(/\s/)[0]));
    if (start == null || end == null || end <= start) continue;
    try {
      const anchor = JSON.parse(lines.slice(at + 1).join("\n"));
      if (anchor && anchor.kind) anchors.push({ id: at ? lines[0] : "", copy: {}, ...anchor, start_ms: start, end_ms: end });
    } catch {
      // Not JSON: some other tool's cue.
    }
  }
  return anchors.sort((a, b) => a.start_ms - b.start_ms);
}

/** @param {string} stamp */
function milliseconds(stamp) {
  const part = /^(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})$/.exec(stamp);
  return part && ((Number(part[1] ?? 0) * 60 + Number(part[2])) * 60 + Number(part[3])) * 1000 + Number(part[4]);
}

/**
 * The copy in the first of the wanted languages there is; "de-AT" is content with "de".
 * @param {Record<string, Copy>} copy
 * @param {string[]} languages
 * @returns {Copy}
 */
export function pickCopy(copy, languages) {
  for (const language of languages) {
    const found = copy[language] ?? copy[language.split("-")[0]];
    if (found) return found;
  }
  return Object.values(copy)[0] ?? {};
}
