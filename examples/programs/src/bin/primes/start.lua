-- Of (limit, segments, segments of a job): writes the plan, unless there is one. Returns its limit,
-- and how many jobs it has. Scripts are atomic: either there is a whole plan, or none.
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('DEL', KEYS[2], KEYS[3], KEYS[4]) -- of a plan that somebody has removed
    local jobs = 0
    for first = 0, ARGV[2] - 1, ARGV[3] do
        jobs = jobs + 1
        local after = math.min(first + ARGV[3], ARGV[2])
        redis.call('XADD', KEYS[2], jobs .. '-0', 'first', first, 'after', after)
    end
    redis.call('XGROUP', 'CREATE', KEYS[2], 'primes', 0)
    local run = table.concat(redis.call('TIME'), '.')
    redis.call('HSET', KEYS[1], 'run', run, 'limit', ARGV[1], 'segments', ARGV[2], 'jobs', jobs)
end
return redis.call('HMGET', KEYS[1], 'limit', 'jobs')
