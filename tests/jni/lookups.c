/* An agent for a JVM that records the look-ups of SINETStream's native library by JNI: classes, methods and fields, one a
 * line. Its option is the file. It replaces these functions in the JVM's table, and checks which library has called. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <jvmti.h>
#include <stdio.h>
#include <string.h>

static jvmtiEnv *jvmti;
static struct JNINativeInterface_ *jvms;
static FILE *out;

/* Whether the caller is our library: other libraries of the JVM use these functions, too. */
static int is_ours(void *caller) {
    Dl_info info;
    return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "sinetstream.");
}

static void member(void *caller, const char *kind, jclass class, const char *name, const char *signature) {
    char *of = NULL;
    if (!is_ours(caller)) return;
    if ((*jvmti)->GetClassSignature(jvmti, class, &of, NULL) != JVMTI_ERROR_NONE) of = NULL;
    fprintf(out, "%s %s %s %s\n", kind, of ? of : "?", name, signature);
    fflush(out);
    if (of) (*jvmti)->Deallocate(jvmti, (unsigned char *)of);
}

static jclass JNICALL find_class(JNIEnv *env, const char *name) {
    if (is_ours(__builtin_return_address(0))) {
        fprintf(out, "class %s\n", name);
        fflush(out);
    }
    return jvms->FindClass(env, name);
}

#define MEMBER(function, type, kind, original)                                                            \
    static type JNICALL function(JNIEnv *env, jclass class, const char *name, const char *signature) {    \
        member(__builtin_return_address(0), kind, class, name, signature);                                \
        return jvms->original(env, class, name, signature);                                               \
    }
MEMBER(method, jmethodID, "method", GetMethodID)
MEMBER(static_method, jmethodID, "method", GetStaticMethodID)
MEMBER(field, jfieldID, "field", GetFieldID)
MEMBER(static_field, jfieldID, "field", GetStaticFieldID)

static void JNICALL started(jvmtiEnv *of, JNIEnv *env, jthread thread) {
    struct JNINativeInterface_ *table;
    (void)env, (void)thread;
    (*of)->GetJNIFunctionTable(of, &jvms);
    (*of)->GetJNIFunctionTable(of, &table);
    table->FindClass = find_class;
    table->GetMethodID = method;
    table->GetStaticMethodID = static_method;
    table->GetFieldID = field;
    table->GetStaticFieldID = static_field;
    (*of)->SetJNIFunctionTable(of, table);
}

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM *vm, char *options, void *reserved) {
    jvmtiEventCallbacks callbacks;
    (void)reserved;
    if (!options || !(out = fopen(options, "w")) || (*vm)->GetEnv(vm, (void **)&jvmti, JVMTI_VERSION_1_2) != JNI_OK) return JNI_ERR;
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.VMInit = started;
    (*jvmti)->SetEventCallbacks(jvmti, &callbacks, sizeof callbacks);
    (*jvmti)->SetEventNotificationMode(jvmti, JVMTI_ENABLE, JVMTI_EVENT_VM_INIT, NULL);
    return JNI_OK;
}
