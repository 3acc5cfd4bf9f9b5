-- What a user has: KEYS[1] is the session; KEYS[2], [3] and [4], where it has an owner, are the
-- list by creation, the list by end, and the bytes of each with their sum under `*`.
local owned = #KEYS > 1

local function forget(id)
  if not owned then return end
  local size = redis.call('HGET', KEYS[4], id)
  if size then redis.call('HINCRBY', KEYS[4], '*', 0 - size) end
  redis.call('HDEL', KEYS[4], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZREM', KEYS[2], id)
  if redis.call('ZCARD', KEYS[3]) == 0 then redis.call('DEL', KEYS[4]) end
end

local function sweep(now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do forget(id) end
end

local function stored()
  return tonumber(redis.call('HGET', KEYS[4], '*') or '0')
end
