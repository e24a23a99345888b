/** Which failure each error of the server or of the connection is for a frame. */
import test from 'ava';
import pg from 'pg';
import { StoreError, type WriteFailure } from '../../src/runtime/store/port.js';
import { failureOf, toStoreError } from '../../src/runtime/store/postgres/errors.js';

const table: Readonly<Record<WriteFailure, readonly string[]>> = {
  duplicate: ['23505'],
  fenced: ['DC001'],
  stale: ['DC002', 'DC003'],
  data: ['22021', '22001', '22P02', '22003', '23502', '23514', '23503', '54000', '54001'],
  transient: ['40001', '40P01', '55P03', '53100', '53200', '53300', '42883', 'XX000'],
  slow: ['57014'],
  lost: ['57P01', '57P02', '57P03', '57P05', '08000', '08003', '08006', '25006', '25P03'],
};

for (const [failure, codes] of Object.entries(table))
  for (const code of codes) test(`${code} is ${failure}`, (t) => t.is(failureOf(code) as string, failure));

test('a taken (room, seq) is stale, any other unique violation a duplicate', (t) => {
  t.is(failureOf('23505', 'messages_pkey'), 'stale');
  t.is(failureOf('23505', 'messages_id'), 'duplicate');
  t.is(failureOf('23505', 'messages_client_msg_key'), 'duplicate');
});

test('an error that ends the session leaves the outcome unknown', (t) => {
  const error = new pg.DatabaseError('out of memory', 13, 'error');
  error.code = '53200';
  error.severity = 'ERROR';
  t.is(toStoreError(error).failure, 'transient');
  error.severity = 'FATAL';
  t.is(toStoreError(error).failure, 'lost');
});

test('an error without a code is the connection’s, so the outcome is unknown', (t) => {
  t.is(toStoreError(new Error('Connection terminated unexpectedly')).failure, 'lost');
  t.is(toStoreError(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })).failure, 'lost');
  t.is(toStoreError('anything').failure, 'lost');
});

test('a StoreError stays what it is', (t) => {
  const error = new StoreError('stale', 'x');
  t.is(toStoreError(error), error);
});

test('values that a server error quotes in its detail are not in the message', (t) => {
  const error = new pg.DatabaseError('duplicate key value', 19, 'error');
  error.code = '23505';
  error.detail = 'Key (content)=(secret) already exists.';
  t.notRegex(toStoreError(error).message, /secret/);
});
