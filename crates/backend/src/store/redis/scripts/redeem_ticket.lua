-- KEYS: the ticket, the user's tickets by end. ARGV: hash, now, id.
local found = redis.call('HMGET', KEYS[1], 'expires_at', 'id', 'epoch', 'kid', 'ends_at', 'sid',
  'issued_at')
-- Without a sid it is of a version that did not know of sign-ins.
if not found[1] or not found[6] or tonumber(found[1]) <= tonumber(ARGV[2]) or found[2] ~= ARGV[3] then return {} end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return { found[3], found[4], found[5], found[6], found[7] }
