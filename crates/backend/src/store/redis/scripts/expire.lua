-- ARGV: id, now. Returns the end and the bytes of a session that lives on after all.
local found = redis.call('HMGET', KEYS[1], 'expires_at', 'reserved')
if found[1] and tonumber(found[1]) > tonumber(ARGV[2]) then return found end
redis.call('DEL', KEYS[1])
forget(ARGV[1])
return {}
