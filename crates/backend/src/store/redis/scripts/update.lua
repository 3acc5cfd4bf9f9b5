-- ARGV: id, now, lifetime in ms, bytes reserved among all, most bytes, epoch, template, args,
-- svg, visibility, end, bytes, seq that is expected, the next seq, frame rate.
local id, now, bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[12])
local found = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'expires_at', 'bytes', 'reserved')
if not found[1] or tonumber(found[3]) <= now then return { 'gone' } end
if found[1] ~= ARGV[6] then return { 'replaced' } end
if found[2] ~= ARGV[13] then return { 'stale' } end
local growth = bytes - tonumber(found[4])
if owned and growth > 0 then
  sweep(now)
  if stored() + growth > tonumber(ARGV[5]) then return { 'full' } end
end
local reserved = math.max(tonumber(found[5]), tonumber(ARGV[4]))
if bytes > reserved then return { 'reserve' } end
redis.call('HSET', KEYS[1], 'seq', ARGV[14], 'template', ARGV[7], 'args', ARGV[8], 'svg', ARGV[9],
  'visibility', ARGV[10], 'updated_at', ARGV[2], 'expires_at', ARGV[11], 'bytes', ARGV[12],
  'reserved', string.format('%.0f', reserved), 'max_frames_per_second', ARGV[15])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if owned then
  redis.call('HSET', KEYS[4], id, ARGV[12])
  redis.call('HINCRBY', KEYS[4], '*', growth)
  redis.call('ZADD', KEYS[3], ARGV[11], id)
end
if found[3] == ARGV[11] then return { 'done' } end
-- Its end has moved: the index has to know.
return { 'moved', string.format('%.0f', reserved) }
