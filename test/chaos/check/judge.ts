/** All checks over one history. Pure: the same history gives the same verdict, now or from a kept file. */
import type { Timed } from '../history.js';
import { deletedStaysDeleted, integrationIsComplete, outsidersHearNothing, removedHearNothing } from './access.js';
import { evidenceOf, type Evidence, type Violation } from './evidence.js';
import { acksAreStored, answersKnowWhatWasAcked, orderFollowsAcks, retriesGetTheOriginal } from './promises.js';
import { formerOwnersAreFenced, marksOnlyGrow, namesAreUnique, storeIsGapless } from './storage.js';
import { heardIsStored, membersHaveEverything, streamsAreWhole } from './streams.js';

const checks: readonly ((evidence: Evidence) => Violation[])[] = [
  acksAreStored,
  retriesGetTheOriginal,
  orderFollowsAcks,
  answersKnowWhatWasAcked,
  storeIsGapless,
  namesAreUnique,
  marksOnlyGrow,
  formerOwnersAreFenced,
  streamsAreWhole,
  heardIsStored,
  membersHaveEverything,
  outsidersHearNothing,
  removedHearNothing,
  deletedStaysDeleted,
  integrationIsComplete,
];

/** Every way in which the laws did not hold; empty when they did. */
export function judge(history: readonly Timed[]): Violation[] {
  const evidence = evidenceOf(history);
  return checks.flatMap((check) => check(evidence));
}
