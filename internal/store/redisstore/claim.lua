#!lua flags=allow-oom
-- Claims a show. KEYS[1] the show; ARGV: claimant, lease in ms.
-- Returns 0 won, 1 taken, 2 unknown.
local v = redis.call('HMGET', KEYS[1], 'show', 'closed', 'claimant', 'until', 'lease')
local show, closed, claimant, lease = v[1], v[2], v[3], v[5]
if closed then return 1 end
if not show then return 2 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if claimant and claimant ~= ARGV[1] then
  local left = tonumber(v[4]) - now
  if left > 0 then
    -- More is left than was given: the clock was set back, or this replica's is behind that of the
    -- master it followed. The lease begins anew, so that nobody waits longer than for one.
    if lease and left > tonumber(lease) then
      redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + lease))
    end
    return 1
  end
end
redis.call('HSET', KEYS[1], 'claimant', ARGV[1], 'until', string.format('%.0f', now + ARGV[2]), 'lease', ARGV[2])
return 0
