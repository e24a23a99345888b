/** `npm run docs`: renews the README's configuration table and `.env.example` from the rows of `config.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentExample, renewTable } from './config-docs.js';
import { packageRoot } from './root.js';

const readme = join(packageRoot, 'README.md');
writeFileSync(readme, renewTable(readFileSync(readme, 'utf8')));
writeFileSync(join(packageRoot, '.env.example'), environmentExample());
