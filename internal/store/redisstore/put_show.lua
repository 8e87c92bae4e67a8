#!lua
-- Keeps a show. KEYS[1] the show; ARGV: its JSON, keep in ms.
-- "closed" is left alone, and an expiry never becomes shorter.
redis.call('HSET', KEYS[1], 'show', ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
