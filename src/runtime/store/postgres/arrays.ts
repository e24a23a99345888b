/**
 * Postgres array literals. node-postgres' own encoder escapes every element by two regular expressions and joins strings
 * element by element; this one looks for what needs escaping first, and almost nothing does.
 */

const special = /["\\]/;
const specials = /["\\]/g;

/** A literal for text[]; null stays NULL. */
export function textArray(values: readonly (string | null)[]): string {
  let literal = '{';
  let comma = '';
  for (const value of values) {
    if (value === null) literal += `${comma}NULL`;
    else literal += `${comma}"${special.test(value) ? value.replace(specials, '\\$&') : value}"`;
    comma = ',';
  }
  return `${literal}}`;
}

/** A literal for arrays of numbers. */
export function plainArray(values: readonly (number | null)[]): string {
  let literal = '{';
  let comma = '';
  for (const value of values) {
    literal += value === null ? `${comma}NULL` : `${comma}${value}`;
    comma = ',';
  }
  return `${literal}}`;
}

/**
 * textArray, but empty where all values are null: unnest beside longer lists makes as many NULLs of that, and neither side goes
 * through it element by element.
 */
export function sparseTextArray(values: readonly (string | null)[]): string {
  return values.every((value) => value === null) ? '{}' : textArray(values);
}

/** plainArray in the same way. */
export function sparsePlainArray(values: readonly (number | null)[]): string {
  return values.every((value) => value === null) ? '{}' : plainArray(values);
}
