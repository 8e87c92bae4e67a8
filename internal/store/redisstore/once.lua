#!lua
-- Remembers a key. KEYS[1] the key; ARGV: mark of this call, keep in ms.
-- Returns 1 for the first call (and for the same call repeated), 0 for others.
local mark = redis.call('GET', KEYS[1])
if mark then
  if mark == ARGV[1] then return 1 end
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
