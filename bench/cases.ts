/** All cases of the bench, in the order in which they run and are reported. */
import type { BenchCase } from './case.js';
import { closedCases } from './closed/case.js';
import { memoryCase } from './memory/case.js';
import { microCases } from './micro/cases.js';
import { latencyCase } from './open/case.js';

export const cases: readonly BenchCase[] = [...closedCases, latencyCase, memoryCase, ...microCases];
