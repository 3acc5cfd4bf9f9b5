-- ARGV: id, now, then the epoch that is expected and the seq, if any are.
local found = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'expires_at')
if not found[1] or tonumber(found[3]) <= tonumber(ARGV[2]) then return { 'gone' } end
if ARGV[3] and found[1] ~= ARGV[3] then return { 'stale' } end
if ARGV[4] and found[2] ~= ARGV[4] then return { 'stale' } end
redis.call('DEL', KEYS[1])
forget(ARGV[1])
return { 'done', found[1] }
