/**
 * What people read about the settings, made from the rows of `config.ts`: the README's table and `.env.example`.
 * Pure text; `docs.ts` writes it into the files.
 */
import { groups, type Row } from '../config.js';

export const begin = '<!-- config:begin (npm run docs writes what is between the markers) -->';
export const end = '<!-- config:end -->';

type Rows = Readonly<Record<string, Row<unknown>>>;

const sections = Object.entries(groups).map(([name, rows]: [string, Rows]) => ({ name, rows: Object.values(rows) }));

function code(value: string): string {
  return value === '' ? '' : `\`${value}\``;
}

/** The default as the tables show it: as code where it can be typed like this, as words otherwise. */
function defaultOf(row: Row<unknown>): string {
  return /[ ,]/.test(row.shown) ? row.shown : code(row.shown);
}

/** One markdown table per group. */
export function configTable(): string {
  return sections
    .map(({ name, rows }) => {
      const lines = rows.map(
        (row) => `| \`${row.env}\` | ${defaultOf(row)} | ${row.unit} | ${row.range} | ${row.doc} |`,
      );
      return [
        `**${name}**`,
        '',
        '| Variable | Default | Unit | Values | Meaning |',
        '|---|---|---|---|---|',
        ...lines,
      ].join('\n');
    })
    .join('\n\n');
}

/**
 * The README with its table renewed.
 * @throws when the markers are missing
 */
export function renewTable(readme: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error('The README has lost the markers of its configuration table');
  return `${readme.slice(0, from + begin.length)}\n${configTable()}\n${readme.slice(to)}`;
}

/** `.env.example`: every variable as a comment with its default. */
export function environmentExample(): string {
  const head = [
    '# Copy to .env: npm start, npm run dev and npm run token read it. What the environment says already wins over it.',
    '# Every variable is optional in development; what is commented out shows its default.',
  ];
  const body = sections.flatMap(({ name, rows }) => [
    '',
    `# ---- ${name}`,
    ...rows.flatMap((row) => {
      const facts = [row.unit, row.range].filter((fact) => fact !== '').join(', ');
      const words = /[ ,]/.test(row.shown);
      const note = words ? ` Default: ${row.shown}.` : '';
      return [`# ${row.doc}${facts === '' ? '' : ` (${facts})`}.${note}`, `#${row.env}=${words ? '' : row.shown}`];
    }),
  ]);
  return `${[...head, ...body].join('\n')}\n`;
}
