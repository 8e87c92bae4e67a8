#!lua flags=no-writes
-- Looks up one entry. KEYS[1] the list; ARGV: index, offset of its bits.
-- Returns {as-of in microseconds, status}; {size} when the index is past the end; nil when unknown.
local size, _, as_of = head(KEYS[1])
if not size then return false end
if tonumber(ARGV[1]) >= size then return {size} end
return {tonumber(as_of), redis.call('BITFIELD_RO', KEYS[1], 'GET', 'u2', ARGV[2])[1]}
