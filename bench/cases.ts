/** All cases of the bench, in the order in which they run and are reported. */
import type { BenchCase } from './case.js';
import { closedCases } from './closed/case.js';
import { memoryCase } from './memory/case.js';
import { appendCase } from './micro/append/case.js';
import { fanOutCase } from './micro/fan-out/case.js';
import { historyCase } from './micro/history/case.js';
import { hopCase } from './micro/hop/case.js';

export const cases: readonly BenchCase[] = [...closedCases, memoryCase, appendCase, hopCase, fanOutCase, historyCase];
