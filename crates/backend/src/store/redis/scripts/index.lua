-- What all sessions take. KEYS: the sessions by their end, what each takes, what that comes to.
-- A row is the epoch, the bytes and, for what is public, the network of whoever created it:
-- nobody touches the row of another life of that address.
local ends, rows, usage = KEYS[1], KEYS[2], KEYS[3]

local function row(address)
  local text = redis.call('HGET', rows, address)
  if not text then return nil end
  local epoch, bytes, network = string.match(text, '^(%d+) (%d+) (.*)$')
  return { epoch = tonumber(epoch), bytes = tonumber(bytes), network = network }
end

-- The spaces that a session counts for, the closest first.
local function spaces(address, network)
  if string.find(address, '/', 1, true) then return { '*' } end
  if network == '' then return { '', '*' } end
  return { '@' .. network, '', '*' }
end

local function count(address, network, sessions, bytes)
  for _, space in ipairs(spaces(address, network)) do
    redis.call('HINCRBY', usage, space .. ':bytes', bytes)
    if redis.call('HINCRBY', usage, space .. ':sessions', sessions) <= 0 then
      redis.call('HDEL', usage, space .. ':sessions', space .. ':bytes')
    end
  end
end

local function drop(address)
  local old = row(address)
  if not old then return end
  count(address, old.network, -1, 0 - old.bytes)
  redis.call('HDEL', rows, address)
end

local function put(address, new)
  drop(address)
  count(address, new.network, 1, new.bytes)
  local text = string.format('%.0f %.0f %s', new.epoch, new.bytes, new.network)
  redis.call('HSET', rows, address, text)
end
