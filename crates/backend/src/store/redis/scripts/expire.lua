-- ARGV: id, now. Returns the end, the bytes and the epoch of a session that lives on after all.
local found = redis.call('HMGET', KEYS[1], 'expires_at', 'reserved', 'epoch')
if found[1] and tonumber(found[1]) > tonumber(ARGV[2]) then return found end
redis.call('DEL', KEYS[1])
forget(ARGV[1])
return {}
