/* Between mlenv and the system: a step is a call that changes a file system.

   $STEPS names a file to which each step is written, one a line, in order. Before step number
   $STEPS_AT the process is killed ($STEPS_DO=kill), or the call fails with the error of that
   name. A full disk (ENOSPC, EDQUOT, INODES) stays full, a read-only one (EROFS) stays so. With CLOCK
   it is a year ago from that step on. $STEPS_PLAIN: the file system can't exchange two names. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_int count;
static int log_file = -1;

static const struct { const char *name; int number; } ERRORS[] = {
    {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EACCES", EACCES}, {"EMFILE", EMFILE}, {"EDQUOT", EDQUOT},
    {"EROFS", EROFS}, {"INODES", -ENOSPC}, {"ENOLCK", ENOLCK}, {"EBADF", EBADF}, {"EOPNOTSUPP", EOPNOTSUPP},
};

/* Whether a call may end with an error. */
static int may_fail(const char *call, int number) {
    int makes = strstr("create write mkdir symlink link rename", call) != NULL;
    int locks = strcmp(call, "flock") == 0;
    switch (number) {
    case ENOSPC: case EDQUOT: return makes;
    case -ENOSPC: return strstr("create mkdir symlink link", call) != NULL;
    case EROFS: return !locks && strstr(call, "sync") == NULL;
    case EMFILE: return strcmp(call, "create") == 0;
    case EACCES: return !locks && strcmp(call, "write") && strstr(call, "sync") == NULL;
    case ENOLCK: case EBADF: case EOPNOTSUPP: return locks;
    }
    return !locks;
}

/* Count a step; the error that it shall end with, or 0. */
static int step(const char *call, const char *one, const char *other) {
    const char *path = getenv("STEPS"), *at = getenv("STEPS_AT"), *what = getenv("STEPS_DO");
    if (path == NULL)
        return 0;
    if (log_file < 0)
        log_file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char line[9000];
    int length = snprintf(line, sizeof line, "%s %s%s%s\n", call, one, *other ? " " : "", other);
    syscall(SYS_write, log_file, line, (size_t)length);
    int number = atomic_fetch_add(&count, 1) + 1;
    if (at == NULL || what == NULL || number < atoi(at))
        return 0;
    if (strcmp(what, "kill") == 0)
        syscall(SYS_kill, getpid(), SIGKILL);
    for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++) {
        int error = ERRORS[i].number;
        int lasts = abs(error) == ENOSPC || error == EDQUOT || error == EROFS
            || strcmp(call, "flock") == 0;
        if (strcmp(what, ERRORS[i].name) == 0 && (lasts || number == atoi(at)))
            return may_fail(call, error) ? abs(error) : 0;
    }
    return 0;
}

static const char *name_of(int descriptor, char *buffer, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, buffer, size - 1);
    buffer[length < 0 ? 0 : length] = 0;
    return buffer;
}

static const char *below(int folder, const char *name, char *buffer, size_t size) {
    if (folder == AT_FDCWD || *name == '/')
        return name;
    name_of(folder, buffer, size);
    size_t length = strlen(buffer);
    snprintf(buffer + length, size - length, "/%s", name);
    return buffer;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define STEP(call, one, other)                      \
    do {                                            \
        int error_ = step(call, one, other);        \
        if (error_) { errno = error_; return -1; }  \
    } while (0)

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...) {                        \
        va_list rest; va_start(rest, flags);                            \
        mode_t mode = va_arg(rest, mode_t); va_end(rest);               \
        if ((flags & O_CREAT) && strncmp(path, "/dev/", 5))             \
            STEP("create", path, "");                                   \
        return REAL(name)(path, flags, mode);                           \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                    \
    int name(int folder, const char *path, int flags, ...) {            \
        char buffer[4096];                                              \
        va_list rest; va_start(rest, flags);                            \
        mode_t mode = va_arg(rest, mode_t); va_end(rest);               \
        if (flags & O_CREAT)                                            \
            STEP("create", below(folder, path, buffer, sizeof buffer), ""); \
        return REAL(name)(folder, path, flags, mode);                   \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void *data, size_t size) {
    struct stat is;
    char buffer[4096];
    if (file > 2 && fstat(file, &is) == 0 && S_ISREG(is.st_mode))
        STEP("write", name_of(file, buffer, sizeof buffer), "");
    return REAL(write)(file, data, size);
}

int mkdir(const char *path, mode_t mode) {
    STEP("mkdir", path, "");
    return REAL(mkdir)(path, mode);
}
int symlink(const char *target, const char *path) {
    STEP("symlink", path, target);
    return REAL(symlink)(target, path);
}
int link(const char *from, const char *to) {
    STEP("link", from, to);
    return REAL(link)(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    STEP("link", from, to);
    return REAL(linkat)(a, from, b, to, flags);
}
int rename(const char *from, const char *to) {
    STEP("rename", from, to);
    return REAL(rename)(from, to);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    if (getenv("STEPS_PLAIN")) { errno = EINVAL; return -1; }
    STEP("exchange", from, to);
    return REAL(renameat2)(a, from, b, to, flags);
}
int unlink(const char *path) {
    STEP("unlink", path, "");
    return REAL(unlink)(path);
}
int unlinkat(int folder, const char *path, int flags) {
    char buffer[4096];
    STEP(flags & AT_REMOVEDIR ? "rmdir" : "unlink", below(folder, path, buffer, sizeof buffer), "");
    return REAL(unlinkat)(folder, path, flags);
}
int rmdir(const char *path) {
    STEP("rmdir", path, "");
    return REAL(rmdir)(path);
}
int chmod(const char *path, mode_t mode) {
    STEP("chmod", path, "");
    return REAL(chmod)(path, mode);
}
int fchmod(int file, mode_t mode) {
    char buffer[4096];
    STEP("chmod", name_of(file, buffer, sizeof buffer), "");
    return REAL(fchmod)(file, mode);
}
int fsync(int file) {
    char buffer[4096];
    STEP("fsync", name_of(file, buffer, sizeof buffer), "");
    return REAL(fsync)(file);
}
int syncfs(int file) {
    char buffer[4096];
    STEP("syncfs", name_of(file, buffer, sizeof buffer), "");
    return REAL(syncfs)(file);
}
int flock(int file, int operation) {
    char buffer[4096];
    extern int flock(int, int);
    STEP("flock", name_of(file, buffer, sizeof buffer), "");
    return (int)syscall(SYS_flock, file, operation);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    const char *at = getenv("STEPS_AT"), *what = getenv("STEPS_DO");
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME && at && what && strcmp(what, "CLOCK") == 0
        && atomic_load(&count) >= atoi(at))
        now->tv_sec -= 365 * 86400;
    return result;
}
