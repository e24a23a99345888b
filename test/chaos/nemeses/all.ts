/** Every nemesis, in the order of the fault table. */
import { clientNemeses } from './clients.js';
import { databaseNemeses } from './database.js';
import type { Nemesis } from './nemesis.js';
import { networkNemeses } from './network.js';
import { processNemeses } from './process.js';

export const nemeses: readonly Nemesis[] = [...processNemeses, ...databaseNemeses, ...networkNemeses, ...clientNemeses];
