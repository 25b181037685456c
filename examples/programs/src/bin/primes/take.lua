-- Of (run, worker, milliseconds): takes a job that a worker has had for so long, else a new one.
-- Returns its number, its first segment, and the one after its last. The number is 0 if all jobs
-- are done. Returns nothing if the last ones are still under way elsewhere.
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return {0, 0, 0} end
-- It looks at the oldest ten under way. Those of dead workers are among them sooner or later.
local found = redis.call('XAUTOCLAIM', KEYS[2], 'primes', ARGV[2], ARGV[3], 0, 'COUNT', 1)[2]
if #found == 0 then
    local new = redis.call('XREADGROUP', 'GROUP', 'primes', ARGV[2], 'COUNT', 1,
        'STREAMS', KEYS[2], '>')
    found = new and new[1][2] or {}
end
if #found == 0 then
    local all = redis.call('HLEN', KEYS[3]) == tonumber(redis.call('HGET', KEYS[1], 'jobs'))
    return all and {0, 0, 0}
end
local job, fields = string.match(found[1][1], '%d+'), found[1][2]
return {tonumber(job), tonumber(fields[2]), tonumber(fields[4])}
