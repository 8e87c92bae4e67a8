#!lua flags=allow-oom
-- Ends a show for good. KEYS[1] the show; ARGV: keep in ms.
-- The expiry never becomes shorter: "closed" lasts as long as the show. Full memory must not
-- keep a spent code open.
redis.call('HSET', KEYS[1], 'closed', '1')
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 0
