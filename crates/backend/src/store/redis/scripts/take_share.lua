-- The generic cell rate algorithm. KEYS[1]: the moment at which the share is whole again, in
-- microseconds of the server's clock. ARGV: how long one takes to come back and how long the whole
-- share does, both in microseconds. Returns { for how long it is refused, how many are left }.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local next = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + interval
local wait = next - window - now
if wait > 0 then return { wait, 0 } end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
return { 0, math.floor(-wait / interval) }
