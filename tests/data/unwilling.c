/* A PKCS #11 module that passes every call on to another one, whose path is in TEST_TOKEN_MODULE, but misbehaves as the files
   in the folder TEST_TOKEN_FOLDER say: while `hang-C_Sign` exists, C_Sign does not return, and the decimal number in
   `answer-C_Login` is the result of C_Login. `mechanism` holds the only mechanism that the token has. If `close-all` exists,
   all sessions are closed before the next signature. `flags` holds a number that is added to the flags of C_GetTokenInfo. A
   C_Login without a PIN gets the PIN in `keypad`. Each call of these functions is a line of the file `calls`. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong;

/* CK_FUNCTION_LIST of version 2.40 has 68 functions after its version field. */
struct list {
    unsigned char major, minor;
    void *functions[68];
};

enum { GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, GET_MECHANISM_LIST = 7, OPEN_SESSION = 12, CLOSE_ALL_SESSIONS = 14, LOGIN = 18, SIGN = 43 };

static struct list own;
static struct list *real;

static void name_of(char *path, size_t size, const char *prefix, const char *function) {
    snprintf(path, size, "%s/%s%s", getenv("TEST_TOKEN_FOLDER"), prefix, function);
}

static ulong number_in(const char *prefix, const char *function) {
    char path[4096];
    ulong number = 0;
    name_of(path, sizeof path, prefix, function);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%lu", &number) != 1) {
            number = 0;
        }
        fclose(file);
    }
    return number;
}

/* Returns the result of the call, or 0 if it is to be passed on. */
static ulong before(const char *function) {
    char path[4096];
    name_of(path, sizeof path, "calls", "");
    FILE *file = fopen(path, "a");
    if (file != NULL) {
        fprintf(file, "%s\n", function);
        fclose(file);
    }
    name_of(path, sizeof path, "hang-", function);
    while (access(path, F_OK) == 0) {
        usleep(10000);
    }
    return number_in("answer-", function);
}

static ulong login(ulong session, ulong user, unsigned char *pin, ulong length) {
    ulong answer = before("C_Login");
    ulong (*function)(ulong, ulong, unsigned char *, ulong) = real->functions[LOGIN];
    char path[4096];
    unsigned char typed[64];
    if (pin == NULL) {
        name_of(path, sizeof path, "keypad", "");
        FILE *file = fopen(path, "r");
        if (file != NULL) {
            pin = typed;
            length = fread(typed, 1, sizeof typed, file);
            fclose(file);
        }
    }
    return answer != 0 ? answer : function(session, user, pin, length);
}

static ulong opened_slot;

static ulong open_session(ulong slot, ulong flags, void *application, void *notify, ulong *session) {
    ulong (*function)(ulong, ulong, void *, void *, ulong *) = real->functions[OPEN_SESSION];
    opened_slot = slot;
    return function(slot, flags, application, notify, session);
}

/* Closes all sessions, as another part of the process may do at any time. */
static void close_all_sessions(void) {
    char path[4096];
    name_of(path, sizeof path, "close-all", "");
    if (unlink(path) == 0) {
        ulong (*function)(ulong) = real->functions[CLOSE_ALL_SESSIONS];
        function(opened_slot);
    }
}

static ulong sign(ulong session, unsigned char *data, ulong length, unsigned char *signature, ulong *signature_length) {
    /* Without a buffer for the signature, the call only asks for its length. */
    close_all_sessions();
    ulong answer = signature == NULL ? 0 : before("C_Sign");
    ulong (*function)(ulong, unsigned char *, ulong, unsigned char *, ulong *) = real->functions[SIGN];
    return answer != 0 ? answer : function(session, data, length, signature, signature_length);
}

static ulong get_token_info(ulong slot, unsigned char *info) {
    ulong answer = before("C_GetTokenInfo");
    ulong (*function)(ulong, unsigned char *) = real->functions[GET_TOKEN_INFO];
    answer = answer != 0 ? answer : function(slot, info);
    if (answer == 0) {
        /* The flags follow the label, the manufacturer, the model and the serial number. */
        ulong flags;
        memcpy(&flags, info + 96, sizeof flags);
        flags |= number_in("flags", "");
        memcpy(info + 96, &flags, sizeof flags);
    }
    return answer;
}

static ulong get_mechanism_list(ulong slot, ulong *list, ulong *count) {
    ulong (*function)(ulong, ulong *, ulong *) = real->functions[GET_MECHANISM_LIST];
    ulong only = number_in("mechanism", "");
    if (only == 0) {
        return function(slot, list, count);
    }
    *count = 1;
    if (list != NULL) {
        list[0] = only;
    }
    return 0;
}

ulong C_GetFunctionList(struct list **list) {
    if (real == NULL) {
        void *library = dlopen(getenv("TEST_TOKEN_MODULE"), RTLD_NOW);
        ulong (*function)(struct list **) = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");
        if (function == NULL || function(&real) != 0) {
            return 5; /* CKR_GENERAL_ERROR */
        }
        own = *real;
        own.functions[GET_FUNCTION_LIST] = C_GetFunctionList;
        own.functions[GET_TOKEN_INFO] = get_token_info;
        own.functions[GET_MECHANISM_LIST] = get_mechanism_list;
        own.functions[OPEN_SESSION] = open_session;
        own.functions[LOGIN] = login;
        own.functions[SIGN] = sign;
    }
    *list = &own;
    return 0;
}
