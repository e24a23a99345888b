/** What a user may do at once and in the long run. */
import test from 'ava';
import fc from 'fast-check';
import { createLimits, createRateLimiter } from '../../src/edge/rate-limiter.js';

const shape = fc.record({ rate: fc.integer({ min: 1, max: 1_000 }), burst: fc.integer({ min: 1, max: 50 }) });
const pauses = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 });

test('in no window more than the burst and the rate over the window are granted', (t) => {
  fc.assert(
    fc.property(shape, pauses, ({ rate, burst }, steps) => {
      let now = 1_000;
      const limiter = createRateLimiter({ rate, burst, now: () => now });
      const granted: number[] = [];
      for (const step of steps) {
        now += step;
        if (limiter.take('u') === 0) granted.push(now);
      }
      for (const [first, start] of granted.entries())
        for (const [last, end] of granted.entries())
          if (last >= first && last - first + 1 > burst + ((end - start) * rate) / 1000 + 0.01) return false;
      return true;
    }),
  );
  t.pass();
});

test('the wait that is said is enough, and a millisecond less is not', (t) => {
  fc.assert(
    fc.property(shape, fc.integer({ min: 0, max: 100 }), ({ rate, burst }, more) => {
      let now = 5;
      const limiter = createRateLimiter({ rate, burst, now: () => now });
      for (let n = 0; n < burst; n += 1) if (limiter.take('u') !== 0) return false;
      const wait = limiter.take('u');
      if (wait <= 0) return false;
      now += wait + more;
      if (limiter.take('u') !== 0) return false;
      now -= more;
      const again = createRateLimiter({ rate, burst, now: () => now });
      for (let n = 0; n < burst; n += 1) again.take('u');
      const exact = again.take('u');
      now += exact - 1;
      return exact === 1 || again.take('u') > 0;
    }),
  );
  t.pass();
});

test('a refusal costs nothing, and nobody pays for another', (t) => {
  const now = 0;
  const limiter = createRateLimiter({ rate: 1, burst: 2, now: () => now });
  t.deepEqual([limiter.take('a'), limiter.take('a')], [0, 0]);
  for (let n = 0; n < 100; n += 1) t.is(limiter.take('a'), 1_000);
  t.is(limiter.take('b'), 0);
});

test('a user in use is not forgotten while others come, and memory holds two generations at most', (t) => {
  const now = 0;
  const limiter = createRateLimiter({ rate: 1, burst: 1, users: 10, now: () => now });
  t.is(limiter.take('a'), 0);
  for (let n = 0; n < 15; n += 1) limiter.take(`other ${n}`);
  t.true(limiter.take('a') > 0, 'found in the older generation');
  for (let n = 0; n < 40; n += 1) limiter.take(`another ${n}`);
  t.is(limiter.take('a'), 0, 'forgotten after more users than both generations hold');
});

test('switched off, everything is granted', (t) => {
  const limits = createLimits({ rateLimitEnabled: false, sendRate: 1, sendBurst: 1, eventRate: 1, eventBurst: 1 });
  for (let n = 0; n < 10; n += 1) t.is(limits.sends.take('a') + limits.requests.take('a'), 0);
});

test('several requests at once are granted whole or not at all; more than a burst count as one burst', (t) => {
  let now = 0;
  const limiter = createRateLimiter({ rate: 1, burst: 5, now: () => now });
  t.is(limiter.take('a', 3), 0);
  t.is(limiter.take('a', 3), 1_000, 'one is missing');
  t.is(limiter.take('a', 2), 0, 'and was not spent on them');
  t.is(limiter.take('a'), 1_000);
  t.is(limiter.take('b', 50), 0);
  t.is(limiter.take('b'), 1_000);
  now = 1_000;
  t.is(limiter.take('b', 50), 4_000);
});
