/** The cases that measure one part alone. */
import type { BenchCase } from '../case.js';
import { appendCase } from './append/case.js';
import { fanOutCase } from './fan-out/case.js';
import { historyCase } from './history/case.js';
import { hopCase } from './hop/case.js';

export const microCases: readonly BenchCase[] = [appendCase, hopCase, fanOutCase, historyCase];
