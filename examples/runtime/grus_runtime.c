/* See grus_runtime.h. Linux, x86-64, gcc or clang; one thread. */

#define _GNU_SOURCE
#include "grus_runtime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    OUT_OF_BOUNDS = 2,
    TABLE_OUT_OF_BOUNDS = 3,
    UNALIGNED_ATOMIC = 11,
    EXPECTED_SHARED = 12,
    STACK_EXHAUSTED = 251
};

static const uint64_t LARGEST_MEMORY = (uint64_t)1 << 32; /* bytes reserved for one */
static const uint64_t LARGEST_TABLE = 10 * 1000 * 1000;
static const uint64_t STACK_RESERVE = 1 << 20; /* for C below the limit of wasm */

static struct grus_module *modules;
static struct grus_handler *handlers;

/* ---- traps ---- */

const char *grus_trap_message(int code) {
    switch (code) {
    case 1: return "unreachable";
    case 2: case 253: return "out of bounds memory access";
    case 3: return "out of bounds table access";
    case 4: return "undefined element";
    case 5: return "indirect call type mismatch";
    case 6: return "null reference";
    case 7: return "uninitialized element";
    case 9: return "null function reference";
    case 11: return "unaligned atomic";
    case 12: return "expected shared memory";
    case 251: return "call stack exhausted";
    case 252: return "integer overflow";
    case 254: return "integer divide by zero";
    case 255: return "invalid conversion to integer";
    default: return "unknown trap";
    }
}

void grus_begin(struct grus_handler *handler) {
    handler->outer = handlers;
    handlers = handler;
}

void grus_end(struct grus_handler *handler) { handlers = handler->outer; }

_Noreturn void grus_trap(int code) {
    struct grus_handler *handler = handlers;
    if (!handler) {
        fprintf(stderr, "trap: %s\n", grus_trap_message(code));
        abort();
    }
    handlers = handler->outer;
    longjmp(handler->state, code);
}

/* The trap whose call returns to `at`. */
__attribute__((used)) static void trap_at(uint8_t *at) {
    for (struct grus_module *m = modules; m; m = m->next)
        for (uint64_t i = 0; i < m->function_count; i++) {
            struct grus_function *f = &m->functions[i];
            if (at <= f->code || at > f->code + f->size) continue;
            for (uint64_t j = 0; j < f->trap_count; j++)
                if (f->traps[j].offset == (uint64_t)(at - 1 - f->code)) grus_trap(f->traps[j].code);
        }
    grus_trap(0);
}

__attribute__((used)) static void stack_exhausted(void) { grus_trap(STACK_EXHAUSTED); }

/* Called by compiled code, with any alignment; they do not return. Nothing asks for polls. */
__asm__(".text\n"
        ".globl grus_trap_stub, grus_entry_stub, grus_poll_stub\n"
        ".type grus_trap_stub, @function\n"
        ".type grus_entry_stub, @function\n"
        ".type grus_poll_stub, @function\n"
        "grus_trap_stub:\n"
        "    mov (%rsp), %rdi\n"
        "    and $-16, %rsp\n"
        "    call trap_at\n"
        "grus_entry_stub:\n"
        "    and $-16, %rsp\n"
        "    call stack_exhausted\n"
        "grus_poll_stub:\n"
        "    ret\n");

/* ---- memories ---- */

static int fits(uint64_t at, uint64_t count, uint64_t length) {
    return at <= length && count <= length - at;
}

static uint64_t most_bytes(const struct grus_memory_row *row) {
    uint64_t most = LARGEST_MEMORY >> row->page_size_log2;
    return (row->max < most ? row->max : most) << row->page_size_log2;
}

int64_t grus_memory_grow(struct grus_module *m, int32_t index, uint64_t delta) {
    struct grus_memory_row *row = &m->memories[index];
    struct grus_memory *memory = row->memory;
    uint64_t old = memory->pages, shift = row->page_size_log2;
    uint64_t most = most_bytes(row) >> shift;
    if (old > most || delta > most - old || (row->imported && delta)) return -1;
    if (!delta) return (int64_t)old;
    uint64_t length = (old + delta) << shift;
    uint64_t pages = (length + 4095) & ~(uint64_t)4095;
    if (mprotect(memory->base, pages, PROT_READ | PROT_WRITE)) return -1;
    memory->pages = old + delta;
    memory->length = length;
    return (int64_t)old;
}

static void memory_init(struct grus_module *m, int32_t index, struct grus_data_row *segment,
                        uint64_t to, uint64_t from, uint64_t count) {
    struct grus_memory *memory = m->memories[index].memory;
    if (!fits(from, count, segment->count) || !fits(to, count, memory->length))
        grus_trap(OUT_OF_BOUNDS);
    if (count) memcpy(memory->base + to, segment->bytes + from, count);
}

void grus_memory_init(struct grus_module *m, int32_t index, int32_t segment, uint64_t to,
                      uint64_t from, uint64_t count) {
    memory_init(m, index, &m->data[segment], to, from, count);
}

void grus_data_drop(struct grus_module *m, int32_t segment) {
    m->data[segment].count = 0;
    if (m->data_words) m->data_words[segment].count = 0;
}

void grus_memory_fill(struct grus_module *m, int32_t index, uint64_t to, int32_t value,
                      uint64_t count) {
    struct grus_memory *memory = m->memories[index].memory;
    if (!fits(to, count, memory->length)) grus_trap(OUT_OF_BOUNDS);
    memset(memory->base + to, value, count);
}

void grus_memory_copy(struct grus_module *m, int32_t to_index, int32_t from_index, uint64_t to,
                      uint64_t from, uint64_t count) {
    struct grus_memory *target = m->memories[to_index].memory;
    struct grus_memory *source = m->memories[from_index].memory;
    if (!fits(to, count, target->length) || !fits(from, count, source->length))
        grus_trap(OUT_OF_BOUNDS);
    memmove(target->base + to, source->base + from, count);
}

/* No memory is shared: nobody waits. */
int32_t grus_atomic_notify(struct grus_module *m, int32_t index, uint64_t at, uint64_t offset,
                           int32_t count) {
    (void)count;
    if ((at + offset) % 4) grus_trap(UNALIGNED_ATOMIC);
    if (at + offset < at || !fits(at + offset, 4, m->memories[index].memory->length))
        grus_trap(OUT_OF_BOUNDS);
    return 0;
}

int32_t grus_atomic_wait(struct grus_module *m, int32_t index, uint64_t at, uint64_t offset,
                         uint64_t expected, int64_t timeout, int32_t size) {
    (void)m, (void)index, (void)at, (void)offset, (void)expected, (void)timeout, (void)size;
    grus_trap(EXPECTED_SHARED);
}

/* ---- tables ---- */

static uint64_t value_of(struct grus_expression e) { return e.global ? e.global->words[0] : e.word; }

int64_t grus_table_grow(struct grus_module *m, int32_t index, uint64_t value, uint64_t delta) {
    struct grus_table_row *row = &m->tables[index];
    struct grus_table *table = row->table;
    uint64_t old = table->length, most = row->max < LARGEST_TABLE ? row->max : LARGEST_TABLE;
    if (old > most || delta > most - old) return -1;
    void **elements = realloc(table->elements, (old + delta) * sizeof(void *) + 1);
    if (!elements) return -1;
    table->elements = elements;
    table->length = old + delta;
    for (uint64_t i = old; i < old + delta; i++) elements[i] = (void *)value;
    return (int64_t)old;
}

void grus_table_fill(struct grus_module *m, int32_t index, uint64_t to, uint64_t value,
                     uint64_t count) {
    struct grus_table *table = m->tables[index].table;
    if (!fits(to, count, table->length)) grus_trap(TABLE_OUT_OF_BOUNDS);
    for (uint64_t i = 0; i < count; i++) table->elements[to + i] = (void *)value;
}

void grus_table_copy(struct grus_module *m, int32_t to_index, int32_t from_index, uint64_t to,
                     uint64_t from, uint64_t count) {
    struct grus_table *target = m->tables[to_index].table, *source = m->tables[from_index].table;
    if (!fits(to, count, target->length) || !fits(from, count, source->length))
        grus_trap(TABLE_OUT_OF_BOUNDS);
    if (count) memmove(target->elements + to, source->elements + from, count * sizeof(void *));
}

void grus_table_init(struct grus_module *m, int32_t index, int32_t segment, uint64_t to,
                     uint64_t from, uint64_t count) {
    struct grus_table *table = m->tables[index].table;
    struct grus_element_row *row = &m->elements[segment];
    if (!fits(from, count, row->count) || !fits(to, count, table->length))
        grus_trap(TABLE_OUT_OF_BOUNDS);
    for (uint64_t i = 0; i < count; i++)
        table->elements[to + i] = (void *)value_of(row->items[from + i]);
}

void grus_elem_drop(struct grus_module *m, int32_t segment) { m->elements[segment].count = 0; }

int64_t grus_ref_func(struct grus_module *m, int32_t index) {
    return (int64_t)(m->funcrefs + 32 * (uint64_t)(uint32_t)index);
}

/* ---- instantiation ---- */

static _Noreturn void fail(struct grus_module *m, const char *what) {
    fprintf(stderr, "%s: %s\n", m->name, what);
    abort();
}

static void set_stack_limit(struct grus_module *m) {
    pthread_attr_t attributes;
    void *lowest;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) ||
        pthread_attr_getstack(&attributes, &lowest, &size))
        fail(m, "the stack of this thread is not known");
    pthread_attr_destroy(&attributes);
    m->store[0] = (uint64_t)lowest + (size / 2 < STACK_RESERVE ? size / 2 : STACK_RESERVE);
}

void grus_instantiate(struct grus_module *m) {
    set_stack_limit(m);
    m->next = modules;
    modules = m;
    for (uint64_t i = 0; i < m->copy_count; i++) *m->copies[i].to = *m->copies[i].from;
    for (uint64_t i = 0; i < m->memory_count; i++) {
        struct grus_memory_row *row = &m->memories[i];
        if (row->imported) {
            if (row->memory->pages < row->min || row->memory->pages > row->max)
                fail(m, "an imported memory has another size");
            *row->base = row->memory->base;
            continue;
        }
        void *base = mmap(0, most_bytes(row) + 4096, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED) fail(m, "no address space for a memory");
        row->memory->base = *row->base = base;
        if (grus_memory_grow(m, (int32_t)i, row->min) < 0) fail(m, "a memory is too large");
    }
    for (uint64_t i = 0; i < m->table_count; i++) {
        struct grus_table_row *row = &m->tables[i];
        if (grus_table_grow(m, (int32_t)i, value_of(row->value), row->min) < 0)
            fail(m, "a table is too large");
    }
    for (uint64_t i = 0; i < m->element_count; i++) {
        struct grus_element_row *row = &m->elements[i];
        if (row->mode == 0)
            grus_table_init(m, (int32_t)row->table, (int32_t)i, value_of(row->offset), 0,
                            row->count);
        if (row->mode != 1) row->count = 0;
    }
    for (uint64_t i = 0; i < m->data_count; i++) {
        struct grus_data_row *row = &m->data[i];
        if (row->mode != 0) continue;
        memory_init(m, (int32_t)row->memory, row, value_of(row->offset), 0, row->count);
        row->count = 0;
    }
    if (m->start) m->start();
}
