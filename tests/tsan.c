// SPDX-License-Identifier: Apache-2.0
// What runs under the thread sanitizer only with help; linked into all programs of that build, and only there.
//
// librdkafka uses the C library's <threads.h>, which GCC 12's thread sanitizer does not know: it crashes in a thread that it did not see
// begin, and takes what C11 mutexes guard for races. So they are made of POSIX threads here, which it knows. The one lock of POSIX that it
// does not know either is made of those that it knows.
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

const char *__tsan_default_suppressions(void);

// It counts references with atomic operations that were not compiled for the sanitizer, which therefore does not see that a buffer is freed
// only after the last of its readers has let it go.
const char *__tsan_default_suppressions(void)
{
    return "race:librdkafka.so.1\n";
}

struct start {
    thrd_start_t function;
    void *context;
};

static void *begin(void *context)
{
    struct start start = *(struct start *)context;
    free(context);
    return (void *)(intptr_t)start.function(start.context);
}

static int result(int code)
{
    switch (code) {
    case 0: return thrd_success;
    case EBUSY: return thrd_busy;
    case ETIMEDOUT: return thrd_timedout;
    case ENOMEM: return thrd_nomem;
    default: return thrd_error;
    }
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *context)
{
    struct start *start = malloc(sizeof *start);
    if (!start) return thrd_nomem;
    *start = (struct start){function, context};
    return result(pthread_create(thread, NULL, begin, start));
}

int thrd_join(thrd_t thread, int *out)
{
    void *value = NULL;
    int code = pthread_join(thread, &value);
    if (out) *out = (int)(intptr_t)value;
    return result(code);
}

int thrd_detach(thrd_t thread)
{
    return result(pthread_detach(thread));
}

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
    int code;
    while ((code = pthread_mutex_trylock(mutex)) == EBUSY) {
        struct timespec now, pause = {.tv_nsec = 100000};
        clock_gettime(clock, &now);
        if (now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec)) return ETIMEDOUT;
        nanosleep(&pause, NULL);
    }
    return code;
}

static pthread_mutex_t *mutex_of(mtx_t *mutex)
{
    _Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a C11 mutex has room for a POSIX mutex");
    return (pthread_mutex_t *)(void *)mutex;
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (type & mtx_recursive) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int code = pthread_mutex_init(mutex_of(mutex), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result(code);
}

int mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock(mutex_of(mutex)));
}

int mtx_trylock(mtx_t *mutex)
{
    return result(pthread_mutex_trylock(mutex_of(mutex)));
}

int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return result(pthread_mutex_timedlock(mutex_of(mutex), until));
}

int mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock(mutex_of(mutex)));
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy(mutex_of(mutex));
}

static pthread_cond_t *condition_of(cnd_t *condition)
{
    _Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "a C11 condition has room for a POSIX condition");
    return (pthread_cond_t *)(void *)condition;
}

int cnd_init(cnd_t *condition)
{
    return result(pthread_cond_init(condition_of(condition), NULL));
}

int cnd_signal(cnd_t *condition)
{
    return result(pthread_cond_signal(condition_of(condition)));
}

int cnd_broadcast(cnd_t *condition)
{
    return result(pthread_cond_broadcast(condition_of(condition)));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return result(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), until));
}

void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy(condition_of(condition));
}
