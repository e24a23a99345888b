/** All cases of the bench, in the order in which they run and are reported. */
import type { BenchCase } from './case.js';
import { closedCases } from './closed/case.js';
import { clusterCase } from './cluster/case.js';
import { idleSocketsCase } from './idle-sockets/case.js';
import { memoryCase } from './memory/case.js';
import { microCases } from './micro/cases.js';
import { neighboursCase } from './neighbours/case.js';
import { latencyCase } from './open/case.js';
import { poolCase } from './pool/case.js';
import { receiptsCase } from './receipts/case.js';
import { reconnectCase } from './reconnect/case.js';
import { roomsCase } from './rooms/case.js';

export const cases: readonly BenchCase[] = [
  ...closedCases,
  latencyCase,
  memoryCase,
  neighboursCase,
  receiptsCase,
  reconnectCase,
  idleSocketsCase,
  roomsCase,
  poolCase,
  clusterCase,
  ...microCases,
];
