-- Appends events of one chat to their streams and publishes them, in order, and stops at the first failure.
--
-- KEYS: the chat's stream, then the streams of the other channels, which are named like their channels.
-- ARGV: length of a stream, its time to live in ms, the chat's channel; then for each event:
--   seq, '1' if it empties the chat's stream first, the event, where it is as JSON, how many other channels; and of each
--   its index in KEYS and what its stream keeps: 'event', 'pointer' (where the event is) or 'nothing'.
-- Returns how many events were taken, and why the next one was not ('' when all were).

local length, ttl, chat_channel = ARGV[1], ARGV[2], ARGV[3]
local chat_stream = KEYS[1]

local function failed(reply)
    return type(reply) == 'table' and reply.err
end

local function append(stream, id, field, event)
    local reply = redis.pcall('XADD', stream, 'MAXLEN', '~', length, id, field, event)
    -- An id that the stream is past: the event is repeated, or came late. Listeners hear of it all the same.
    if failed(reply) and not string.find(reply.err, 'equal or smaller', 1, true) then
        return reply.err
    end
    return failed(redis.pcall('PEXPIRE', stream, ttl))
end

local function publish(channel, event)
    return failed(redis.pcall('PUBLISH', channel, event))
end

-- Emptied, not deleted: the stream must not forget its last id, or a repeated event could bring a deleted text back.
local function empty(stream)
    return failed(redis.pcall('XTRIM', stream, 'MAXLEN', '=', 0))
end

-- The text of an event stays in the streams of its chat and of users alone.
local function keep(channel, what, event, pointer)
    if what == 'event' then
        return append(channel, '*', 'e', event)
    elseif what == 'pointer' then
        return append(channel, '*', 'p', pointer)
    end
    return false
end

local function take(seq, empties, event, pointer, first_other, others)
    local failure = (empties and empty(chat_stream))
        or append(chat_stream, seq .. '-0', 'e', event)
        or publish(chat_channel, event)
    for other = first_other, first_other + 2 * (others - 1), 2 do
        local channel = KEYS[tonumber(ARGV[other])]
        failure = failure or keep(channel, ARGV[other + 1], event, pointer) or publish(channel, event)
    end
    return failure
end

local taken, at = 0, 4
while at <= #ARGV do
    local others = tonumber(ARGV[at + 4])
    local failure = take(ARGV[at], ARGV[at + 1] == '1', ARGV[at + 2], ARGV[at + 3], at + 5, others)
    if failure then
        return { taken, failure }
    end
    taken = taken + 1
    at = at + 5 + 2 * others
end
return { taken, '' }
