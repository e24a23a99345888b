/**
 * What the presence registry does in Redis, each script in one atomic step. ARGV[1] begins every key:
 *
 *   node:<id>    exists while the node lives         nodes         set of all nodes that lived lately
 *   user:<id>    set of the nodes with a socket      users:<id>    set of the users with a socket at a node
 *   seen:<user>  exists while a heartbeat is fresh   out:<user>    exists after a logout, until the next sign
 */

/** A node counts only while it lives. */
const alive = `
local prefix = ARGV[1]
local known = {}
local function alive(node)
  if known[node] == nil then known[node] = redis.call('EXISTS', prefix .. 'node:' .. node) == 1 end
  return known[node]
end
local function elsewhere(user, node)
  for _, other in ipairs(redis.call('SMEMBERS', prefix .. 'user:' .. user)) do
    if other ~= node and alive(other) then return true end
  end
  return false
end
`;

/**
 * ARGV: prefix, node, milliseconds that entries are kept, then pairs of user and '1' (a socket is here) or '0'.
 * Returns 1 for each user who came with it, or went with it, over all nodes; else 0.
 */
export const write = `${alive}
local node, kept = ARGV[2], ARGV[3]
local mine = prefix .. 'users:' .. node
local edges = {}
for i = 4, #ARGV, 2 do
  local user = ARGV[i]
  local key = prefix .. 'user:' .. user
  local changed
  if ARGV[i + 1] == '1' then
    changed = redis.call('SADD', key, node)
    redis.call('PEXPIRE', key, kept)
    redis.call('SADD', mine, user)
    redis.call('DEL', prefix .. 'out:' .. user)
  else
    changed = redis.call('SREM', key, node)
    redis.call('SREM', mine, user)
  end
  edges[#edges + 1] = (changed == 1 and not elsewhere(user, node)) and 1 or 0
end
redis.call('PEXPIRE', mine, kept)
return edges
`;

/**
 * ARGV: prefix, node, milliseconds until it counts as dead, milliseconds for a sweep. Shows that the node lives.
 * Returns whether it was taken for dead until now ('1') or not ('0'), then the dead nodes that this one is to sweep.
 */
export const beat = `${alive}
local node = ARGV[2]
local answer = { alive(node) and '0' or '1' }
redis.call('SET', prefix .. 'node:' .. node, '1', 'PX', ARGV[3])
redis.call('SADD', prefix .. 'nodes', node)
for _, other in ipairs(redis.call('SMEMBERS', prefix .. 'nodes')) do
  if other ~= node and not alive(other) then
    if redis.call('SET', prefix .. 'sweep:' .. other, node, 'NX', 'PX', ARGV[4]) then answer[#answer + 1] = other end
  end
end
return answer
`;

/**
 * ARGV: prefix, a dead node, how many users at most. Forgets users of it, and the node with the last of them.
 * Returns '1' when there are more of them, else '0', then those who went with it over all nodes.
 */
export const sweep = `${alive}
local node = ARGV[2]
local mine = prefix .. 'users:' .. node
if alive(node) then return { '0' } end
local gone = { '0' }
for _, user in ipairs(redis.call('SRANDMEMBER', mine, ARGV[3])) do
  redis.call('SREM', mine, user)
  local changed = redis.call('SREM', prefix .. 'user:' .. user, node)
  if changed == 1 and not elsewhere(user, node) then gone[#gone + 1] = user end
end
if redis.call('SCARD', mine) > 0 then gone[1] = '1' else redis.call('SREM', prefix .. 'nodes', node) end
return gone
`;

/** ARGV: prefix, then users. Returns 1 for each who is online, else 0. */
export const online = `${alive}
local answer = {}
for i = 2, #ARGV do
  local user = ARGV[i]
  local is
  if redis.call('EXISTS', prefix .. 'seen:' .. user) == 1 then is = true
  elseif redis.call('EXISTS', prefix .. 'out:' .. user) == 1 then is = false
  else is = elsewhere(user, '') end
  answer[#answer + 1] = is and 1 or 0
end
return answer
`;

/** ARGV: prefix, milliseconds of a heartbeat, milliseconds of a logout, then pairs of user and 'seen' or 'out'. */
export const mark = `
local prefix = ARGV[1]
for i = 4, #ARGV, 2 do
  local seen, out = prefix .. 'seen:' .. ARGV[i], prefix .. 'out:' .. ARGV[i]
  if ARGV[i + 1] == 'seen' then
    redis.call('SET', seen, '1', 'PX', ARGV[2])
    redis.call('DEL', out)
  else
    redis.call('DEL', seen)
    redis.call('SET', out, '1', 'PX', ARGV[3])
  end
end
return 1
`;

/** ARGV: prefix, node. The node ends, and has no users any more. */
export const leave = `
redis.call('DEL', ARGV[1] .. 'node:' .. ARGV[2], ARGV[1] .. 'users:' .. ARGV[2])
return redis.call('SREM', ARGV[1] .. 'nodes', ARGV[2])
`;
