/* The runtime of WebAssembly modules that `grus compile` made objects of: docs/emit-obj.md.
 *
 * The structures are what grus/engine/emit_object.py writes and compiled code uses
 * (grus/base/layout.py); a program needs only the functions below and the module's own header. */

#ifndef GRUS_RUNTIME_H
#define GRUS_RUNTIME_H

#include <setjmp.h>
#include <stdint.h>

/* ---- for programs ---- */

struct grus_module;
struct grus_instance; /* what imported functions get first: tells instances apart */

/* A memory: `length` bytes from `base`, which never moves. One that a module imports belongs to the
 * program, which sets all three; modules cannot make it larger. */
struct grus_memory {
    uint8_t *base;
    uint64_t length, pages, spare;
};

/* A table of references, which are opaque; 0 is null. */
struct grus_table {
    void **elements;
    uint64_t length;
};

/* An imported global; the bytes that its type does not use are zero. */
union grus_value {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    uint64_t words[2];
} __attribute__((aligned(16)));

/* Make the memories and tables of a module, fill them and call its start function. Call it once,
 * in the thread that will call the module, before any of its functions. May trap. */
void grus_instantiate(struct grus_module *module);

/* Catch traps:
 *     struct grus_handler handler;
 *     int trap = GRUS_TRY(handler);
 *     if (!trap) { call(); grus_end(&handler); }
 *     else puts(grus_trap_message(trap));
 * Without a handler a trap is written to stderr and ends the process with abort(). */
struct grus_handler {
    jmp_buf state;
    struct grus_handler *outer;
};
#define GRUS_TRY(handler) (grus_begin(&(handler)), setjmp((handler).state))
void grus_begin(struct grus_handler *handler);
void grus_end(struct grus_handler *handler);

/* End the innermost call as a trap does; for imported functions, too. */
_Noreturn void grus_trap(int code);
const char *grus_trap_message(int code);

/* ---- what compiled code and modules refer to ---- */

struct grus_expression { /* a word, or the value of an imported global */
    uint64_t word;
    union grus_value *global;
};

struct grus_trap_row {
    uint32_t offset, code; /* of the last byte of the call in the function */
};

struct grus_function {
    uint8_t *code;
    uint64_t size;
    struct grus_trap_row *traps;
    uint64_t trap_count;
};

struct grus_copy { /* a global whose initial value is that of an imported one */
    union grus_value *to, *from;
};

struct grus_memory_row {
    struct grus_memory *memory;
    uint8_t **base; /* the word of the instance context */
    uint64_t min, max, page_size_log2, imported;
};

struct grus_table_row {
    struct grus_table *table;
    uint64_t min, max;
    struct grus_expression value;
};

struct grus_element_row {
    struct grus_expression *items;
    uint64_t count, mode, table; /* mode: 0 active, 1 passive, 2 declarative */
    struct grus_expression offset;
};

struct grus_data_row {
    uint8_t *bytes;
    uint64_t count, mode, memory;
    struct grus_expression offset;
};

struct grus_data_words {
    uint8_t *bytes;
    uint64_t count;
};

struct grus_module {
    const char *name;
    uint64_t *store; /* its first word is the stack limit */
    struct grus_instance *instance;
    uint8_t *funcrefs; /* 32 bytes each */
    void (*start)(void);
    struct grus_function *functions;
    uint64_t function_count;
    struct grus_copy *copies;
    uint64_t copy_count;
    struct grus_memory_row *memories;
    uint64_t memory_count;
    struct grus_table_row *tables;
    uint64_t table_count;
    struct grus_element_row *elements;
    uint64_t element_count;
    struct grus_data_row *data;
    uint64_t data_count;
    struct grus_data_words *data_words; /* what the code of memory.init reads, or null */
    struct grus_module *next; /* of those that are instantiated */
};

#endif
