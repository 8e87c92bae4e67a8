-- Shared by the scripts on status lists: reads the header, 48 characters.
-- Returns size (a number), seq and as-of (16 digits each); nothing when there is no whole list:
-- the key is missing, is something else, or is not as long as its size says. Redis reads zeros
-- where bytes are missing, and zero means valid, so the length must be right before any bit counts.
local function head(key)
  local h = redis.pcall('GETRANGE', key, 0, 47)
  if type(h) == 'table' then
    if string.find(h.err, 'WRONGTYPE', 1, true) then return nil end
    error(h.err, 0)
  end
  if #h ~= 48 then return nil end
  local size, seq, as_of = string.match(h, '^SCL1 (%d+) (%d+) (%d+)\n$')
  if not size or #size ~= 8 or #seq ~= 16 then return nil end
  size = tonumber(size)
  if size < 1 or redis.call('STRLEN', key) ~= 48 + math.ceil(size / 4) then return nil end
  return size, seq, as_of
end

