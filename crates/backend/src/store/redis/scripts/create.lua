-- ARGV: id, now, lifetime in ms, most sessions, most bytes, epoch, template, args, svg,
-- visibility, end, bytes, frame rate.
local id, now, bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[12])
local stop = redis.call('HGET', KEYS[1], 'expires_at')
if stop and tonumber(stop) > now then return { 'taken' } end
if owned then
  forget(id)
  sweep(now)
  if redis.call('ZCARD', KEYS[3]) + 1 > tonumber(ARGV[4]) then return { 'full', 'sessions' } end
  if stored() + bytes > tonumber(ARGV[5]) then return { 'full', 'bytes' } end
  redis.call('ZADD', KEYS[2], -now, id)
  redis.call('ZADD', KEYS[3], ARGV[11], id)
  redis.call('HSET', KEYS[4], id, ARGV[12])
  redis.call('HINCRBY', KEYS[4], '*', ARGV[12])
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[6], 'seq', 1, 'template', ARGV[7], 'args', ARGV[8],
  'svg', ARGV[9], 'visibility', ARGV[10], 'created_at', ARGV[2], 'updated_at', ARGV[2],
  'expires_at', ARGV[11], 'bytes', ARGV[12], 'reserved', ARGV[12],
  'max_frames_per_second', ARGV[13])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { 'created' }
