/**
 * Finds registered texts in other texts, at a cost that hardly depends on how many are registered. A bit per hash of
 * four characters says where a registered text may begin; its first six characters lead to the lengths worth comparing.
 */

/** The least characters of a registered text. */
export const SHORTEST_FORM = 6;
/** Longer texts are registered in pieces, so that the cost of a comparison is bounded. */
const LONGEST_PIECE = 256;
/** Pieces overlap, so that no character between two of them stays visible. */
const OVERLAP = 8;

/** How many comparisons a text may cost per character. Beyond it the text was made to be slow, and its rest is hidden. */
const COMPARISONS_PER_CHAR = 16;

const FILTER_BITS = 20;
const FILTER_MASK = 2 ** FILTER_BITS - 1;
const FILTER_SHIFT = 5;
/** The filter's hash depends on this many characters: older ones are shifted out. */
const FILTER_CHARS = FILTER_BITS / FILTER_SHIFT;

/** Base of the polynomial hash of a piece, modulo 2^32. */
const BASE = 0x01000193;
const POWERS = powers(LONGEST_PIECE + 1);

export type Range = readonly [start: number, end: number];

interface Bucket {
  /** Longest first: what is shorter and begins at the same place is part of it. */
  lengths: number[];
  readonly byHash: Map<number, string[]>;
}

export class SecretFinder {
  readonly #filter = new Uint8Array(FILTER_MASK + 1);
  readonly #buckets = new Map<string, Bucket>();

  /** Registers a text of at least six characters. */
  add(text: string): void {
    for (const piece of piecesOf(text)) this.#addPiece(piece);
  }

  /** Returns where registered texts stand, ordered by their start. Ranges may overlap. */
  find(text: string): Range[] {
    const ranges: Range[] = [];
    if (this.#buckets.size === 0) return ranges;
    let hashes: Int32Array | null = null;
    let filter = 0;
    let comparisons = text.length * COMPARISONS_PER_CHAR;
    for (let end = 1; end <= text.length; end++) {
      filter = filterHash(filter, text.charCodeAt(end - 1));
      if (this.#filter[filter] === 0 || end < FILTER_CHARS) continue;
      const start = end - FILTER_CHARS;
      const bucket = this.#buckets.get(text.slice(start, start + SHORTEST_FORM));
      if (bucket === undefined) continue;
      hashes ??= prefixHashes(text);
      const length = longestAt(text, start, bucket, hashes);
      if (length > 0) ranges.push([start, start + length]);
      comparisons -= length > 0 ? 1 : bucket.lengths.length;
      if (comparisons < 0) return [...ranges, [start, text.length]];
    }
    return ranges;
  }

  #addPiece(piece: string): void {
    let filter = 0;
    for (let at = 0; at < FILTER_CHARS; at++) filter = filterHash(filter, piece.charCodeAt(at));
    this.#filter[filter] = 1;
    const key = piece.slice(0, SHORTEST_FORM);
    const bucket = this.#buckets.get(key) ?? { lengths: [], byHash: new Map<number, string[]>() };
    this.#buckets.set(key, bucket);
    const hash = hashOf(piece);
    const sameHash = bucket.byHash.get(hash) ?? [];
    if (sameHash.includes(piece)) return;
    bucket.byHash.set(hash, [...sameHash, piece]);
    if (!bucket.lengths.includes(piece.length)) {
      bucket.lengths = [...bucket.lengths, piece.length].sort((a, b) => b - a);
    }
  }
}

function longestAt(text: string, start: number, bucket: Bucket, hashes: Int32Array): number {
  for (const length of bucket.lengths) {
    if (start + length > text.length) continue;
    const before = Math.imul(hashes[start] ?? 0, POWERS[length] ?? 0);
    const hash = ((hashes[start + length] ?? 0) - before) | 0;
    for (const piece of bucket.byHash.get(hash) ?? []) {
      if (piece.length === length && text.startsWith(piece, start)) return length;
    }
  }
  return 0;
}

const filterHash = (hash: number, char: number): number => ((hash << FILTER_SHIFT) ^ char) & FILTER_MASK;

function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, BASE) + text.charCodeAt(at)) | 0;
  return hash;
}

/** The hash of the first n characters, for each n. */
function prefixHashes(text: string): Int32Array {
  const hashes = new Int32Array(text.length + 1);
  for (let at = 0; at < text.length; at++) {
    hashes[at + 1] = Math.imul(hashes[at] ?? 0, BASE) + text.charCodeAt(at);
  }
  return hashes;
}

function powers(count: number): Int32Array {
  const values = new Int32Array(count).fill(1);
  for (let at = 1; at < count; at++) values[at] = Math.imul(values[at - 1] ?? 0, BASE);
  return values;
}

function piecesOf(text: string): string[] {
  if (text.length <= LONGEST_PIECE) return [text];
  const pieces: string[] = [];
  for (let start = 0; start + OVERLAP < text.length; start += LONGEST_PIECE - OVERLAP) {
    const end = Math.min(text.length, start + LONGEST_PIECE);
    // The last piece begins earlier instead of being short.
    pieces.push(text.slice(end - LONGEST_PIECE, end));
  }
  return pieces;
}
