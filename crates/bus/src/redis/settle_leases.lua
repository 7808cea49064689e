-- Passes on one owner's connections to one gateway as they are now, and names those beyond the owner's limit: the oldest
-- over all gateways. The caller's own are returned, the others' gateways are told on their channels.
--
-- KEYS: the owner's leases, a sorted set of '<term>/<connection>' by the time of opening (ms of Redis's clock).
-- ARGV: the limit, the leases' time to live in ms, what stands before a term in the name of its key and channel, the caller's
--   term, the owner; then for each connection: its id, its age in ms.

local leases = KEYS[1]
local limit, ttl, names, own_term, owner = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local held = {}
for at = 6, #ARGV, 2 do
    held[ARGV[at]] = now - ARGV[at + 1]
end

local known = { [own_term] = true }

-- A gateway that was killed listens no more at once; one that hangs, or whose machine is gone, lets its key expire.
local function is_alive(term)
    if known[term] == nil then
        local name = names .. term
        known[term] = redis.call('EXISTS', name) == 1 and redis.call('PUBSUB', 'NUMSUB', name)[2] > 0
    end
    return known[term]
end

local function split(lease)
    return string.match(lease, '^([^/]*)/(.*)$')
end

for _, lease in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    local term, connection = split(lease)
    if not is_alive(term) or (term == own_term and not held[connection]) then
        redis.call('ZREM', leases, lease)
    end
end

-- The first time given stays: the order of two connections never changes.
for connection, opened in pairs(held) do
    redis.call('ZADD', leases, 'NX', opened, own_term .. '/' .. connection)
end

local own_surplus = {}
local surplus = redis.call('ZCARD', leases) - limit
if surplus > 0 then
    for _, lease in ipairs(redis.call('ZRANGE', leases, 0, surplus - 1)) do
        local term, connection = split(lease)
        redis.call('ZREM', leases, lease)
        if term == own_term then
            own_surplus[#own_surplus + 1] = connection
        else
            redis.call('PUBLISH', names .. term, connection .. ' ' .. owner)
        end
    end
end
redis.call('PEXPIRE', leases, ttl)
return own_surplus
