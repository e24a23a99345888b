import test from 'ava';
import jwt from 'jsonwebtoken';
import { developmentToken } from '../../src/cli/development-token.js';
import { welcome } from '../../src/cli/welcome.js';
import { ConfigError, readConfig } from '../../src/config.js';

const config = readConfig({});

test('a development token is what the Authentication Service would sign', (t) => {
  const claims = jwt.verify(developmentToken(config, '42', 'alice'), config.jwtSecret, { algorithms: ['HS256'] });
  t.like(claims, { id: '42', username: 'alice' });
  t.true(typeof claims === 'object' && (claims.exp ?? 0) > (claims.iat ?? 0));
});

test('without a username the user id stands in', (t) => {
  t.like(jwt.decode(developmentToken(config, 'bob')), { id: 'bob', username: 'bob' });
});

test('no token is made in production, nor where a private key signs', (t) => {
  t.throws(() => developmentToken({ ...config, nodeEnv: 'production' }, 'x'), { instanceOf: ConfigError });
  t.throws(() => developmentToken({ ...config, jwtPublicKey: 'pem' }, 'x'), { instanceOf: ConfigError });
});

test('the welcome shows commands with the real port and path, and holds no token', (t) => {
  const text = welcome(config, 4321);
  t.true(text.includes(' http://localhost:4321/messages -H'));
  t.true(text.includes('http://localhost:4321/messages/room/lobby'));
  t.notRegex(text, /eyJ/);
  t.true(welcome({ ...config, httpBasePath: '/' }, 1).includes(' http://localhost:1/ -H'));
});

test('there is no welcome outside development', (t) => {
  t.is(welcome({ ...config, nodeEnv: 'production' }, 1), '');
  t.is(welcome({ ...config, nodeEnv: 'test' }, 1), '');
});
