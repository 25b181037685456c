-- Of (run, worker, job, primes): writes a job's count, unless it is there, and acknowledges it.
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return end
if redis.call('HSETNX', KEYS[3], ARGV[3], ARGV[4]) == 1 then
    redis.call('HINCRBY', KEYS[4], ARGV[2], 1)
end
redis.call('XACK', KEYS[2], 'primes', ARGV[3] .. '-0')
