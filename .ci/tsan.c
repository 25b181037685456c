/* What ThreadSanitizer is told about the parts of std that were compiled without it.
 *
 * A toolchain brings std compiled, and its source is a component that is not everywhere to be had. The
 * generic and inline parts of std are compiled along with our crates, and so seen: `Mutex::lock` up to
 * the point where somebody else has it, `unlock`, `thread::unpark`, channels, `Arc`. The rest is not:
 * where a thread waits. It would miss that a lock was taken, and report what the lock protects.
 *
 * The linker's `--wrap` puts each function below in front of one of those. It calls it, and tells the
 * sanitizer what the function promises: what happened before the lock was given up happens before it
 * was taken, and so on. No less is seen this way, and no promise is made that std does not make.
 *
 * `scripts/tsan` finds the names, each of which must exist, and defines them as below. Arguments are
 * passed on in the order in which rustc lays them into registers on 64-bit machines: a `Duration` is two
 * of them, a `&mut dyn FnMut` is two, and a `#[track_caller]` adds one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define JOIN(a, b) a##b
#define REAL_(name) JOIN(__real_, name)
#define WRAP_(name) JOIN(__wrap_, name)
#define REAL(name) REAL_(name)
#define WRAP(name) WRAP_(name)

/* Mutex, RwLock: the lock is taken. It was given up in code that is seen. */

#define TAKES_A_LOCK(name)                                                                              \
    void REAL(name)(void *lock);                                                                        \
    void WRAP(name)(void *lock) {                                                                       \
        REAL(name)(lock);                                                                               \
        __tsan_acquire(lock);                                                                           \
    }

TAKES_A_LOCK(MUTEX_LOCK_CONTENDED)
TAKES_A_LOCK(RWLOCK_READ_CONTENDED)
TAKES_A_LOCK(RWLOCK_WRITE_CONTENDED)

/* Condvar: the mutex is given up and taken again. */

void REAL(CONDVAR_WAIT)(void *condvar, void *mutex);
void WRAP(CONDVAR_WAIT)(void *condvar, void *mutex) {
    __tsan_release(mutex);
    REAL(CONDVAR_WAIT)(condvar, mutex);
    __tsan_acquire(mutex);
}

bool REAL(CONDVAR_WAIT_TIMEOUT)(void *condvar, void *mutex, uint64_t seconds, uint32_t nanos);
bool WRAP(CONDVAR_WAIT_TIMEOUT)(void *condvar, void *mutex, uint64_t seconds, uint32_t nanos) {
    __tsan_release(mutex);
    bool notified = REAL(CONDVAR_WAIT_TIMEOUT)(condvar, mutex, seconds, nanos);
    __tsan_acquire(mutex);
    return notified;
}

/* Barrier: who leaves has seen what everybody did before they came. */

uint64_t REAL(BARRIER_WAIT)(void *barrier);
uint64_t WRAP(BARRIER_WAIT)(void *barrier) {
    __tsan_release(barrier);
    uint64_t is_leader = REAL(BARRIER_WAIT)(barrier);
    __tsan_acquire(barrier);
    return is_leader;
}

/* Once: what the closure did is seen by whoever returns. It is published as soon as the closure has
 * returned, before the state says so, which others read without coming here. */

typedef void (*Closure)(void *data, void *state);

struct Vtable {
    void *drop;
    size_t size, align;
    Closure call_once, call_mut;
};

struct Published {
    void *once;
    void *data;
    struct Vtable *vtable;
};

static void call_and_publish(void *data, void *state) {
    struct Published *published = data;
    published->vtable->call_mut(published->data, state);
    __tsan_release(published->once);
}

void REAL(ONCE_CALL)(void *once, bool poisoned, void *data, void *vtable, void *location);
void WRAP(ONCE_CALL)(void *once, bool poisoned, void *data, void *vtable, void *location) {
    struct Published published = {once, data, vtable};
    struct Vtable wrapped = {NULL, sizeof published, _Alignof(struct Published), NULL, call_and_publish};
    REAL(ONCE_CALL)(once, poisoned, &published, &wrapped, location);
    __tsan_acquire(once);
}

/* thread::park: what was done before `unpark`, which is seen to store to a word of the handle's inside,
 * happens before the return. Which of its words it is cannot be known; the two counts in front of them
 * are passed over. */

enum { COUNTS = 16, INSIDE = 48 };

static void parked(char *inside) {
    for (int at = COUNTS; at < INSIDE; at += 8)
        __tsan_acquire(inside + at);
}

void REAL(THREAD_PARK)(void **thread);
void WRAP(THREAD_PARK)(void **thread) {
    REAL(THREAD_PARK)(thread);
    parked(*thread);
}

void REAL(THREAD_PARK_TIMEOUT)(void **thread, uint64_t seconds, uint32_t nanos);
void WRAP(THREAD_PARK_TIMEOUT)(void **thread, uint64_t seconds, uint32_t nanos) {
    REAL(THREAD_PARK_TIMEOUT)(thread, seconds, nanos);
    parked(*thread);
}

/* The same without a handle: that of the current thread, which itself holds one until its end. */

void *CURRENT(void);

static void parked_here(void) {
    char *inside = CURRENT();
    parked(inside);
    __atomic_fetch_sub((size_t *)inside, 1, __ATOMIC_RELEASE);
}

void REAL(PARK)(void);
void WRAP(PARK)(void) {
    REAL(PARK)();
    parked_here();
}

void REAL(PARK_TIMEOUT)(uint64_t seconds, uint32_t nanos);
void WRAP(PARK_TIMEOUT)(uint64_t seconds, uint32_t nanos) {
    REAL(PARK_TIMEOUT)(seconds, nanos);
    parked_here();
}

/* thread::scope: what a thread did happens before the scope ends, which reads one of the three words
 * until no thread is left. */

void REAL(SCOPE_THREAD_ENDS)(char *scope, bool panicked);
void WRAP(SCOPE_THREAD_ENDS)(char *scope, bool panicked) {
    for (int at = 0; at < 24; at += 8)
        __tsan_release(scope + at);
    REAL(SCOPE_THREAD_ENDS)(scope, panicked);
}

/* Fences: the sanitizer knows none. `Arc` and its likes need one of a kind: an Acquire fence after the
 * count that was lowered with Release. It is taken for an Acquire of that count, which is what std itself
 * does where it is compiled for the sanitizer. All other fences order nothing for it. */

static _Thread_local void *lowered;

uint64_t REAL(__tsan_atomic64_fetch_sub)(volatile void *count, uint64_t by, int order);
uint64_t WRAP(__tsan_atomic64_fetch_sub)(volatile void *count, uint64_t by, int order) {
    lowered = order == __ATOMIC_RELEASE ? (void *)count : NULL;
    return REAL(__tsan_atomic64_fetch_sub)(count, by, order);
}

void REAL(__tsan_atomic_thread_fence)(int order);
void WRAP(__tsan_atomic_thread_fence)(int order) {
    if (order == __ATOMIC_ACQUIRE && lowered) {
        __tsan_acquire(lowered);
        lowered = NULL;
    }
    REAL(__tsan_atomic_thread_fence)(order);
}
