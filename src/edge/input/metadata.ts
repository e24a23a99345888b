/**
 * Metadata: any JSON object within bounds. The walk is a loop with its own stack, so no depth of nesting can exhaust the
 * thread's, and it ends at the first thing out of bounds.
 */

export type MetadataResult =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

/**
 * @param maxBytes of the JSON text in UTF-8
 * @param maxDepth levels of objects and arrays, the outermost included
 */
export function metadataText(value: unknown, maxBytes: number, maxDepth: number): MetadataResult {
  if (!isPlainObject(value)) return { ok: false, problem: 'metadata must be an object' };
  const problem = findProblem(value, maxBytes, maxDepth);
  if (problem !== null) return { ok: false, problem };
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) > maxBytes) return { ok: false, problem: tooLarge(maxBytes) };
  return { ok: true, text };
}

function findProblem(root: object, maxBytes: number, maxDepth: number): string | null {
  const open: { readonly value: object; readonly depth: number }[] = [{ value: root, depth: 1 }];
  let values = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (depth > maxDepth) return `metadata must not be nested deeper than ${maxDepth} levels`;
    const list = Array.isArray(value);
    for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
      // Every value takes at least two bytes of text with its comma: no need to look at more of them than may fit.
      if ((values += 1) > maxBytes) return tooLarge(maxBytes);
      if (!list && !isStorable(key)) return unstorable;
      if (typeof inner === 'string') {
        if (!isStorable(inner)) return unstorable;
      } else if (typeof inner === 'number') {
        if (!Number.isFinite(inner)) return 'metadata must not hold numbers beyond the range of a double';
      } else if (typeof inner === 'object' && inner !== null) {
        if (!Array.isArray(inner) && !isPlainObject(inner)) return 'metadata must be plain JSON';
        open.push({ value: inner, depth: depth + 1 });
      } else if (inner !== null && typeof inner !== 'boolean') return 'metadata must be plain JSON';
    }
  }
  return null;
}

const unstorable = 'metadata must be well-formed Unicode without NUL';

function tooLarge(maxBytes: number): string {
  return `metadata must be at most ${maxBytes} bytes of JSON`;
}

/** Refuses what Postgres cannot keep: NUL in texts, lone surrogates in JSON. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Not a list, and nothing that Socket.IO puts in the place of a binary attachment. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
