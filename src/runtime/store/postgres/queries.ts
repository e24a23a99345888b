/** The SQL of `sql/queries`, one named file per statement, read once. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../root.js';

const folder = join(packageRoot, 'sql', 'queries');

/** As many entries as there are files; never grows. */
const statements = new Map(
  readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .map((file) => [file.slice(0, -4), readFileSync(join(folder, file), 'utf8')]),
);

/** The text of a statement; a name without a file is a bug of ours. */
export function sql(name: string): string {
  const text = statements.get(name);
  if (text === undefined) throw new Error(`sql/queries/${name}.sql is missing`);
  return text;
}
