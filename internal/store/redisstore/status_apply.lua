#!lua flags=allow-oom
-- Applies changes. KEYS[1] the list; ARGV: from, to, as-of (16 digits each), the size the list
-- must have, then offset and status of each change, in order.
-- Returns 0 done, 1 the list is not at from, 2 a change is past the end.
-- Everything is checked before anything is written, because Redis does not undo. Nothing grows,
-- so full memory must not stop a revocation.
local size, seq, as_of = head(KEYS[1])
if not size or seq ~= ARGV[1] then return 1 end
if tonumber(ARGV[4]) > size then return 2 end

-- In portions: Lua passes at most 8,000 arguments at once. Should a portion fail, the header
-- still has the old number and the changes are made again.
local ops = {}
for i = 5, #ARGV, 2 do
  local n = #ops
  ops[n + 1], ops[n + 2], ops[n + 3], ops[n + 4] = 'SET', 'u2', ARGV[i], ARGV[i + 1]
  if n >= 4000 or i + 2 > #ARGV then
    redis.call('BITFIELD', KEYS[1], unpack(ops))
    ops = {}
  end
end

local at = ARGV[3]
if tonumber(at) < tonumber(as_of) then at = as_of end -- as-of never moves back
redis.call('SETRANGE', KEYS[1], 14, ARGV[2] .. ' ' .. at)
return 0
