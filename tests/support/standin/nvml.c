/* A stand-in for NVIDIA's libnvidia-ml.so.1, for tests on machines without a GPU. It answers
 * what the variables STANDIN_* say, with the names, types and error codes of the NVML API
 * reference. Used through the real nvidia-ml-py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned int code;
enum { OK = 0, NO_PERMISSION = 4, NOT_SUPPORTED = 3, NOT_FOUND = 6 };

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

static void text_of(const char *name, const char *otherwise, char *out, unsigned size) {
    const char *text = getenv(name);
    snprintf(out, size, "%s", text ? text : otherwise);
}

/* STANDIN_HANG: a driver whose initialisation never ends (a GPU that fell off the bus). */
static code begin(void) {
    sleep(number("STANDIN_HANG", 0));
    return number("STANDIN_NVML_INIT", OK);
}
code nvmlInitWithFlags(unsigned flags) { (void)flags; return begin(); }
code nvmlInit_v2(void) { return begin(); }
code nvmlShutdown(void) { return OK; }

const char *nvmlErrorString(code result) {
    switch (result) {
    case 4: return "Insufficient Permissions";
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    case 18: return "Driver/library version mismatch";
    case 999: return "Unknown Error";
    default: return "An error of NVML";
    }
}

code nvmlSystemGetDriverVersion(char *out, unsigned size) {
    text_of("STANDIN_DRIVER", "550.54.14", out, size);
    return OK;
}
code nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = number("STANDIN_LEVEL", 12040); return OK; }
code nvmlDeviceGetCount_v2(unsigned *out) { *out = number("STANDIN_GPUS", 1); return OK; }

static long at;
code nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    if (index == (unsigned)number("STANDIN_LOST", -1)) return 15;
    at = index;
    *device = (void *)(0x1000L + index);
    return OK;
}
code nvmlDeviceGetName(void *d, char *out, unsigned size) {
    (void)d;
    text_of("STANDIN_NAME", "NVIDIA L4", out, size);
    return OK;
}
code nvmlDeviceGetUUID(void *d, char *out, unsigned size) {
    snprintf(out, size, "GPU-%08lx-0000-0000-0000-000000000000", (long)d - 0x1000L);
    return OK;
}
code nvmlDeviceGetCudaComputeCapability(void *d, int *major, int *minor) {
    (void)d;
    long both = number("STANDIN_CAPABILITY", 89);
    *major = both / 10;
    *minor = both % 10;
    return OK;
}
code nvmlDeviceGetMemoryInfo(void *d, unsigned long long *memory) {
    (void)d;
    memory[0] = 1048576ULL * number("STANDIN_MEMORY_MIB", 23034);
    memory[1] = 1048576ULL * number("STANDIN_FREE_MIB", 22500);
    memory[2] = memory[0] - memory[1];
    return OK;
}
code nvmlDeviceGetMigMode(void *d, unsigned *now, unsigned *later) {
    (void)d;
    if (number("STANDIN_MIG", -1) < 0) return NOT_SUPPORTED;
    *now = *later = number("STANDIN_MIG", 0);
    return OK;
}
code nvmlDeviceGetComputeMode(void *d, int *mode) {
    (void)d;
    *mode = number("STANDIN_COMPUTE_MODE", 0);
    return OK;
}
code nvmlDeviceGetComputeRunningProcesses_v3(void *d, unsigned *count, void *processes) {
    (void)d;
    unsigned there = number("STANDIN_PROCESSES", 0);
    if (there == 0) { *count = 0; return OK; }
    if (!processes || *count < there) { *count = there; return 7; }
    memset(processes, 0, there * 24);
    *count = there;
    return OK;
}
code nvmlDeviceGetTotalEccErrors(void *d, int kind, int counter, unsigned long long *out) {
    (void)d; (void)kind; (void)counter;
    if (number("STANDIN_ECC", -1) < 0) return NOT_SUPPORTED;
    *out = number("STANDIN_ECC", 0);
    return OK;
}
code nvmlDeviceGetRemappedRows(void *d, unsigned *corrected, unsigned *uncorrected,
                               unsigned *pending, unsigned *failed) {
    (void)d;
    if (number("STANDIN_REMAP_FAILED", -1) < 0) return NOT_SUPPORTED;
    *corrected = *uncorrected = 0;
    *pending = number("STANDIN_REMAP_PENDING", 0);
    *failed = number("STANDIN_REMAP_FAILED", 0);
    return OK;
}
