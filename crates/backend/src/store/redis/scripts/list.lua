-- KEYS[1]: the list by creation, newest first. ARGV: how keys of sessions begin, now, how many,
-- then, to go on, the creation and the id of the last that is known.
-- Returns the fields of each session in one flat list.
local now, most = tonumber(ARGV[2]), tonumber(ARGV[3])
local from = ARGV[4] and '-' .. ARGV[4] or '-inf'
local page, listed, offset = {}, 0, 0
while listed < most do
  local some = redis.call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', offset, 100)
  if #some == 0 then break end
  for at = 1, #some, 2 do
    local id, known = some[at], ARGV[4] and tonumber(some[at + 1]) == -tonumber(ARGV[4])
    if listed < most and not (known and id <= ARGV[5]) then
      local found = redis.call('HMGET', ARGV[1] .. id, 'epoch', 'seq', 'visibility', 'created_at',
        'updated_at', 'expires_at')
      if found[1] and tonumber(found[6]) > now then
        page[#page + 1] = id
        for _, value in ipairs(found) do page[#page + 1] = value end
        listed = listed + 1
      end
    end
  end
  offset = offset + 100
end
return page
