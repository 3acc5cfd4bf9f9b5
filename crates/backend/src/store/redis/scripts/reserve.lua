-- Makes room for a session among all. KEYS[4]: the last epoch.
-- ARGV: what for, address, epoch, bytes, end, now, network, then for the network, what is public,
-- and all: most sessions and most bytes. What for is one of
--   create: it gets an epoch, and a row unless there is a living one
--   settle: it was created in spite of that row, and replaces it
--   grow: it becomes larger, and its end stays
--   move: its end is another, and what it takes is so already
--   live: the same of one that was taken for expired
-- Returns { epoch, room|known|full, space, sessions|bytes }.
local what, address, bytes, stop = ARGV[1], ARGV[2], tonumber(ARGV[4]), ARGV[5]
local now, network = tonumber(ARGV[6]), ARGV[7]
local old, epoch = row(address), tonumber(ARGV[3])

if what == 'create' then
  epoch = math.max(tonumber(redis.call('GET', KEYS[4]) or '0') + 1, now)
  redis.call('SET', KEYS[4], string.format('%.0f', epoch))
end
local named = string.format('%.0f', epoch)
if what == 'create' then
  if old and tonumber(redis.call('ZSCORE', ends, address)) > now then return { named, 'known' } end
elseif old and old.epoch > epoch then
  return { named, 'room' }
end
local mine = old and old.epoch == epoch
if what == 'move' and not mine then return { named, 'room' } end

local function full(space, most_sessions, most_bytes)
  local sessions = tonumber(redis.call('HGET', usage, space .. ':sessions') or '0')
  local size = tonumber(redis.call('HGET', usage, space .. ':bytes') or '0')
  if sessions <= most_sessions and size <= most_bytes then return nil end
  -- What has expired counts no more.
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
    local expired = row(other)
    for _, shared in ipairs(expired and spaces(other, expired.network) or {}) do
      if shared == space then sessions, size = sessions - 1, size - expired.bytes end
    end
  end
  if sessions > most_sessions then return 'sessions' end
  if size > most_bytes then return 'bytes' end
  return nil
end

local before = redis.call('ZSCORE', ends, address)
if mine then
  -- Of two that grow at once, the larger needs the room.
  bytes, network = math.max(bytes, old.bytes), old.network
end
put(address, { epoch = epoch, bytes = bytes, network = network })
-- Who only grows ends as before, until it is known that it does not.
if not (mine and what == 'grow') then redis.call('ZADD', ends, stop, address) end
if what == 'move' or what == 'live' then return { named, 'room' } end

local most = { ['*'] = 12, [''] = 10 }
for _, space in ipairs(spaces(address, network)) do
  local at = most[space] or 8
  local enough = what == 'grow' and math.huge or tonumber(ARGV[at])
  local kind = full(space, enough, tonumber(ARGV[at + 1]))
  if kind then
    if mine then put(address, old) else drop(address) end
    -- What has expired there is still to be removed.
    if before then redis.call('ZADD', ends, before, address) else redis.call('ZREM', ends, address) end
    return { named, 'full', space, kind }
  end
end
return { named, 'room' }
