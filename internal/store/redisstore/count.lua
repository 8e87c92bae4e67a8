#!lua
-- Counts up to a limit. KEYS[1] the counter; ARGV: limit, keep in ms, which the first count sets.
-- Returns 1 while the limit is not passed, 0 afterwards; being refused counts no further.
local n = tonumber(redis.call('GET', KEYS[1]) or '0')
if n >= tonumber(ARGV[1]) then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left <= 0 then left = ARGV[2] end
redis.call('SET', KEYS[1], n + 1, 'PX', left)
return 1
