#!lua
-- Generic cell rate algorithm. KEYS[1] the counter; ARGV: interval and burst in microseconds.
-- Returns 0, or how many microseconds to wait.
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
-- Not later than a full burst from now: after a clock was set back nobody waits longer than
-- the limit means.
arrival = math.min(math.max(arrival, now), now + burst) + interval
local wait = arrival - burst - now
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
return 0
