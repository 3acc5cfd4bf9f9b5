-- Makes room for a session among all: KEYS are those of the index, and the last epoch.
-- ARGV: create|grow|move|settle, address, bytes, end, now, network, then for the network, what is
-- public, and all: most sessions and most bytes.
-- Returns { epoch, room|known|full, space, sessions|bytes }.
local ends, sizes, creators, usage, epochs = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local what, address, bytes, stop = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now, creator = tonumber(ARGV[5]), ARGV[6]

local function spaces(of, network)
  local names = {}
  if not string.find(of, '/', 1, true) then
    if network then names[#names + 1] = '@' .. network end
    names[#names + 1] = ''
  end
  names[#names + 1] = '*'
  return names
end

local function add(of, network, count, size)
  for _, space in ipairs(spaces(of, network)) do
    redis.call('HINCRBY', usage, space .. ':bytes', size)
    if redis.call('HINCRBY', usage, space .. ':sessions', count) <= 0 then
      redis.call('HDEL', usage, space .. ':sessions', space .. ':bytes')
    end
  end
end

local function forget(of)
  local size = redis.call('HGET', sizes, of)
  if size then
    add(of, redis.call('HGET', creators, of), -1, 0 - size)
    redis.call('HDEL', sizes, of)
    redis.call('HDEL', creators, of)
    redis.call('ZREM', ends, of)
  end
end

-- What a space holds beyond its quota, once what has expired is taken off.
local function full(space, most_sessions, most_bytes)
  local count = tonumber(redis.call('HGET', usage, space .. ':sessions') or '0')
  local size = tonumber(redis.call('HGET', usage, space .. ':bytes') or '0')
  if count <= most_sessions and size <= most_bytes then return nil end
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
    for _, shared in ipairs(spaces(other, redis.call('HGET', creators, other))) do
      if shared == space then
        count = count - 1
        size = size - tonumber(redis.call('HGET', sizes, other) or '0')
      end
    end
  end
  if count > most_sessions then return 'sessions' end
  if size > most_bytes then return 'bytes' end
  return nil
end

local epoch = math.max(tonumber(redis.call('GET', epochs) or '0') + 1, now)
epoch = string.format('%.0f', epoch)
local before = redis.call('HGET', sizes, address)
local network = redis.call('HGET', creators, address)
local living = before and tonumber(redis.call('ZSCORE', ends, address)) > now
if what == 'create' then
  redis.call('SET', epochs, epoch)
  if living then return { epoch, 'known' } end
end
if what == 'create' or what == 'settle' then
  forget(address)
  before, network = false, creator ~= '' and creator
  if network then redis.call('HSET', creators, address, network) end
end
-- Of two that grow at once, the larger needs the room.
if before then bytes = math.max(bytes, tonumber(before)) end
local sessions, growth = before and 0 or 1, bytes - (before or 0)
add(address, network, sessions, growth)
redis.call('HSET', sizes, address, string.format('%.0f', bytes))
-- Who only grows ends as before, until it is known that it does not.
if what ~= 'grow' or not before then redis.call('ZADD', ends, stop, address) end
if what == 'settle' or what == 'move' then return { epoch, 'room' } end

local most = { ['*'] = 11, [''] = 9 }
for _, space in ipairs(spaces(address, network)) do
  local at = most[space] or 7
  local enough = what == 'grow' and math.huge or tonumber(ARGV[at])
  local kind = full(space, enough, tonumber(ARGV[at + 1]))
  if kind then
    if before then
      add(address, network, 0, 0 - growth)
      redis.call('HSET', sizes, address, before)
    else
      forget(address)
    end
    return { epoch, 'full', space, kind }
  end
end
return { epoch, 'room' }
