-- Gives back the room of sessions, unless others have come at their addresses.
-- ARGV: an address and its epoch, the next address and its epoch, and so on.
for at = 1, #ARGV, 2 do
  local found = row(ARGV[at])
  if not found or found.epoch == tonumber(ARGV[at + 1]) then
    drop(ARGV[at])
    redis.call('ZREM', ends, ARGV[at])
  end
end
