-- Gives back the room of sessions: KEYS are those of the index.
-- ARGV: an address and its end, or `expired`, now and how many at once.
-- Returns the addresses that had room.
local ends, sizes, creators, usage = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function take(address)
  local size = redis.call('HGET', sizes, address)
  local network = redis.call('HGET', creators, address)
  local spaces = { '*' }
  if not string.find(address, '/', 1, true) then
    spaces[2] = ''
    if network then spaces[3] = '@' .. network end
  end
  for _, space in ipairs(spaces) do
    redis.call('HINCRBY', usage, space .. ':bytes', 0 - (size or 0))
    if redis.call('HINCRBY', usage, space .. ':sessions', -1) <= 0 then
      redis.call('HDEL', usage, space .. ':sessions', space .. ':bytes')
    end
  end
  redis.call('HDEL', sizes, address)
  redis.call('HDEL', creators, address)
  redis.call('ZREM', ends, address)
end

local due
if ARGV[1] == 'expired' then
  due = redis.call('ZRANGEBYSCORE', ends, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
elseif redis.call('ZSCORE', ends, ARGV[1]) == ARGV[2] then
  due = { ARGV[1] }
else
  -- A session of that name has come meanwhile.
  due = {}
end
for _, address in ipairs(due) do take(address) end
return due
