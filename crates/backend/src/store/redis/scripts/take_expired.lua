-- Gives back the room of what has expired. Its end moves to where it is due again, should whoever
-- asks not live to remove it.
-- ARGV: now, when it is due again, how many at once. Returns their addresses.
local due = redis.call('ZRANGEBYSCORE', ends, '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, address in ipairs(due) do
  drop(address)
  redis.call('ZADD', ends, ARGV[2], address)
end
return due
