/* Loads the native library and finds the functions that JNI needs in it, for a C library without an available JVM. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (library == NULL) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: load LIBRARY");
        return 1;
    }
    if (dlsym(library, "Java_jp_ad_sinet_stream_engine_boundary_Native_version") == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    puts("check: loaded");
    return 0;
}
