-- KEYS: the request. ARGV: token.
local found = redis.call('HMGET', KEYS[1], 'token', 'status', 'first_token')
if found[1] ~= ARGV[1] or found[2] then return 0 end
if found[3] == ARGV[1] then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'leased_until', 0)
end
return 1
