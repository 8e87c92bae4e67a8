#!lua flags=no-writes
-- Returns the sequence number of a list, or nil when unknown. KEYS[1] the list.
local size, seq = head(KEYS[1])
if not size then return false end
return seq
