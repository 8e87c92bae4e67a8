#!lua flags=allow-oom
-- Adds an entry to the stream of the status lists. KEYS[1] the stream; ARGV: the entry, how many
-- entries are kept at most, and the age in ms from which on entries go (0: none do).
-- The stream does not grow without bound, so full memory must not stop a revocation.
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[1])
if ARGV[3] ~= '0' then
  local oldest = tonumber(string.match(id, '^%d+')) - tonumber(ARGV[3])
  redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%d', oldest))
end
return id
