#!lua
-- Sets a whole list. KEYS[1] the list; ARGV: size, seq, as-of (digits), packed bytes, and how
-- many microseconds without a heartbeat make a higher seq an abandoned one.
-- Returns 0 done, 1 overtaken.
local size, seq, as_of = head(KEYS[1])
local at = ARGV[3]
if size then
  local ahead = tonumber(at) - tonumber(as_of)
  if tonumber(ARGV[2]) < tonumber(seq) and ahead < tonumber(ARGV[5]) then return 1 end
  if ahead < 0 then at = as_of end -- as-of never moves back
end
redis.call('SET', KEYS[1], 'SCL1 ' .. ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. at .. '\n' .. ARGV[4])
return 0
