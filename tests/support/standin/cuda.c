/* A stand-in for NVIDIA's libcuda.so.1, for tests on machines without a GPU. It answers what
 * the variables STANDIN_* say, with the names and error codes of the CUDA driver API. */
#include <stdlib.h>

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text && *text ? (int)strtol(text, NULL, 10) : otherwise;
}

int cuInit(unsigned flags) { (void)flags; return number("STANDIN_CUINIT", 0); }
int cuDriverGetVersion(int *out) { *out = number("STANDIN_LEVEL", 12040); return 0; }
int cuDeviceGetCount(int *out) {
    int status = number("STANDIN_CUINIT", 0);
    *out = status ? 0 : number("STANDIN_GPUS", 1);
    return status ? 3 : 0; /* CUDA_ERROR_NOT_INITIALIZED */
}
