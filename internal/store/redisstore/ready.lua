#!lua flags=allow-oom
-- Touches nothing. A server runs it when it would run a script that writes: not while it loads,
-- and not as a read-only replica.
return 1
