-- KEYS: the request. ARGV: now, fingerprint, token, end of the lease, end, lifetime in ms.
local found = redis.call('HMGET', KEYS[1], 'expires_at', 'fingerprint', 'first_token',
  'leased_until', 'status')
local now, first = tonumber(ARGV[1]), ARGV[3]
local said = 'started'
if found[1] and tonumber(found[1]) > now then
  if found[2] ~= ARGV[2] then return { 'mismatch' } end
  if found[5] then
    local answer = redis.call('HMGET', KEYS[1], 'content_type', 'location', 'etag', 'body')
    return { 'done', found[5], answer[1], answer[2], answer[3], answer[4] }
  end
  if tonumber(found[4]) > now then return { 'in progress', found[4] } end
  said, first = 'taken over', found[3]
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'expires_at', ARGV[5], 'fingerprint', ARGV[2], 'first_token', first,
  'token', ARGV[3], 'leased_until', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return { said, first }
