-- ARGV: the generation that is expected, the next value.
local stored = redis.call('GET', KEYS[1])
if not stored or string.match(stored, '^%d+') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
