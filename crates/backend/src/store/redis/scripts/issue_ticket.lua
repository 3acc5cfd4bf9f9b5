-- KEYS: the ticket, the user's tickets by end. ARGV: hash, now, most, lifetime in ms, end, id,
-- epoch, kid, end of the token, sid or nothing, when the token was issued.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[1], 'expires_at', ARGV[5], 'id', ARGV[6], 'epoch', ARGV[7], 'kid', ARGV[8],
  'ends_at', ARGV[9], 'sid', ARGV[10], 'issued_at', ARGV[11])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
