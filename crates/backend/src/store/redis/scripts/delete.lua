-- ARGV: id, now, then the epoch and the seq that are expected, if any are.
local found = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'expires_at')
if not found[1] or tonumber(found[3]) <= tonumber(ARGV[2]) then return { 'gone' } end
if ARGV[3] and (found[1] ~= ARGV[3] or found[2] ~= ARGV[4]) then return { 'stale' } end
redis.call('DEL', KEYS[1])
forget(ARGV[1])
return { 'done', found[3] }
