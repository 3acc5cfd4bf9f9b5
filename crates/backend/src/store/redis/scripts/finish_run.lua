-- KEYS: the request. ARGV: token, end, lifetime in ms, then the names and values of the answer.
local found = redis.call('HMGET', KEYS[1], 'token', 'status')
if found[1] ~= ARGV[1] or found[2] then return 0 end
redis.call('HSET', KEYS[1], 'expires_at', ARGV[2], unpack(ARGV, 4))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
